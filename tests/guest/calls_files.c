/* Calls on files that few programs make any more, or that the C library makes in another way:
 * each as the kernel has it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((void *)8)

static void making(void)
{
    struct stat st;
    int fd = (int)CALL(creat, "f", 0640), dir = (int)CALL(open, ".", O_RDONLY | O_DIRECTORY);

    CHECK(fd >= 0 && CALL(fstat, fd, &st) == 0 && (st.st_mode & 0777) == (0640 & ~022));
    CHECK(write(fd, "hello", 5) == 5);
    CHECK_ERR(CALL(creat, "nodir/f", 0600), ENOENT);
    CHECK_ERR(CALL(creat, ".", 0600), EISDIR);
    CHECK_ERR(CALL(creat, BAD, 0600), EFAULT);
    CHECK_ERR(CALL(open, "f/g", O_RDONLY), ENOTDIR);
    CHECK_ERR(CALL(open, "f", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
    CHECK(CALL(mkdirat, dir, "d", 0755) == 0);
    CHECK_ERR(CALL(mkdirat, dir, "d", 0755), EEXIST);
    CHECK_ERR(CALL(mkdirat, fd, "x", 0755), ENOTDIR);
    CHECK_ERR(CALL(mkdirat, 99, "x", 0755), EBADF);
    CHECK(CALL(symlinkat, "f", dir, "s") == 0 && CALL(lstat, "s", &st) == 0 && S_ISLNK(st.st_mode));
    CHECK_ERR(CALL(symlinkat, "f", dir, "s"), EEXIST);
    CHECK_ERR(CALL(symlinkat, "", dir, "t"), ENOENT);
    CHECK(CALL(mknod, "fifo", S_IFIFO | 0600, 0) == 0 && CALL(lstat, "fifo", &st) == 0);
    CHECK(S_ISFIFO(st.st_mode));
    CHECK_ERR(CALL(mknod, "fifo", S_IFIFO | 0600, 0), EEXIST);
    CHECK_ERR(CALL(mknod, "x", S_IFDIR | 0600, 0), EPERM);
    if (geteuid())
        CHECK_ERR(CALL(mknod, "x", S_IFCHR | 0600, 0x103), EPERM);
    CHECK(CALL(renameat, dir, "s", dir, "t") == 0 && CALL(lstat, "t", &st) == 0);
    CHECK_ERR(CALL(renameat, dir, "none", dir, "u"), ENOENT);
    CHECK_ERR(CALL(renameat, dir, "f", dir, "d"), EISDIR);
    CHECK_ERR(CALL(renameat, dir, "d", dir, "f"), ENOTDIR);
    CHECK_ERR(CALL(lstat, "none", &st), ENOENT);
    CHECK_ERR(CALL(lstat, "f", BAD), EFAULT);
    CHECK_ERR(CALL(fstat, 99, &st), EBADF);
    CHECK_ERR(CALL(fstat, fd, BAD), EFAULT);
    close(fd);
    close(dir);
}

static void access_and_mode(void)
{
    CHECK(CALL(faccessat, AT_FDCWD, "f", R_OK) == 0);
    CHECK_ERR(CALL(faccessat, AT_FDCWD, "none", F_OK), ENOENT);
    CHECK_ERR(CALL(faccessat, AT_FDCWD, "f", X_OK), EACCES);
    CHECK_ERR(CALL(faccessat, AT_FDCWD, "f", 8), EINVAL);
    CHECK_ERR(CALL(faccessat, 99, "f", F_OK), EBADF);
    CHECK_ERR(CALL(faccessat, AT_FDCWD, BAD, F_OK), EFAULT);
}

static int64_t mtime(const char *name)
{
    struct stat st = {0};

    CHECK(stat(name, &st) == 0);
    return st.st_mtim.tv_sec * 1000000LL + st.st_mtim.tv_nsec / 1000;
}

static void times(void)
{
    struct utimbuf u = {100, 200};
    struct timeval t[2] = {{300, 1}, {400, 5}};

    CHECK(CALL(utime, "f", &u) == 0 && mtime("f") == 200000000);
    CHECK(CALL(utimes, "f", t) == 0 && mtime("f") == 400000005);
    CHECK(CALL(futimesat, AT_FDCWD, "f", t) == 0 && CALL(utime, "f", NULL) == 0);
    CHECK(mtime("f") > 400000005);
    t[1].tv_usec = 1000000;
    CHECK_ERR(CALL(utimes, "f", t), EINVAL);
    CHECK_ERR(CALL(futimesat, AT_FDCWD, "f", t), EINVAL);
    CHECK_ERR(CALL(utime, "none", &u), ENOENT);
    CHECK_ERR(CALL(utime, "f", BAD), EFAULT);
    CHECK_ERR(CALL(utimes, BAD, NULL), EFAULT);
}

struct old_dirent {
    unsigned long ino, off;
    unsigned short len;
    char name[];
};

static void listing(void)
{
    char buf[4096] __attribute__((aligned(8)));
    int dir = open(".", O_RDONLY | O_DIRECTORY), file = open("f", O_RDONLY), found = 0;
    long n;

    while ((n = CALL(getdents, dir, buf, sizeof(buf))) > 0) {
        for (char *p = buf; p < buf + n; p += ((struct old_dirent *)p)->len) {
            struct old_dirent *d = (struct old_dirent *)p;
            if (!strcmp(d->name, "d"))
                found += p[d->len - 1] == DT_DIR;
            if (!strcmp(d->name, "f"))
                found += p[d->len - 1] == DT_REG;
        }
    }
    CHECK(n == 0 && found == 2);
    lseek(dir, 0, SEEK_SET);
    CHECK_ERR(CALL(getdents, dir, buf, 8), EINVAL);
    CHECK_ERR(CALL(getdents, dir, BAD, 4096), EFAULT);
    CHECK_ERR(CALL(getdents, file, buf, sizeof(buf)), ENOTDIR);
    CHECK_ERR(CALL(getdents, 99, buf, sizeof(buf)), EBADF);
    close(dir);
    close(file);
}

static void moving(void)
{
    int from = open("f", O_RDWR), to = open("copy", O_CREAT | O_RDWR, 0600), p[2], q[2];
    struct iovec v = {"pipe", 4};
    off_t at = 1;
    char buf[8];

    CHECK(CALL(copy_file_range, from, &at, to, NULL, 100, 0) == 4 && at == 5);
    CHECK(pread(to, buf, 8, 0) == 4 && !memcmp(buf, "ello", 4));
    CHECK(CALL(copy_file_range, from, &at, to, NULL, 100, 0) == 0);
    CHECK_ERR(CALL(copy_file_range, from, NULL, to, NULL, 1, 1), EINVAL);
    CHECK_ERR(CALL(copy_file_range, 99, NULL, to, NULL, 1, 0), EBADF);
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    CHECK_ERR(CALL(copy_file_range, from, NULL, p[1], NULL, 1, 0), EINVAL);
    CHECK(CALL(vmsplice, p[1], &v, 1, 0) == 4);
    CHECK(CALL(tee, p[0], q[1], 100, 0) == 4);
    CHECK(read(p[0], buf, 8) == 4 && read(q[0], buf, 8) == 4 && !memcmp(buf, "pipe", 4));
    CHECK_ERR(CALL(tee, p[0], q[1], 100, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERR(CALL(tee, p[0], p[1], 100, 0), EINVAL);
    CHECK_ERR(CALL(tee, from, q[1], 100, 0), EINVAL);
    CHECK_ERR(CALL(vmsplice, from, &v, 1, 0), EBADF);
    CHECK_ERR(CALL(vmsplice, p[1], &v, 1, 0x100), EINVAL);
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
    close(from);
    close(to);
}

static void attributes(void)
{
    char buf[64];
    int fd = open("f", O_RDWR), user = CALL(fsetxattr, fd, "user.a", "1", 1, 0) == 0;

    if (user) { /* not every host's file systems have these */
        CHECK(CALL(flistxattr, fd, buf, sizeof(buf)) == 7 && !strcmp(buf, "user.a"));
        CHECK_ERR(CALL(flistxattr, fd, buf, 3), ERANGE);
        CHECK(CALL(lgetxattr, "f", "user.a", buf, 64) == 1);
        CHECK(CALL(llistxattr, "f", NULL, 0) == 7);
        CHECK(CALL(fremovexattr, fd, "user.a") == 0);
        CHECK_ERR(CALL(fremovexattr, fd, "user.a"), ENODATA);
        CHECK_ERR(CALL(lgetxattr, "f", "user.a", buf, 64), ENODATA);
        CHECK_ERR(CALL(lremovexattr, "f", "user.a"), ENODATA);
    }
    CHECK_ERR(CALL(flistxattr, 99, buf, 1), EBADF);
    CHECK_ERR(CALL(llistxattr, "none", buf, 1), ENOENT);
    close(fd);
}

