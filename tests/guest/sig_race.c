/* Signals sent to threads and processes that come and go, masks and handlers that change
 * meanwhile, and the ends of processes in the middle of it all. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile int stop, handled;
static volatile pid_t tids[8];

static void on_signal(int sig) { __atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED); }

static void handle(int sig, int flags)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};

    sigaction(sig, &sa, NULL);
}

static long ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *shooter(void *arg)
{
    unsigned seed = (unsigned)(long)arg;

    while (!stop) {
        int r = rand_r(&seed);

        if (r % 3 == 0)
            kill(getpid(), SIGUSR1);
        else if (tids[r % 8])
            syscall(SYS_tgkill, getpid(), tids[r % 8], r % 5 ? SIGUSR2 : SIGRTMIN);
        if (r % 64 == 0)
            usleep(100);
    }
    return NULL;
}

static void *changer(void *arg)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    while (!stop) {
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        handle(SIGUSR2, SA_RESTART);
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        signal(SIGUSR2, SIG_IGN);
        usleep(50);
    }
    handle(SIGUSR2, SA_RESTART);
    return NULL;
}

static void *brief(void *arg)
{
    struct timespec ts = {0, 200000};
    char *p;

    tids[(long)arg] = gettid();
    p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p[5] = 1;
    nanosleep(&ts, NULL);
    munmap(p, 65536);
    return NULL;
}

static void storm(int duration, int joins)
{
    pthread_t shooters[2], c, t[8];
    long end = ms() + duration;

    stop = 0;
    for (long i = 0; i < 2; i++)
        pthread_create(&shooters[i], NULL, shooter, (void *)(i + 1));
    pthread_create(&c, NULL, changer, NULL);
    while (ms() < end) {
        for (long i = 0; i < 8; i++)
            pthread_create(&t[i], NULL, brief, (void *)i);
        for (int i = 0; i < 8; i++)
            pthread_join(t[i], NULL);
    }
    if (!joins)
        return;
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(shooters[i], NULL);
    pthread_join(c, NULL);
}

static void set_up(void)
{
    handle(SIGUSR1, SA_RESTART);
    handle(SIGUSR2, SA_RESTART);
    handle(SIGRTMIN, SA_RESTART);
}

/* A child that ends one of three ways while its threads shoot at each other. */
static int child(int how, const char *self)
{
    int status;
    pid_t pid = fork();

    if (!pid) {
        set_up();
        storm(60, 0);
        if (how == 0)
            _exit(3);
        if (how == 1) {
            execl(self, self, "3", NULL);
            _exit(99);
        }
        for (;;)
            pause();
    }
    if (how == 2) {
        usleep(100000);
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) != pid)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* What is pending at exec meets the default action after it. */
static int may_end(int how, int code)
{
    if (how == 2)
        return code == 1000 + SIGKILL;
    return code == 3 || (how == 1 && (code == 1000 + SIGUSR1 || code == 1000 + SIGUSR2 ||
                                      code == 1000 + SIGRTMIN));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return atoi(argv[1]);
    set_up();
    storm(500, 1);
    CHECK(handled > 0);
    for (int i = 0; i < 9; i++)
        CHECK(may_end(i % 3, child(i % 3, argv[0])));
    return check_result();
}
