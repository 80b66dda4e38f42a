/* /proc, /sys and cgroup2 walked whole: every directory listed, every file read in pieces of
 * several sizes; and from several threads while processes and descriptors come and go. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "syscalls_gen.h"
#include "unit.h"
#include "vfs.h"

#define P(text) ((uptr)(text))

struct dirent64 {
    u64 ino;
    s64 off;
    u16 reclen;
    u8 type;
    char name[];
};

static u32 files_read, dirs_read;

/* The bytes of a file read `step` at a time, or the error. */
static long read_all(const char *path, char *buf, size_t size, size_t step)
{
    long fd = sys_open(P(path), O_RDONLY, 0), n = 0;
    size_t at = 0;

    if (fd < 0)
        return fd;
    while (at < size && (n = sys_read((int)fd, P(buf + at), MIN(step, size - at))) > 0)
        at += (size_t)n;
    sys_close((int)fd);
    return n < 0 ? n : (long)at;
}

static void walk(const char *dir, int depth);

static void visit(const char *dir, const struct dirent64 *e, int depth)
{
    static char a[65536], b[65536];
    char path[512];
    long n;

    if (!strcmp(e->name, ".") || !strcmp(e->name, ".."))
        return;
    snprintf(path, sizeof(path), "%s/%s", dir, e->name);
    if (e->type == 4) {
        walk(path, depth + 1);
    } else if (e->type == 10) {
        n = sys_readlink(P(path), P(a), sizeof(a));
        assert_true(n > 0 || n == -ENOENT); /* no program, no exe */
    } else if (e->type == 8 && strcmp(e->name, "mem") && strcmp(e->name, "pagemap")) {
        n = read_all(path, a, sizeof(a), sizeof(a));
        if (n != -EINVAL && n != -ENOENT)
            assert_true(n >= 0);
        assert_true(n <= 0 || read_all(path, b, sizeof(b), 7) > 0);
        files_read++;
    }
}

static void walk(const char *dir, int depth)
{
    char buf[4096]; /* a program's: not in the segment */
    long fd = sys_open(P(dir), O_RDONLY | O_DIRECTORY, 0), n;

    assert_true(depth < 12);
    assert_true(fd >= 0);
    dirs_read++;
    while ((n = sys_getdents64((int)fd, P(buf), sizeof(buf))) > 0)
        for (long at = 0; at < n; at += ((struct dirent64 *)(buf + at))->reclen)
            visit(dir, (struct dirent64 *)(buf + at), depth);
    assert_int_equal(n, 0);
    sys_close((int)fd);
}

static void every_file(void **state)
{
    walk("/proc", 0);
    walk("/sys", 0);
    assert_true(files_read > 300);
    assert_true(dirs_read > 40);
}

static void same_number_in_listing_and_stat(void **state)
{
    char buf[4096];
    struct path_s p;
    long fd = sys_open(P("/proc/self"), O_RDONLY | O_DIRECTORY, 0);
    long n = sys_getdents64((int)fd, P(buf), sizeof(buf));

    assert_true(n > 0);
    for (long at = 0; at < n; at += ((struct dirent64 *)(buf + at))->reclen) {
        const struct dirent64 *e = (const void *)(buf + at);
        char path[64];
        if (e->name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/self/%s", e->name);
        assert_int_equal(path_lookup(AT_FDCWD, path, 0, &p), 0);
        assert_int_equal(p.dentry->inode->ino, e->ino);
        path_put(&p);
    }
    sys_close((int)fd);
}

static void refusals(void **state)
{
    assert_int_equal(sys_open(P("/proc/new"), O_CREAT | O_WRONLY, 0644), -ENOENT);
    assert_int_equal(sys_mkdir(P("/proc/new"), 0755), -ENOENT);
    assert_int_equal(sys_open(P("/proc/4242"), O_RDONLY, 0), -ENOENT);
    assert_int_equal(sys_open(P("/proc/01"), O_RDONLY, 0), -ENOENT);
    assert_int_equal(sys_open(P("/proc/self/fd/999"), O_RDONLY, 0), -ENOENT);
    assert_int_equal(sys_open(P("/proc/self/task/999"), O_RDONLY, 0), -ENOENT);
    assert_int_equal(sys_open(P("/proc/sys/kernel/ostype"), O_WRONLY, 0), -EACCES);
    assert_int_equal(sys_unlink(P("/proc/uptime")), -EPERM);
}

static void settings(void **state)
{
    char buf[64];
    long fd = sys_open(P("/proc/sys/vm/swappiness"), O_RDWR, 0);

    assert_true(fd >= 0);
    assert_int_equal(sys_write((int)fd, P("33\n"), 3), 3);
    assert_int_equal(sys_write((int)fd, P("1000"), 4), -EINVAL);
    assert_int_equal(sys_write((int)fd, P("x"), 1), -EINVAL);
    sys_close((int)fd);
    assert_int_equal(read_all("/proc/sys/vm/swappiness", buf, sizeof(buf), 64), 3);
    assert_memory_equal(buf, "33\n", 3);
}

/* ---- many threads ------------------------------------------------------------------- */

static const char *const busy[] = {"/proc/self/maps",  "/proc/self/status", "/proc/self/stat",
                                   "/proc/self/fd",    "/proc/meminfo",     "/proc/self/mountinfo",
                                   "/proc/self/limits"};

static void reader(void *arg)
{
    char buf[16384];

    for (int i = 0; i < 300; i++) {
        const char *path = busy[(i + (int)(uptr)arg) % (int)ARRAY_SIZE(busy)];
        long fd = sys_open(P(path), O_RDONLY, 0);
        char link[64];

        assert_true(fd >= 0);
        if (!strcmp(path, "/proc/self/fd"))
            sys_getdents64((int)fd, P(buf), sizeof(buf));
        else
            assert_true(sys_read((int)fd, P(buf), sizeof(buf)) >= 0);
        snprintf(link, sizeof(link), "/proc/self/fd/%ld", fd);
        assert_true(sys_readlink(P(link), P(buf), 256) > 0);
        sys_close((int)fd);
    }
}

static void many_readers(void **state)
{
    struct hosted_job *jobs[4];

    for (uptr i = 0; i < 4; i++)
        jobs[i] = hosted_run(reader, (void *)i);
    for (int i = 0; i < 4; i++)
        hosted_join(jobs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file),   cmocka_unit_test(same_number_in_listing_and_stat),
        cmocka_unit_test(refusals),     cmocka_unit_test(settings),
        cmocka_unit_test(many_readers),
    };

    hosted_start();
    return RUN_TESTS(tests);
}
