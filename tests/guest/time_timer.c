/* Interval timers, POSIX timers, timerfd. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define MS 1000000L
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile sig_atomic_t fired, last_code, last_overrun, first_overrun;
static volatile pid_t fired_in;
static volatile intptr_t last_value;

static int64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static void on_signal(int sig, siginfo_t *si, void *uc)
{
    if (fired++ == 0)
        first_overrun = si->si_overrun;
    last_code = si->si_code;
    last_overrun = si->si_overrun;
    last_value = (intptr_t)si->si_value.sival_ptr;
    fired_in = (pid_t)syscall(SYS_gettid);
}

static void handle(int sig)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(sig, &sa, NULL);
}

static void pass(long ms)
{
    int64_t end = now() + ms * MS;
    while (now() < end)
        usleep(1000);
}

/* Waits for n signals, however late a busy machine is with them; then no more come. */
static void await(int n)
{
    for (int i = 0; i < 4000 && fired < n; i++)
        pass(5);
    CHECK(fired == n);
}

/* How often a period of ms can have passed since `start` at most. */
static long periods(int64_t start, long ms) { return (now() - start) / (ms * MS) + 1; }

static struct itimerspec spec(long first_ms, long every_ms)
{
    return (struct itimerspec){{every_ms / 1000, every_ms % 1000 * MS},
                               {first_ms / 1000, first_ms % 1000 * MS}};
}

static void test_itimer(void)
{
    struct itimerval v = {{0, 10000}, {0, 20000}}, old;

    handle(SIGALRM);
    handle(SIGVTALRM);
    handle(SIGPROF);
    CHECK(getitimer(ITIMER_REAL, &old) == 0 && !old.it_value.tv_sec && !old.it_value.tv_usec);
    int64_t start = now();
    CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
    CHECK(getitimer(ITIMER_REAL, &old) == 0 && old.it_value.tv_usec <= 20000 &&
          old.it_interval.tv_usec == 10000);
    for (int i = 0; i < 4000 && fired < 3; i++)
        pass(5);
    CHECK(fired >= 3 && fired <= periods(start, 10) && last_code == SI_KERNEL);
    memset(&v, 0, sizeof(v));
    CHECK(setitimer(ITIMER_REAL, &v, &old) == 0 && old.it_interval.tv_usec == 10000);
    fired = 0;
    pass(40);
    CHECK(fired == 0);
    CHECK(alarm(100) == 0);
    CHECK(alarm(50) == 100);
    CHECK(alarm(0) == 50);
    CHECK(alarm(0) == 0);
    v.it_value.tv_usec = 1000000;
    CHECK_ERR(setitimer(ITIMER_REAL, &v, NULL), EINVAL);
    CHECK_ERR(setitimer(3, &old, NULL), EINVAL);
    CHECK_ERR(getitimer(-1, &old), EINVAL);
    CHECK_ERR(syscall(SYS_getitimer, 0, 8), EFAULT);
    CHECK_ERR(syscall(SYS_setitimer, 0, 8, NULL), EFAULT);
    /* CPU time: nothing while asleep */
    v = (struct itimerval){{0, 0}, {0, 20000}};
    fired = 0;
    CHECK(setitimer(ITIMER_PROF, &v, NULL) == 0);
    usleep(60000);
    CHECK(fired == 0);
    int64_t end = now() + 20000 * MS;
    while (!fired && now() < end)
        ;
    CHECK(fired == 1);
}

