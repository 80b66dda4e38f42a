/* Calls that wait, when a handled signal comes first and when what they wait for is taken away;
 * errors of the objects they wait for. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"
#include "check.h"
#include "ticking.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)

static char buf[64];
static struct {
    long type;
    char text[16];
} message = {1, "text"};

/* Holds both kinds of lock on "f" until it is killed. */
static pid_t holder(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int ready[2];
    pid_t pid;

    CHECK(pipe(ready) == 0);
    pid = fork();
    if (!pid) {
        int fd = open("f", O_RDWR);

        if (flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLK, &lock) == 0)
            CHECK(write(ready[1], "", 1) == 1);
        for (;;)
            pause();
    }
    CHECK(read(ready[0], buf, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void locks(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET}, odd = {.l_type = 77};
    int fd = open("f", O_RDWR), reader = open("f", O_RDONLY);
    pid_t pid = holder();

    CHECK_ERR(CALL(flock, fd, LOCK_EX | LOCK_NB), EAGAIN);
    CHECK_ERR(CALL(fcntl, fd, F_SETLK, &lock), EAGAIN);
    CHECK_ERR(CALL(fcntl, fd, F_OFD_SETLK, &lock), EAGAIN);
    CHECK_ERR(CALL(fcntl, reader, F_SETLK, &lock), EBADF);
    CHECK_ERR(CALL(fcntl, fd, F_SETLK, &odd), EINVAL);
    ticking(1);
    CHECK_ERR(CALL(flock, fd, LOCK_EX), EINTR);
    CHECK_ERR(CALL(fcntl, fd, F_SETLKW, &lock), EINTR);
    CHECK_ERR(CALL(fcntl, fd, F_OFD_SETLKW, &lock), EINTR);
    ticking(0);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLKW, &lock) == 0);
    close(fd);
    close(reader);
}

