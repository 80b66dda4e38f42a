/* Processes that come and go, evenly over the time: fork, vfork and exec, threads.
 * Says "mark" after a tenth and at the end, and waits for a line each time: whoever
 * started it measures the sandbox at those moments.
 * usage: churn COUNT SECONDS */
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>

#include "stress.h"

extern char **environ;

static void *idle(void *arg) { return arg; }

static void one(int i)
{
    int status = 0;
    pid_t pid;

    if (i % 10 == 3) {
        char *argv[] = {"/bin/true", NULL};
        NEED(posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) == 0);
    } else {
        pid = fork();
        NEED(pid >= 0);
        if (pid == 0) {
            pthread_t t;
            if (i % 10 == 5 && (pthread_create(&t, NULL, idle, NULL) || pthread_join(t, NULL)))
                _exit(1);
            _exit(0);
        }
    }
    NEED(waitpid(pid, &status, 0) == pid && status == 0);
}

static void mark(void)
{
    char line[16];

    puts("mark");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        die("nobody answers");
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1000;
    long begin = now_ms(), span = argc > 2 ? atoi(argv[2]) * 1000L : 0;

    for (int i = 0; i < count; i++) {
        long due = begin + span * i / count, late = now_ms();
        if (due > late)
            usleep((useconds_t)(due - late) * 1000);
        one(i);
        if (i == count / 10)
            mark();
    }
    mark();
    return 0;
}
