/* Attributes: stat and statx, modes, owners, times, rights, extended attributes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "check.h"
#include "scratch.h"

static void touch(const char *name, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT, 0600);

    CHECK(fd >= 0);
    CHECK(fchmod(fd, mode) == 0);
    close(fd);
}

static void stats(void)
{
    struct stat st, st2;
    struct statx x;
    struct statfs fs;

    touch("f", 0640);
    CHECK(stat("f", &st) == 0 && st.st_mode == (S_IFREG | 0640) && st.st_nlink == 1);
    CHECK(st.st_size == 0 && st.st_uid == geteuid() && st.st_gid == getegid());
    int fd = open("f", O_RDONLY);
    CHECK(fstat(fd, &st2) == 0 && st2.st_ino == st.st_ino && st2.st_dev == st.st_dev);
    CHECK(fstatat(fd, "", &st2, AT_EMPTY_PATH) == 0 && st2.st_ino == st.st_ino);
    CHECK_ERR(fstatat(fd, "", &st2, 0), ENOENT);
    CHECK_ERR(fstatat(fd, "x", &st2, 0), ENOTDIR);
    CHECK_ERR(fstatat(AT_FDCWD, "f", &st2, 1 << 20), EINVAL);
    CHECK_ERR(stat("f", (void *)8), EFAULT);
    CHECK_ERR(fstat(99, &st2), EBADF);
    CHECK(statx(AT_FDCWD, "f", 0, STATX_ALL, &x) == 0);
    CHECK((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS && x.stx_ino == st.st_ino);
    CHECK(x.stx_dev_major == major(st.st_dev) && x.stx_dev_minor == minor(st.st_dev));
    CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x) == 0 && x.stx_size == 0);
    CHECK_ERR(statx(fd, "", AT_EMPTY_PATH, 0x80000000u, &x), EINVAL);
    CHECK_ERR(statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &x),
              EINVAL);
    close(fd);
    int p[2];
    CHECK(pipe(p) == 0 && fstat(p[0], &st) == 0 && fstat(p[1], &st2) == 0);
    CHECK(S_ISFIFO(st.st_mode) && st.st_ino == st2.st_ino);
    CHECK(fstatat(p[0], "", &st, AT_EMPTY_PATH) == 0 && S_ISFIFO(st.st_mode));
    close(p[0]), close(p[1]);
    CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
    CHECK(statfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_namelen == 255);
    CHECK_ERR(statfs("none", &fs), ENOENT);
    CHECK_ERR(fstatfs(99, &fs), EBADF);
    CHECK(statfs("/proc", &fs) == 0 && fs.f_type == 0x9fa0);
}

static void modes(void)
{
    struct stat st;

    CHECK(chmod("f", 07777) == 0 && stat("f", &st) == 0 && (st.st_mode & 07777) == 07777);
    CHECK(chown("f", 1000, 1000) == 0 && stat("f", &st) == 0);
    CHECK(st.st_uid == 1000 && st.st_gid == 1000 && (st.st_mode & 07777) == 01777);
    CHECK(chown("f", -1, 0) == 0 && stat("f", &st) == 0 && st.st_uid == 1000 && st.st_gid == 0);
    CHECK(chmod("f", 02644) == 0 && chown("f", 0, 0) == 0 && stat("f", &st) == 0);
    CHECK((st.st_mode & 07777) == 02644); /* mandatory locking of old, not a right */
    CHECK_ERR(chmod("none", 0644), ENOENT);
    CHECK_ERR(fchmod(99, 0644), EBADF);
    CHECK_ERR(fchmodat(AT_FDCWD, "", 0644, 0), ENOENT);
    CHECK_ERR(fchownat(AT_FDCWD, "f", 0, 0, 1), EINVAL);
    int fd = open("f", O_RDONLY);
    CHECK(fchownat(fd, "", 7, 8, AT_EMPTY_PATH) == 0 && fstat(fd, &st) == 0 && st.st_uid == 7);
    CHECK(fchown(fd, 0, 0) == 0 && fchmod(fd, 0644) == 0);
    close(fd);
    CHECK(mkdir("d", 0755) == 0 && chmod("d", 06755) == 0 && chown("d", 5, 5) == 0);
    CHECK(stat("d", &st) == 0 && (st.st_mode & 07777) == 06755); /* directories keep them */
}

