/* Random system calls, as a program inside a sandbox makes them: the library OS may refuse
 * them all, but it must not stop, hang, or let anything out.
 *
 *   sysfuzz [BATCHES [SEED]]
 *
 * Each batch is a process of its own that can do itself no lasting harm to the next: what
 * it opens, maps and changes goes with it.  One that sleeps is woken by its alarm; one that
 * does not end is killed; one that cannot be killed is a finding.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../random.h"

#define CALLS   400 /* of a batch */
#define NUMBERS 470

static char *memory; /* 64 KB of noise with names in it, an unmapped page behind */
#define MEMORY_SIZE 65536

static const char *const paths[] = {
    "/",
    "/tmp",
    "/tmp/a",
    "/tmp/b",
    "/tmp/d",
    "/tmp/d/e",
    "/proc",
    "/proc/self",
    "/proc/self/fd",
    "/proc/self/maps",
    "/dev/null",
    "/dev/zero",
    "/dev/ptmx",
    "/dev/pts/0",
    "/dev/shm/x",
    "/etc/passwd",
    "/usr/bin/true",
    "/bin/sh",
    ".",
    "..",
    "",
    "a",
    "/proc/self/mem",
    "/sys",
    "/tmp/fifo",
    "/proc/self/exe",
    "/nonexistent",
    "/proc/self/cwd/x",
    "/dev/full",
    "/tmp/sock",
};

static void fill_memory(void)
{
    for (size_t i = 0; i < MEMORY_SIZE; i += 8) {
        uint64_t v = below(3) ? below(16) : any() >> below(64);
        memcpy(memory + i, &v, 8);
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        strcpy(memory + i * 64, paths[i]);
    for (size_t i = 0; i < 64; i++) { /* vectors and messages that point somewhere */
        uint64_t v[2] = {(uint64_t)memory + below(MEMORY_SIZE), below(9000)};
        memcpy(memory + 8192 + i * 16, v, sizeof(v));
    }
}

static long pointer(void)
{
    switch (below(10)) {
    case 0:
        return 0;
    case 1:
        return (long)any();
    case 2:
        return (long)(memory + MEMORY_SIZE - below(32)); /* runs into the hole */
    case 3:
        return (long)(0x6a0000000000 + below(1UL << 40)); /* the library OS itself */
    case 4:
        return (long)(memory + 8192 + below(64) * 16);
    case 5:
    case 6:
        return (long)(memory + below(sizeof(paths) / sizeof(paths[0])) * 64);
    default:
        return (long)(memory + (below(MEMORY_SIZE - 8192) & ~7UL));
    }
}

static long argument(void)
{
    switch (below(8)) {
    case 0:
        return (long)below(40); /* descriptors, small flags */
    case 1:
        return (long)below(4);
    case 2:
        return (long)(1UL << below(33));
    case 3:
        return below(2) ? -1 : AT_FDCWD;
    case 4:
        return (long)below(70000);
    case 5:
        return (long)(any() >> below(64));
    default:
        return pointer();
    }
}

/* Calls that would end the batch at once, or reach this program's parent. */
static bool spared(long nr, long *a)
{
    switch (nr) {
    case SYS_exit:
    case SYS_exit_group:
    case SYS_vfork: /* the child would go on on the parent's stack */
    case SYS_rt_sigreturn:
    case SYS_pause:
        return true;
    case SYS_clone:
        a[0] = (long)((uint64_t)a[0] & ~(uint64_t)(CLONE_VM | CLONE_PARENT)) | SIGCHLD;
        a[1] = 0;
        return false;
    case SYS_clone3:
        return below(4) != 0;
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
        a[0] = a[0] <= 1 || a[0] == getppid() ? getpid() : a[0];
        return below(8) != 0;
    default:
        return false;
    }
}

static void open_things(void)
{
    int ends[2];

    open("/tmp/a", O_RDWR | O_CREAT, 0666);
    mkdir("/tmp/d", 0777);
    mkfifo("/tmp/fifo", 0666);
    open("/tmp/fifo", O_RDWR | O_NONBLOCK);
    open("/proc/self/maps", O_RDONLY);
    open("/dev/ptmx", O_RDWR | O_NOCTTY);
    open("/etc", O_RDONLY | O_DIRECTORY);
    (void)!pipe(ends);
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
    socket(AF_INET, SOCK_STREAM, 0);
    socket(AF_INET6, SOCK_DGRAM, 0);
    epoll_create1(0);
    eventfd(3, 0);
    memfd_create("m", 0);
    syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);
    syscall(SYS_inotify_init1, 0);
}

static void on_alarm(int sig) {}

static void batch(uint64_t seed)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval often = {{0, 20000}, {0, 20000}};
    const pid_t self = getpid();

    random_seed(seed);
    for (int i = 0; i < 8; i++)
        any();
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    open_things();
    fill_memory();
    for (int i = 0; i < CALLS && getpid() == self; i++) {
        /* What it changed of signals and timers is put back, so that it goes on. */
        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &often, NULL);
        long nr = (long)below(NUMBERS), a[6];
        for (int k = 0; k < 6; k++)
            a[k] = argument();
        if (spared(nr, a))
            continue;
        syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (below(16) == 0)
            fill_memory();
    }
    _exit(0);
}

/* 1: it is a finding. */
static int carry_out(uint64_t seed)
{
    pid_t pid = fork();

    if (pid < 0)
        return 0; /* what earlier batches left has to end first */
    if (pid == 0) {
        setsid();
        batch(seed);
    }
    for (int i = 0; i < 1000; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return 0;
        if (i == 300)
            kill(pid, SIGKILL);
        usleep(10000);
    }
    printf("batch %llu cannot be killed\n", (unsigned long long)seed);
    return 1;
}

int main(int argc, char **argv)
{
    unsigned long batches = argc > 1 ? strtoul(argv[1], NULL, 0) : 20;
    uint64_t seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
    int bad = 0;

    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    memory =
        mmap(NULL, MEMORY_SIZE + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(memory + MEMORY_SIZE, 4096);
    for (unsigned long i = 0; i < batches && !bad; i++) {
        bad = carry_out(seed + i);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    printf("%lu batches of %d calls\n", batches, CALLS);
    return bad;
}