static void old_forms(void)
{
    sigset_t set;
    struct timeval now = {0};
    fd_set fds;
    uint64_t n = 3;
    int ep = (int)CALL(epoll_create, 1), ev = (int)CALL(eventfd, 5), in = (int)CALL(inotify_init),
        sg;

    CHECK(ep >= 0 && in >= 0 && ev >= 0 && read(ev, &n, 8) == 8 && n == 5);
    CHECK_ERR(CALL(epoll_create, 0), EINVAL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sg = (int)CALL(signalfd, -1, &set, 8);
    CHECK(sg >= 0);
    CHECK_ERR(CALL(signalfd, -1, &set, 4), EINVAL);
    CHECK_ERR(CALL(signalfd, ev, &set, 8), EINVAL);
    FD_ZERO(&fds);
    FD_SET(ev, &fds);
    CHECK(CALL(select, ev + 1, &fds, NULL, NULL, &now) == 0 && !FD_ISSET(ev, &fds));
    CHECK_ERR(CALL(select, -1, NULL, NULL, NULL, &now), EINVAL);
    FD_SET(ev, &fds);
    now.tv_sec = -1;
    CHECK_ERR(CALL(select, ev + 1, &fds, NULL, NULL, &now), EINVAL);
    now.tv_sec = 0;
    FD_SET(60, &fds);
    CHECK_ERR(CALL(select, 61, &fds, NULL, NULL, &now), EBADF);
    CHECK_ERR(CALL(select, 10, BAD, NULL, NULL, &now), EFAULT);
    CHECK(CALL(sync) == 0);
    close(ep);
    close(ev);
    close(in);
    close(sg);
}

int main(void)
{
    umask(022);
    making();
    access_and_mode();
    times();
    listing();
    moving();
    attributes();
    old_forms();
    return check_result();
}
