/* Signals between processes: SIGCHLD, stop and continue, groups, default actions, exec. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile int children;
static siginfo_t info;

static void on_child(int sig, siginfo_t *si, void *uc)
{
    children++;
    info = *si;
}

static void on_term(int sig) {}

static void nap(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&ts, &ts) && errno == EINTR)
        ;
}

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (!pid) {
        for (;;)
            pause();
    }
    return pid;
}

static void wait_for_children(int n)
{
    for (int i = 0; i < 4000 && children < n; i++)
        nap(5);
    CHECK(children == n);
}

static void test_sigchld(void)
{
    struct sigaction sa = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    int status;
    pid_t pid;

    sigaction(SIGCHLD, &sa, NULL);
    pid = fork();
    if (!pid)
        _exit(7);
    wait_for_children(1);
    CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 7);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);

    children = 0;
    pid = sleeper();
    CHECK(kill(pid, SIGSTOP) == 0);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    CHECK(WSTOPSIG(status) == SIGSTOP);
    wait_for_children(1);
    CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
    CHECK(kill(pid, SIGTERM) == 0); /* stays pending while it is stopped */
    nap(30);
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    CHECK(kill(pid, SIGCONT) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    nap(10);
    /* The two SIGCHLD may have become one, which tells of the first. */
    CHECK(info.si_code == CLD_KILLED || info.si_code == CLD_CONTINUED);

    pid = sleeper();
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    CHECK(kill(pid, SIGCONT) == 0);
    CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    CHECK(kill(pid, SIGKILL) == 0); /* also while stopped */
    CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL);
    signal(SIGCHLD, SIG_DFL);
}

static void test_ignored_children(void)
{
    int status;

    signal(SIGCHLD, SIG_IGN);
    if (!fork())
        _exit(0);
    CHECK_ERR(wait(&status), ECHILD); /* reaped by itself, waited for */
    signal(SIGCHLD, SIG_DFL);
}

static void test_group(void)
{
    int status, n = 0;
    pid_t first = sleeper(), pid;

    setpgid(first, first);
    for (int i = 0; i < 3; i++)
        setpgid(sleeper(), first);
    CHECK(kill(-first, 0) == 0 && kill(-first, SIGUSR1) == 0);
    while ((pid = wait(&status)) > 0) {
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
        n++;
    }
    CHECK(n == 4);
    CHECK_ERR(kill(-first, SIGUSR1), ESRCH);
}

static void test_defaults(void)
{
    static const int deadly[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGABRT,
                                 SIGSEGV, SIGPIPE, SIGALRM, SIGSYS};
    struct rlimit none = {0, 0};
    int status;

    setrlimit(RLIMIT_CORE, &none);
    for (unsigned i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
        pid_t pid = fork();

        if (!pid) {
            signal(deadly[i], SIG_DFL); /* whoever runs this may ignore it */
            raise(deadly[i]);
            _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == deadly[i]);
    }
    if (!fork()) {
        raise(SIGWINCH);
        raise(SIGURG);
        raise(SIGCONT);
        _exit(3);
    }
    CHECK(wait(&status) > 0 && WEXITSTATUS(status) == 3);
    if (!fork()) { /* a fault whose signal is blocked kills all the same */
        sigset_t all;

        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        *(volatile int *)8 = 1;
        _exit(0);
    }
    CHECK(wait(&status) > 0 && status == SIGSEGV);
}

/* exec: handlers go, ignored and blocked stay. */
static void test_exec(const char *self)
{
    sigset_t usr2;
    int status;

    if (!fork()) {
        signal(SIGUSR1, SIG_IGN);
        signal(SIGTERM, on_term);
        sigemptyset(&usr2);
        sigaddset(&usr2, SIGUSR2);
        sigprocmask(SIG_BLOCK, &usr2, NULL);
        raise(SIGUSR2);
        execl(self, self, "exec", NULL);
        _exit(99);
    }
    CHECK(wait(&status) > 0 && status == 0);
}

static int after_exec(void)
{
    struct sigaction sa;
    sigset_t set;

    sigaction(SIGUSR1, NULL, &sa);
    if (sa.sa_handler != SIG_IGN)
        return 1;
    sigaction(SIGTERM, NULL, &sa);
    if (sa.sa_handler != SIG_DFL)
        return 2;
    sigprocmask(SIG_BLOCK, NULL, &set);
    if (!sigismember(&set, SIGUSR2) || sigismember(&set, SIGUSR1))
        return 3;
    sigpending(&set);
    return sigismember(&set, SIGUSR2) ? 0 : 4;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return after_exec();
    test_sigchld();
    test_ignored_children();
    test_group();
    test_defaults();
    test_exec(argv[0]);
    return check_result();
}
