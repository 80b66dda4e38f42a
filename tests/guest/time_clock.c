/* Reading clocks, errors of the calls that would set them, sleeping and its restart. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define MS 1000000L

static int64_t now(clockid_t c)
{
    struct timespec ts = {-1, -1};

    CHECK(clock_gettime(c, &ts) == 0);
    CHECK(ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
    return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

/* Computes for so many milliseconds of CPU time, however busy the machine is. */
static void spin(long ms)
{
    int64_t end = now(CLOCK_THREAD_CPUTIME_ID) + ms * MS;
    while (now(CLOCK_THREAD_CPUTIME_ID) < end)
        ;
}

static void test_clocks(void)
{
    static const clockid_t clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 11};
    struct timespec ts, res;
    struct timeval tv;

    for (unsigned i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        int64_t a = now(clocks[i]), b = now(clocks[i]);
        CHECK(b >= a);
        CHECK(syscall(SYS_clock_gettime, clocks[i], &ts) == 0);
        CHECK(ts.tv_sec * 1000000000L + ts.tv_nsec >= a);
        CHECK(clock_getres(clocks[i], &res) == 0 && res.tv_sec == 0 && res.tv_nsec > 0);
        CHECK(clocks[i] == 5 || clocks[i] == 6 ? res.tv_nsec >= MS : res.tv_nsec == 1);
    }
    CHECK_ERR(syscall(SYS_clock_gettime, 10, &ts), EINVAL);
    CHECK_ERR(syscall(SYS_clock_gettime, 99, &ts), EINVAL);
    CHECK_ERR(syscall(SYS_clock_gettime, -1, &ts), EINVAL);
    CHECK_ERR(syscall(SYS_clock_gettime, 0, 8), EFAULT);
    CHECK_ERR(syscall(SYS_clock_getres, 77, &res), EINVAL);
    CHECK(syscall(SYS_clock_getres, 1, NULL) == 0);
    CHECK(syscall(SYS_gettimeofday, &tv, NULL) == 0 && tv.tv_usec < 1000000);
    CHECK_ERR(syscall(SYS_gettimeofday, 8, NULL), EFAULT);
    int64_t real = now(CLOCK_REALTIME);
    CHECK(tv.tv_sec <= real / 1000000000 && real / 1000000000 - tv.tv_sec < 5);
    time_t t, u = syscall(SYS_time, &t);
    CHECK(t == u && u - real / 1000000000 < 5);
    int64_t mono = now(CLOCK_MONOTONIC);
    CHECK(now(CLOCK_BOOTTIME) >= mono);
}

static void *burn(void *clock)
{
    int64_t before = now(CLOCK_THREAD_CPUTIME_ID);
    CHECK(before < 50 * MS); /* less than the process has used */
    CHECK(pthread_getcpuclockid(pthread_self(), clock) == 0);
    spin(30);
    CHECK(now(CLOCK_THREAD_CPUTIME_ID) - before >= 30 * MS);
    CHECK(now(*(clockid_t *)clock) >= 30 * MS);
    return NULL;
}

static void test_cpu_clocks(void)
{
    clockid_t own, thread;
    pthread_t id;
    struct tms t;
    struct timespec ts;

    CHECK(clock_getcpuclockid(0, &own) == 0);
    int64_t before = now(CLOCK_PROCESS_CPUTIME_ID);
    spin(60);
    int64_t used = now(CLOCK_PROCESS_CPUTIME_ID) - before;
    CHECK(used >= 60 * MS && used < 5000 * MS);
    CHECK(now(own) >= before + used);
    CHECK(now(CLOCK_THREAD_CPUTIME_ID) <= now(CLOCK_PROCESS_CPUTIME_ID));
    CHECK(pthread_create(&id, NULL, burn, &thread) == 0);
    pthread_join(id, NULL);
    for (int i = 0; i < 3000 && clock_gettime(thread, &ts) == 0; i++)
        usleep(10000); /* joined, but perhaps not quite gone */
    CHECK_ERR(clock_gettime(thread, &ts), EINVAL);
    CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - before >= used + 30 * MS); /* ended threads count */
    CHECK(times(&t) > 0);
    CHECK(t.tms_utime + t.tms_stime >= 2);
    pid_t pid = fork();
    if (pid == 0) {
        spin(60);
        _exit(0);
    }
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(times(&t) > 0);
    CHECK(t.tms_cutime + t.tms_cstime >= 1);
    CHECK_ERR(syscall(SYS_times, 8), EFAULT);
}

