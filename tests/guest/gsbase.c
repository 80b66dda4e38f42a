/* A program that uses gs for itself: arch_prctl(ARCH_SET_GS), system calls, signals and
 * threads with it. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t block[2][8] = {{11, 12}, {21, 22}};
static volatile int handled;

static uint64_t at_gs(void)
{
    uint64_t v;
    __asm__ volatile("mov %%gs:8, %0" : "=r"(v));
    return v;
}

static void handler(int sig)
{
    (void)sig;
    handled += at_gs() > 10;
}

static int rounds(uint64_t expect)
{
    for (int i = 0; i < 200; i++) {
        syscall(SYS_getppid);
        if (i % 50 == 0)
            raise(SIGUSR1);
        if (at_gs() != expect)
            return 1;
    }
    return 0;
}

static void *second(void *arg)
{
    uint64_t base = 1;

    (void)arg;
    syscall(SYS_arch_prctl, ARCH_SET_GS, block[1]);
    if (rounds(22))
        return "second thread lost its gs";
    syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
    return base == (uint64_t)block[1] ? NULL : "ARCH_GET_GS";
}

int main(void)
{
    pthread_t t;
    void *said;

    for (int i = 0; i < 20; i++)
        syscall(SYS_getppid); /* a site that may have been rewritten before */
    signal(SIGUSR1, handler);
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, block[0]))
        return 1;
    pthread_create(&t, NULL, second, NULL);
    int bad = rounds(12);
    pthread_join(t, &said);
    if (bad || said || rounds(12)) {
        printf("gs lost: %d %s\n", bad, said ? (char *)said : "");
        return 1;
    }
    printf("gs kept, %d signals\n", handled);
    return 0;
}
