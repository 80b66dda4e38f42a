/* kill -9 reaches a process that waits for its vfork child to let go of its memory, and
 * kill of a group reaches every member although they fork meanwhile. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static volatile pid_t *grandchild;

static void *sleeper(void *arg)
{
    pause();
    return arg;
}

static void killed_in_vfork(int use_thread)
{
    int status, fds[2];
    char c;

    pipe(fds);
    *grandchild = 0;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        if (use_thread)
            pthread_create(&t, NULL, sleeper, NULL);
        if (vfork() == 0) {
            *grandchild = getpid();
            read(fds[0], &c, 1); /* nobody writes */
            _exit(0);
        }
        _exit(1);
    }
    while (!*grandchild)
        usleep(100);
    usleep(10000);
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(fds[1]); /* the child is ours now, alive, in memory of its own */
    CHECK(kill(*grandchild, 0) == 0);
    close(fds[0]);
    kill(*grandchild, SIGTERM);
    CHECK(waitpid(*grandchild, &status, 0) == *grandchild);
}

/* One kill of the group ends all of it: a fork is before it or after it, and after it
 * nobody is left to fork. */
static void group_at_once(void)
{
    pid_t first, pid;
    int status, missed = 0;

    for (int round = 0; round < 30; round++) {
        first = fork();
        if (first == 0) {
            setpgid(0, 0);
            for (int i = 0; i < 3; i++)
                fork();
            for (;;) { /* each replaces itself for ever */
                pid = fork();
                if (pid > 0)
                    _exit(0);
            }
        }
        setpgid(first, first);
        usleep(20000);
        CHECK(kill(-first, SIGKILL) == 0);
        for (int i = 0; kill(-first, 0) == 0; i++) {
            while (waitpid(-first, &status, WNOHANG) > 0)
                ;
            if (i > 200000) { /* half a minute: the dying need CPU time, too */
                missed++;
                for (int again = 0; again < 100000 && kill(-first, SIGKILL) == 0; again++)
                    waitpid(-first, &status, WNOHANG);
                break;
            }
            usleep(100);
        }
    }
    CHECK(missed == 0);
}

int main(void)
{
    grandchild = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < 6; i++)
        killed_in_vfork(i % 2);
    group_at_once();
    return check_result();
}
