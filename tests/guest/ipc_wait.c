/* Signals, masks and timeouts of poll, select, epoll_wait and of blocking reads and writes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile int handled;
static void *volatile nowhere = (void *)8;
static int nothing[2]; /* a pipe nobody writes to */

static void handler(int sig) { handled++; }

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Again and again, so that a slow machine can't miss the call; 0: no more. */
static void alarm_in_ms(int ms)
{
    struct itimerval it = {{0, ms * 1000}, {0, ms * 1000}};
    setitimer(ITIMER_REAL, &it, NULL);
}

static void action(int flags)
{
    struct sigaction a = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGALRM, &a, NULL);
    sigaction(SIGUSR1, &a, NULL);
}

static int blocked(int sig)
{
    sigset_t now_blocked;
    sigprocmask(SIG_BLOCK, NULL, &now_blocked);
    return sigismember(&now_blocked, sig);
}

/* A signal pending under the caller's mask is delivered under the call's, once; the mask
 * is back afterwards. */
static void masks(void)
{
    struct pollfd p = {.fd = nothing[0], .events = POLLIN};
    struct timespec second = {1, 0};
    struct epoll_event ev = {.events = EPOLLIN};
    int ep = epoll_create1(0);
    sigset_t usr1, none;
    fd_set in;

    epoll_ctl(ep, EPOLL_CTL_ADD, nothing[0], &ev);
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    for (int call = 0; call < 3; call++) {
        int rc = 0;
        handled = 0;
        raise(SIGUSR1);
        CHECK(handled == 0);
        errno = 0;
        if (call == 0)
            rc = ppoll(&p, 1, &second, &none);
        FD_ZERO(&in);
        FD_SET(nothing[0], &in);
        if (call == 1)
            rc = pselect(nothing[0] + 1, &in, NULL, NULL, &second, &none);
        if (call == 2)
            rc = epoll_pwait(ep, &ev, 1, 1000, &none);
        CHECK(rc == -1 && errno == EINTR);
        CHECK(handled == 1);
        CHECK(blocked(SIGUSR1));
    }
    /* Ready: the signal stays pending. */
    int fd = eventfd(1, 0);
    raise(SIGUSR1);
    p = (struct pollfd){.fd = fd, .events = POLLIN};
    handled = 0;
    CHECK(ppoll(&p, 1, &second, &usr1) == 1 && handled == 0);
    CHECK(blocked(SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    CHECK(handled == 1);
    close(fd);
    close(ep);
}

static void interrupted(int flags)
{
    struct pollfd p = {.fd = nothing[0], .events = POLLIN};
    struct epoll_event ev = {.events = EPOLLIN};
    struct timeval tv = {5, 0};
    int ep = epoll_create1(0);
    fd_set in;

    action(flags);
    epoll_ctl(ep, EPOLL_CTL_ADD, nothing[0], &ev);
    alarm_in_ms(30);
    CHECK(poll(&p, 1, 5000) == -1 && errno == EINTR);
    alarm_in_ms(0);
    alarm_in_ms(30);
    CHECK(epoll_wait(ep, &ev, 1, 5000) == -1 && errno == EINTR);
    alarm_in_ms(0);
    alarm_in_ms(30);
    FD_ZERO(&in);
    FD_SET(nothing[0], &in);
    CHECK(select(nothing[0] + 1, &in, NULL, NULL, &tv) == -1 && errno == EINTR);
    alarm_in_ms(0);
    CHECK(tv.tv_sec > 0 || tv.tv_usec > 0); /* what was left */
    close(ep);
}

static void timeouts(void)
{
    struct pollfd p = {.fd = nothing[0], .events = POLLIN};
    struct timeval tv = {0, 30000};
    struct timespec ts = {0, 30000000};
    struct epoll_event ev;
    int ep = epoll_create1(0);
    double t = now();

    CHECK(poll(&p, 1, 30) == 0);
    CHECK(epoll_wait(ep, &ev, 1, 30) == 0);
    CHECK(select(0, NULL, NULL, NULL, &tv) == 0 && tv.tv_sec == 0 && tv.tv_usec == 0);
    CHECK(ppoll(NULL, 0, &ts, NULL) == 0);
    CHECK(syscall(SYS_epoll_pwait2, ep, &ev, 1, &ts, NULL, 8) == 0);
    t = now() - t;
    CHECK(t >= 0.15);
    ts.tv_nsec = 1000000000;
    CHECK(ppoll(NULL, 0, &ts, NULL) == -1 && errno == EINVAL);
    CHECK(epoll_wait(ep, &ev, 0, 0) == -1 && errno == EINVAL);
    CHECK(epoll_wait(ep, nowhere, 1, 0) == 0 || errno == EFAULT);
    CHECK(epoll_wait(nothing[0], &ev, 1, 0) == -1 && errno == EINVAL);
    CHECK(poll(nowhere, 1, 0) == -1 && errno == EFAULT);
    CHECK(select(-1, NULL, NULL, NULL, &tv) == -1 && errno == EINVAL);
    close(ep);
}

static void *write_later(void *fd)
{
    usleep(80000);
    CHECK(write(*(int *)fd, "k", 1) == 1);
    return NULL;
}

/* Signals are for the main thread only. */
static void start_writer(pthread_t *t, int *fd)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_create(t, NULL, write_later, fd);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Reads restart with SA_RESTART, not without; timeouts on sockets never do. */
static void restarts(void)
{
    struct timeval tv = {0, 200000};
    pthread_t t;
    int p[2], s[2];
    char c = 0;

    CHECK(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    action(SA_RESTART);
    start_writer(&t, &p[1]);
    alarm_in_ms(20);
    CHECK(read(p[0], &c, 1) == 1 && c == 'k');
    alarm_in_ms(0);
    pthread_join(t, NULL);
    start_writer(&t, &s[1]);
    alarm_in_ms(20);
    CHECK(recv(s[0], &c, 1, 0) == 1);
    alarm_in_ms(0);
    pthread_join(t, NULL);
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    CHECK(recv(s[0], &c, 1, 0) == -1 && errno == EAGAIN);
    alarm_in_ms(20);
    CHECK(recv(s[0], &c, 1, 0) == -1 && errno == EINTR);
    alarm_in_ms(0);
    action(0);
    alarm_in_ms(20);
    CHECK(read(p[0], &c, 1) == -1 && errno == EINTR);
    alarm_in_ms(0);
    alarm_in_ms(20);
    CHECK(accept(s[0], NULL, NULL) == -1 && errno == EINVAL);
    alarm_in_ms(0);
}

/* A write that moved something before the signal says how much. */
static void partial_write(void)
{
    static char big[300000];
    int p[2];
    ssize_t n;

    CHECK(pipe(p) == 0);
    alarm_in_ms(30);
    n = write(p[1], big, sizeof(big));
    CHECK(n == 65536);
    alarm_in_ms(0);
    alarm_in_ms(30);
    CHECK(write(p[1], big, 1) == -1 && errno == EINTR);
    alarm_in_ms(0);
    signal(SIGPIPE, SIG_IGN);
    close(p[0]);
    CHECK(write(p[1], big, 1) == -1 && errno == EPIPE);
    signal(SIGPIPE, handler);
    handled = 0;
    CHECK(write(p[1], big, 1) == -1 && errno == EPIPE && handled == 1);
    close(p[1]);
}

/* Closing the descriptor another thread polls does not end the wait. */
static void *close_later(void *fd)
{
    usleep(30000);
    close(*(int *)fd);
    return NULL;
}

static void closed_meanwhile(void)
{
    pthread_t t;
    int p[2];

    CHECK(pipe(p) == 0);
    struct pollfd pf = {.fd = p[0], .events = POLLIN};
    pthread_create(&t, NULL, close_later, &p[0]);
    int rc = 0;
    for (int i = 0; i < 300 && rc == 0; i++) /* seen when the time is up */
        rc = poll(&pf, 1, 100);
    CHECK(rc == 1 && pf.revents == POLLNVAL);
    pthread_join(t, NULL);
    close(p[1]);
}

static void signal_descriptors(void)
{
    struct signalfd_siginfo info[3];
    union sigval value = {.sival_int = 77};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    CHECK(read(fd, info, sizeof(info)) == -1 && errno == EAGAIN);
    CHECK(read(fd, info, 100) == -1 && errno == EINVAL);
    sigqueue(getpid(), SIGRTMIN, value);
    raise(SIGUSR2);
    CHECK(read(fd, info, sizeof(info)) == 2 * sizeof(info[0]));
    CHECK(info[0].ssi_signo == SIGUSR2 && info[0].ssi_code == SI_TKILL);
    CHECK(info[1].ssi_signo == (unsigned)SIGRTMIN && info[1].ssi_int == 77);
    CHECK(info[1].ssi_pid == (unsigned)getpid());
    close(fd);
}

int main(void)
{
    CHECK(pipe(nothing) == 0);
    action(0);
    masks();
    interrupted(0);
    interrupted(SA_RESTART);
    timeouts();
    restarts();
    action(0);
    partial_write();
    closed_meanwhile();
    signal_descriptors();
    return check_result();
}
