/* The overlay against tmpfs: the same random calls on both must give the same results and
 * leave the same trees, while the directory below the overlay stays as it was. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "syscalls_gen.h"
#include "unit.h"
#include "vfs.h"

char *mkdtemp(char *template);
int system(const char *command);

static char lower_dir[] = "/tmp/bailey-overlay-XXXXXX";

/* ---- paths and contents --------------------------------------------------------- */

static size_t pick(size_t n) { return (size_t)rand() % n; }

struct twin { /* the same path below both */
    char o[64], t[64];
};

static void twin_set(struct twin *p, const char *rest)
{
    snprintf(p->o, sizeof(p->o), "/o%s", rest);
    snprintf(p->t, sizeof(p->t), "/t%s", rest);
}

static struct twin random_path(void)
{
    struct twin p;
    char rest[16];
    size_t depth = 1 + pick(3), n = 0;
    for (size_t i = 0; i < depth; i++) {
        rest[n++] = '/';
        rest[n++] = 'a' + (char)pick(4);
    }
    rest[n] = 0;
    twin_set(&p, rest);
    return p;
}

static uptr user(const char *s) { return (uptr)s; }

static long put(const char *path, const char *text, int flags)
{
    long fd = sys_open(user(path), O_CREAT | O_WRONLY | flags, 0644);
    if (fd < 0)
        return fd;
    long n = sys_write((int)fd, user(text), strlen(text));
    sys_close((int)fd);
    return n;
}

static long get(const char *path, char *buf, size_t n)
{
    long fd = sys_open(user(path), O_RDONLY, 0);
    if (fd < 0)
        return fd;
    long got = sys_read((int)fd, user(buf), n);
    sys_close((int)fd);
    return got;
}

/* ---- comparing two trees ----------------------------------------------------------- */

#define NAMES 64
struct names {
    char name[NAMES][8];
    int count;
};

struct dirent64 {
    u64 ino;
    s64 off;
    u16 reclen;
    u8 type;
    char name[];
};

/* Reads with a small buffer, so that positions matter. */
static void list(const char *path, struct names *l)
{
    char buf[96];
    long fd = sys_open(user(path), O_RDONLY | O_DIRECTORY, 0), n;
    assert_true(fd >= 0);
    l->count = 0;
    while ((n = sys_getdents64((int)fd, user(buf), sizeof(buf))) > 0) {
        for (long at = 0; at < n;) {
            struct dirent64 *e = (void *)(buf + at);
            assert_true(l->count < NAMES);
            strlcpy(l->name[l->count++], e->name, 8);
            at += e->reclen;
        }
    }
    assert_int_equal(n, 0);
    sys_close((int)fd);
    for (int i = 1; i < l->count; i++)
        for (int j = i; j > 0 && strcmp(l->name[j - 1], l->name[j]) > 0; j--) {
            char tmp[8];
            memcpy(tmp, l->name[j], 8);
            memcpy(l->name[j], l->name[j - 1], 8);
            memcpy(l->name[j - 1], tmp, 8);
        }
}

static void compare(const struct twin *p)
{
    struct kstat a, b;
    struct path_s po, pt;
    char x[256] = "", y[256] = "";

    assert_int_equal(path_lookup(AT_FDCWD, p->o, 0, &po), 0);
    assert_int_equal(path_lookup(AT_FDCWD, p->t, 0, &pt), 0);
    assert_int_equal(path_getattr(&po, &a), 0);
    assert_int_equal(path_getattr(&pt, &b), 0);
    path_put(&po);
    path_put(&pt);
    assert_int_equal(a.mode & 0170000, b.mode & 0170000);
    if ((a.mode & 0170000) == 0100000) {
        assert_int_equal(a.size, b.size);
        assert_int_equal(a.nlink, b.nlink);
        assert_int_equal(get(p->o, x, sizeof(x)), get(p->t, y, sizeof(y)));
        assert_string_equal(x, y);
    } else if ((a.mode & 0170000) == 0040000) {
        static struct names o, t;
        list(p->o, &o);
        list(p->t, &t);
        assert_int_equal(o.count, t.count);
        struct names here = o;
        for (int i = 0; i < here.count; i++) {
            struct twin q;
            assert_string_equal(o.name[i], t.name[i]);
            if (here.name[i][0] == '.')
                continue;
            snprintf(q.o, sizeof(q.o), "%s/%s", p->o, here.name[i]);
            snprintf(q.t, sizeof(q.t), "%s/%s", p->t, here.name[i]);
            compare(&q);
            list(p->o, &o);
            list(p->t, &t);
        }
    }
}

/* ---- random calls --------------------------------------------------------------------- */

static void both(const char *what, long o, long t, const struct twin *p, const struct twin *q)
{
    if (o != t)
        printf("# %s %s %s: overlay %ld, tmpfs %ld\n", what, p->t, q->t, o, t);
    assert_int_equal(o, t);
}

