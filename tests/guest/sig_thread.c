/* Signals between threads: interruption, restart, who is chosen, storms. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile int count;
static volatile pthread_t ran_in;

static void on_signal(int sig)
{
    __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
    ran_in = pthread_self();
}

static void handle(int sig, int flags)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};

    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

static void nap(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&ts, &ts) && errno == EINTR)
        ;
}

static int pipe_fds[2];
static long read_result;
static int read_errno;
static volatile int done, ready;

/* Signals until the thread's call is over: the first may come before it blocks. */
static void interrupt(pthread_t t)
{
    while (!done) {
        pthread_kill(t, SIGUSR1);
        nap(20);
    }
    pthread_join(t, NULL);
    done = 0;
}

static void *reader(void *arg)
{
    char c;

    errno = 0;
    read_result = read(pipe_fds[0], &c, 1);
    read_errno = errno;
    done = 1;
    return NULL;
}

/* A blocked read: EINTR without SA_RESTART, goes on with it, untouched by SIG_IGN. */
static void test_restart(void)
{
    pthread_t t;

    CHECK(pipe(pipe_fds) == 0);
    count = 0;
    handle(SIGUSR1, 0);
    pthread_create(&t, NULL, reader, NULL);
    interrupt(t);
    CHECK(read_result == -1 && read_errno == EINTR && count >= 1);

    handle(SIGUSR1, SA_RESTART);
    count = 0;
    pthread_create(&t, NULL, reader, NULL);
    nap(50);
    pthread_kill(t, SIGUSR1);
    while (!count)
        nap(5);
    signal(SIGUSR2, SIG_IGN);
    pthread_kill(t, SIGUSR2);
    nap(20);
    CHECK(write(pipe_fds[1], "x", 1) == 1);
    pthread_join(t, NULL);
    done = 0;
    CHECK(read_result == 1 && count == 1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void *sleeper(void *arg)
{
    struct timespec ts = {1000, 0}, rem = {0, 0};

    errno = 0;
    read_result = nanosleep(&ts, &rem);
    read_errno = errno;
    *(struct timespec *)arg = rem;
    done = 1;
    return NULL;
}

static void *poller(void *arg)
{
    errno = 0;
    read_result = poll(NULL, 0, 1000000);
    read_errno = errno;
    done = 1;
    return NULL;
}

static void test_timeouts(void)
{
    struct timespec rem;
    pthread_t t;

    handle(SIGUSR1, SA_RESTART); /* does not restart these */
    pthread_create(&t, NULL, sleeper, &rem);
    interrupt(t);
    CHECK(read_result == -1 && read_errno == EINTR);
    CHECK(rem.tv_sec > 0 && rem.tv_sec < 1000);
    pthread_create(&t, NULL, poller, NULL);
    interrupt(t);
    CHECK(read_result == -1 && read_errno == EINTR);
}

static volatile int stop;

static void *blocker(void *arg)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    ready = 1;
    while (!stop)
        nap(5);
    return NULL;
}

static void *spinner(void *arg)
{
    while (!stop)
        ;
    return NULL;
}

/* A process-wide signal goes to the one thread that can take it, even in program code. */
static void test_choice(void)
{
    sigset_t usr;
    pthread_t a, b;

    count = 0;
    stop = 0;
    handle(SIGUSR1, SA_RESTART);
    pthread_create(&a, NULL, blocker, NULL);
    pthread_create(&b, NULL, spinner, NULL);
    sigemptyset(&usr);
    sigaddset(&usr, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr, NULL);
    while (!ready)
        nap(5);
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < 2000 && !count; i++)
        nap(5);
    CHECK(count == 1 && ran_in == b);
    stop = 1;
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    kill(getpid(), SIGUSR1);
    CHECK(count == 1);
    pthread_sigmask(SIG_UNBLOCK, &usr, NULL);
    CHECK(count == 2 && ran_in == pthread_self());
}

static void *waiter(void *arg)
{
    sigset_t usr;
    siginfo_t si;

    sigemptyset(&usr);
    sigaddset(&usr, SIGUSR1);
    read_result = sigwaitinfo(&usr, &si);
    return NULL;
}

static void test_sigwait(void)
{
    sigset_t usr;
    pthread_t t;

    sigemptyset(&usr);
    sigaddset(&usr, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr, NULL);
    pthread_create(&t, NULL, waiter, NULL);
    nap(30);
    kill(getpid(), SIGUSR1);
    pthread_join(t, NULL);
    CHECK(read_result == SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &usr, NULL);
}

/* Registers and stacks hold under a storm of signals on running threads. */
static void *worker(void *arg)
{
    unsigned long x = 1;
    double d = 1.0;

    for (int i = 0; !stop; i++) {
        unsigned long y = x;
        double e = d;

        for (int k = 0; k < 1000; k++) {
            y = y * 6364136223846793005UL + 1442695040888963407UL;
            e = e * 1.0000001 + 0.5;
        }
        for (int k = 0; k < 1000; k++)
            e = (e - 0.5) / 1.0000001;
        if (e < d - 1e-3 || e > d + 1e-3)
            return "vector state lost";
        x = y;
        if (syscall(SYS_gettid) <= 0)
            return "call result lost";
    }
    return NULL;
}

static void test_storm(void)
{
    pthread_t t[3];
    void *what;

    stop = 0;
    count = 0;
    handle(SIGUSR1, SA_RESTART);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, worker, NULL);
    for (int i = 0; i < 2000; i++)
        pthread_kill(t[i % 3], SIGUSR1);
    stop = 1;
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], &what);
        if (what)
            fprintf(stderr, "%s\n", (char *)what);
        CHECK(!what);
    }
    CHECK(count > 0);
}

int main(void)
{
    test_restart();
    test_timeouts();
    test_choice();
    test_sigwait();
    test_storm();
    return check_result();
}
