/* Descriptors: dup, close_range, fcntl, locks of all three kinds. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

static int is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static void duplicates(void)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644), a, b;

    a = dup(fd);
    CHECK(a == fd + 1);
    close(fd);
    b = dup(a);
    CHECK(b == fd); /* always the lowest */
    CHECK(dup2(a, a) == a);
    CHECK_ERR(dup2(99, 99), EBADF);
    CHECK_ERR(dup2(99, 5), EBADF);
    CHECK_ERR(dup2(a, -1), EBADF);
    CHECK_ERR(dup3(a, a, 0), EINVAL);
    CHECK_ERR(dup3(a, 20, 1), EINVAL);
    CHECK(dup3(a, 20, O_CLOEXEC) == 20 && fcntl(20, F_GETFD) == FD_CLOEXEC);
    CHECK(dup2(20, 21) == 21 && fcntl(21, F_GETFD) == 0);
    CHECK(fcntl(a, F_DUPFD, 20) == 22);
    CHECK(fcntl(a, F_DUPFD_CLOEXEC, 100) == 100 && fcntl(100, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(100, F_SETFD, 0) == 0 && fcntl(100, F_GETFD) == 0);
    CHECK_ERR(fcntl(a, F_DUPFD, -1), EINVAL);
    CHECK(syscall(SYS_close_range, 20, 21, 0) == 0);
    CHECK(!is_open(20) && !is_open(21) && is_open(22) && is_open(100));
    CHECK(syscall(SYS_close_range, 22, ~0u, CLOSE_RANGE_CLOEXEC) == 0);
    CHECK(fcntl(22, F_GETFD) == FD_CLOEXEC);
    CHECK(syscall(SYS_close_range, 22, ~0u, 0) == 0 && !is_open(100));
    CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
    CHECK_ERR(syscall(SYS_close_range, 5, 6, 64), EINVAL);
    close(a), close(b);
    CHECK_ERR(close(a), EBADF);
    CHECK_ERR(close(-1), EBADF);
}

static void control(void)
{
    int fd = open("f", O_RDWR), p[2], on = 1;

    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND | O_CREAT | O_RDONLY) == 0);
    CHECK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_CREAT)) ==
          (O_RDWR | O_NONBLOCK | O_APPEND));
    CHECK(fcntl(fd, F_SETFL, 0) == 0 && (fcntl(fd, F_GETFL) & O_APPEND) == 0);
    CHECK_ERR(fcntl(fd, 9999, 0), EINVAL);
    CHECK_ERR(fcntl(99, F_GETFL), EBADF);
    CHECK(fcntl(fd, F_SETOWN, getpid()) == 0 && fcntl(fd, F_GETOWN) == getpid());
    CHECK(fcntl(fd, F_SETSIG, SIGUSR1) == 0 && fcntl(fd, F_GETSIG) == SIGUSR1);
    CHECK_ERR(fcntl(fd, F_SETSIG, 65), EINVAL);
    struct f_owner_ex ex = {F_OWNER_TID, 1};
    CHECK(fcntl(fd, F_SETOWN_EX, &ex) == 0 || errno == ESRCH);
    CHECK(fcntl(fd, F_GETLEASE) == F_UNLCK);
    CHECK_ERR(fcntl(fd, F_GETPIPE_SZ), EBADF);
    CHECK_ERR(fcntl(fd, F_GET_SEALS), EINVAL);
    CHECK(ioctl(fd, FIOCLEX) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(ioctl(fd, FIONCLEX) == 0 && fcntl(fd, F_GETFD) == 0);
    CHECK(ioctl(fd, FIONBIO, &on) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK));
    close(fd);
    CHECK(pipe2(p, O_CLOEXEC) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(p[0], F_GETPIPE_SZ) == 65536);
    CHECK(fcntl(p[0], F_SETPIPE_SZ, 5000) == 8192 && fcntl(p[1], F_GETPIPE_SZ) == 8192);
    close(p[0]), close(p[1]);
}

static void seals(void)
{
    int fd = memfd_create("sealed", MFD_ALLOW_SEALING), plain = memfd_create("plain", 0);
    char text[64], name[64];

    CHECK(fd >= 0 && ftruncate(fd, 100) == 0);
    CHECK(fcntl(fd, F_GET_SEALS) == 0 && fcntl(plain, F_GET_SEALS) == F_SEAL_SEAL);
    CHECK_ERR(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
    CHECK_ERR(ftruncate(fd, 101), EPERM);
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, 0x100), EINVAL);
    CHECK(ftruncate(fd, 50) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    CHECK_ERR(ftruncate(fd, 49), EPERM);
    void *m = mmap(NULL, 50, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    munmap(m, 50);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0);
    CHECK_ERR(write(fd, "x", 1), EPERM);
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    sprintf(name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, text, sizeof(text));
    CHECK(n == 23 && memcmp(text, "/memfd:sealed (deleted)", 23) == 0);
    close(fd), close(plain);
}

