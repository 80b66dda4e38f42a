/* What calls on descriptors say of one that is none, of the wrong kind of one, of one opened in
 * the wrong way, of bad memory and flags, and when there is no room for another. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)

static char buf[64];
static struct stat st;
static struct statfs sfs;
static struct iovec vec = {buf, sizeof(buf)};

/* No file behind it: closed, or O_PATH. */
static void no_file(int fd, int error)
{
    loff_t off = 0;

    CHECK_ERR(CALL(read, fd, buf, 1), error);
    CHECK_ERR(CALL(write, fd, buf, 1), error);
    CHECK_ERR(CALL(pread64, fd, buf, 1, 0), error);
    CHECK_ERR(CALL(pwrite64, fd, buf, 1, 0), error);
    CHECK_ERR(CALL(readv, fd, &vec, 1), error);
    CHECK_ERR(CALL(writev, fd, &vec, 1), error);
    CHECK_ERR(CALL(preadv, fd, &vec, 1, 0, 0), error);
    CHECK_ERR(CALL(pwritev2, fd, &vec, 1, 0, 0, 0), error);
    CHECK_ERR(CALL(lseek, fd, 0, SEEK_SET), error);
    CHECK_ERR(CALL(ftruncate, fd, 0), error);
    CHECK_ERR(CALL(fallocate, fd, 0, 0, 1), error);
    CHECK_ERR(CALL(fsync, fd), error);
    CHECK_ERR(CALL(fdatasync, fd), error);
    CHECK_ERR(CALL(syncfs, fd), error);
    CHECK_ERR(CALL(sync_file_range, fd, 0, 0, 0), error);
    CHECK_ERR(CALL(fadvise64, fd, 0, 0, POSIX_FADV_NORMAL), error);
    CHECK_ERR(CALL(readahead, fd, 0, 1), error);
    CHECK_ERR(CALL(fchmod, fd, 0600), error);
    CHECK_ERR(CALL(fchown, fd, -1, -1), error);
    CHECK_ERR(CALL(ioctl, fd, FIONREAD, buf), error);
    CHECK_ERR(CALL(flock, fd, LOCK_SH), error);
    CHECK_ERR(CALL(getdents64, fd, buf, sizeof(buf)), error);
    CHECK_ERR(CALL(fcntl, fd, F_SETFL, 0), error);
    CHECK_ERR(CALL(fcntl, fd, F_GETOWN, 0), error);
    CHECK_ERR(CALL(fcntl, fd, F_GETPIPE_SZ, 0), error);
    CHECK_ERR(CALL(mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0), error);
    CHECK_ERR(CALL(sendfile, 1, fd, &off, 1), error);
    CHECK_ERR(CALL(sendfile, fd, 0, &off, 1), error);
    CHECK_ERR(CALL(copy_file_range, fd, &off, 1, &off, 1, 0), error);
    CHECK_ERR(CALL(splice, fd, NULL, 1, NULL, 1, 0), error);
    CHECK_ERR(CALL(vmsplice, fd, &vec, 1, 0), error);
    CHECK_ERR(CALL(tee, fd, 1, 1, 0), error);
    CHECK_ERR(CALL(fgetxattr, fd, "user.a", buf, 1), error);
    CHECK_ERR(CALL(fsetxattr, fd, "user.a", buf, 1, 0), error);
    CHECK_ERR(CALL(flistxattr, fd, buf, 1), error);
    CHECK_ERR(CALL(fremovexattr, fd, "user.a"), error);
    CHECK_ERR(CALL(inotify_add_watch, fd, ".", IN_CREATE), error);
    CHECK_ERR(CALL(inotify_rm_watch, fd, 1), error);
    CHECK_ERR(CALL(timerfd_settime, fd, 0, buf, NULL), error);
    CHECK_ERR(CALL(timerfd_gettime, fd, buf), error);
    CHECK_ERR(CALL(signalfd4, fd, buf, 8, 0), error == EBADF && fd < 0 ? EINVAL : error);
}

static void closed(int fd)
{
    struct epoll_event ev = {EPOLLIN, {0}};
    struct pollfd p = {fd, POLLIN, 0};
    int ep = epoll_create1(0);
    fd_set set;

    CHECK_ERR(CALL(close, fd), EBADF);
    CHECK_ERR(CALL(dup, fd), EBADF);
    CHECK_ERR(CALL(dup2, fd, 1), EBADF);
    CHECK_ERR(CALL(dup3, fd, 1, 0), EBADF);
    CHECK_ERR(CALL(fstat, fd, &st), EBADF);
    CHECK_ERR(CALL(fstatfs, fd, &sfs), EBADF);
    CHECK_ERR(CALL(fchdir, fd), EBADF);
    CHECK_ERR(CALL(fcntl, fd, F_GETFD), EBADF);
    CHECK_ERR(CALL(epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev), EBADF);
    CHECK_ERR(CALL(epoll_ctl, fd, EPOLL_CTL_ADD, 0, &ev), EBADF);
    CHECK_ERR(CALL(epoll_wait, fd, &ev, 1, 0), EBADF);
    CHECK(CALL(poll, &p, 1, 0) == 1 && p.revents == POLLNVAL);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    CHECK_ERR(CALL(select, fd + 1, &set, NULL, NULL, NULL), EBADF);
    CHECK_ERR(CALL(pidfd_send_signal, fd, 0, NULL, 0), EBADF);
    CHECK_ERR(CALL(pidfd_getfd, fd, 0, 0), EBADF);
    CHECK_ERR(CALL(mq_getsetattr, fd, NULL, buf), EBADF);
    close(ep);
}