/* Not inherited by fork; kept by exec (which ends the program by SIGALRM's default). */
static void test_itimer_inheritance(void)
{
    struct itimerval v = {{0, 0}, {0, 50000}}, got;
    int status;

    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
        pid_t child = fork();
        if (child == 0) {
            CHECK(getitimer(ITIMER_REAL, &got) == 0 && got.it_value.tv_usec == 0);
            _exit(check_failures);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        setitimer(ITIMER_REAL, &v, NULL);
        execl("/bin/sleep", "sleep", "5", NULL);
        _exit(99);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

static void test_posix_timer(void)
{
    timer_t id, other;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec its = spec(900000, 0), got;

    handle(SIGUSR1);
    ev.sigev_value.sival_ptr = (void *)0x1234;
    fired = 0;
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
    CHECK(timer_gettime(id, &got) == 0 && !got.it_value.tv_sec && !got.it_value.tv_nsec);
    CHECK(timer_settime(id, 0, &its, NULL) == 0);
    CHECK(timer_gettime(id, &got) == 0 && got.it_value.tv_sec > 0 && got.it_value.tv_sec <= 900);
    its = spec(20, 0);
    CHECK(timer_settime(id, 0, &its, &got) == 0 && got.it_value.tv_sec > 0);
    await(1);
    CHECK(last_code == SI_TIMER && last_value == 0x1234 && last_overrun == 0);
    CHECK(timer_gettime(id, &got) == 0 && got.it_value.tv_nsec == 0);

    /* Periodic while blocked: one signal, the rest counted. */
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    its = spec(10, 10);
    fired = 0;
    int64_t start = now();
    CHECK(timer_settime(id, 0, &its, NULL) == 0);
    sigset_t pending;
    do
        sigpending(&pending);
    while (!sigismember(&pending, SIGUSR1));
    pass(100);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    CHECK(fired >= 1 && first_overrun >= 3 && first_overrun <= periods(start, 10));
    its = spec(0, 0);
    CHECK(timer_settime(id, 0, &its, &got) == 0 && got.it_interval.tv_nsec == 10 * MS);

    /* Absolute, in the past: at once. */
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    CHECK(timer_create(CLOCK_REALTIME, &ev, &other) == 0 && other != id);
    its = (struct itimerspec){{0, 0}, {ts.tv_sec - 1, 0}};
    fired = 0;
    CHECK(timer_settime(other, TIMER_ABSTIME, &its, NULL) == 0);
    await(1);
    CHECK(timer_getoverrun(other) == 0);
    CHECK(timer_delete(other) == 0);
    CHECK_ERR(timer_delete(other), EINVAL);
    CHECK_ERR(timer_settime(other, 0, &its, NULL), EINVAL);
    CHECK_ERR(timer_gettime(other, &got), EINVAL);
    CHECK_ERR(timer_getoverrun(other), EINVAL);
    CHECK(timer_delete(id) == 0);
    ev.sigev_signo = 0;
    CHECK_ERR(timer_create(CLOCK_MONOTONIC, &ev, &id), EINVAL);
    ev.sigev_notify = 77;
    CHECK_ERR(timer_create(CLOCK_MONOTONIC, &ev, &id), EINVAL);
    CHECK_ERR(timer_create(99, NULL, &id), EINVAL);
}

static void on_thread(union sigval v)
{
    fired_in = (pid_t)syscall(SYS_gettid);
    fired += v.sival_int;
}

static void test_notification(void)
{
    timer_t id;
    struct sigevent ev = {.sigev_notify = SIGEV_THREAD};
    struct itimerspec its = spec(10, 0);

    ev.sigev_notify_function = on_thread;
    ev.sigev_value.sival_int = 5;
    fired = 0;
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
    CHECK(timer_settime(id, 0, &its, NULL) == 0);
    for (int i = 0; i < 4000 && !fired; i++)
        pass(5);
    CHECK(fired == 5 && fired_in != getpid());
    CHECK(timer_delete(id) == 0);

    ev = (struct sigevent){.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    ev.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    fired = 0;
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
    CHECK(timer_settime(id, 0, &its, NULL) == 0);
    await(1);
    CHECK(fired_in == getpid());
    CHECK(timer_delete(id) == 0);

    ev = (struct sigevent){.sigev_notify = SIGEV_NONE};
    fired = 0;
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
    CHECK(timer_settime(id, 0, &its, NULL) == 0);
    pass(30);
    CHECK(fired == 0);
    CHECK(timer_delete(id) == 0);
    /* The default: SIGALRM with the timer's number. */
    CHECK(timer_create(CLOCK_PROCESS_CPUTIME_ID, NULL, &id) == 0);
    CHECK(timer_settime(id, 0, &its, NULL) == 0);
    int64_t end = now() + 20000 * MS;
    while (!fired && now() < end)
        ;
    CHECK(fired == 1 && last_code == SI_TIMER);
    CHECK(timer_delete(id) == 0);
}

static void test_timerfd(void)
{
    uint64_t ticks = 0;
    struct itimerspec its = spec(300, 10), got;
    struct timespec ts;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) && (fcntl(fd, F_GETFL) & O_NONBLOCK));
    CHECK_ERR(read(fd, &ticks, 8), EAGAIN);
    CHECK_ERR(read(fd, &ticks, 4), EINVAL);
    CHECK_ERR(write(fd, &ticks, 8), EINVAL);
    int64_t start = now();
    CHECK(timerfd_settime(fd, 0, &its, &got) == 0 && got.it_value.tv_nsec == 0);
    CHECK(poll(&p, 1, 0) == 0);
    CHECK(poll(&p, 1, 20000) == 1 && p.revents == POLLIN);
    pass(50);
    CHECK(read(fd, &ticks, 8) == 8 && ticks >= 3 && (long)ticks <= periods(start + 290 * MS, 10));
    CHECK(timerfd_gettime(fd, &got) == 0 && got.it_interval.tv_nsec == 10 * MS &&
          got.it_value.tv_nsec <= 10 * MS && got.it_value.tv_nsec > 0);
    its = spec(0, 0);
    CHECK(timerfd_settime(fd, 0, &its, NULL) == 0);
    pass(30);
    CHECK_ERR(read(fd, &ticks, 8), EAGAIN);

    fcntl(fd, F_SETFL, 0);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_nsec += 20 * MS;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    its = (struct itimerspec){{0, 0}, ts};
    CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL) == 0);
    CHECK(read(fd, &ticks, 8) == 8 && ticks == 1); /* sleeps */
    CHECK(now() >= ts.tv_sec * 1000000000 + ts.tv_nsec);
    CHECK_ERR(timerfd_settime(fd, 0x80, &its, NULL), EINVAL);
    its.it_value.tv_nsec = -1;
    CHECK_ERR(timerfd_settime(fd, 0, &its, NULL), EINVAL);
    CHECK_ERR(timerfd_settime(0, 0, &got, NULL), EINVAL);
    CHECK_ERR(timerfd_settime(999, 0, &got, NULL), EBADF);
    CHECK_ERR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
    CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    close(fd);
}

/* Shared over fork: the child's timer wakes the parent. */
static void test_shared_timerfd(void)
{
    uint64_t ticks;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);

    pid_t pid = fork();
    if (pid == 0) {
        struct itimerspec its = spec(30, 0);
        _exit(timerfd_settime(fd, 0, &its, NULL) != 0);
    }
    CHECK(read(fd, &ticks, 8) == 8 && ticks == 1);
    CHECK(waitpid(pid, NULL, 0) == pid);
    close(fd);
}

int main(void)
{
    test_itimer();
    test_itimer_inheritance();
    test_posix_timer();
    test_notification();
    test_timerfd();
    test_shared_timerfd();
    return check_result();
}
