/* O_ASYNC: a signal when a pipe, socket or terminal can be read or written; who gets it
 * (F_SETOWN, F_SETOWN_EX), which one (F_SETSIG), and what it says. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"

static volatile int count, last_fd, last_code, last_sig;
static volatile long last_band;
static volatile pid_t last_tid;

static void on_io(int sig, siginfo_t *info, void *context)
{
    last_sig = sig;
    last_fd = info->si_fd;
    last_code = info->si_code;
    last_band = info->si_band;
    last_tid = (pid_t)syscall(SYS_gettid);
    count++;
}

static int came(void)
{
    for (int i = 0; !count && i < 60000; i++)
        usleep(1000);
    int n = count;
    count = 0;
    return n > 0;
}

/* Nothing comes, nor anything late. */
static int silent(void)
{
    usleep(20000);
    int n = count;
    count = 0;
    return n == 0;
}

static void async(int fd, int on)
{
    int flags = fcntl(fd, F_GETFL);

    CHECK(fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC) == 0);
    CHECK(!(fcntl(fd, F_GETFL) & O_ASYNC) == !on);
}

static void pipes(void)
{
    int p[2], sig = SIGRTMIN + 1;
    char data[65536] = "";

    CHECK(pipe(p) == 0);
    CHECK(fcntl(p[0], F_GETOWN) == 0 && fcntl(p[0], F_GETSIG) == 0);
    async(p[0], 1);
    CHECK(write(p[1], "a", 1) == 1);
    CHECK(silent()); /* no owner */
    CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0 && fcntl(p[0], F_GETOWN) == getpid());
    CHECK(write(p[1], "b", 1) == 1);
    CHECK(came() && last_sig == SIGIO && last_code == SI_KERNEL);
    CHECK(fcntl(p[0], F_SETSIG, sig) == 0 && fcntl(p[0], F_GETSIG) == sig);
    CHECK(write(p[1], "c", 1) == 1); /* every write tells, read or not */
    CHECK(came() && last_sig == sig && last_fd == p[0] && last_code == POLL_IN);
    CHECK(last_band == (POLLIN | POLLRDNORM));
    async(p[0], 0);
    CHECK(write(p[1], "d", 1) == 1);
    CHECK(silent());

    CHECK(fcntl(p[1], F_SETOWN, getpid()) == 0 && fcntl(p[1], F_SETSIG, sig) == 0);
    CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK | O_ASYNC) == 0);
    while (write(p[1], data, sizeof(data)) > 0)
        ;
    count = 0;
    CHECK(read(p[0], data, sizeof(data)) > 4096);
    CHECK(came() && last_sig == sig && last_fd == p[1] && last_code == POLL_OUT);
    CHECK(last_band == (POLLOUT | POLLWRNORM | POLLWRBAND));
    close(p[1]);
    CHECK(fcntl(p[0], F_SETSIG, 65) == -1 && errno == EINVAL);
    CHECK_ERR(fcntl(p[0], F_SETOWN, 2000000000), ESRCH);
    close(p[0]);
}

static void sockets(void)
{
    int s[2], on = 1, off = 0, sig = SIGRTMIN + 2;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(fcntl(s[0], F_SETOWN, getpid()) == 0 && fcntl(s[0], F_SETSIG, sig) == 0);
    CHECK(ioctl(s[0], FIOASYNC, &on) == 0 && (fcntl(s[0], F_GETFL) & O_ASYNC));
    CHECK(write(s[1], "x", 1) == 1);
    CHECK(came() && last_sig == sig && last_fd == s[0] && (last_band & POLLIN));
    CHECK(ioctl(s[0], FIOASYNC, &off) == 0 && !(fcntl(s[0], F_GETFL) & O_ASYNC));
    CHECK(write(s[1], "x", 1) == 1);
    CHECK(silent());
    CHECK(ioctl(s[0], FIOASYNC, &on) == 0);
    close(s[1]);
    CHECK(came());
    close(s[0]);
}

static void terminals(void)
{
    int m, s, sig = SIGRTMIN + 3;
    struct termios t;

    CHECK(openpty(&m, &s, NULL, NULL, NULL) == 0);
    tcgetattr(s, &t);
    t.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(s, TCSANOW, &t);
    CHECK(fcntl(s, F_SETOWN, getpid()) == 0 && fcntl(s, F_SETSIG, sig) == 0);
    async(s, 1);
    CHECK(write(m, "line\n", 5) == 5);
    CHECK(came() && last_sig == sig && last_fd == s && last_code == POLL_IN);
    close(m);
    close(s);
}

static void *reader(void *arg)
{
    struct f_owner_ex own = {F_OWNER_TID, gettid()}, got = {0};
    int fd = *(int *)arg;

    CHECK(fcntl(fd, F_SETOWN_EX, &own) == 0 && fcntl(fd, F_GETOWN_EX, &got) == 0);
    CHECK(got.type == F_OWNER_TID && got.pid == gettid());
    CHECK(fcntl(fd, F_SETSIG, SIGRTMIN + 4) == 0);
    async(fd, 1);
    *(int *)arg = -1;
    CHECK(came() && last_tid == gettid());
    return NULL;
}

static void threads(void)
{
    int p[2], fd;
    pthread_t t;

    CHECK(pipe(p) == 0);
    fd = p[0];
    pthread_create(&t, NULL, reader, &fd);
    while (*(volatile int *)&fd != -1)
        usleep(100);
    CHECK(write(p[1], "z", 1) == 1);
    pthread_join(t, NULL);
    close(p[0]);
    close(p[1]);
}

/* The owner may be a group, the writer another process that sleeps right afterwards. */
static void groups(void)
{
    struct f_owner_ex own = {F_OWNER_PGRP, 0}, got = {0};
    int p[2], status;
    pid_t pid;

    CHECK(pipe(p) == 0);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        CHECK(fcntl(p[0], F_SETOWN, -getpid()) == 0 && fcntl(p[0], F_GETOWN) == -getpid());
        CHECK(fcntl(p[0], F_GETOWN_EX, &got) == 0 && got.type == F_OWNER_PGRP);
        CHECK(got.pid == getpid());
        own.pid = getpid();
        CHECK(fcntl(p[0], F_SETOWN_EX, &own) == 0);
        async(p[0], 1);
        pid_t writer = fork();
        if (writer == 0) {
            signal(SIGIO, SIG_IGN);
            write(p[1], "g", 1);
            pause();
        }
        CHECK(came() && last_sig == SIGIO);
        kill(writer, SIGKILL);
        waitpid(writer, &status, 0);
        _exit(check_failures);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    own.type = 7;
    CHECK_ERR(fcntl(p[0], F_SETOWN_EX, &own), EINVAL);
    close(p[0]);
    close(p[1]);
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = on_io, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigaction(SIGIO, &sa, NULL);
    for (int i = 1; i < 5; i++)
        sigaction(SIGRTMIN + i, &sa, NULL);
    static void (*const parts[])(void) = {pipes, sockets, terminals, threads, groups};
    for (int i = 0; i < 5; i++) {
        count = 0; /* what the ends of the last part still told */
        parts[i]();
    }
    return check_result();
}
