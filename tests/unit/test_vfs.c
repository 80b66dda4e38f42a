/* The file layer on tmpfs: the cache of names, renames, walks, descriptors, locks; and all
 * of it from several threads at once. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "kalloc.h"
#include "syscalls_gen.h"
#include "unit.h"
#include "vfs.h"

#define P(text) ((uptr)(text))

static void make(const char *name, const char *text)
{
    long fd = sys_open(P(name), O_CREAT | O_TRUNC | O_WRONLY, 0644);

    assert_true(fd >= 0);
    assert_int_equal(sys_write((int)fd, P(text), strlen(text)), strlen(text));
    assert_int_equal(sys_close((int)fd), 0);
}

static void assert_holds(const char *name, const char *text)
{
    char buf[256] = {0};
    long fd = sys_open(P(name), O_RDONLY, 0);

    assert_true(fd >= 0);
    assert_int_equal(sys_read((int)fd, P(buf), sizeof(buf)), strlen(text));
    assert_string_equal(buf, text);
    sys_close((int)fd);
}

static long exists(const char *name)
{
    struct path_s p;
    long rc = path_lookup(AT_FDCWD, name, 0, &p);

    if (rc == 0)
        path_put(&p);
    return rc;
}

static const char long_a[] =
    "a-name-that-does-not-fit-into-the-dentry-itself-and-is-kept-elsewhere";
static const char long_b[] =
    "another-name-that-does-not-fit-into-the-dentry-itself-so-it-is-elsewhere";

static void names(void **state)
{
    assert_int_equal(sys_mkdir(P("/n"), 0755), 0);
    assert_int_equal(sys_chdir(P("/n")), 0);
    assert_int_equal(exists("x"), -ENOENT);
    assert_int_equal(exists("x"), -ENOENT); /* from the cache */
    make("x", "1");
    assert_int_equal(exists("x"), 0);
    assert_int_equal(sys_unlink(P("x")), 0);
    assert_int_equal(exists("x"), -ENOENT);
    make(long_a, "long");
    assert_holds(long_a, "long");
    assert_int_equal(sys_rename(P(long_a), P("short")), 0);
    assert_int_equal(exists(long_a), -ENOENT);
    assert_holds("short", "long");
    assert_int_equal(sys_rename(P("short"), P(long_b)), 0);
    assert_holds(long_b, "long");
    make("other", "other");
    assert_int_equal(sys_rename(P(long_b), P("other")), 0);
    assert_holds("other", "long");
    assert_int_equal(exists(long_b), -ENOENT);
}

static void exchange(void **state)
{
    static const char *pair[][2] = {{"e1", "e2"}, {"e3", long_a}, {long_a, "e4"}, {long_a, long_b}};

    for (size_t n = 0; n < ARRAY_SIZE(pair); n++) {
        const char *a = pair[n][0], *b = pair[n][1];
        make(a, "a");
        make(b, "b");
        assert_int_equal(sys_renameat2(AT_FDCWD, P(a), AT_FDCWD, P(b), RENAME_EXCHANGE), 0);
        assert_holds(a, "b");
        assert_holds(b, "a");
        assert_int_equal(sys_unlink(P(a)), 0);
        assert_holds(b, "a");
        assert_int_equal(sys_unlink(P(b)), 0);
    }
}

static void trees(void **state)
{
    char buf[PATH_MAX_];

    assert_int_equal(sys_mkdir(P("a"), 0755), 0);
    assert_int_equal(sys_mkdir(P("a/b"), 0755), 0);
    assert_int_equal(sys_mkdir(P("a/b/c"), 0755), 0);
    make("a/b/c/f", "deep");
    assert_int_equal(sys_rename(P("a"), P("a/b/c/a")), -EINVAL);
    assert_int_equal(sys_rename(P("a/b/c"), P("a")), -ENOTEMPTY);
    assert_int_equal(sys_rename(P("a/b"), P("b")), 0);
    assert_holds("b/c/f", "deep");
    assert_int_equal(exists("a/b"), -ENOENT);
    assert_int_equal(sys_chdir(P("b/c")), 0);
    assert_true(sys_getcwd(P(buf), sizeof(buf)) > 0);
    assert_string_equal(buf, "/n/b/c");
    assert_int_equal(sys_rename(P("/n/b"), P("/n/z")), 0);
    sys_getcwd(P(buf), sizeof(buf));
    assert_string_equal(buf, "/n/z/c");
    assert_int_equal(exists("../../z/c/f"), 0);
    assert_int_equal(sys_unlink(P("f")), 0);
    assert_int_equal(sys_rmdir(P("../c")), 0);
    assert_int_equal(sys_getcwd(P(buf), sizeof(buf)), -ENOENT);
    assert_int_equal(sys_open(P("new"), O_CREAT | O_RDWR, 0600), -ENOENT);
    assert_int_equal(exists(".."), 0);
    assert_int_equal(sys_chdir(P("/n")), 0);
}

