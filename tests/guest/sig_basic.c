/* Actions, masks, pending signals, siginfo, queues, waiting for signals. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile int count, last, order[16];
static siginfo_t info;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
    order[count++ % 16] = sig;
    last = sig;
    info = *si;
}

static void handle(int sig, int flags)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};

    sigemptyset(&sa.sa_mask);
    CHECK(sigaction(sig, &sa, NULL) == 0);
}

static sigset_t set_of(int a, int b)
{
    sigset_t s;

    sigemptyset(&s);
    sigaddset(&s, a);
    if (b)
        sigaddset(&s, b);
    return s;
}

static void test_actions(void)
{
    struct sigaction sa = {.sa_handler = SIG_IGN}, old;

    handle(SIGUSR1, SA_RESETHAND);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_sigaction == on_signal);
    CHECK((old.sa_flags & ~0x04000000 /* SA_RESTORER */) == (int)(SA_SIGINFO | SA_RESETHAND));
    CHECK(kill(getpid(), SIGUSR1) == 0 && count == 1 && last == SIGUSR1);
    CHECK(info.si_code == SI_USER && info.si_pid == getpid() && info.si_uid == getuid());
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
    CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigaction, 1, NULL, NULL, 4), EINVAL);
    CHECK_ERR(syscall(SYS_rt_sigaction, 1, 8, NULL, 8), EFAULT);
    sigaction(SIGUSR1, &sa, NULL);
    CHECK(raise(SIGUSR1) == 0 && count == 1);
    CHECK_ERR(kill(getpid(), 65), EINVAL);
    CHECK_ERR(kill(999999, 0), ESRCH);
    CHECK(kill(getpid(), 0) == 0);
    CHECK_ERR(syscall(SYS_tgkill, getpid(), 999999, 0), ESRCH);
    CHECK_ERR(syscall(SYS_tgkill, 0, 1, 0), EINVAL);
    CHECK(syscall(SYS_tkill, gettid(), 0) == 0);
}

static void test_masks(void)
{
    sigset_t both = set_of(SIGUSR1, SIGUSR2), pending, old;

    count = 0;
    handle(SIGUSR1, 0);
    handle(SIGUSR2, 0);
    CHECK(sigprocmask(SIG_BLOCK, &both, NULL) == 0);
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK(count == 0 && sigpending(&pending) == 0);
    CHECK(sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGUSR2));
    CHECK(sigprocmask(SIG_UNBLOCK, &both, &old) == 0 && sigismember(&old, SIGUSR1));
    CHECK(count == 2);
    /* Frames are stacked lowest number first, so the highest runs first. */
    CHECK(order[0] == SIGUSR2 && order[1] == SIGUSR1);
    /* Ignoring drops what is pending. */
    sigprocmask(SIG_BLOCK, &both, NULL);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigpending(&pending);
    CHECK(!sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &both, NULL);
    CHECK_ERR(sigprocmask(77, &both, NULL), EINVAL);
}

static void test_queue(void)
{
    sigset_t rt = set_of(SIGRTMIN + 1, SIGRTMIN);
    struct rlimit r, low;

    count = 0;
    handle(SIGRTMIN, 0);
    handle(SIGRTMIN + 1, 0);
    sigprocmask(SIG_BLOCK, &rt, NULL);
    for (int i = 0; i < 4; i++)
        CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}) == 0);
    sigprocmask(SIG_UNBLOCK, &rt, NULL);
    CHECK(count == 4 && info.si_code == SI_QUEUE);
    sigprocmask(SIG_BLOCK, &rt, NULL);
    getrlimit(RLIMIT_SIGPENDING, &r);
    low = r;
    low.rlim_cur = 0;
    setrlimit(RLIMIT_SIGPENDING, &low);
    CHECK_ERR(sigqueue(getpid(), SIGRTMIN, (union sigval){0}), EAGAIN);
    setrlimit(RLIMIT_SIGPENDING, &r);
    sigprocmask(SIG_UNBLOCK, &rt, NULL);
    CHECK(count == 4);
    info.si_code = 0; /* as if from kill */
    CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info), EPERM);
}

static void test_wait(void)
{
    sigset_t usr = set_of(SIGUSR1, SIGRTMIN), none;
    struct timespec zero = {0, 0}, ms = {0, 20000000};
    siginfo_t si;
    int sig;

    handle(SIGUSR1, 0);
    handle(SIGRTMIN, 0);
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &usr, NULL);
    CHECK_ERR(sigtimedwait(&usr, &si, &zero), EAGAIN);
    CHECK_ERR(sigtimedwait(&usr, &si, &ms), EAGAIN);
    count = 0;
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 2});
    raise(SIGUSR1);
    CHECK(sigtimedwait(&usr, &si, &zero) == SIGUSR1 && si.si_pid == getpid());
    CHECK(sigwaitinfo(&usr, &si) == SIGRTMIN && si.si_value.sival_int == 1);
    CHECK(sigwait(&usr, &sig) == 0 && sig == SIGRTMIN);
    CHECK(count == 0);
    raise(SIGUSR1);
    CHECK_ERR(sigsuspend(&none), EINTR);
    CHECK(count == 1);
    sigprocmask(SIG_BLOCK, NULL, &none);
    CHECK(sigismember(&none, SIGUSR1)); /* the mask is back */
    sigprocmask(SIG_UNBLOCK, &usr, NULL);
}

static void test_timer(void)
{
    struct itimerval it = {.it_value = {0, 20000}};
    sigset_t alarm = set_of(SIGALRM, 0), old;

    count = 0;
    handle(SIGALRM, 0);
    sigprocmask(SIG_BLOCK, &alarm, &old); /* not before we wait */
    CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
    CHECK_ERR(sigsuspend(&old), EINTR);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK(count == 1 && last == SIGALRM);
}

static volatile int depth, deepest, raised;

static void nest(int sig)
{
    if (++depth > deepest)
        deepest = depth;
    if (depth < 3 && raised++ < 10)
        raise(sig);
    depth--;
}

static void test_nodefer(void)
{
    struct sigaction sa = {.sa_handler = nest, .sa_flags = SA_NODEFER};

    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    CHECK(deepest == 3);
    sa.sa_flags = 0;
    sigaction(SIGUSR1, &sa, NULL);
    deepest = 0;
    raise(SIGUSR1);
    CHECK(deepest == 1 && depth == 0);
    signal(SIGUSR1, SIG_IGN);
}

int main(void)
{
    test_actions();
    test_masks();
    test_queue();
    test_wait();
    test_timer();
    test_nodefer();
    return check_result();
}