static void times(void)
{
    struct timespec t[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
    struct timespec odd[2] = {{0, UTIME_OMIT}, {5, 7}}, bad[2] = {{0, -1}, {0, 0}};
    struct timeval v[2] = {{3, 4}, {5, 6}};
    struct utimbuf u = {8, 9};
    struct stat st, before;

    CHECK(utimensat(AT_FDCWD, "f", t, 0) == 0 && stat("f", &st) == 0);
    CHECK(st.st_atim.tv_sec == 1000000000 && st.st_atim.tv_nsec == 123456789);
    CHECK(st.st_mtim.tv_sec == 1100000000 && st.st_mtim.tv_nsec == 987654321);
    CHECK(utimensat(AT_FDCWD, "f", odd, 0) == 0 && stat("f", &st) == 0);
    CHECK(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec == 5 && st.st_mtim.tv_nsec == 7);
    CHECK_ERR(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
    CHECK_ERR(utimensat(AT_FDCWD, "none", t, 0), ENOENT);
    CHECK_ERR(utimensat(AT_FDCWD, "f", t, 1), EINVAL);
    CHECK(utimes("f", v) == 0 && stat("f", &st) == 0);
    CHECK(st.st_atim.tv_sec == 3 && st.st_atim.tv_nsec == 4000 && st.st_mtim.tv_sec == 5);
    v[0].tv_usec = 1000000;
    CHECK_ERR(utimes("f", v), EINVAL);
    CHECK(utime("f", &u) == 0 && stat("f", &st) == 0 && st.st_atime == 8 && st.st_mtime == 9);
    CHECK(symlink("f", "l") == 0 && utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(lstat("l", &st) == 0 && st.st_mtim.tv_sec == 1100000000);
    CHECK(stat("l", &st) == 0 && st.st_mtime == 9);
    int fd = open("f", O_RDWR);
    CHECK(futimens(fd, t) == 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_nsec == 987654321);
    CHECK(futimens(fd, NULL) == 0 && fstat(fd, &st) == 0 && st.st_mtime > 1700000000);
    /* Writing moves mtime and ctime, chmod only ctime, reading atime when it is behind. */
    CHECK(futimens(fd, t) == 0 && write(fd, "x", 1) == 1 && fstat(fd, &st) == 0);
    CHECK(st.st_mtime > 1700000000 && st.st_ctime > 1700000000 && st.st_atime == 1000000000);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && futimens(fd, t) == 0 && fchmod(fd, 0600) == 0);
    CHECK(fstat(fd, &before) == 0 && before.st_mtime == 1100000000);
    close(fd);
    t[0].tv_sec = -5;
    CHECK(utimensat(AT_FDCWD, "f", t, 0) == 0 && stat("f", &st) == 0);
    CHECK(st.st_atim.tv_sec == -5 && st.st_atim.tv_nsec == 123456789);
    CHECK(stat("d", &before) == 0);
    usleep(20000);
    touch("d/new", 0600);
    CHECK(stat("d", &st) == 0);
    CHECK(st.st_mtim.tv_sec > before.st_mtim.tv_sec || st.st_mtim.tv_nsec > before.st_mtim.tv_nsec);
}

static long as_user(unsigned uid) { return syscall(SYS_setresuid, -1, uid, -1); }

static void rights(void)
{
    char buf[4];

    touch("secret", 0600);
    touch("open", 0644);
    touch("exec", 0755);
    CHECK(mkdir("closed", 0700) == 0);
    CHECK(mkdir("sticky", 0777) == 0 && chmod("sticky", 01777) == 0);
    touch("closed/in", 0666);
    touch("sticky/root", 0666);
    CHECK(chmod(".", 0755) == 0);
    CHECK(access("secret", R_OK | W_OK) == 0 && chmod("secret", 0) == 0);
    CHECK(access("secret", R_OK | W_OK) == 0);
    CHECK_ERR(access("secret", X_OK), EACCES);
    CHECK_ERR(access("none", F_OK), ENOENT);
    CHECK_ERR(access("secret", 8), EINVAL);
    CHECK(as_user(1000) == 0);
    CHECK(access("secret", R_OK) == 0); /* asks for the real user */
    CHECK_ERR(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS), EACCES);
    CHECK_ERR(open("secret", O_RDONLY), EACCES);
    CHECK(open("open", O_RDONLY) >= 0);
    CHECK_ERR(open("open", O_WRONLY), EACCES);
    CHECK_ERR(open("open", O_RDONLY | O_TRUNC), EACCES);
    CHECK_ERR(open("new", O_RDWR | O_CREAT, 0600), EACCES);
    CHECK_ERR(open("closed/in", O_RDONLY), EACCES);
    CHECK_ERR(open("closed/none", O_RDONLY), EACCES);
    CHECK_ERR(open("closed/none/x", O_RDONLY), EACCES);
    CHECK_ERR(open("open/x", O_RDONLY), ENOTDIR);
    CHECK_ERR(unlink("open"), EACCES);
    CHECK_ERR(rename("open", "x"), EACCES);
    CHECK_ERR(mkdir("open", 0700), EEXIST);
    CHECK_ERR(mkdir("new", 0700), EACCES);
    CHECK_ERR(chmod("open", 0666), EPERM);
    CHECK_ERR(chown("open", 1000, -1), EPERM);
    CHECK_ERR(utime("open", NULL), EACCES);
    CHECK_ERR(utimensat(AT_FDCWD, "open", (struct timespec[2]){{1, 1}, {2, 2}}, 0), EPERM);
    CHECK_ERR(open("open", O_RDONLY | O_NOATIME), EPERM);
    CHECK_ERR(chdir("closed"), EACCES);
    CHECK_ERR(unlink("sticky/root"), EPERM);
    CHECK_ERR(rename("sticky/root", "sticky/x"), EPERM);
    touch("sticky/mine", 0600);
    CHECK(chmod("sticky/mine", 0644) == 0);
    CHECK_ERR(chown("sticky/mine", 0, -1), EPERM);
    CHECK(unlink("sticky/mine") == 0);
    CHECK_ERR(chroot("."), EPERM);
    CHECK_ERR(mknod("sticky/dev", S_IFCHR | 0666, makedev(1, 3)), EPERM);
    /* Writing takes set-user-ID away from others. */
    int fd = open("sticky/suid", O_RDWR | O_CREAT, 0777);
    CHECK(fchmod(fd, 04777) == 0 && write(fd, buf, 1) == 1);
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0777);
    close(fd);
    CHECK(as_user(0) == 0);
    CHECK(unlink("sticky/root") == 0);
}

