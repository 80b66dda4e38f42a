/* Making, removing, renaming and linking names. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#endif

static void put(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static int holds(const char *name, const char *text)
{
    char buf[64] = {0};
    int fd = open(name, O_RDONLY);
    ssize_t n = read(fd, buf, sizeof(buf) - 1);

    close(fd);
    return n == (ssize_t)strlen(text) && strcmp(buf, text) == 0;
}

static void directories(void)
{
    struct stat st;

    CHECK(mkdir("d", 0777) == 0);
    CHECK(stat("d", &st) == 0 && (st.st_mode & 07777) == 0755);
    CHECK(mkdir("d/e/", 0700) == 0);
    CHECK_ERR(mkdir("d", 0777), EEXIST);
    CHECK_ERR(mkdir("d/", 0777), EEXIST);
    CHECK_ERR(mkdir(".", 0777), EEXIST);
    CHECK_ERR(mkdir("d/.", 0777), EEXIST);
    CHECK_ERR(mkdir("d/..", 0777), EEXIST);
    CHECK_ERR(mkdir("/", 0777), EEXIST);
    CHECK_ERR(mkdir("none/x", 0777), ENOENT);
    CHECK_ERR(mkdir("", 0777), ENOENT);
    put("f", "f");
    CHECK_ERR(mkdir("f", 0777), EEXIST);
    CHECK_ERR(mkdir("f/x", 0777), ENOTDIR);
    CHECK_ERR(rmdir("d"), ENOTEMPTY);
    CHECK_ERR(rmdir("f"), ENOTDIR);
    CHECK_ERR(rmdir("none"), ENOENT);
    CHECK_ERR(rmdir("d/."), EINVAL);
    CHECK_ERR(rmdir("d/e/.."), ENOTEMPTY);
    CHECK_ERR(rmdir("/"), EBUSY);
    if (geteuid() == 0)
        CHECK_ERR(rmdir("/proc"), EBUSY);
    CHECK(rmdir("d/e/") == 0);
    CHECK_ERR(rmdir("d/e"), ENOENT);
    CHECK(rmdir("d") == 0);
    CHECK(symlink("gone", "dl") == 0);
    CHECK_ERR(mkdir("dl", 0777), EEXIST);
    CHECK_ERR(rmdir("dl"), ENOTDIR);
    CHECK(unlink("dl") == 0);
}

static void sticky_group(void)
{
    struct stat st;

    if (geteuid() != 0)
        return; /* only root can give it to a group it isn't in */
    CHECK(mkdir("g", 0755) == 0);
    CHECK(chown("g", -1, 1234) == 0);
    CHECK(chmod("g", 02755) == 0);
    CHECK(mkdir("g/sub", 0755) == 0);
    CHECK(stat("g/sub", &st) == 0 && st.st_gid == 1234 && (st.st_mode & 07777) == 02755);
    put("g/f", "");
    CHECK(stat("g/f", &st) == 0 && st.st_gid == 1234 && (st.st_mode & 07777) == 0644);
}

static void unlinking(void)
{
    char buf[8];
    struct stat st;

    CHECK_ERR(unlink("none"), ENOENT);
    CHECK_ERR(unlink("f/"), ENOTDIR);
    CHECK_ERR(unlink("none/"), ENOENT);
    CHECK_ERR(unlink("."), EISDIR);
    CHECK(mkdir("d", 0777) == 0);
    CHECK_ERR(unlink("d"), EISDIR);
    CHECK_ERR(unlink("d/"), EISDIR);
    CHECK_ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
    CHECK_ERR(unlinkat(AT_FDCWD, "f", 1), EINVAL);
    CHECK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR) == 0);
    int fd = open("f", O_RDWR);
    CHECK(unlink("f") == 0);
    CHECK_ERR(access("f", F_OK), ENOENT);
    CHECK(read(fd, buf, 8) == 1 && buf[0] == 'f');
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0);
    CHECK(ftruncate(fd, 100) == 0 && fchmod(fd, 0600) == 0);
    char name[64], text[PATH_MAX];
    sprintf(name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, text, sizeof(text));
    CHECK(n > 12 && memcmp(text + n - 12, "/f (deleted)", 12) == 0);
    close(fd);
    CHECK(mkdir("gone", 0777) == 0 && chdir("gone") == 0);
    CHECK(rmdir("../gone") == 0);
    CHECK_ERR(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
    CHECK_ERR(mkdir("x", 0700), ENOENT);
    CHECK(getcwd(text, sizeof(text)) == NULL && errno == ENOENT);
    CHECK(stat(".", &st) == 0 && st.st_nlink == 0);
    CHECK(chdir("..") == 0);
}