static void trimming(void **state)
{
    char name[32];
    u64 before;

    assert_int_equal(sys_mkdir(P("many"), 0755), 0);
    for (int n = 0; n < 20000; n++) {
        snprintf(name, sizeof(name), "many/%d", n);
        assert_int_equal(exists(name), -ENOENT);
    }
    before = kalloc_used();
    for (int n = 0; n < 300000; n++) {
        snprintf(name, sizeof(name), "many/%d", n);
        assert_int_equal(exists(name), -ENOENT);
    }
    assert_true(kalloc_used() < before + (32UL << 20));
    make("many/real", "real");
    for (int n = 0; n < 100000; n++) {
        snprintf(name, sizeof(name), "many/x%d", n);
        exists(name);
    }
    assert_holds("many/real", "real");
}

static void descriptors(void **state)
{
    long fd = sys_open(P("fds"), O_CREAT | O_RDWR, 0600);

    assert_true(fd >= 0);
    assert_int_equal(sys_fcntl((int)fd, F_DUPFD, 700), 700); /* the table grows */
    assert_int_equal(sys_fcntl((int)fd, F_DUPFD, 700), 701);
    assert_int_equal(sys_dup2((int)fd, 900), 900);
    assert_int_equal(sys_dup2((int)fd, 1024), -EBADF);
    assert_int_equal(sys_close(700), 0);
    assert_int_equal(sys_close(700), -EBADF);
    assert_int_equal(sys_dup((int)fd), fd + 1);
    assert_int_equal(sys_close_range((unsigned)fd, ~0u, 0), 0);
    assert_int_equal(sys_close(900), -EBADF);
    assert_int_equal(sys_open(P("fds"), O_RDONLY, 0), fd);
    assert_int_equal(sys_close((int)fd), 0);
}

/* ---- several threads ----------------------------------------------------------------- */

#define ROUNDS  3000
#define THREADS 4

static u32 errors;

static void complain(bool bad)
{
    if (bad)
        __atomic_fetch_add(&errors, 1, __ATOMIC_RELAXED);
}

/* Names move to and fro between two directories while others look for them. */
static void mover(void *arg)
{
    char a[32], b[32];
    u64 me = (u64)arg;

    snprintf(a, sizeof(a), "/s/d1/f%lu", me);
    snprintf(b, sizeof(b), "/s/d2/f%lu", me);
    for (int n = 0; n < ROUNDS; n++) {
        complain(sys_rename(P(a), P(b)) != 0);
        complain(exists(a) != -ENOENT || exists(b) != 0);
        complain(sys_rename(P(b), P(a)) != 0);
        complain(exists(b) != -ENOENT || exists(a) != 0);
        if ((u64)n % 16 == me) {
            complain(sys_rename(P("/s/d2/sub"), P("/s/sub")) < -ENOENT);
            sys_rename(P("/s/sub"), P("/s/d2/sub"));
        }
    }
}

static void seeker(void *arg)
{
    char name[40];

    for (int n = 0; n < ROUNDS * 2; n++) {
        snprintf(name, sizeof(name), "/s/d%d/f%d", n % 2 + 1, n % THREADS);
        long fd = sys_open(P(name), O_RDONLY, 0);
        complain(fd < 0 && fd != -ENOENT);
        if (fd >= 0)
            complain(sys_close((int)fd) != 0);
        exists("/s/d2/sub/../sub/x");
        exists("/s/sub/x/y");
    }
}

static void opener(void *arg)
{
    char name[40];

    for (int n = 0; n < ROUNDS; n++) {
        snprintf(name, sizeof(name), "/s/o%d", n % 7);
        long fd = sys_open(P(name), O_CREAT | O_RDWR, 0600);
        complain(fd < 0);
        if (n % 3 == 0)
            sys_unlink(P(name));
        complain(sys_close((int)fd) != 0);
    }
}

static void all_at_once(void **state)
{
    struct hosted_job *job[THREADS * 3];
    char name[32];

    errors = 0;
    sys_mkdir(P("/s"), 0755);
    sys_mkdir(P("/s/d1"), 0755);
    sys_mkdir(P("/s/d2"), 0755);
    sys_mkdir(P("/s/d2/sub"), 0755);
    for (int n = 0; n < THREADS; n++) {
        snprintf(name, sizeof(name), "/s/d1/f%d", n);
        make(name, "x");
    }
    for (u64 n = 0; n < THREADS; n++) {
        job[3 * n] = hosted_run(mover, (void *)n);
        job[3 * n + 1] = hosted_run(seeker, (void *)n);
        job[3 * n + 2] = hosted_run(opener, (void *)n);
    }
    for (int n = 0; n < THREADS * 3; n++)
        hosted_join(job[n]);
    assert_int_equal(errors, 0);
}