static int range(int fd, int cmd, short type, off_t start, off_t len)
{
    struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

    return fcntl(fd, cmd, &fl);
}

static void *unlocker(void *arg)
{
    usleep(50000);
    CHECK(range(*(int *)arg, F_OFD_SETLK, F_UNLCK, 0, 0) == 0);
    return NULL;
}

static void on_alarm(int sig) {}

static void locks(void)
{
    int a = open("f", O_RDWR), b = open("f", O_RDWR), ro = open("f", O_RDONLY);
    struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -5, .l_len = 3};
    pthread_t t;

    CHECK(ftruncate(a, 100) == 0);
    CHECK(range(a, F_OFD_SETLK, F_WRLCK, 10, 10) == 0);
    CHECK_ERR(range(b, F_OFD_SETLK, F_RDLCK, 19, 5), EAGAIN);
    CHECK(range(b, F_OFD_SETLK, F_RDLCK, 20, 5) == 0);
    CHECK_ERR(range(ro, F_OFD_SETLK, F_WRLCK, 50, 1), EBADF);
    CHECK_ERR(range(b, F_OFD_SETLK, 7, 50, 1), EINVAL);
    CHECK_ERR(range(b, F_SETLK, F_RDLCK, -1, 1), EINVAL);
    CHECK(fcntl(a, F_OFD_SETLK, &fl) == 0);
    fl = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
    CHECK(fcntl(b, F_OFD_GETLK, &fl) == 0);
    CHECK(fl.l_type == F_WRLCK && fl.l_start == 10 && fl.l_len == 10 && fl.l_pid == -1);
    fl = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 50, .l_len = 0};
    CHECK(fcntl(b, F_OFD_GETLK, &fl) == 0 && fl.l_start == 95 && fl.l_len == 3);
    fl = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 30, .l_len = -10};
    CHECK(fcntl(b, F_OFD_GETLK, &fl) == 0 && fl.l_type == F_UNLCK);
    /* Waiting, and being interrupted in it. */
    pthread_create(&t, NULL, unlocker, &a);
    CHECK(range(b, F_OFD_SETLKW, F_WRLCK, 0, 0) == 0);
    pthread_join(t, NULL);
    struct sigaction sa = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &sa, NULL);
    /* Again and again, so that a slow machine can't miss the call. */
    struct itimerval often = {{0, 300000}, {0, 300000}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    CHECK_ERR(range(a, F_OFD_SETLKW, F_RDLCK, 0, 1), EINTR);
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(range(b, F_OFD_SETLK, F_UNLCK, 0, 0) == 0);
    /* POSIX locks are the process's, and gone with any close. */
    CHECK(range(a, F_SETLK, F_WRLCK, 0, 10) == 0 && range(b, F_SETLK, F_WRLCK, 5, 10) == 0);
    CHECK_ERR(range(a, F_OFD_SETLK, F_RDLCK, 12, 1), EAGAIN);
    close(open("f", O_RDONLY));
    CHECK(range(a, F_OFD_SETLK, F_RDLCK, 12, 1) == 0);
    /* flock is another world. */
    CHECK(flock(a, LOCK_EX) == 0);
    CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK(flock(a, LOCK_SH) == 0 && flock(b, LOCK_SH) == 0);
    CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    int c = dup(a);
    close(a);
    CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    close(c);
    CHECK(flock(b, LOCK_EX | LOCK_NB) == 0 && flock(b, LOCK_UN) == 0);
    CHECK_ERR(flock(b, 0), EINVAL);
    CHECK_ERR(flock(99, LOCK_SH), EBADF);
    close(b), close(ro);
}

/* What /proc/self/fd says, and opening through it. */
static void names(void)
{
    char name[64], text[64], buf[4];
    int p[2], e = eventfd(0, 0);
    struct stat st;
    ssize_t n;

    CHECK(pipe(p) == 0 && fstat(p[0], &st) == 0);
    sprintf(name, "/proc/self/fd/%d", p[0]);
    n = readlink(name, text, sizeof(text) - 1);
    text[n < 0 ? 0 : n] = 0;
    sprintf(buf + 0, "%s", "");
    char want[64];
    sprintf(want, "pipe:[%lu]", (unsigned long)st.st_ino);
    CHECK(strcmp(text, want) == 0);
    sprintf(name, "/dev/fd/%d", p[1]);
    int w = open(name, O_WRONLY);
    CHECK(w >= 0 && write(w, "dev", 3) == 3 && read(p[0], buf, 3) == 3);
    sprintf(name, "/proc/self/fd/%d", e);
    n = readlink(name, text, sizeof(text) - 1);
    text[n < 0 ? 0 : n] = 0;
    CHECK(strcmp(text, "anon_inode:[eventfd]") == 0);
    CHECK_ERR(open("/proc/self/fd/99", O_RDONLY), ENOENT);
    close(w), close(p[0]), close(p[1]), close(e);
}

int main(void)
{
    scratch_enter("/tmp");
    duplicates();
    control();
    seals();
    locks();
    names();
    scratch_leave();
    return check_result();
}
