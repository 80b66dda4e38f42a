/* Signal storms across threads and processes, while they block in every way and fork.
 * No signal of a real-time queue may be lost, no call may fail otherwise than Linux lets
 * it (EINTR where there is no restart), nothing may hang.
 * usage: storm SECONDS */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "stress.h"

#define THREADS 6

static volatile int stop;
static volatile long sent, taken, ticks;
static pid_t tids[THREADS];
static int pipes[2], sockets[2];

static void on_rt(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)context;
    if (info->si_code == SI_QUEUE)
        __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
}

static void on_tick(int sig)
{
    int saved = errno;

    (void)sig;
    ticks++;
    getppid();
    errno = saved;
}

static void block_somehow(int how)
{
    struct timespec t = {0, 3000000};
    struct timeval tv = {0, 3000};
    struct pollfd p = {pipes[0], POLLIN, 0};
    char c;
    fd_set set;

    switch (how) {
    case 0:
        NEED(nanosleep(&t, NULL) == 0 || errno == EINTR);
        break;
    case 1:
        NEED(poll(&p, 1, 3) >= 0 || errno == EINTR);
        break;
    case 2:
        FD_ZERO(&set);
        FD_SET(pipes[0], &set);
        NEED(select(pipes[0] + 1, &set, NULL, NULL, &tv) >= 0 || errno == EINTR);
        break;
    case 3: { /* restarts with SA_RESTART: always exactly one byte */
        NEED(write(pipes[1], "x", 1) == 1);
        NEED(read(pipes[0], &c, 1) == 1);
        break;
    }
    case 4:
        NEED(send(sockets[0], "y", 1, 0) == 1);
        NEED(recv(sockets[1], &c, 1, 0) == 1);
        break;
    case 5: {
        int ep = epoll_create1(0);
        struct epoll_event ev = {.events = EPOLLIN};
        NEED(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, sockets[1], &ev) == 0);
        NEED(epoll_wait(ep, &ev, 1, 3) >= 0 || errno == EINTR);
        close(ep);
        break;
    }
    case 6: {
        int word = 0;
        long rc = syscall(SYS_futex, &word, 0, 0, &t, NULL, 0);
        NEED(rc == 0 || errno == EINTR || errno == ETIMEDOUT);
        break;
    }
    case 7: {
        sigset_t none;
        struct itimerspec in = {.it_value = {0, 2000000}};
        uint64_t n;
        int fd = timerfd_create(CLOCK_MONOTONIC, 0);
        sigemptyset(&none);
        NEED(fd >= 0 && timerfd_settime(fd, 0, &in, NULL) == 0);
        NEED(read(fd, &n, 8) == 8);
        close(fd);
        break;
    }
    case 8: {
        int status;
        pid_t pid = fork();
        NEED(pid >= 0);
        if (pid == 0)
            _exit(5);
        NEED(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 5);
        break;
    }
    case 9: {
        int status;
        pid_t pid = vfork();
        if (pid == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(9);
        }
        NEED(pid > 0);
        NEED(waitpid(pid, &status, 0) == pid);
        if (status)
            die("/bin/true after vfork ended with status %x", status);
        break;
    }
    }
}

static void *worker(void *arg)
{
    long n = (long)arg;
    unsigned seed = (unsigned)n * 31 + 7;

    tids[n] = gettid();
    while (!stop)
        block_somehow((int)((unsigned)rand_r(&seed) % 10));
    return NULL;
}

static void shoot(long end)
{
    union sigval v = {0};

    while (now_ms() < end) {
        pid_t tid = tids[chance(THREADS)];
        switch (chance(4)) {
        case 0:
            if (sigqueue(getpid(), SIGRTMIN + 2, v) == 0)
                sent++;
            else
                NEED(errno == EAGAIN);
            break;
        case 1:
            if (tid)
                syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
            break;
        case 2:
            kill(getpid(), SIGUSR2);
            break;
        default:
            if (chance(8) == 0)
                usleep(chance(500));
        }
    }
}

/* A child that catches a storm from outside, stopped and continued in between.  It holds the pipe
 * that the end of all is seen by, so it ends with who fails, too. */
static pid_t victim(void)
{
    pid_t pid = fork();

    NEED(pid >= 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        block_somehow((int)chance(3));
}

int main(int argc, char **argv)
{
    struct sigaction rt = {.sa_sigaction = on_rt, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction tick = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    long end = now_ms() + (argc > 1 ? atoi(argv[1]) : 2) * 1000L;
    pthread_t t[THREADS];
    int status;

    NEED(pipe(pipes) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) == 0);
    sigaction(SIGRTMIN + 2, &rt, NULL);
    sigaction(SIGUSR1, &tick, NULL);
    sigaction(SIGUSR2, &tick, NULL);
    sigaction(SIGALRM, &tick, NULL);
    pid_t other = victim();
    for (long i = 0; i < THREADS; i++)
        NEED(pthread_create(&t[i], NULL, worker, (void *)i) == 0);
    NEED(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (now_ms() < end) {
        shoot(now_ms() + 50 < end ? now_ms() + 50 : end);
        kill(other, SIGUSR1);
        kill(other, SIGSTOP);
        kill(other, SIGCONT);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        NEED(pthread_join(t[i], NULL) == 0);
    kill(other, SIGKILL);
    NEED(waitpid(other, &status, 0) == other && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (long limit = now_ms() + 60000; taken < sent && now_ms() < limit;)
        usleep(1000);
    if (taken != sent)
        die("%ld of %ld queued signals came", taken, sent);
    fprintf(stderr, "%ld queued signals, %ld others\n", sent, ticks);
    puts("every queued signal came");
    return ticks == 0;
}