/* Two that each hold what the other waits for: who comes second is told. */
static void deadlock(void)
{
    struct flock first = {.l_type = F_WRLCK, .l_len = 1},
                 second = {.l_type = F_WRLCK, .l_start = 1, .l_len = 1};
    int fd = open("f", O_RDWR), ready[2], status;
    pid_t pid;

    CHECK(pipe(ready) == 0 && fcntl(fd, F_SETLK, &first) == 0);
    pid = fork();
    if (!pid) {
        CHECK(fcntl(fd, F_SETLK, &second) == 0 && write(ready[1], "", 1) == 1);
        while (fcntl(fd, F_SETLKW, &first) < 0)
            CHECK(errno == EDEADLK);
        _exit(check_failures != 0);
    }
    CHECK(read(ready[0], buf, 1) == 1);
    ticking(1);
    while (fcntl(fd, F_SETLKW, &second) < 0 && errno == EINTR)
        ; /* it is the child that was told */
    CHECK_ERR(CALL(fcntl, fd, F_SETLKW, &second), EDEADLK);
    ticking(0);
    first.l_type = F_UNLCK;
    CHECK(fcntl(fd, F_SETLK, &first) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    close(fd);
    close(ready[0]);
    close(ready[1]);
}

static void sleeping(void)
{
    struct timespec ts = {5, 0}, rest, bad = {0, 1000000000};
    siginfo_t info;
    static uint32_t word;
    uint64_t usr1 = 1ull << (SIGUSR1 - 1);
    pid_t pid = fork();

    if (!pid)
        for (;;)
            pause();
    ticking(1);
    CHECK_ERR(CALL(pause), EINTR);
    CHECK_ERR(CALL(nanosleep, &ts, &rest), EINTR);
    CHECK_ERR(CALL(nanosleep, &ts, BAD), EFAULT);
    CHECK_ERR(CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, &rest), EINTR);
    CHECK_ERR(CALL(wait4, pid, NULL, 0, NULL), EINTR);
    CHECK_ERR(CALL(waitid, P_PID, pid, &info, WEXITED, NULL), EINTR);
    CHECK_ERR(CALL(rt_sigtimedwait, &usr1, NULL, &ts, 8), EINTR);
    CHECK_ERR(CALL(futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
    CHECK_ERR(CALL(futex, &word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 1), EINTR);
    ticking(0);
    CHECK_ERR(CALL(nanosleep, &bad, NULL), EINVAL);
    CHECK_ERR(CALL(nanosleep, BAD, NULL), EFAULT);
    CHECK_ERR(CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, NULL), EFAULT);
    CHECK_ERR(CALL(clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL), EOPNOTSUPP);
    CHECK_ERR(CALL(clock_nanosleep, 99, 0, &ts, NULL), EINVAL);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

/* Removes the object of that number once its parent sleeps on it. */
static pid_t remover(int id, int kind)
{
    pid_t pid = fork();

    if (!pid) {
        let_sleep(getppid());
        if (kind == SYS_semctl)
            semctl(id, 0, IPC_RMID);
        else
            msgctl(id, IPC_RMID, NULL);
        _exit(0);
    }
    return pid;
}

static void queues(void)
{
    int id = msgget(IPC_PRIVATE, 0600);
    struct msqid_ds ds;
    pid_t pid;

    CHECK_ERR(CALL(msgrcv, id, &message, 16, 0, IPC_NOWAIT), ENOMSG);
    CHECK_ERR(CALL(msgrcv, id, &message, -1L, 0, 0), EINVAL);
    CHECK_ERR(CALL(msgsnd, id, BAD, 4, 0), EFAULT);
    message.type = 0;
    CHECK_ERR(CALL(msgsnd, id, &message, 4, 0), EINVAL);
    message.type = 1;
    CHECK_ERR(CALL(msgsnd, id, &message, 1 << 20, 0), EINVAL);
    CHECK_ERR(CALL(msgctl, id, IPC_STAT, BAD), EFAULT);
    CHECK_ERR(CALL(msgctl, id, IPC_SET, BAD), EFAULT);
    CHECK_ERR(CALL(msgctl, id, 99, &ds), EINVAL);
    ticking(1);
    CHECK_ERR(CALL(msgrcv, id, &message, 16, 0, 0), EINTR);
    while (CALL(msgsnd, id, &message, 16, IPC_NOWAIT) == 0)
        ;
    CHECK_ERR(CALL(msgsnd, id, &message, 16, IPC_NOWAIT), EAGAIN);
    CHECK_ERR(CALL(msgsnd, id, &message, 16, 0), EINTR);
    ticking(0);
    CHECK_ERR(CALL(msgrcv, id, &message, 4, 0, 0), E2BIG);
    CHECK_ERR(CALL(msgrcv, id, BAD, 16, 0, 0), EFAULT);
    while (CALL(msgsnd, id, &message, 16, IPC_NOWAIT) == 0)
        ;
    pid = remover(id, SYS_msgctl);
    CHECK_ERR(CALL(msgsnd, id, &message, 16, 0), EIDRM);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK_ERR(CALL(msgsnd, id, &message, 16, 0), EINVAL);
    id = msgget(IPC_PRIVATE, 0600);
    pid = remover(id, SYS_msgctl);
    CHECK_ERR(CALL(msgrcv, id, &message, 16, 0, 0), EIDRM);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static void semaphores(void)
{
    int id = semget(IPC_PRIVATE, 2, 0600);
    struct sembuf down = {0, -1, 0}, up = {0, 32767, 0}, far = {5, 1, 0}, one = {0, 1, 0};
    struct timespec soon = {0, 1000000}, bad = {0, -1};
    pid_t pid;

    CHECK_ERR(CALL(semop, id, &far, 1), EFBIG);
    CHECK_ERR(CALL(semop, id, &down, 0), EINVAL);
    CHECK_ERR(CALL(semop, id, &down, 100000), E2BIG);
    CHECK_ERR(CALL(semop, id, BAD, 1), EFAULT);
    CHECK_ERR(CALL(semop, -1, &down, 1), EINVAL);
    CHECK_ERR(CALL(semtimedop, id, &down, 1, &soon), EAGAIN);
    CHECK_ERR(CALL(semtimedop, id, &down, 1, &bad), EINVAL);
    CHECK_ERR(CALL(semctl, id, 9, GETVAL, 0), EINVAL);
    CHECK_ERR(CALL(semctl, id, 0, SETVAL, 40000), ERANGE);
    CHECK_ERR(CALL(semctl, id, 0, IPC_STAT, BAD), EFAULT);
    CHECK_ERR(CALL(semctl, id, 0, GETALL, BAD), EFAULT);
    CHECK_ERR(CALL(semctl, id, 0, 99, 0), EINVAL);
    ticking(1);
    CHECK_ERR(CALL(semop, id, &down, 1), EINTR);
    ticking(0);
    CHECK(CALL(semop, id, &up, 1) == 0);
    CHECK_ERR(CALL(semop, id, &one, 1), ERANGE);
    CHECK(CALL(semctl, id, 0, SETVAL, 0) == 0);
    pid = remover(id, SYS_semctl);
    CHECK_ERR(CALL(semop, id, &down, 1), EIDRM);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK_ERR(CALL(semop, id, &down, 1), EINVAL);
}

static void polling(void)
{
    struct epoll_event ev = {EPOLLIN, {0}}, shared = {EPOLLIN | EPOLLEXCLUSIVE, {0}};
    int ep = epoll_create1(0), other = epoll_create1(0), event = eventfd(0, 0),
        fd = open("f", O_RDONLY);

    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, event, &ev) == 0);
    CHECK_ERR(CALL(epoll_ctl, ep, EPOLL_CTL_ADD, event, &ev), EEXIST);
    CHECK_ERR(CALL(epoll_ctl, ep, EPOLL_CTL_MOD, other, &ev), ENOENT);
    CHECK_ERR(CALL(epoll_ctl, ep, EPOLL_CTL_DEL, other, NULL), ENOENT);
    CHECK_ERR(CALL(epoll_ctl, ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
    CHECK_ERR(CALL(epoll_ctl, ep, 99, event, &ev), EINVAL);
    CHECK_ERR(CALL(epoll_ctl, ep, EPOLL_CTL_MOD, event, &shared), EINVAL);
    CHECK_ERR(CALL(epoll_ctl, fd, EPOLL_CTL_ADD, event, &ev), EINVAL);
    CHECK_ERR(CALL(epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev), EPERM);
    CHECK_ERR(CALL(epoll_ctl, ep, EPOLL_CTL_ADD, other, BAD), EFAULT);
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, other, &ev) == 0);
    CHECK_ERR(CALL(epoll_ctl, other, EPOLL_CTL_ADD, ep, &ev), ELOOP);
    ticking(1);
    CHECK_ERR(CALL(epoll_wait, ep, &ev, 1, -1), EINTR);
    CHECK_ERR(CALL(read, event, buf, 8), EINTR);
    ticking(0);
    CHECK_ERR(CALL(read, event, buf, 4), EINVAL);
    CHECK_ERR(CALL(write, event, buf, 4), EINVAL);
    close(ep);
    close(other);
    close(event);
    close(fd);
}

static void names(void)
{
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_NO_SYMLINKS},
                    bad = {.resolve = 1 << 20};
    int dir = open("d", O_RDONLY | O_DIRECTORY);
    static char large[70000];

    CHECK(symlink("../f", "d/out") == 0 && mkdir("d/sub", 0755) == 0 && mkdir("full", 0755) == 0);
    CHECK_ERR(CALL(openat2, dir, "out", &how, sizeof(how)), ELOOP);
    how.resolve = RESOLVE_BENEATH;
    CHECK_ERR(CALL(openat2, dir, "out", &how, sizeof(how)), EXDEV);
    CHECK_ERR(CALL(openat2, dir, "/", &how, sizeof(how)), EXDEV);
    CHECK_ERR(CALL(openat2, dir, "f", &bad, sizeof(bad)), EINVAL);
    CHECK_ERR(CALL(openat2, dir, "f", &how, 8), EINVAL);
    CHECK_ERR(CALL(openat2, dir, "f", BAD, sizeof(how)), EFAULT);
    CHECK_ERR(CALL(rename, "full", "d"), ENOTEMPTY);
    CHECK_ERR(CALL(renameat2, AT_FDCWD, "full", AT_FDCWD, "d", RENAME_NOREPLACE), EEXIST);
    CHECK_ERR(CALL(renameat2, AT_FDCWD, "full", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
    CHECK_ERR(CALL(rename, "d", "d/sub/x"), EINVAL);
    CHECK_ERR(CALL(rmdir, "d"), ENOTEMPTY);
    CHECK_ERR(CALL(rmdir, "d/."), EINVAL);
    CHECK_ERR(CALL(rmdir, "/"), EBUSY);
    CHECK_ERR(CALL(unlinkat, dir, "sub", 0), EISDIR);
    CHECK_ERR(CALL(setxattr, "f", "user.a", large, 65537, 0), E2BIG);
    CHECK_ERR(CALL(setxattr, "f", "nospace", "", 0, 0), EOPNOTSUPP);
    CHECK_ERR(CALL(setxattr, "f", "user.", "", 0, 0), EINVAL);
    CHECK_ERR(CALL(setxattr, "f", "user.a", "", 0, 7), EINVAL);
    CHECK_ERR(CALL(setxattr, "f", "", "", 0, 0), ERANGE);
    CHECK_ERR(CALL(getxattr, "f", "nospace", buf, 1), EOPNOTSUPP);
    CHECK_ERR(CALL(removexattr, "f", "nospace"), EOPNOTSUPP);
    close(dir);
}

int main(void)
{
    close(open("f", O_CREAT | O_RDWR, 0644));
    mkdir("d", 0755);
    locks();
    deadlock();
    sleeping();
    queues();
    semaphores();
    polling();
    names();
    return check_result();
}
