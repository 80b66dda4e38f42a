/* Scheduling policies and nice values: what is said is remembered, and inherited. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

struct sched_attr {
    uint32_t size, sched_policy;
    uint64_t sched_flags;
    int32_t sched_nice;
    uint32_t sched_priority;
    uint64_t runtime, deadline, period;
};

static const struct sched_param zero, ten = {10};

static long getattr(int pid, struct sched_attr *a, unsigned size)
{
    return syscall(SYS_sched_getattr, pid, a, size, 0);
}

static long setattr(int pid, struct sched_attr *a) { return syscall(SYS_sched_setattr, pid, a, 0); }

static void refused(void)
{
    struct sched_attr a = {.size = sizeof(a)};
    struct sched_param p;

    CHECK_ERR(sched_getscheduler(-1), EINVAL);
    CHECK_ERR(sched_getscheduler(4194303), ESRCH);
    CHECK_ERR(sched_setscheduler(-1, SCHED_OTHER, &zero), EINVAL);
    CHECK_ERR(sched_setscheduler(4194303, SCHED_OTHER, &zero), ESRCH);
    CHECK_ERR(sched_setscheduler(0, 77, &zero), EINVAL);
    CHECK_ERR(sched_setscheduler(0, -1, &zero), EINVAL);
    CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, &ten), EINVAL);
    CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, NULL), EINVAL);
    CHECK_ERR(sched_setscheduler(0, SCHED_FIFO, &zero), EINVAL);
    CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, (void *)8), EFAULT);
    CHECK_ERR(sched_getparam(0, NULL), EINVAL);
    CHECK_ERR(sched_getparam(-1, &p), EINVAL);
    CHECK_ERR(sched_getparam(4194303, &p), ESRCH);
    CHECK_ERR(sched_setparam(0, NULL), EINVAL);
    CHECK_ERR(sched_setparam(0, &ten), EINVAL);
    CHECK_ERR(sched_get_priority_max(77), EINVAL);
    CHECK_ERR(sched_get_priority_min(-1), EINVAL);
    CHECK_ERR(getattr(-1, &a, sizeof(a)), EINVAL);
    CHECK_ERR(getattr(0, &a, 40), EINVAL);
    CHECK_ERR(getattr(0, NULL, sizeof(a)), EINVAL);
    CHECK_ERR(getattr(4194303, &a, sizeof(a)), ESRCH);
    a.size = 8;
    CHECK_ERR(setattr(0, &a), E2BIG);
    a = (struct sched_attr){.size = sizeof(a), .sched_policy = 77};
    CHECK_ERR(setattr(0, &a), EINVAL);
}

static int in_child(int (*f)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(f());
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static int my_policy(void) { return sched_getscheduler(0); }
static int my_nice(void) { return getpriority(PRIO_PROCESS, 0); }

static int from_outside(void) { return sched_getscheduler(getppid()); }

int main(void)
{
    struct sched_attr a = {.size = sizeof(a)};
    struct timespec slice;

    CHECK(sched_getscheduler(0) == SCHED_OTHER);
    refused();
    CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_RR) == 1);
    CHECK(sched_get_priority_max(SCHED_BATCH) == 0 && sched_get_priority_min(SCHED_IDLE) == 0);
    CHECK(sched_rr_get_interval(0, &slice) == 0);
    CHECK(sched_setscheduler(0, SCHED_BATCH, &zero) == 0 && sched_getscheduler(0) == SCHED_BATCH);
    CHECK(in_child(my_policy) == SCHED_BATCH && in_child(from_outside) == SCHED_BATCH);
    CHECK(getattr(0, &a, sizeof(a)) == 0 && a.sched_policy == SCHED_BATCH && !a.sched_flags);
    CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0 && in_child(my_nice) == 5);
    CHECK(getattr(0, &a, sizeof(a)) == 0 && a.sched_nice == 5);
    CHECK(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &zero) == 0);
    CHECK(sched_getscheduler(0) == (SCHED_BATCH | SCHED_RESET_ON_FORK));
    CHECK(in_child(my_policy) == SCHED_BATCH && in_child(my_nice) == 5);
    a = (struct sched_attr){
        .size = sizeof(a), .sched_policy = SCHED_IDLE, .sched_nice = 7, .sched_flags = 1};
    CHECK(setattr(0, &a) == 0);
    CHECK(sched_getscheduler(0) == (SCHED_IDLE | SCHED_RESET_ON_FORK) && my_nice() == 5);
    if (geteuid()) { /* without rights there is no way back */
        CHECK_ERR(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &zero), EPERM);
        CHECK_ERR(sched_setscheduler(0, SCHED_IDLE, &zero), EPERM);
        CHECK_ERR(sched_setscheduler(0, SCHED_RR, &ten), EPERM);
    }
    return check_result();
}
