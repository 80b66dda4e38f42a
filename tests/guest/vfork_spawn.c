/* vfork and posix_spawn: the child shares memory until exec, errors come back, a big
 * parent spawns as a small one does, threads of the parent go on. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static volatile int shared, running = 1;
static volatile long ticks;

static void *tick(void *arg)
{
    while (running)
        ticks++;
    return arg;
}

static int spawn(const char *path, char *const argv[])
{
    pid_t pid;
    int status, rc = posix_spawn(&pid, path, NULL, NULL, argv, environ);

    if (rc)
        return -rc;
    if (waitpid(pid, &status, 0) != pid)
        return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int main(void)
{
    char *yes[] = {"true", NULL}, *no[] = {"false", NULL}, *sh[] = {"sh", "-c", "exit 7", NULL};
    size_t big = 256 << 20;
    char *p = mmap(NULL, big, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_t t;
    int status;

    memset(p, 1, big);
    pid_t pid = vfork();
    if (pid == 0) {
        shared = 42;
        _exit(3);
    }
    waitpid(pid, &status, 0);
    printf("shared %d, exit %d\n", shared, WEXITSTATUS(status));
    printf("true %d false %d sh %d\n", spawn("/bin/true", yes), spawn("/bin/false", no),
           spawn("/bin/sh", sh));
    printf("missing: %s\n", strerror(-spawn("/nonexistent", yes)));
    printf("not executable: %s\n", strerror(-spawn("/etc/passwd", yes)));
    pthread_create(&t, NULL, tick, NULL);
    int sum = 0;
    for (int i = 0; i < 50; i++)
        sum += spawn("/bin/false", no);
    printf("50 more: %d\n", sum);
    running = 0;
    pthread_join(t, NULL);
    printf("thread went on: %d, memory kept: %d\n", ticks > 0, p[big - 1]);
    printf("system: %d\n", system("exit 5") >> 8);
    FILE *f = popen("echo from popen", "r");
    char line[64];
    printf("%s", fgets(line, sizeof(line), f));
    return pclose(f);
}