/* Neither a file nor a place in one. */
static void cannot_seek(int fd, int other)
{
    loff_t off = 0;

    CHECK_ERR(CALL(lseek, fd, 0, SEEK_CUR), ESPIPE);
    CHECK_ERR(CALL(pread64, fd, buf, 1, 0), ESPIPE);
    CHECK_ERR(CALL(pwrite64, other, buf, 1, 0), ESPIPE);
    CHECK_ERR(CALL(preadv, fd, &vec, 1, 0, 0), ESPIPE);
    CHECK_ERR(CALL(pwritev, other, &vec, 1, 0, 0), ESPIPE);
    CHECK_ERR(CALL(fadvise64, fd, 0, 0, POSIX_FADV_NORMAL), ESPIPE);
    CHECK_ERR(CALL(sync_file_range, fd, 0, 1, SYNC_FILE_RANGE_WRITE), ESPIPE);
    CHECK_ERR(CALL(fallocate, other, 0, 0, 1), ESPIPE);
    CHECK_ERR(CALL(ftruncate, other, 0), EINVAL);
    CHECK_ERR(CALL(readahead, fd, 0, 1), EINVAL);
    CHECK_ERR(CALL(fsync, fd), EINVAL);
    CHECK_ERR(CALL(mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
    CHECK_ERR(CALL(getdents64, fd, buf, sizeof(buf)), ENOTDIR);
    CHECK_ERR(CALL(fchdir, fd), ENOTDIR);
    CHECK_ERR(CALL(sendfile, other, fd, &off, 1), ESPIPE);
    CHECK_ERR(CALL(copy_file_range, fd, NULL, other, NULL, 1, 0), EINVAL);
}

static void wrong_way(void)
{
    int in = open("f", O_RDONLY), out = open("f", O_WRONLY), app = open("f", O_WRONLY | O_APPEND);
    int dir = open(".", O_RDONLY), p[2];
    loff_t off = 0;

    CHECK(pipe(p) == 0);
    CHECK_ERR(CALL(write, in, "x", 1), EBADF);
    CHECK_ERR(CALL(pwrite64, in, "x", 1, 0), EBADF);
    CHECK_ERR(CALL(writev, in, &vec, 1), EBADF);
    CHECK_ERR(CALL(read, out, buf, 1), EBADF);
    CHECK_ERR(CALL(pread64, out, buf, 1, 0), EBADF);
    CHECK_ERR(CALL(readv, out, &vec, 1), EBADF);
    CHECK_ERR(CALL(ftruncate, in, 0), EINVAL);
    CHECK_ERR(CALL(fallocate, in, 0, 0, 1), EBADF);
    CHECK_ERR(CALL(readahead, out, 0, 1), EBADF);
    CHECK_ERR(CALL(read, p[1], buf, 1), EBADF);
    CHECK_ERR(CALL(write, p[0], buf, 1), EBADF);
    CHECK_ERR(CALL(read, dir, buf, 1), EISDIR);
    CHECK_ERR(CALL(pread64, dir, buf, 1, 0), EISDIR);
    CHECK_ERR(CALL(readv, dir, &vec, 1), EISDIR);
    CHECK_ERR(CALL(write, dir, buf, 1), EBADF);
    CHECK_ERR(CALL(ftruncate, dir, 0), EINVAL);
    CHECK_ERR(CALL(truncate, ".", 0), EISDIR);
    CHECK_ERR(CALL(fallocate, dir, 0, 0, 1), EBADF);
    CHECK_ERR(CALL(sendfile, in, out, &off, 1), EBADF);
    CHECK_ERR(CALL(sendfile, app, in, &off, 1), EINVAL);
    CHECK_ERR(CALL(copy_file_range, out, NULL, out, NULL, 1, 0), EBADF);
    CHECK_ERR(CALL(copy_file_range, in, NULL, in, NULL, 1, 0), EBADF);
    CHECK_ERR(CALL(copy_file_range, in, NULL, app, NULL, 1, 0), EBADF);
    CHECK_ERR(CALL(copy_file_range, in, NULL, out, NULL, 1, 1), EINVAL);
    CHECK_ERR(CALL(copy_file_range, dir, NULL, out, NULL, 1, 0), EISDIR);
    CHECK_ERR(CALL(splice, in, NULL, out, NULL, 1, 0), EINVAL);
    CHECK_ERR(CALL(splice, in, &off, app, NULL, 1, 0), EINVAL);
    CHECK_ERR(CALL(splice, p[0], &off, out, NULL, 1, 0), ESPIPE);
    CHECK_ERR(CALL(splice, in, NULL, p[1], &off, 1, 0), ESPIPE);
    CHECK_ERR(CALL(splice, p[0], NULL, p[1], NULL, 1, 0), EINVAL);
    CHECK_ERR(CALL(splice, p[0], NULL, app, NULL, 1, 0), EINVAL);
    CHECK_ERR(CALL(splice, in, NULL, p[1], NULL, 1, 64), EINVAL);
    CHECK_ERR(CALL(splice, p[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERR(CALL(tee, in, out, 1, 0), EINVAL);
    CHECK_ERR(CALL(tee, p[0], p[1], 1, 0), EINVAL);
    CHECK_ERR(CALL(vmsplice, in, &vec, 1, 0), EBADF);
    CHECK_ERR(CALL(vmsplice, p[0], &vec, 1, 64), EINVAL);
    CHECK_ERR(CALL(mmap, 0, 4096, PROT_READ, MAP_SHARED, out, 0), EACCES);
    CHECK_ERR(CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, in, 0), EACCES);
    CHECK_ERR(CALL(mmap, 0, 4096, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
    CHECK_ERR(CALL(fcntl, in, F_SETLK, BAD), EFAULT);
    CHECK_ERR(CALL(fcntl, in, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    CHECK_ERR(CALL(fcntl, p[0], F_GET_SEALS, 0), EINVAL); /* files of a tmpfs have some */
    CHECK_ERR(CALL(fcntl, in, F_GETPIPE_SZ, 0), EBADF);
    CHECK_ERR(CALL(fcntl, in, F_DUPFD, -1), EINVAL);
    CHECK_ERR(CALL(fcntl, in, F_SETSIG, 65), EINVAL);
    CHECK_ERR(CALL(fcntl, in, 0x7777, 0), EINVAL);
    CHECK_ERR(CALL(flock, in, 0), EINVAL);
    CHECK_ERR(CALL(lseek, in, 0, 9), EINVAL);
    CHECK_ERR(CALL(lseek, in, -1L, SEEK_SET), EINVAL);
    CHECK_ERR(CALL(lseek, in, 100, SEEK_DATA), ENXIO);
    CHECK_ERR(CALL(ioctl, in, 0x12345678, 0), ENOTTY);
    CHECK_ERR(CALL(ioctl, in, TIOCGWINSZ, buf), ENOTTY);
    CHECK_ERR(CALL(ioctl, in, FIONREAD, BAD), EFAULT);
    CHECK_ERR(CALL(fadvise64, in, 0, -1L, POSIX_FADV_NORMAL), EINVAL);
    CHECK_ERR(CALL(fadvise64, in, 0, 1, 99), EINVAL);
    CHECK_ERR(CALL(sync_file_range, out, -1L, 1, 0), EINVAL);
    CHECK_ERR(CALL(sync_file_range, out, 0, 1, 64), EINVAL);
    CHECK_ERR(CALL(preadv2, in, &vec, 1, 0, 0, 0x8000000), EOPNOTSUPP);
    CHECK_ERR(CALL(readv, in, &vec, -1), EINVAL);
    CHECK_ERR(CALL(readv, in, &vec, 1025), EINVAL);
    CHECK_ERR(CALL(pread64, in, buf, 1, -1L), EINVAL);
    CHECK_ERR(CALL(write, out, BAD, 1), EFAULT);
    cannot_seek(p[0], p[1]);
    for (int fd = in; fd <= p[1]; fd++)
        close(fd);
}

/* Bad flags and memory of the calls that make a descriptor. */
static void making(void)
{
    struct itimerspec bad_time = {{0, 0}, {0, 1000000000}};
    int t = timerfd_create(CLOCK_MONOTONIC, 0), fds[2];
    sigset_t set;

    sigemptyset(&set);
    CHECK_ERR(CALL(pipe, BAD), EFAULT);
    CHECK_ERR(CALL(pipe2, fds, 1), EINVAL);
    CHECK_ERR(CALL(dup3, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(dup3, 0, 5, 1), EINVAL);
    CHECK_ERR(CALL(dup2, 0, 1 << 28), EBADF);
    CHECK_ERR(CALL(eventfd2, 0, 2), EINVAL);
    CHECK_ERR(CALL(epoll_create, 0), EINVAL);
    CHECK_ERR(CALL(epoll_create1, 1), EINVAL);
    CHECK_ERR(CALL(inotify_init1, 1), EINVAL);
    CHECK_ERR(CALL(signalfd4, -1, &set, 4, 0), EINVAL);
    CHECK_ERR(CALL(signalfd4, -1, &set, 8, 1), EINVAL);
    CHECK_ERR(CALL(signalfd4, -1, BAD, 8, 0), EFAULT);
    CHECK_ERR(CALL(signalfd4, 0, &set, 8, 0), EINVAL);
    CHECK_ERR(CALL(timerfd_create, 77, 0), EINVAL);
    CHECK_ERR(CALL(timerfd_create, CLOCK_MONOTONIC, 1), EINVAL);
    CHECK_ERR(CALL(timerfd_settime, t, 0, &bad_time, NULL), EINVAL);
    CHECK_ERR(CALL(timerfd_settime, t, 64, &bad_time, NULL), EINVAL);
    CHECK_ERR(CALL(timerfd_settime, t, 0, BAD, NULL), EFAULT);
    CHECK_ERR(CALL(timerfd_gettime, t, BAD), EFAULT);
    CHECK_ERR(CALL(timerfd_gettime, 0, &bad_time), EINVAL);
    CHECK_ERR(CALL(memfd_create, BAD, 0), EFAULT);
    CHECK_ERR(CALL(memfd_create, "m", 0x1000), EINVAL);
    memset(buf, 'n', sizeof(buf));
    CHECK_ERR(CALL(pidfd_open, getpid(), 1), EINVAL);
    CHECK_ERR(CALL(pidfd_open, 0, 0), EINVAL);
    CHECK_ERR(CALL(pidfd_open, 4000000, 0), ESRCH);
    CHECK_ERR(CALL(close_range, 9, 8, 0), EINVAL);
    CHECK_ERR(CALL(close_range, 900, 901, 64), EINVAL);
    close(t);
}

/* Each call that makes a descriptor, when there is room for none. */
static void no_room(void)
{
    struct rlimit few = {40, 40};
    sigset_t set;
    int pair[2], file = open("f", O_RDONLY), pid = (int)CALL(pidfd_open, getpid(), 0), n = 0;
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK(bind(listening, &(struct sockaddr){AF_UNIX, "s"}, 4) == 0 && listen(listening, 1) == 0);
    sigemptyset(&set);
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (dup(0) >= 0)
        n++;
    CHECK_ERR(CALL(dup, 0), EMFILE);
    CHECK_ERR(CALL(fcntl, 0, F_DUPFD, 0), EMFILE);
    CHECK_ERR(CALL(fcntl, 0, F_DUPFD, 40), EINVAL);
    CHECK_ERR(CALL(dup2, 0, 40), EBADF);
    CHECK_ERR(CALL(dup3, 0, 40, 0), EBADF);
    CHECK_ERR(CALL(open, "f", O_RDONLY), EMFILE);
    CHECK_ERR(CALL(open, "not there", O_RDONLY), EMFILE);
    CHECK_ERR(CALL(creat, "g", 0600), EMFILE);
    CHECK_ERR(CALL(pipe, pair), EMFILE);
    CHECK_ERR(CALL(eventfd2, 0, 0), EMFILE);
    CHECK_ERR(CALL(epoll_create1, 0), EMFILE);
    CHECK_ERR(CALL(inotify_init1, 0), EMFILE);
    CHECK_ERR(CALL(signalfd4, -1, &set, 8, 0), EMFILE);
    CHECK_ERR(CALL(timerfd_create, CLOCK_MONOTONIC, 0), EMFILE);
    CHECK_ERR(CALL(memfd_create, "m", 0), EMFILE);
    CHECK_ERR(CALL(socket, AF_UNIX, SOCK_STREAM, 0), EMFILE);
    CHECK_ERR(CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, pair), EMFILE);
    CHECK_ERR(CALL(pidfd_open, getpid(), 0), EMFILE);
    CHECK_ERR(CALL(pidfd_getfd, pid, 0, 0), EMFILE);
    CHECK_ERR(CALL(mq_open, "none", O_CREAT | O_RDWR, 0600, NULL), EMFILE);
    CHECK(access("g", F_OK) < 0 && errno == ENOENT);
    fcntl(listening, F_SETFL, O_NONBLOCK);
    CHECK_ERR(CALL(accept, listening, NULL, NULL), EMFILE);
    for (int fd = 3; fd < 40; fd++)
        close(fd);
    (void)file;
}

int main(void)
{
    close(open("f", O_CREAT | O_RDWR, 0644));
    CHECK(truncate("f", 10) == 0);
    closed(50);
    no_file(50, EBADF);
    no_file(open("f", O_PATH), EBADF);
    wrong_way();
    making();
    no_room();
    return check_result();
}