static void extended(void)
{
    char buf[256];

    if (setxattr("f", "user.one", "1", 1, 0) < 0 && errno == EOPNOTSUPP)
        return;
    CHECK(getxattr("f", "user.one", buf, sizeof(buf)) == 1 && buf[0] == '1');
    CHECK(getxattr("f", "user.one", NULL, 0) == 1);
    CHECK_ERR(setxattr("f", "user.one", "1", 1, XATTR_CREATE), EEXIST);
    CHECK_ERR(setxattr("f", "user.two", "1", 1, XATTR_REPLACE), ENODATA);
    CHECK_ERR(setxattr("f", "user.two", "1", 1, 4), EINVAL);
    CHECK(setxattr("f", "user.two", "22", 2, XATTR_CREATE) == 0);
    CHECK_ERR(getxattr("f", "user.two", buf, 1), ERANGE);
    CHECK_ERR(getxattr("f", "user.none", buf, 1), ENODATA);
    CHECK_ERR(getxattr("f", "", buf, 1), ERANGE);
    CHECK_ERR(setxattr("f", "wrong.one", "1", 1, 0), EOPNOTSUPP);
    ssize_t n = listxattr("f", buf, sizeof(buf));
    CHECK(n >= 18 && memmem(buf, (size_t)n, "user.one", 9) &&
          memmem(buf, (size_t)n, "user.two", 9));
    CHECK_ERR(listxattr("f", buf, 3), ERANGE);
    CHECK(removexattr("f", "user.one") == 0);
    CHECK_ERR(removexattr("f", "user.one"), ENODATA);
    CHECK_ERR(lsetxattr("l", "user.x", "1", 1, 0), EPERM);
    CHECK_ERR(fgetxattr(99, "user.x", buf, 1), EBADF);
}

static void all_in(const char *place)
{
    scratch_enter(place);
    stats();
    modes();
    times();
    rights();
    extended();
    scratch_leave();
}

/* In the working directory and in /tmp: inside, these are file systems of different kinds.
 * Owners can be given away by root only. */
int main(void)
{
    if (geteuid() != 0)
        return 77; /* chroot and changing owners need root */
    umask(022);
    all_in(".");
    all_in("/tmp");
    return check_result();
}
