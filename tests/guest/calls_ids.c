/* Identities, groups, sessions, limits: each call as the kernel has it, past the C library. */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define NOBODY          4194303 /* no process has this number */
#define BAD             ((void *)8)

static void reading(void)
{
    unsigned id[3] = {~0u, ~0u, ~0u}, groups[65536];
    struct rusage u;
    struct rlimit l;
    long n = CALL(getgroups, 0, NULL);

    CHECK(CALL(getresuid, &id[0], &id[1], &id[2]) == 0 && id[0] == getuid() && id[1] == geteuid());
    CHECK(CALL(getresgid, &id[0], &id[1], &id[2]) == 0 && id[0] == getgid() && id[1] == getegid());
    CHECK_ERR(CALL(getresuid, BAD, BAD, BAD), EFAULT);
    CHECK_ERR(CALL(getresgid, &id[0], BAD, BAD), EFAULT);
    CHECK(n >= 0 && CALL(getgroups, 65536, groups) == n);
    CHECK_ERR(CALL(getgroups, -1, groups), EINVAL);
    if (n > 0)
        CHECK_ERR(CALL(getgroups, n - 1 ? n - 1 : -1, groups), EINVAL);
    CHECK(CALL(getpgid, 0) == CALL(getpgrp) && CALL(getpgid, getpid()) == getpgrp());
    CHECK(CALL(getsid, 0) == getsid(getpid()) && CALL(getsid, 0) > 0);
    CHECK_ERR(CALL(getpgid, NOBODY), ESRCH);
    CHECK_ERR(CALL(getsid, NOBODY), ESRCH);
    CHECK(CALL(getrusage, RUSAGE_SELF, &u) == 0 && u.ru_maxrss > 0);
    CHECK(CALL(getrusage, RUSAGE_CHILDREN, &u) == 0 && CALL(getrusage, RUSAGE_THREAD, &u) == 0);
    CHECK_ERR(CALL(getrusage, 77, &u), EINVAL);
    CHECK_ERR(CALL(getrusage, RUSAGE_SELF, BAD), EFAULT);
    CHECK(CALL(getrlimit, RLIMIT_NOFILE, &l) == 0 && CALL(setrlimit, RLIMIT_NOFILE, &l) == 0);
    CHECK_ERR(CALL(getrlimit, 77, &l), EINVAL);
    CHECK_ERR(CALL(setrlimit, 77, &l), EINVAL);
    CHECK_ERR(CALL(setrlimit, RLIMIT_NOFILE, BAD), EFAULT);
    l.rlim_cur = l.rlim_max + 1;
    if (l.rlim_max != RLIM_INFINITY)
        CHECK_ERR(CALL(setrlimit, RLIMIT_NOFILE, &l), EINVAL);
}

static void nice_values(void)
{
    long was = CALL(getpriority, PRIO_PROCESS, 0); /* 20 - nice, and whoever runs us may be nice */

    long then = was > 3 ? was - 3 : 1;

    CHECK(was > 0 && was <= 20);
    CHECK(CALL(setpriority, PRIO_PROCESS, 0, 20 - then) == 0);
    CHECK(CALL(getpriority, PRIO_PROCESS, 0) == then);
    CHECK(CALL(setpriority, PRIO_PROCESS, 0, 100) == 0 && CALL(getpriority, PRIO_PROCESS, 0) == 1);
    CHECK_ERR(CALL(getpriority, 77, 0), EINVAL);
    CHECK_ERR(CALL(setpriority, 77, 0, 0), EINVAL);
    CHECK_ERR(CALL(getpriority, PRIO_PROCESS, NOBODY), ESRCH);
    CHECK_ERR(CALL(setpriority, PRIO_PROCESS, NOBODY, 0), ESRCH);
    if (geteuid())
        CHECK_ERR(CALL(setpriority, PRIO_PROCESS, 0, 0), EACCES);
}

static void capabilities(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];

    CHECK(CALL(capget, &h, d) == 0);
    CHECK(CALL(capset, &h, d) == 0);
    h.pid = NOBODY;
    CHECK_ERR(CALL(capget, &h, d), ESRCH);
    h.pid = 0;
    CHECK_ERR(CALL(capget, &h, BAD), EFAULT);
    CHECK_ERR(CALL(capget, NULL, d), EFAULT);
    h.version = 1;
    CHECK(CALL(capget, &h, NULL) == 0 && h.version == _LINUX_CAPABILITY_VERSION_3);
    h.version = 1;
    CHECK_ERR(CALL(capget, &h, d), EINVAL);
    h.version = _LINUX_CAPABILITY_VERSION_3;
    h.pid = NOBODY;
    CHECK_ERR(CALL(capset, &h, d), EPERM);
}

/* To what one is already: anybody may. */
static void staying(void)
{
    CHECK(CALL(setreuid, -1, -1) == 0 && CALL(setreuid, getuid(), geteuid()) == 0);
    CHECK(CALL(setregid, -1, -1) == 0 && CALL(setregid, getgid(), getegid()) == 0);
    CHECK(CALL(setresuid, -1, -1, -1) == 0 && CALL(setresgid, -1, -1, -1) == 0);
    CHECK(CALL(setfsuid, -1) == (long)geteuid() && CALL(setfsgid, -1) == (long)getegid());
    CHECK(CALL(setfsuid, geteuid()) == (long)geteuid());
}

/* As somebody without rights: there is no way to be somebody else. */
static int as_nobody(void)
{
    unsigned group = 0;

    if (geteuid() == 0) {
        CHECK(CALL(setgroups, 1, &group) == 0 && CALL(getgroups, 0, NULL) == 1);
        CHECK(CALL(setgroups, 0, NULL) == 0 && CALL(getgroups, 0, NULL) == 0);
        CHECK_ERR(CALL(setgroups, 1, BAD), EFAULT);
        CHECK_ERR(CALL(setgroups, 65537, &group), EINVAL);
        CHECK(CALL(setresgid, 65534, 65534, 65534) == 0 &&
              CALL(setresuid, 65534, 65533, 65532) == 0);
        CHECK(CALL(setreuid, 65533, 65534) == 0 && getuid() == 65533 && geteuid() == 65534);
        CHECK(CALL(setresuid, 65534, 65534, 65534) == 0);
    }
    CHECK_ERR(CALL(setuid, 0), EPERM);
    CHECK_ERR(CALL(setgid, 0), EPERM);
    CHECK_ERR(CALL(setreuid, 0, -1), EPERM);
    CHECK_ERR(CALL(setregid, -1, 0), EPERM);
    CHECK_ERR(CALL(setresuid, 0, -1, -1), EPERM);
    CHECK_ERR(CALL(setresgid, -1, -1, 0), EPERM);
    CHECK_ERR(CALL(setgroups, 1, &group), EPERM);
    CHECK(CALL(setfsuid, 0) == (long)geteuid() && CALL(setfsuid, -1) == (long)geteuid());
    CHECK(CALL(setfsgid, 0) == (long)getegid() && CALL(setfsgid, -1) == (long)getegid());
    struct rlimit none = {0, RLIM_INFINITY};
    CHECK(getrlimit(RLIMIT_NPROC, &none) == 0);
    none.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
    CHECK_ERR(fork(), EAGAIN);
    return check_failures;
}

int main(void)
{
    int status = -1;

    reading();
    capabilities();
    staying();
    nice_values();
    pid_t pid = fork();
    if (pid == 0)
        _exit(as_nobody());
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    return check_result();
}
