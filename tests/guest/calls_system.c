/* The machine, as somebody without rights: what may be read, and what is refused, with the errno
 * and in the order that the kernel has. */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define NOBODY          4194303
#define BAD             ((void *)8)

static void refused(void)
{
    struct timeval now = {1, 0};

    CHECK_ERR(CALL(sethostname, "x", 1), EPERM);
    CHECK_ERR(CALL(setdomainname, "x", 1), EPERM);
    CHECK_ERR(CALL(settimeofday, &now, NULL), EPERM);
    now.tv_usec = 1000000;
    CHECK_ERR(CALL(settimeofday, &now, NULL), EINVAL);
    CHECK_ERR(CALL(settimeofday, BAD, NULL), EFAULT);
    CHECK_ERR(CALL(acct, "x"), EPERM);
    CHECK_ERR(CALL(reboot, 0xfee1dead, 672274793, 0, NULL), EPERM);
    CHECK_ERR(CALL(swapon, "x", 0), EPERM);
    CHECK_ERR(CALL(swapoff, "x"), EPERM);
    CHECK_ERR(CALL(mount, "none", "/tmp", "tmpfs", 0, NULL), EPERM);
    CHECK_ERR(CALL(umount2, "/tmp", 0), EPERM);
    CHECK_ERR(CALL(vhangup), EPERM);
    CHECK_ERR(CALL(syslog, 5, NULL, 0), EPERM);
}

static void scheduling(void)
{
    unsigned long mask[16] = {0}, none[16] = {0};
    unsigned cpu = ~0u, node = ~0u;

    CHECK(CALL(sched_yield) == 0);
    CHECK(CALL(getcpu, &cpu, &node, NULL) == 0 && cpu < 1024 && node < 64);
    CHECK(CALL(getcpu, NULL, NULL, NULL) == 0);
    CHECK_ERR(CALL(getcpu, BAD, NULL, NULL), EFAULT);
    CHECK(CALL(sched_getaffinity, 0, sizeof(mask), mask) > 0);
    CHECK(CALL(sched_setaffinity, 0, sizeof(mask), mask) == 0);
    CHECK_ERR(CALL(sched_setaffinity, 0, sizeof(none), none), EINVAL);
    CHECK_ERR(CALL(sched_setaffinity, 0, sizeof(mask), BAD), EFAULT);
    CHECK_ERR(CALL(sched_setaffinity, NOBODY, sizeof(mask), mask), ESRCH);
    CHECK_ERR(CALL(sched_getaffinity, 0, 1, mask), EINVAL);
    CHECK(CALL(ioprio_get, 1, 0) >= 0);
    CHECK_ERR(CALL(ioprio_get, 77, 0), EINVAL);
    CHECK_ERR(CALL(ioprio_set, 77, 0, 0), EINVAL);
}

static void reading(void)
{
    struct sysinfo si = {0};
    void *head = NULL;
    size_t len = 0;

    CHECK(CALL(sysinfo, &si) == 0 && si.uptime > 0 && si.totalram > 0 && si.procs > 0);
    CHECK_ERR(CALL(sysinfo, BAD), EFAULT);
    CHECK_ERR(CALL(uname, BAD), EFAULT);
    CHECK(CALL(personality, 0xffffffff) == 0);
    CHECK(CALL(get_robust_list, 0, &head, &len) == 0 && head && len == 24);
    CHECK_ERR(CALL(get_robust_list, NOBODY, &head, &len), ESRCH);
    CHECK_ERR(CALL(get_robust_list, 0, BAD, &len), EFAULT);
}

static volatile int value;

static void on_signal(int sig, siginfo_t *info, void *context) { value = info->si_int; }

static void signalling(void)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    siginfo_t info = {.si_code = SI_QUEUE};

    info.si_int = 42;
    sigaction(SIGUSR1, &sa, NULL);
    CHECK(CALL(rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &info) == 0 && value == 42);
    CHECK_ERR(CALL(rt_tgsigqueueinfo, getpid(), NOBODY, SIGUSR1, &info), ESRCH);
    CHECK_ERR(CALL(rt_tgsigqueueinfo, -1, gettid(), SIGUSR1, &info), EINVAL);
    CHECK_ERR(CALL(rt_tgsigqueueinfo, getpid(), gettid(), 65, &info), EINVAL);
    CHECK_ERR(CALL(rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, BAD), EFAULT);
}

/* fork, exit and execveat themselves, not as the C library has them. */
static void children(void)
{
    char *argv[] = {"sh", "-c", "exit 5", NULL}, *envp[] = {NULL};
    int status = -1;
    long pid = CALL(fork);

    if (pid == 0)
        CALL(exit, 4);
    CHECK(waitpid((int)pid, &status, 0) == pid && WEXITSTATUS(status) == 4);
    pid = CALL(fork);
    if (pid == 0) {
        CALL(execveat, -100, "/bin/sh", argv, envp, 0);
        _exit(1);
    }
    CHECK(waitpid((int)pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
    CHECK_ERR(CALL(execveat, -100, "/nothing", argv, envp, 0), ENOENT);
    CHECK_ERR(CALL(execveat, 99, "sh", argv, envp, 0), EBADF);
    CHECK_ERR(CALL(execveat, -100, "/bin/sh", argv, envp, 0x40), EINVAL);
    CHECK_ERR(CALL(execveat, -100, "/tmp", argv, envp, 0), EACCES);
    CHECK_ERR(CALL(execveat, -100, BAD, argv, envp, 0), EFAULT);
    CHECK_ERR(CALL(execveat, -100, "/bin/sh", BAD, envp, 0), EFAULT);
}

int main(void)
{
    if (geteuid() == 0) {
        CHECK(CALL(setgroups, 0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0);
        CHECK(setresuid(65534, 65534, 65534) == 0);
    }
    refused();
    scheduling();
    reading();
    signalling();
    children();
    return check_result();
}
