/* Streams of the hosted contract: files below exported directories. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../abi/host_abi.h"
#include "hosted.h"

#define EXPORTS 4

static int exports[EXPORTS] = {-1, -1, -1, -1};

void hosted_export(int index, const char *directory)
{
    exports[index] = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (exports[index] < 0) {
        perror(directory);
        abort();
    }
}

static long result(long rc) { return rc < 0 ? -errno : rc; }

/* "dir:N/path": the directory's descriptor, *path below it ("." for itself). */
static int find(const char *uri, const char **path)
{
    int n, used = 0;

    if (sscanf(uri, "dir:%d/%n", &n, &used) < 1 || !used || n < 0 || n >= EXPORTS ||
        exports[n] < 0) {
        errno = ENOENT;
        return -1;
    }
    *path = uri[used] ? uri + used : ".";
    return exports[n];
}

static uint64_t ns(struct statx_timestamp t) { return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

static long fill(int dir, const char *path, int flags, struct host_attr *a)
{
    struct statx s;

    if (statx(dir, path, flags | AT_SYMLINK_NOFOLLOW, STATX_ALL, &s) < 0)
        return -errno;
    *a = (struct host_attr){.ino = s.stx_ino,
                            .dev = (uint64_t)s.stx_dev_major << 8 | s.stx_dev_minor,
                            .rdev = (uint64_t)s.stx_rdev_major << 8 | s.stx_rdev_minor,
                            .size = s.stx_size,
                            .blocks = s.stx_blocks,
                            .atime = (int64_t)ns(s.stx_atime),
                            .mtime = (int64_t)ns(s.stx_mtime),
                            .ctime = (int64_t)ns(s.stx_ctime),
                            .btime = (int64_t)ns(s.stx_btime),
                            .mode = s.stx_mode,
                            .nlink = s.stx_nlink,
                            .uid = s.stx_uid,
                            .gid = s.stx_gid,
                            .blksize = s.stx_blksize};
    return 0;
}

long host_open(const char *uri, int flags, unsigned mode, struct host_attr *attr)
{
    const char *path;
    int dir = find(uri, &path);
    int fd = dir < 0 ? -1 : openat(dir, path, flags | O_CLOEXEC | O_NOFOLLOW, mode);

    if (fd < 0)
        return -errno;
    if (attr)
        fill(fd, "", AT_EMPTY_PATH, attr);
    return fd;
}

long host_close(int handle) { return result(close(handle)); }

long host_read(int handle, const struct host_iovec *iov, int n, uint64_t offset, int flags)
{
    return result(preadv2(handle, (const struct iovec *)iov, n, (off_t)offset, flags));
}

long host_write(int handle, const struct host_iovec *iov, int n, uint64_t offset, int flags)
{
    return result(pwritev2(handle, (const struct iovec *)iov, n, (off_t)offset, flags));
}

long host_send(int handle, const void *msg, int flags)
{
    return result(sendmsg(handle, msg, flags));
}

long host_receive(int handle, void *msg, int flags) { return result(recvmsg(handle, msg, flags)); }

long host_accept(int handle, void *addr, uint32_t *addrlen, int flags)
{
    return result(accept4(handle, addr, addrlen, flags));
}

long host_control(int handle, int op, uint64_t a, uint64_t b, uint64_t c, void *buf, size_t len)
{
    (void)buf;
    (void)len;
    switch (op) {
    case HOST_SYNC:
        return result(a ? fdatasync(handle) : fsync(handle));
    case HOST_TRUNCATE:
        return result(ftruncate(handle, (off_t)a));
    case HOST_ALLOCATE:
        return result(fallocate(handle, (int)a, (off_t)b, (off_t)c));
    case HOST_SEEK:
        return result(lseek(handle, (off_t)a, (int)b));
    default:
        return -ENOSYS;
    }
}

long host_watch(int poll_handle, int op, int handle, uint32_t events, uint64_t cookie)
{
    struct epoll_event ev = {.events = events, .data.u64 = cookie};

    return result(epoll_ctl(poll_handle, op, handle, &ev));
}

long host_wait_ready(int poll_handle, struct host_event *ev, int n, uint64_t deadline)
{
    int ms = -1;

    if (deadline != HOST_FOREVER) {
        uint64_t now = host_time(HOST_CLOCK_MONOTONIC);
        ms = deadline > now ? (int)((deadline - now + 999999) / 1000000) : 0;
    }
    return result(epoll_wait(poll_handle, (struct epoll_event *)ev, n, ms));
}

long host_attributes_get(const char *uri, int handle, struct host_attr *attr)
{
    const char *path;

    if (!uri)
        return fill(handle, "", AT_EMPTY_PATH, attr);
    int dir = find(uri, &path);
    return dir < 0 ? -errno : fill(dir, path, 0, attr);
}

/* One step at a time is a correct answer, too. */
long host_walk(const char *uri, size_t known, void *buf, size_t size, int *absent, int *opened)
{
    struct host_step *step = buf;
    char first[PATH_MAX];
    const char *path;
    int dir = find(uri, &path);
    size_t end = known + 1 + strcspn(uri + known + 1, "/");

    if (dir < 0 || size < sizeof(*step) + 8 || end >= sizeof(first))
        return -ENAMETOOLONG;
    snprintf(first, sizeof(first), "%.*s", (int)end, uri);
    dir = find(first, &path);
    long rc = fill(dir, path, 0, &step->attr);
    *absent = 0;
    if (opened)
        *opened = -1;
    if (rc < 0)
        return rc;
    ssize_t text = readlinkat(dir, path, step->link, size - sizeof(*step) - 1);
    step->link[text < 0 ? 0 : text] = 0;
    step->size = (uint32_t)size;
    return 1;
}

static struct timespec to_timespec(int64_t t)
{
    return (struct timespec){t / 1000000000, t % 1000000000};
}

long host_attributes_set(const char *uri, int handle, unsigned mask, const struct host_attr *attr)
{
    const char *path = "";
    int dir = uri ? find(uri, &path) : handle;
    struct timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    int fd = dir < 0 ? -1 : uri ? openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : dup(dir);

    if (fd < 0)
        return -errno;
    if (mask & HOST_SET_ATIME)
        times[0] = to_timespec(attr->atime);
    if (mask & HOST_SET_MTIME)
        times[1] = to_timespec(attr->mtime);
    long rc = 0;
    if (mask & HOST_SET_MODE)
        rc = fchmod(fd, attr->mode);
    if (rc == 0 && (mask & (HOST_SET_UID | HOST_SET_GID)))
        rc = fchown(fd, mask & HOST_SET_UID ? attr->uid : ~0u,
                    mask & HOST_SET_GID ? attr->gid : ~0u);
    if (rc == 0 && (mask & HOST_SET_SIZE))
        rc = ftruncate(fd, (off_t)attr->size);
    if (rc == 0 && (mask & (HOST_SET_ATIME | HOST_SET_MTIME)))
        rc = futimens(fd, times);
    rc = result(rc);
    close(fd);
    return rc;
}

long host_list(const char *uri, uint64_t *cookie, void *buf, size_t len)
{
    const char *path;
    int dir = find(uri, &path), fd;
    size_t done = 0;
    struct dirent *e;

    fd = dir < 0 ? -1 : openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return -errno;
    if (*cookie)
        seekdir(d, (long)*cookie);
    while ((e = readdir(d))) {
        size_t reclen = (offsetof(struct host_dirent, name) + strlen(e->d_name) + 8) & ~7UL;
        struct host_dirent *out = (struct host_dirent *)((char *)buf + done);

        if (done + reclen > len)
            break;
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
            out->ino = e->d_ino;
            out->reclen = (uint16_t)reclen;
            out->type = e->d_type;
            strcpy(out->name, e->d_name);
            done += reclen;
        }
        *cookie = (uint64_t)telldir(d);
    }
    closedir(d);
    return (long)done;
}

