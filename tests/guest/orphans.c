/* Whose parent goes: the nearest reaper hears of it, living or dead; PR_SET_PDEATHSIG; and
 * families that die in every order at once. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static sigset_t child_signal;

static int next_signal(int seconds, siginfo_t *info)
{
    struct timespec limit = {seconds, 0};
    return sigtimedwait(&child_signal, info, &limit);
}

/* The middle one ends with a zombie of its own: the reaper gets SIGCHLD for both. */
static void zombie_inherited(void)
{
    int status, seen = 0;
    pid_t pid = fork();

    if (pid == 0) {
        siginfo_t info;
        pid_t own = fork();
        if (own == 0)
            _exit(5);
        waitid(P_PID, (id_t)own, &info, WEXITED | WNOWAIT);
        _exit(6);
    }
    while (seen != 3) {
        pid_t who;
        CHECK(next_signal(10, NULL) == SIGCHLD);
        while ((who = waitpid(-1, &status, WNOHANG)) > 0)
            seen |= WEXITSTATUS(status) == (who == pid ? 6 : 5) ? who == pid ? 1 : 2 : 0;
        if (who < 0)
            break;
    }
    CHECK(seen == 3);
}

static void death_signal(int end_by)
{
    int fds[2], go[2], status;
    pid_t pid, orphan = 0;

    CHECK(pipe(fds) == 0 && pipe(go) == 0);
    pid = fork();
    if (pid == 0) {
        pid = fork();
        if (pid == 0) {
            int sig = 0;
            close(fds[0]);
            pid = getppid();
            CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR2) == 0 && prctl(PR_GET_PDEATHSIG, &sig) == 0);
            CHECK(sig == SIGUSR2);
            if (fork() == 0) { /* not inherited */
                prctl(PR_GET_PDEATHSIG, &sig);
                _exit(sig);
            }
            wait(&status);
            CHECK(status == 0);
            pid_t me = getpid();
            write(fds[1], &me, sizeof(me));
            pause();
            _exit(1);
        }
        if (end_by == SIGKILL)
            pause();
        read(go[0], &orphan, sizeof(orphan));
        _exit(0);
    }
    CHECK(read(fds[0], &orphan, sizeof(orphan)) == sizeof(orphan));
    if (end_by == SIGKILL)
        kill(pid, SIGKILL);
    else
        write(go[1], &orphan, sizeof(orphan));
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(waitpid(orphan, &status, 0) == orphan && WIFSIGNALED(status) &&
          WTERMSIG(status) == SIGUSR2);
    close(fds[0]);
    close(fds[1]);
    close(go[0]);
    close(go[1]);
}

static void new_parent(void)
{
    volatile pid_t *told =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();

    if (pid == 0) {
        if (fork() == 0) {
            pid_t before = getppid();
            for (int i = 0; getppid() == before && i < 10000; i++)
                usleep(1000);
            *told = getppid();
            _exit(0);
        }
        _exit(0);
    }
    while (wait(NULL) > 0)
        ;
    CHECK(*told == getpid());
}

/* A tree of processes, ending from all ends at once: everyone is collected here. */
static void families(void)
{
    for (int round = 0; round < 20; round++) {
        int *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int reaped = 0;
        pid_t pid = fork();

        if (pid == 0) {
            for (int i = 0; i < 5; i++)
                fork();
            __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
            while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < 32)
                usleep(100);
            _exit(0);
        }
        while (wait(NULL) > 0)
            reaped++;
        CHECK(errno == ECHILD && reaped == 32);
        munmap(count, 4096);
    }
}

int main(void)
{
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, NULL);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    for (int i = 0; i < 20; i++)
        zombie_inherited();
    death_signal(SIGKILL);
    death_signal(0);
    new_parent();
    families();
    return check_result();
}
