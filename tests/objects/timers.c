/* Timers of every kind, and the clocks: monotonic time goes on where it was, so timers of it
 * expire when they would have; those set to a time of day expire when that has come. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

#include "saving.h"

#define SOON_MS 1000
#define FAR_S   1000

static volatile int fired[65];
static volatile int value, overrun;

static void handler(int sig, siginfo_t *info, void *context)
{
    fired[sig]++;
    if (sig == SIGRTMIN) {
        value = info->si_value.sival_int;
        if (info->si_overrun > overrun) /* the first one; more may come at once */
            overrun = info->si_overrun;
    }
}

static struct timespec now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t;
}

static long ms_between(const struct timespec *a, const struct timespec *b)
{
    return (b->tv_sec - a->tv_sec) * 1000 + (b->tv_nsec - a->tv_nsec) / 1000000;
}

static timer_t timer_of(clockid_t clock, int notify, int sig, int number)
{
    struct sigevent e = {
        .sigev_notify = notify, .sigev_signo = sig, .sigev_value.sival_int = number};
    timer_t t = 0;

    if (notify == SIGEV_THREAD_ID)
        e._sigev_un._tid = gettid();
    CHECK(timer_create(clock, &e, &t) == 0);
    return t;
}

static void set(timer_t t, int flags, long s, long ms, long interval_ms)
{
    struct itimerspec i = {{interval_ms / 1000, interval_ms % 1000 * 1000000}, {s, ms * 1000000}};
    if (s == 0 && ms >= 1000)
        i.it_value = (struct timespec){ms / 1000, ms % 1000 * 1000000};
    CHECK(timer_settime(t, flags, &i, NULL) == 0);
}

static bool left_between(timer_t t, long min_s, long max_s)
{
    struct itimerspec i;
    timer_gettime(t, &i);
    return i.it_value.tv_sec >= min_s && i.it_value.tv_sec <= max_s;
}

static void burn(int ms)
{
    struct timespec start = now(CLOCK_PROCESS_CPUTIME_ID), end;
    do {
        for (volatile int i = 0; i < 100000; i++)
            ;
        end = now(CLOCK_PROCESS_CPUTIME_ID);
    } while (ms_between(&start, &end) < ms);
}

static void wait_for(volatile int *what, int count)
{
    struct timespec start = now(CLOCK_MONOTONIC), end = start;

    while (*what < count && ms_between(&start, &end) < 60000) {
        usleep(1000);
        end = now(CLOCK_MONOTONIC);
    }
    CHECK(*what >= count);
}

static uint64_t expirations(int fd)
{
    uint64_t n = 0;
    return read(fd, &n, 8) == 8 ? n : 0;
}

static int timerfd(clockid_t clock, int flags, struct timespec first, long interval_ms)
{
    struct itimerspec i = {{interval_ms / 1000, interval_ms % 1000 * 1000000}, first};
    int fd = timerfd_create(clock, TFD_NONBLOCK);
    CHECK(timerfd_settime(fd, flags, &i, NULL) == 0);
    return fd;
}

int main(void)
{
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    const int used[] = {SIGRTMIN, SIGRTMIN + 1, SIGRTMIN + 2, SIGRTMIN + 3,
                        SIGALRM,  SIGVTALRM,    SIGPROF};
    const struct timespec soon = {SOON_MS / 1000, 0}, at_once = {0, 1000000};
    struct timespec day, mono, cpu, later;
    struct itimerval left;
    uint64_t value_read;
    sigset_t blocked;

    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++)
        sigaction(used[i], &a, NULL);
    /* Far away, to be asked for what is left; soon; one that has expired and is pending, again
     * and again; of CPU time; of a time of day, for one thread. */
    timer_t far = timer_of(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
    set(far, 0, FAR_S, 0, 0);
    timer_t own = timer_of(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 4711);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    set(own, 0, 0, 1, 1);
    timer_t of_cpu = timer_of(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN + 1, 1);
    set(of_cpu, 0, 0, 300, 0);
    timer_t of_day = timer_of(CLOCK_REALTIME, SIGEV_THREAD_ID, SIGRTMIN + 2, 2);
    day = now(CLOCK_REALTIME);
    set(of_day, TIMER_ABSTIME, day.tv_sec + 2, 0, 0);
    timer_t of_boot = timer_of(CLOCK_BOOTTIME, SIGEV_SIGNAL, SIGRTMIN + 3, 3);
    set(of_boot, 0, 0, SOON_MS, 0);
    int once = timerfd(CLOCK_MONOTONIC, 0, soon, 0);
    int often = timerfd(CLOCK_MONOTONIC, 0, at_once, 10);
    int by_day =
        timerfd(CLOCK_REALTIME, TFD_TIMER_ABSTIME, (struct timespec){day.tv_sec + 2, 0}, 0);
    int far_fd = timerfd(CLOCK_BOOTTIME, 0, (struct timespec){FAR_S, 0}, 0);
    struct itimerval real = {{0, 50000}, {0, SOON_MS * 1000 / 2}}, virtual = {{0, 0}, {0, 300000}};
    setitimer(ITIMER_REAL, &real, NULL);
    setitimer(ITIMER_VIRTUAL, &virtual, NULL);
    setitimer(ITIMER_PROF, &virtual, NULL);
    burn(50);
    usleep(20000);
    mono = now(CLOCK_MONOTONIC);
    cpu = now(CLOCK_PROCESS_CPUTIME_ID);

    save();

    later = now(CLOCK_MONOTONIC);
    CHECK(ms_between(&mono, &later) >= 0 && ms_between(&mono, &later) < 60000);
    later = now(CLOCK_PROCESS_CPUTIME_ID);
    CHECK(ms_between(&cpu, &later) >= 0 && ms_between(&cpu, &later) < 60000);
    later = now(CLOCK_REALTIME);
    struct timeval host;
    syscall(SYS_gettimeofday, &host, NULL);
    CHECK(later.tv_sec >= day.tv_sec && host.tv_sec - later.tv_sec < 60);
    CHECK(left_between(far, FAR_S - 100, FAR_S));
    getitimer(ITIMER_VIRTUAL, &left);
    CHECK(left.it_value.tv_usec > 0 && left.it_value.tv_usec <= 300000);
    /* Its signal is pending since before; how often it should have come is counted. */
    usleep(20000);
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    wait_for(&fired[SIGRTMIN], 1);
    CHECK(value == 4711 && overrun > 10);
    CHECK(expirations(often) >= 3);
    timer_delete(own);
    burn(400);
    wait_for(&fired[SIGRTMIN + 1], 1);
    wait_for(&fired[SIGVTALRM], 1);
    wait_for(&fired[SIGPROF], 1);
    wait_for(&fired[SIGALRM], 3);
    wait_for(&fired[SIGRTMIN + 2], 1);
    later = now(CLOCK_REALTIME);
    CHECK(later.tv_sec >= day.tv_sec + 2);
    wait_for(&fired[SIGRTMIN + 3], 1);
    fcntl(once, F_SETFL, 0);
    CHECK(read(once, &value_read, 8) == 8 && value_read == 1);
    fcntl(by_day, F_SETFL, 0);
    CHECK(read(by_day, &value_read, 8) == 8 && value_read == 1);
    CHECK(read(far_fd, &value_read, 8) == -1 && errno == EAGAIN);
    CHECK(fired[SIGRTMIN + 1] == 1 && fired[SIGRTMIN + 2] == 1 && fired[SIGVTALRM] == 1);
    return check_result();
}