static void hard_links(void)
{
    struct stat st;

    put("a", "a");
    CHECK(link("a", "b") == 0);
    CHECK(stat("b", &st) == 0 && st.st_nlink == 2);
    CHECK_ERR(link("a", "b"), EEXIST);
    CHECK_ERR(link("none", "c"), ENOENT);
    CHECK(mkdir("d", 0755) == 0);
    CHECK_ERR(link("d", "c"), EPERM);
    CHECK_ERR(link("a", "c/"), ENOENT);
    CHECK_ERR(link("a", "d"), EEXIST);
    CHECK_ERR(link("/proc/version", "c"), EXDEV);
    CHECK(symlink("a", "s") == 0);
    CHECK(link("s", "s2") == 0);
    CHECK(lstat("s2", &st) == 0 && S_ISLNK(st.st_mode) && st.st_nlink == 2);
    CHECK(linkat(AT_FDCWD, "s", AT_FDCWD, "a3", AT_SYMLINK_FOLLOW) == 0);
    CHECK(lstat("a3", &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 3);
    CHECK_ERR(linkat(AT_FDCWD, "s", AT_FDCWD, "a4", 1), EINVAL);
    CHECK(unlink("a") == 0 && holds("b", "a"));
    CHECK(stat("b", &st) == 0 && st.st_nlink == 2);
    unlink("b"), unlink("a3"), unlink("s"), unlink("s2"), rmdir("d");
}

static void symlinks(void)
{
    char buf[PATH_MAX], longest[PATH_MAX + 1];
    struct stat st;

    CHECK(symlink("target", "s") == 0);
    CHECK_ERR(symlink("x", "s"), EEXIST);
    CHECK_ERR(symlink("", "t"), ENOENT);
    CHECK_ERR(symlink("x", "none/t"), ENOENT);
    CHECK_ERR(symlink("x", "t/"), ENOENT);
    CHECK(lstat("s", &st) == 0 && st.st_size == 6 && (st.st_mode & 0777) == 0777);
    memset(buf, 'x', sizeof(buf));
    CHECK(readlink("s", buf, 3) == 3 && memcmp(buf, "tarx", 4) == 0);
    CHECK_ERR(readlink("s", buf, 0), EINVAL);
    CHECK_ERR(readlink(".", buf, 10), EINVAL);
    CHECK_ERR(readlink("none", buf, 10), ENOENT);
    CHECK_ERR(syscall(SYS_readlink, "s", 1, 10), EFAULT);
    CHECK_ERR(readlinkat(AT_FDCWD, "", buf, 10), ENOENT);
    memset(longest, 'y', PATH_MAX);
    longest[PATH_MAX] = 0;
    CHECK_ERR(symlink(longest, "long"), ENAMETOOLONG);
    longest[PATH_MAX - 1] = 0;
    if (symlink(longest, "long") == 0) { /* some disks hold no link of a whole page */
        CHECK(readlink("long", buf, sizeof(buf)) == PATH_MAX - 1);
        CHECK_ERR(open("long", O_RDONLY), ENAMETOOLONG);
        unlink("long");
    }
    CHECK_ERR(chmod("s", 0600), ENOENT);
    if (geteuid() == 0)
        CHECK(lchown("s", 5, 6) == 0 && lstat("s", &st) == 0 && st.st_uid == 5 && st.st_gid == 6);
    CHECK(unlink("s") == 0);
}

static long rename2(const char *a, const char *b, unsigned flags)
{
    return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

static void renaming(void)
{
    struct stat st, old;

    put("a", "a");
    put("b", "b");
    CHECK(stat("a", &old) == 0);
    CHECK(rename("a", "b") == 0);
    CHECK(stat("b", &st) == 0 && st.st_ino == old.st_ino && holds("b", "a"));
    CHECK_ERR(rename("a", "b"), ENOENT);
    CHECK(rename("b", "b") == 0);
    CHECK(link("b", "b2") == 0 && rename("b", "b2") == 0);
    CHECK(access("b", F_OK) == 0); /* two names of one file: nothing happens */
    unlink("b2");
    CHECK(mkdir("d", 0755) == 0 && mkdir("d/sub", 0755) == 0 && mkdir("e", 0755) == 0);
    CHECK_ERR(rename("b", "d"), EISDIR);
    CHECK_ERR(rename("d", "b"), ENOTDIR);
    CHECK_ERR(rename("e", "d"), ENOTEMPTY);
    CHECK(rename("d", "e") == 0 && access("e/sub", F_OK) == 0);
    CHECK_ERR(rename("e", "e/sub/x"), EINVAL);
    CHECK_ERR(rename("e", "e/sub"), EINVAL);
    CHECK_ERR(rename("e/sub", "e"), ENOTEMPTY);
    CHECK_ERR(rename("e/.", "x"), EBUSY);
    CHECK_ERR(rename("b", "."), EBUSY);
    CHECK_ERR(rename("e/..", "x"), EBUSY);
    CHECK_ERR(rename("b", "none/x"), ENOENT);
    CHECK_ERR(rename("b", "c/"), ENOTDIR);
    CHECK_ERR(rename("b/", "c"), ENOTDIR);
    CHECK_ERR(rename("b", "/proc/x"), EXDEV);
    CHECK(rename("e/", "f/") == 0 && access("f/sub", F_OK) == 0);
    CHECK(stat("f", &st) == 0 && st.st_nlink >= 1);
    CHECK(rename("f/sub", "sub") == 0 && access("sub", F_OK) == 0);
    CHECK(rmdir("f") == 0);
    put("n", "n");
    CHECK_ERR(rename2("b", "n", RENAME_NOREPLACE), EEXIST);
    CHECK(rename2("b", "m", RENAME_NOREPLACE) == 0);
    CHECK(rename2("m", "n", RENAME_EXCHANGE) == 0 && holds("m", "n") && holds("n", "a"));
    CHECK_ERR(rename2("m", "none", RENAME_EXCHANGE), ENOENT);
    CHECK(rename2("m", "sub", RENAME_EXCHANGE) == 0);
    CHECK(stat("m", &st) == 0 && S_ISDIR(st.st_mode) && holds("sub", "n"));
    CHECK_ERR(rename2("m", "n", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
    CHECK_ERR(rename2("m", "n", 128), EINVAL);
    unlink("n"), unlink("sub"), rmdir("m");
}

static void nodes(void)
{
    struct stat st;

    CHECK(mknod("fifo", S_IFIFO | 0644, 0) == 0);
    CHECK(stat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
    CHECK(mknod("reg", 0644, 0) == 0 && stat("reg", &st) == 0 && S_ISREG(st.st_mode));
    CHECK_ERR(mknod("reg", S_IFREG | 0644, 0), EEXIST);
    CHECK_ERR(mknod("dir", S_IFDIR | 0755, 0), EPERM);
    CHECK_ERR(mknod("odd", S_IFLNK | 0755, 0), EINVAL);
    CHECK_ERR(mknod("slash/", S_IFREG | 0755, 0), ENOENT);
    unlink("fifo"), unlink("reg");
}

/* Everything once, whatever else happens to the directory meanwhile. */
static void listing(void)
{
    char name[32], seen[500] = {0};
    struct dirent *e;
    int dots = 0, others = 0;

    CHECK(mkdir("many", 0755) == 0);
    for (int n = 0; n < 500; n++) {
        sprintf(name, "many/%d", n);
        put(name, "");
    }
    DIR *d = opendir("many");
    for (int n = 0; (e = readdir(d)); n++) {
        if (e->d_name[0] == '.')
            dots++;
        else if (atoi(e->d_name) >= 0 && atoi(e->d_name) < 500)
            seen[atoi(e->d_name)]++;
        else
            others++;
        CHECK(e->d_type == (e->d_name[0] == '.' ? DT_DIR : DT_REG));
    }
    for (int n = 0; n < 500; n++)
        CHECK(seen[n] == 1);
    CHECK(dots == 2 && others == 0);
    rewinddir(d);
    for (int n = 0; n < 250; n++)
        e = readdir(d);
    long at = telldir(d);
    e = readdir(d);
    strcpy(name, e->d_name);
    seekdir(d, at);
    e = readdir(d);
    CHECK(strcmp(e->d_name, name) == 0);
    closedir(d);
    /* Removing while listing empties it. */
    d = opendir("many");
    while ((e = readdir(d))) {
        if (e->d_name[0] != '.')
            CHECK(unlinkat(dirfd(d), e->d_name, 0) == 0);
    }
    closedir(d);
    CHECK(rmdir("many") == 0);
    int fd = open(".", O_RDONLY);
    char small[16];
    CHECK_ERR(syscall(SYS_getdents64, fd, small, sizeof(small)), EINVAL);
    CHECK_ERR(read(fd, small, 1), EISDIR);
    CHECK_ERR(syscall(SYS_getdents64, 0, small, sizeof(small)), ENOTDIR);
    close(fd);
}

static void working_directory(void)
{
    char buf[PATH_MAX], was[PATH_MAX];

    CHECK(getcwd(was, sizeof(was)) != NULL);
    CHECK_ERR(syscall(SYS_getcwd, buf, 2), ERANGE);
    CHECK_ERR(syscall(SYS_getcwd, 1, 4096), EFAULT);
    CHECK_ERR(chdir("none"), ENOENT);
    put("f", "");
    CHECK_ERR(chdir("f"), ENOTDIR);
    int fd = open("f", O_RDONLY);
    CHECK_ERR(fchdir(fd), ENOTDIR);
    CHECK_ERR(fchdir(-1), EBADF);
    close(fd);
    fd = open(".", O_RDONLY);
    CHECK(mkdir("x", 0755) == 0 && mkdir("x/y", 0755) == 0 && chdir("x/y") == 0);
    CHECK(syscall(SYS_getcwd, buf, sizeof(buf)) == (long)strlen(was) + 5);
    CHECK(strcmp(buf + strlen(was), "/x/y") == 0);
    CHECK(chdir("/") == 0 && syscall(SYS_getcwd, buf, sizeof(buf)) == 2);
    CHECK(chdir("..") == 0 && syscall(SYS_getcwd, buf, sizeof(buf)) == 2);
    CHECK(fchdir(fd) == 0);
    close(fd);
    CHECK(rename("x", "z") == 0 && chdir("z/y") == 0);
    CHECK(getcwd(buf, sizeof(buf)) && strcmp(buf + strlen(was), "/z/y") == 0);
    CHECK(chdir("../..") == 0);
}

static void all_in(const char *place)
{
    scratch_enter(place);
    umask(022);
    directories();
    sticky_group();
    unlinking();
    hard_links();
    symlinks();
    renaming();
    nodes();
    listing();
    working_directory();
    scratch_leave();
}

/* In the working directory and in /tmp: inside, these are file systems of different kinds. */
int main(void)
{
    all_in(".");
    all_in("/tmp");
    return check_result();
}