/* A descriptor opened, closed and used by all threads: a look-up gives the file that was
 * there or none. */
static void fd_user(void *arg)
{
    struct kstat st[2];

    for (int n = 0; n < ROUNDS * 4; n++) {
        switch (((u64)arg + (u64)n) % 3) {
        case 0:
            complain(sys_dup2((int)(u64)arg % 2 + 200, 50) < 0);
            break;
        case 1:
            sys_close(50);
            break;
        default: {
            long rc = sys_fstat(50, P(st));
            complain(rc != 0 && rc != -EBADF);
        }
        }
    }
}

static void one_descriptor(void **state)
{
    struct hosted_job *job[THREADS];

    errors = 0;
    make("p", "p");
    make("q", "q");
    long a = sys_open(P("p"), O_RDONLY, 0), b = sys_open(P("q"), O_RDONLY, 0);
    sys_dup2((int)a, 200);
    sys_dup2((int)b, 201);
    for (u64 n = 0; n < THREADS; n++)
        job[n] = hosted_run(fd_user, (void *)n);
    for (int n = 0; n < THREADS; n++)
        hosted_join(job[n]);
    assert_int_equal(errors, 0);
    sys_close_range(3, ~0u, 0);
}

/* ---- locks ---------------------------------------------------------------------------- */

static long set_lock(int fd, int cmd, short type, long start, long len)
{
    struct flock fl = {.l_type = type, .l_start = start, .l_len = len};

    return sys_fcntl(fd, (u32)cmd, P(&fl));
}

static long probe(int fd, short type, long start, long len, struct flock *fl)
{
    *fl = (struct flock){.l_type = type, .l_start = start, .l_len = len};
    return sys_fcntl(fd, F_OFD_GETLK, P(fl));
}

static void file_locks(void **state)
{
    struct flock fl;
    make("locked", "0123456789");
    int a = (int)sys_open(P("locked"), O_RDWR, 0), b = (int)sys_open(P("locked"), O_RDWR, 0);

    assert_int_equal(set_lock(a, F_OFD_SETLK, F_WRLCK, 0, 100), 0);
    assert_int_equal(set_lock(b, F_OFD_SETLK, F_RDLCK, 50, 1), -EAGAIN);
    assert_int_equal(set_lock(a, F_OFD_SETLK, F_UNLCK, 40, 20), 0); /* cut in two */
    assert_int_equal(set_lock(b, F_OFD_SETLK, F_RDLCK, 50, 1), 0);
    assert_int_equal(probe(b, F_WRLCK, 60, 0, &fl), 0);
    assert_int_equal(fl.l_type, F_WRLCK);
    assert_int_equal(fl.l_start, 60);
    assert_int_equal(fl.l_len, 40);
    assert_int_equal(fl.l_pid, -1);
    assert_int_equal(set_lock(a, F_OFD_SETLK, F_RDLCK, 0, 0), 0); /* one again, shared */
    assert_int_equal(probe(b, F_WRLCK, 0, 0, &fl), 0);
    assert_int_equal(fl.l_type, F_RDLCK);
    assert_int_equal(fl.l_start, 0);
    assert_int_equal(fl.l_len, 0);
    assert_int_equal(set_lock(b, F_SETLK, F_WRLCK, 10, 1), -EAGAIN); /* POSIX against OFD */
    sys_close(a);
    assert_int_equal(set_lock(b, F_SETLK, F_WRLCK, 10, 1), 0);
    assert_int_equal(sys_flock(b, 2), 0);
    a = (int)sys_open(P("locked"), O_RDWR, 0);
    assert_int_equal(sys_flock(a, 1 | 4), -EAGAIN);
    assert_int_equal(sys_flock(b, 8), 0);
    assert_int_equal(sys_flock(a, 1 | 4), 0);
    sys_close(a); /* drops the process's POSIX locks on the file */
    a = (int)sys_open(P("locked"), O_RDWR, 0);
    assert_int_equal(set_lock(a, F_OFD_SETLK, F_WRLCK, 10, 1), 0);
    sys_close(a);
    sys_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),          cmocka_unit_test(exchange),
        cmocka_unit_test(trees),          cmocka_unit_test(trimming),
        cmocka_unit_test(descriptors),    cmocka_unit_test(all_at_once),
        cmocka_unit_test(one_descriptor), cmocka_unit_test(file_locks),
    };

    hosted_start();
    return RUN_TESTS(tests);
}
