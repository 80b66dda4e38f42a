/* What every call that takes a path says of a bad one: bad memory, too long, links without end,
 * a file where a directory should be, nothing there, an empty name, a bad directory descriptor. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)

static struct stat st;
static struct statx stx;
static struct statfs sfs;
static char text[64];

/* Calls that look at what is there. */
static void looking(const char *p, int error)
{
    static const struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

    CHECK_ERR(CALL(open, p, O_RDONLY), error);
    CHECK_ERR(CALL(openat, AT_FDCWD, p, O_RDONLY | O_PATH), error);
    CHECK_ERR(CALL(stat, p, &st), error);
    CHECK_ERR(CALL(lstat, p, &st), error);
    CHECK_ERR(CALL(newfstatat, AT_FDCWD, p, &st, 0), error);
    CHECK_ERR(CALL(statx, AT_FDCWD, p, 0, STATX_BASIC_STATS, &stx), error);
    CHECK_ERR(CALL(statfs, p, &sfs), error);
    CHECK_ERR(CALL(access, p, F_OK), error);
    CHECK_ERR(CALL(faccessat, AT_FDCWD, p, F_OK), error);
    CHECK_ERR(CALL(faccessat2, AT_FDCWD, p, F_OK, 0), error);
    CHECK_ERR(CALL(readlink, p, text, sizeof(text)), error);
    CHECK_ERR(CALL(chdir, p), error);
    CHECK_ERR(CALL(chmod, p, 0600), error);
    CHECK_ERR(CALL(fchmodat, AT_FDCWD, p, 0600), error);
    CHECK_ERR(CALL(chown, p, -1, -1), error);
    CHECK_ERR(CALL(lchown, p, -1, -1), error);
    CHECK_ERR(CALL(fchownat, AT_FDCWD, p, -1, -1, 0), error);
    CHECK_ERR(CALL(truncate, p, 0), error);
    CHECK_ERR(CALL(utimensat, AT_FDCWD, p, now, 0), error);
    CHECK_ERR(CALL(utimes, p, NULL), error);
    CHECK_ERR(CALL(utime, p, NULL), error);
    CHECK_ERR(CALL(getxattr, p, "user.a", text, sizeof(text)), error);
    CHECK_ERR(CALL(setxattr, p, "user.a", "b", 1, 0), error);
    CHECK_ERR(CALL(listxattr, p, text, sizeof(text)), error);
    CHECK_ERR(CALL(removexattr, p, "user.a"), error);
    CHECK_ERR(CALL(execve, p, NULL, NULL), error);
    CHECK_ERR(CALL(execveat, AT_FDCWD, p, NULL, NULL, 0), error);
}

/* Calls that make or remove a name. */
static void naming(const char *p, int error)
{
    CHECK_ERR(CALL(creat, p, 0600), error);
    CHECK_ERR(CALL(open, p, O_CREAT | O_WRONLY, 0600), error);
    CHECK_ERR(CALL(mkdir, p, 0700), error);
    CHECK_ERR(CALL(mkdirat, AT_FDCWD, p, 0700), error);
    CHECK_ERR(CALL(rmdir, p), error);
    CHECK_ERR(CALL(unlink, p), error);
    CHECK_ERR(CALL(unlinkat, AT_FDCWD, p, 0), error);
    CHECK_ERR(CALL(mknod, p, S_IFIFO | 0600, 0), error);
    CHECK_ERR(CALL(mknodat, AT_FDCWD, p, S_IFREG | 0600, 0), error);
    CHECK_ERR(CALL(symlink, "f", p), error);
    CHECK_ERR(CALL(symlinkat, "f", AT_FDCWD, p), error);
    CHECK_ERR(CALL(link, "f", p), error);
    CHECK_ERR(CALL(link, p, "new"), error);
    CHECK_ERR(CALL(linkat, AT_FDCWD, p, AT_FDCWD, "new", AT_SYMLINK_FOLLOW), error);
    CHECK_ERR(CALL(rename, p, "new"), error);
    CHECK_ERR(CALL(rename, "f", p), error);
    CHECK_ERR(CALL(renameat2, AT_FDCWD, "f", AT_FDCWD, p, RENAME_NOREPLACE), error);
}

static void others(const char *p, int error)
{
    int in = inotify_init1(0);

    CHECK_ERR(CALL(inotify_add_watch, in, p, IN_CREATE), error);
    close(in);
    if (geteuid())
        return;
    CHECK_ERR(CALL(chroot, p), error);
}

/* A socket's address is copied first: it has names of at most 108 bytes. */
static void sockets(const char *p, int error)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    strncpy(a.sun_path, p, sizeof(a.sun_path) - 1);
    CHECK_ERR(CALL(bind, s, &a, sizeof(a)), error);
    CHECK_ERR(CALL(connect, s, &a, sizeof(a)), error);
    close(s);
}

