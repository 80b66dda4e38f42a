/* exec from a thread that isn't the leader: the new program's only thread bears the
 * process's number, also when the leader had ended before. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static const char *self;

static int count_tasks(void)
{
    DIR *d = opendir("/proc/self/task");
    struct dirent *e;
    int n = 0;

    while ((e = readdir(d)))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void *go(void *arg)
{
    char number[16];

    usleep(10000);
    snprintf(number, sizeof(number), "%d", getpid());
    execl(self, self, number, NULL);
    return arg;
}

static void *sleeper(void *arg)
{
    pause();
    return arg;
}

static int child(int how)
{
    pthread_t t[3];
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            pthread_create(&t[i], NULL, i == how ? go : sleeper, NULL);
        if (how == 1)
            pthread_exit(NULL);
        for (;;)
            pause();
    }
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return status;
}

static int after(int pid)
{
    if (getpid() != pid || gettid() != pid)
        return 1;
    if (count_tasks() != 1)
        return 2;
    if (syscall(SYS_tgkill, pid, pid, 0) != 0 || syscall(SYS_tkill, pid, 0) != 0)
        return 3;
    signal(SIGUSR1, SIG_IGN);
    return raise(SIGUSR1) != 0 ? 4 : 17; /* raise goes by the thread's number */
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return after(atoi(argv[1]));
    self = argv[0];
    for (int i = 0; i < 12; i++)
        CHECK(child(i % 3) == 17 << 8);
    return check_result();
}
