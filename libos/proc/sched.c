/* Scheduling policies: remembered and inherited, not enforced (the host schedules).
 *
 * Real-time classes and deadlines need rights that nobody inside has.  A thread may be found
 * by any process; its policy is one word, read and written whole.
 */
#include <linux/capability.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "ktime.h"
#include "lib.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define EPERM       1
#define ESRCH       3
#define E2BIG       7
#define EFAULT      14
#define EINVAL      22

#define POLICY(t)   ((int)(READ_ONCE((t)->policy) & ~(u32)SCHED_RESET_ON_FORK))
#define MAX_RT      99
#define SLICE       4000000 /* ns: a kernel of 250 Hz */
#define KNOWN_FLAG  SCHED_FLAG_RESET_ON_FORK
#define SAME_POLICY (-1)

void thread_fork_policy(struct thread *t, const struct thread *parent)
{
    t->policy = (u32)POLICY(parent);
    t->ioprio = parent->ioprio;
    t->nice = parent->policy & SCHED_RESET_ON_FORK ? MAX(parent->nice, 0) : parent->nice;
}

static long policy_ok(const struct thread *t, int policy, int priority)
{
    bool reset = policy & SCHED_RESET_ON_FORK;

    policy &= ~SCHED_RESET_ON_FORK;
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        return priority < 1 || priority > MAX_RT ? -EINVAL : -EPERM;
    if ((policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE) || priority)
        return -EINVAL;
    if (capable(CAP_SYS_NICE))
        return 0;
    if (POLICY(t) == SCHED_IDLE && policy != SCHED_IDLE &&
        (u64)(20 - t->nice) > t->proc->rlimits[RLIMIT_NICE][0])
        return -EPERM;
    if (!may_schedule(t))
        return -EPERM;
    return (t->policy & SCHED_RESET_ON_FORK) && !reset ? -EPERM : 0;
}

static long set_policy(int pid, int policy, int priority)
{
    struct process *owner;
    struct thread *t = find_thread(pid, &owner);
    long rc;

    if (t && policy == SAME_POLICY)
        policy = (int)READ_ONCE(t->policy);
    rc = t ? policy_ok(t, policy, priority) : -ESRCH;
    if (rc == 0)
        WRITE_ONCE(t->policy, (u32)policy);
    put_owner(owner);
    return rc;
}

/* The policy of a thread, or -errno. */
static long get_policy(int pid)
{
    struct process *owner;
    struct thread *t;
    long rc = -ESRCH;

    if (pid < 0)
        return -EINVAL;
    t = find_thread(pid, &owner);
    if (t)
        rc = (long)READ_ONCE(t->policy);
    put_owner(owner);
    return rc;
}

long sys_sched_getscheduler(int pid) { return get_policy(pid); }

long sys_sched_setscheduler(int pid, int policy, uptr param)
{
    s32 priority;

    if (pid < 0 || policy < 0 || !param)
        return -EINVAL;
    return get_user(priority, param) ? -EFAULT : set_policy(pid, policy, priority);
}

long sys_sched_getparam(int pid, uptr param)
{
    long rc = param ? get_policy(pid) : -EINVAL;

    return rc < 0 ? rc : put_user((s32)0, param);
}

long sys_sched_setparam(int pid, uptr param)
{
    s32 priority;

    if (pid < 0 || !param)
        return -EINVAL;
    return get_user(priority, param) ? -EFAULT : set_policy(pid, SAME_POLICY, priority);
}

long sys_sched_get_priority_max(int policy)
{
    switch (policy) {
    case SCHED_FIFO:
    case SCHED_RR:
        return MAX_RT;
    case SCHED_NORMAL:
    case SCHED_BATCH:
    case SCHED_IDLE:
    case SCHED_DEADLINE:
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_sched_get_priority_min(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR ? 1 : sys_sched_get_priority_max(policy);
}

long sys_sched_rr_get_interval(int pid, uptr to)
{
    struct timespec_k ts = {0, SLICE};
    long rc = get_policy(pid);

    return rc < 0 ? rc : copy_to_user(to, &ts, sizeof(ts));
}

long sys_sched_getattr(int pid, uptr attr, u32 size, u32 flags)
{
    struct sched_attr a = {.size = sizeof(a)};
    struct process *owner;
    struct thread *t;

    if (!attr || pid < 0 || flags || size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE)
        return -EINVAL;
    t = find_thread(pid, &owner);
    if (t) {
        a.sched_policy = (u32)POLICY(t);
        a.sched_flags = t->policy & SCHED_RESET_ON_FORK ? SCHED_FLAG_RESET_ON_FORK : 0;
        a.sched_nice = t->nice;
    }
    put_owner(owner);
    a.size = MIN(size, (u32)sizeof(a));
    return t ? copy_to_user(attr, &a, a.size) : -ESRCH;
}

static long attr_from_user(struct sched_attr *a, uptr attr)
{
    u32 size;

    if (get_user(size, attr))
        return -EFAULT;
    size = size ? size : SCHED_ATTR_SIZE_VER0;
    if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE) {
        put_user((u32)sizeof(*a), attr);
        return -E2BIG;
    }
    return copy_from_user(a, attr, MIN(size, (u32)sizeof(*a))) ? -EFAULT : 0;
}

long sys_sched_setattr(int pid, uptr attr, u32 flags)
{
    struct sched_attr a = {0};
    struct process *owner;
    struct thread *t;
    long rc;
    int policy;

    if (!attr || pid < 0 || flags)
        return -EINVAL;
    rc = attr_from_user(&a, attr);
    if (rc)
        return rc;
    if ((s32)a.sched_policy < 0 || (a.sched_flags & ~(u64)KNOWN_FLAG))
        return -EINVAL;
    policy = (int)a.sched_policy | (a.sched_flags ? SCHED_RESET_ON_FORK : 0);
    bool fair = a.sched_policy != SCHED_IDLE; /* the nice value of others is left alone */
    a.sched_nice = MAX(-20, MIN(19, a.sched_nice));
    t = find_thread(pid, &owner);
    rc = t ? policy_ok(t, policy, (int)a.sched_priority) : -ESRCH;
    if (rc == 0 && fair && !may_nice(t, a.sched_nice))
        rc = -EPERM;
    if (rc == 0) {
        WRITE_ONCE(t->policy, (u32)policy);
        if (fair)
            t->nice = a.sched_nice;
    }
    put_owner(owner);
    return rc;
}