static void step(int n)
{
    struct twin p = random_path(), q = random_path();
    char text[32], x[64], y[64];
    snprintf(text, sizeof(text), "text %d", n);
#define BOTH(call_o, call_t, what) both(what, call_o, call_t, &p, &q)
    switch (pick(12)) {
    case 0:
        BOTH(put(p.o, text, O_TRUNC), put(p.t, text, O_TRUNC), "write");
        break;
    case 1:
        BOTH(put(p.o, text, O_APPEND), put(p.t, text, O_APPEND), "append");
        break;
    case 2:
        BOTH(put(p.o, text, O_EXCL), put(p.t, text, O_EXCL), "create");
        break;
    case 3:
        BOTH(sys_mkdir(user(p.o), 0755), sys_mkdir(user(p.t), 0755), "mkdir");
        break;
    case 4:
        BOTH(sys_unlink(user(p.o)), sys_unlink(user(p.t)), "unlink");
        break;
    case 5:
        BOTH(sys_rmdir(user(p.o)), sys_rmdir(user(p.t)), "rmdir");
        break;
    case 6:
    case 7:
        BOTH(sys_rename(user(p.o), user(q.o)), sys_rename(user(p.t), user(q.t)), "rename");
        break;
    case 8: {
        u32 flags = pick(2) ? RENAME_EXCHANGE : RENAME_NOREPLACE;
        BOTH(sys_renameat2(AT_FDCWD, user(p.o), AT_FDCWD, user(q.o), flags),
             sys_renameat2(AT_FDCWD, user(p.t), AT_FDCWD, user(q.t), flags), "renameat2");
        break;
    }
    case 9:
        BOTH(sys_link(user(p.o), user(q.o)), sys_link(user(p.t), user(q.t)), "link");
        break;
    case 10:
        BOTH(sys_truncate(user(p.o), 3), sys_truncate(user(p.t), 3), "truncate");
        break;
    case 11:
        memset(x, 0, sizeof(x));
        memset(y, 0, sizeof(y));
        BOTH(get(p.o, x, sizeof(x)), get(p.t, y, sizeof(y)), "read");
        assert_string_equal(x, y);
        break;
    }
}

static void fill_both(void)
{
    static const char *const dirs[] = {"/a", "/b", "/a/a", "/a/b"};
    static const char *const files[] = {"/c", "/a/c", "/a/d", "/b/a", "/a/a/a", "/a/b/c"};
    char uri[64], path[64];

    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        snprintf(uri, sizeof(uri), "dir:0%s", dirs[i]);
        snprintf(path, sizeof(path), "/t%s", dirs[i]);
        assert_true(host_make(uri, HOST_MAKE_DIR, 0755, "") >= 0);
        assert_int_equal(sys_mkdir(user(path), 0755), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        snprintf(uri, sizeof(uri), "dir:0%s", files[i]);
        snprintf(path, sizeof(path), "/t%s", files[i]);
        long h = host_open(uri, O_CREAT | O_WRONLY, 0644, NULL);
        struct host_iovec v = {(void *)files[i], strlen(files[i])};
        assert_true(h >= 0 && host_write((int)h, &v, 1, 0, 0) > 0);
        host_close((int)h);
        assert_true(put(path, files[i], 0) > 0);
    }
    assert_true(host_make("dir:0/d", HOST_MAKE_LINK, 0, "dir:0/c") >= 0);
    assert_int_equal(sys_link(user("/t/c"), user("/t/d")), 0);
}

static void mount_at(struct super *s, const char *path)
{
    struct path_s at;
    assert_int_equal(sys_mkdir(user(path), 0755), 0);
    assert_int_equal(path_lookup(AT_FDCWD, path, LOOKUP_DIRECTORY, &at), 0);
    assert_non_null(mount_attach(s, &at, 0, "test"));
    path_put(&at);
}

static void count_changes(void *ctx, char kind, const char *path, struct inode *i)
{
    assert_true(kind == 'D' ? i == NULL : i != NULL);
    assert_true(path[0] == '/' && path[1]);
    ++*(int *)ctx;
}

static void same_as_tmpfs(void **state)
{
    struct twin root;
    int changes = 0;
    twin_set(&root, "");
    fill_both();
    struct super *o = overlay_new(hostfs_new(0, true));
    mount_at(o, "/o");
    compare(&root);
    overlay_diff(o, count_changes, &changes);
    assert_int_equal(changes, 0);
    for (int n = 0; n < 4000; n++) {
        step(n);
        if (n % 50 == 0)
            compare(&root);
    }
    compare(&root);
    overlay_diff(o, count_changes, &changes);
    assert_true(changes > 0);
}

static void below_is_untouched(void **state)
{
    char command[160];
    snprintf(command, sizeof(command),
             "test \"$(cd %s && find . | LC_ALL=C sort | tr '\\n' ' ')\" = "
             "'. ./a ./a/a ./a/a/a ./a/b ./a/b/c ./a/c ./a/d ./b ./b/a ./c ./d '",
             lower_dir);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof(command), "rm -rf %s", lower_dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_tmpfs),
        cmocka_unit_test(below_is_untouched),
    };
    hosted_start();
    hosted_export(0, mkdtemp(lower_dir));
    mount_at(tmpfs_new(0, 0755), "/t");
    srand(7);
    return RUN_TESTS(tests);
}