/* A directory given by a descriptor that is none, or a file's. */
static void directory(int dir, int error)
{
    struct open_how {
        uint64_t flags, mode, resolve;
    } how = {.flags = O_RDONLY};

    CHECK_ERR(CALL(openat, dir, "f", O_RDONLY), error);
    CHECK_ERR(CALL(openat2, dir, "f", &how, sizeof(how)), error);
    CHECK_ERR(CALL(newfstatat, dir, "f", &st, 0), error);
    CHECK_ERR(CALL(statx, dir, "f", 0, STATX_BASIC_STATS, &stx), error);
    CHECK_ERR(CALL(faccessat, dir, "f", F_OK), error);
    CHECK_ERR(CALL(readlinkat, dir, "link", text, sizeof(text)), error);
    CHECK_ERR(CALL(fchmodat, dir, "f", 0600), error);
    CHECK_ERR(CALL(fchownat, dir, "f", -1, -1, 0), error);
    CHECK_ERR(CALL(utimensat, dir, "f", NULL, 0), error);
    CHECK_ERR(CALL(futimesat, dir, "f", NULL), error);
    CHECK_ERR(CALL(mkdirat, dir, "new", 0700), error);
    CHECK_ERR(CALL(mknodat, dir, "new", S_IFIFO | 0600, 0), error);
    CHECK_ERR(CALL(symlinkat, "f", dir, "new"), error);
    CHECK_ERR(CALL(unlinkat, dir, "f", 0), error);
    CHECK_ERR(CALL(unlinkat, dir, "d", AT_REMOVEDIR), error);
    CHECK_ERR(CALL(linkat, dir, "f", AT_FDCWD, "new", 0), error);
    CHECK_ERR(CALL(linkat, AT_FDCWD, "f", dir, "new", 0), error);
    CHECK_ERR(CALL(renameat, dir, "f", AT_FDCWD, "new"), error);
    CHECK_ERR(CALL(renameat2, AT_FDCWD, "f", dir, "new", 0), error);
    CHECK_ERR(CALL(execveat, dir, "f", NULL, NULL, 0), error);
    CHECK_ERR(CALL(name_to_handle_at, dir, "f", text, &st, 0), error);
}

static void other_memory(void)
{
    int fd = open("f", O_RDWR);

    CHECK_ERR(CALL(stat, "f", BAD), EFAULT);
    CHECK_ERR(CALL(statx, AT_FDCWD, "f", 0, STATX_BASIC_STATS, BAD), EFAULT);
    CHECK_ERR(CALL(statfs, ".", BAD), EFAULT);
    CHECK_ERR(CALL(fstatfs, fd, BAD), EFAULT);
    CHECK_ERR(CALL(readlink, "link", BAD, 10), EFAULT);
    CHECK_ERR(CALL(readlink, "link", text, 0), EINVAL);
    CHECK_ERR(CALL(utimensat, AT_FDCWD, "f", BAD, 0), EFAULT);
    CHECK_ERR(CALL(link, "f", BAD), EFAULT);
    CHECK_ERR(CALL(rename, "f", BAD), EFAULT);
    CHECK_ERR(CALL(symlink, BAD, "new"), EFAULT);
    CHECK_ERR(CALL(symlink, "", "new"), ENOENT);
    CHECK_ERR(CALL(getcwd, BAD, 4096), EFAULT);
    CHECK_ERR(CALL(getcwd, text, 1), ERANGE);
    close(fd);
}

int main(void)
{
    char component[300], longest[4200];

    memset(component, 'n', 256);
    component[256] = 0;
    for (size_t i = 0; i < sizeof(longest) - 1; i++)
        longest[i] = "./"[i & 1];
    longest[sizeof(longest) - 1] = 0;
    close(open("f", O_CREAT | O_RDWR, 0644));
    mkdir("d", 0755);
    CHECK(symlink("f", "link") == 0 && symlink("loop", "loop") == 0);

    looking(BAD, EFAULT);
    naming(BAD, EFAULT);
    others(BAD, EFAULT);
    looking(component, ENAMETOOLONG);
    naming(component, ENAMETOOLONG);
    others(component, ENAMETOOLONG);
    looking(longest, ENAMETOOLONG);
    naming(longest, ENAMETOOLONG);
    others(longest, ENAMETOOLONG);
    looking("loop/x", ELOOP);
    naming("loop/x", ELOOP);
    others("loop/x", ELOOP);
    sockets("loop/x", ELOOP);
    looking("f/x", ENOTDIR);
    naming("f/x", ENOTDIR);
    others("f/x", ENOTDIR);
    sockets("f/x", ENOTDIR);
    looking("none/x", ENOENT);
    naming("none/x", ENOENT);
    others("none/x", ENOENT);
    sockets("none/x", ENOENT);
    looking("", ENOENT);
    naming("", ENOENT);
    others("", ENOENT);
    directory(99, EBADF);
    directory(open("f", O_RDONLY), ENOTDIR);
    other_memory();
    return check_result();
}