static void test_setting(void)
{
    struct timespec bad = {0, 2000000000}, ok = {1, 0};
    struct timex tx = {0};

    CHECK_ERR(clock_settime(CLOCK_REALTIME, &bad), EINVAL);
    CHECK_ERR(clock_settime(CLOCK_MONOTONIC, &ok), EINVAL);
    CHECK_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, 8), EFAULT);
    CHECK(adjtimex(&tx) >= 0);
    CHECK(tx.time.tv_sec - time(NULL) < 5 && tx.tick > 9000 && tx.tick < 11000);
    CHECK_ERR(syscall(SYS_adjtimex, 8), EFAULT);
    CHECK_ERR(clock_adjtime(99, &tx), EINVAL);
    CHECK_ERR(clock_adjtime(CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
}

static void test_sleep(void)
{
    struct timespec ts = {0, 20 * MS}, rem = {7, 7}, bad = {0, 1000000000}, neg = {-1, 0};
    int64_t start = now(CLOCK_MONOTONIC);

    CHECK(nanosleep(&ts, &rem) == 0 && rem.tv_sec == 7);
    CHECK(now(CLOCK_MONOTONIC) - start >= 20 * MS);
    start = now(CLOCK_MONOTONIC);
    CHECK(clock_nanosleep(CLOCK_BOOTTIME, 0, &ts, NULL) == 0);
    CHECK(now(CLOCK_MONOTONIC) - start >= 20 * MS);
    ts.tv_sec = (now(CLOCK_REALTIME) + 20 * MS) / 1000000000;
    ts.tv_nsec = (now(CLOCK_REALTIME) + 20 * MS) % 1000000000;
    start = now(CLOCK_MONOTONIC);
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL) == 0);
    CHECK(now(CLOCK_REALTIME) >= ts.tv_sec * 1000000000 + ts.tv_nsec);
    ts.tv_sec = 1; /* long past */
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL) == 0);
    CHECK_ERR(nanosleep(&bad, NULL), EINVAL);
    CHECK_ERR(nanosleep(&neg, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_nanosleep, 8, NULL), EFAULT);
    CHECK_ERR(syscall(SYS_clock_nanosleep, 99, 0, &ts, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL), EOPNOTSUPP);
    CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &ts, NULL), EOPNOTSUPP);
}

static volatile sig_atomic_t handled, woken;
static void on_signal(int sig) { handled++; }
static pthread_t main_thread;

/* Again and again: on a slow machine the sleep may not have begun. */
static void *signal_later(void *sig)
{
    while (!woken) {
        usleep(30000);
        pthread_kill(main_thread, (int)(intptr_t)sig);
    }
    return NULL;
}

/* How long a sleep of two seconds takes that a stop interrupts near its end. */
static int64_t sleep_through_a_stop(void)
{
    struct timespec ts = {2, 0};
    int64_t start = now(CLOCK_MONOTONIC);
    pid_t pid = fork();

    if (pid == 0) {
        usleep(1500000);
        kill(getppid(), SIGSTOP);
        usleep(30000);
        kill(getppid(), SIGCONT);
        _exit(0);
    }
    CHECK(nanosleep(&ts, NULL) == 0);
    int64_t slept = now(CLOCK_MONOTONIC) - start;
    CHECK(waitpid(pid, NULL, 0) == pid);
    return slept;
}

static void test_interrupted_sleep(void)
{
    struct timespec ts = {10, 0}, rem = {0, 0};
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    pthread_t id;

    main_thread = pthread_self();
    sigaction(SIGUSR1, &sa, NULL); /* a sleep is not restarted even so */
    sigaction(SIGCONT, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    pthread_create(&id, NULL, signal_later, (void *)(intptr_t)SIGUSR1);
    int64_t start = now(CLOCK_MONOTONIC);
    CHECK_ERR(nanosleep(&ts, &rem), EINTR);
    int64_t slept = now(CLOCK_MONOTONIC) - start, left = rem.tv_sec * 1000000000 + rem.tv_nsec;
    woken = 1;
    CHECK(handled >= 1 && left < 10000 * MS && left + slept >= 10000 * MS);
    pthread_join(id, NULL);
    /* A signal without a handler: the sleep goes on to its end, and does not begin anew.  It may
     * be late once on a busy machine. */
    for (int i = 0; i < 4; i++) {
        slept = sleep_through_a_stop();
        CHECK(slept >= 2000 * MS);
        if (slept < 3400 * MS)
            break;
    }
    CHECK(slept < 3400 * MS);
}

int main(void)
{
    test_clocks();
    test_cpu_clocks();
    test_setting();
    test_sleep();
    test_interrupted_sleep();
    return check_result();
}