long host_make(const char *uri, int kind, unsigned mode, const char *target)
{
    const char *path, *old;
    int dir = find(uri, &path), from;

    if (dir < 0)
        return -errno;
    switch (kind) {
    case HOST_MAKE_DIR:
        return result(mkdirat(dir, path, mode));
    case HOST_MAKE_SYMLINK:
        return result(symlinkat(target, dir, path));
    case HOST_MAKE_LINK:
        from = find(target, &old);
        return from < 0 ? -errno : result(linkat(from, old, dir, path, 0));
    case HOST_MAKE_FIFO:
        return result(mkfifoat(dir, path, mode));
    default:
        return result(mknodat(dir, path, S_IFSOCK | mode, 0));
    }
}

long host_rename(const char *from, const char *to, unsigned flags)
{
    const char *old, *new;
    int olddir = find(from, &old), newdir = find(to, &new);

    if (olddir < 0 || newdir < 0)
        return -ENOENT;
    return result(renameat2(olddir, old, newdir, new, flags));
}

long host_remove(const char *uri, int isdir)
{
    const char *path;
    int dir = find(uri, &path);

    return dir < 0 ? -errno : result(unlinkat(dir, path, isdir ? AT_REMOVEDIR : 0));
}

long host_readlink(const char *uri, char *buf, size_t len)
{
    const char *path;
    int dir = find(uri, &path);

    return dir < 0 ? -errno : result(readlinkat(dir, path, buf, len));
}
