/* Signals: pending ones of both kinds with their values and their order, masks, handlers with
 * flags, an alternate stack in use, a signal that was ignored, one that stopped a child, and
 * what fork and a thread have of their own. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "saving.h"

#define QUEUED 20

static int order[2 * QUEUED + 8], count;
static siginfo_t infos[2 * QUEUED + 8];

static void note(int sig, siginfo_t *info, void *context)
{
    infos[count] = *info;
    order[count++] = sig;
}

static void send(int sig, int value)
{
    union sigval v = {.sival_int = value};
    CHECK(sigqueue(getpid(), sig, v) == 0);
}

static sigset_t set_of(int first, ...)
{
    sigset_t s;

    sigemptyset(&s);
    sigaddset(&s, first);
    return s;
}

/* A thread with a mask and a pending signal of its own. */
static volatile int stage;
static void *other(void *arg)
{
    sigset_t s = set_of(SIGRTMIN + 5), pending;
    siginfo_t info;

    pthread_sigmask(SIG_BLOCK, &s, NULL);
    s = set_of(SIGUSR2);
    pthread_kill(pthread_self(), SIGUSR2);
    stage = 1;
    while (stage < 2)
        usleep(1000);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGUSR2));
    CHECK(sigwaitinfo(&s, &info) == SIGUSR2 && info.si_code == SI_USER &&
          /* glibc says so */ info.si_pid == getpid());
    return NULL;
}

/* Saved within a handler that runs on the alternate stack; it returns to what it interrupted. */
static char stack[1 << 16];
static volatile bool on_stack;
static void saves(int sig, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    stack_t s;
    sigset_t now;
    char here;

    on_stack = &here >= stack && &here < stack + sizeof(stack);
    CHECK(info->si_value.sival_int == 99 && info->si_pid == getpid() && info->si_code == SI_QUEUE);
    save();
    sigaltstack(NULL, &s);
    CHECK(s.ss_flags == SS_ONSTACK && s.ss_sp == stack && s.ss_size == sizeof(stack));
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(sigismember(&now, SIGHUP) && sigismember(&now, sig) && sigismember(&now, SIGRTMIN));
    CHECK(!sigismember(&u->uc_sigmask, SIGHUP) && sigismember(&u->uc_sigmask, SIGRTMIN));
}

static void check_order(void)
{
    /* Lower numbers first, each in the order it came in; standard ones once. */
    CHECK(count == 2 * QUEUED + 1);
    CHECK(order[0] == SIGUSR1 && infos[0].si_value.sival_int == 1000);
    for (int i = 0; i < QUEUED; i++) {
        CHECK(order[1 + i] == SIGRTMIN && infos[1 + i].si_value.sival_int == i);
        CHECK(order[1 + QUEUED + i] == SIGRTMIN + 1 &&
              infos[1 + QUEUED + i].si_value.sival_int == 100 + i);
    }
}

static void check_handlers(void)
{
    struct sigaction a;

    sigaction(SIGALRM, NULL, &a);
    CHECK(a.sa_handler == SIG_DFL); /* SA_RESETHAND: it has run */
    sigaction(SIGTERM, NULL, &a);
    CHECK(a.sa_handler == SIG_IGN);
    sigaction(SIGUSR1, NULL, &a);
    CHECK(a.sa_sigaction == note && (a.sa_flags & 0xfbffffff) == (SA_SIGINFO | SA_RESTART) &&
          sigismember(&a.sa_mask, SIGRTMIN) && sigismember(&a.sa_mask, SIGRTMIN + 1));
    kill(getpid(), SIGTERM);
}

/* One child is stopped, another has ended: who waits for them learns it after the save. */
static pid_t stopped, ended;
static void make_children(void)
{
    if ((stopped = fork()) == 0) {
        raise(SIGSTOP);
        _exit(4);
    }
    if ((ended = fork()) == 0)
        _exit(5);
    siginfo_t info;
    waitid(P_PID, (id_t)stopped, &info, WSTOPPED | WNOWAIT);
    waitid(P_PID, (id_t)ended, &info, WEXITED | WNOWAIT);
}

static void check_children(void)
{
    int status;

    CHECK(waitpid(stopped, &status, WUNTRACED) == stopped && WIFSTOPPED(status) &&
          WSTOPSIG(status) == SIGSTOP);
    kill(stopped, SIGCONT);
    CHECK(waitpid(stopped, &status, 0) == stopped && WEXITSTATUS(status) == 4);
    CHECK(waitpid(ended, &status, 0) == ended && WEXITSTATUS(status) == 5);
}

static void once(int sig) {}

static void prepare(void)
{
    struct sigaction a = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigaddset(&a.sa_mask, SIGRTMIN);
    sigaddset(&a.sa_mask, SIGRTMIN + 1);
    sigaction(SIGUSR1, &a, NULL);
    a.sa_mask = set_of(SIGRTMIN);
    sigaddset(&a.sa_mask, SIGRTMIN + 1);
    sigaction(SIGRTMIN, &a, NULL);
    sigaction(SIGRTMIN + 1, &a, NULL);
    a = (struct sigaction){.sa_sigaction = saves, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaddset(&a.sa_mask, SIGHUP);
    sigaction(SIGRTMIN + 5, &a, NULL);
    a = (struct sigaction){.sa_handler = once, .sa_flags = SA_RESETHAND};
    sigaction(SIGALRM, &a, NULL);
    raise(SIGALRM);
    signal(SIGTERM, SIG_IGN);
    stack_t s = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigaltstack(&s, NULL);
}

int main(void)
{
    sigset_t blocked, before, pending;
    struct signalfd_siginfo read_from;
    pthread_t thread;
    int fd;

    prepare();
    blocked = set_of(SIGUSR1);
    sigaddset(&blocked, SIGUSR2);
    sigaddset(&blocked, SIGRTMIN);
    sigaddset(&blocked, SIGRTMIN + 1);
    sigaddset(&blocked, SIGRTMIN + 2);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    pthread_create(&thread, NULL, other, NULL);
    while (stage < 1)
        usleep(1000);
    make_children();
    for (int i = 0; i < QUEUED; i++) {
        send(SIGRTMIN + 1, 100 + i);
        send(SIGRTMIN, i);
        send(SIGUSR1, 1000 + i);
    }
    send(SIGRTMIN + 2, 77);
    sigset_t three = set_of(SIGRTMIN + 2);
    fd = signalfd(-1, &three, SFD_NONBLOCK);
    send(SIGRTMIN + 5, 99); /* is saved in its handler */
    CHECK(on_stack);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGRTMIN + 1));
    CHECK(!sigismember(&pending, SIGUSR2)); /* the other thread's */
    CHECK(read(fd, &read_from, sizeof(read_from)) == sizeof(read_from) && read_from.ssi_int == 77 &&
          (int)read_from.ssi_signo == SIGRTMIN + 2);
    sigprocmask(SIG_SETMASK, &before, NULL);
    check_order();
    check_handlers();
    check_children();
    stage = 2;
    pthread_join(thread, NULL);
    return check_result();
}
