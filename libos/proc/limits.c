/* Resource limits and usage. */
#include <linux/capability.h>
#include <linux/resource.h>

#include "freeze.h"
#include "ktime.h"
#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define EPERM  1
#define ESRCH  3
#define EFAULT 14
#define EINVAL 22

static long set_limit(struct process *p, u32 which, const u64 *new)
{
    u64 *limit = p->rlimits[which];

    if (new[0] > new[1])
        return -EINVAL;
    if (which == RLIMIT_NOFILE && new[1] > 1048576)
        return -EPERM;
    if (new[1] > limit[1] && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    limit[0] = new[0];
    limit[1] = new[1];
    return 0;
}

/* Another's limits are for who has all its identities, or the right. */
static bool may_limit(struct process *p)
{
    const struct cred *me = &current()->cred, *c;
    bool ok = p == current()->proc || capable(CAP_SYS_RESOURCE);

    lock(&p->lock);
    c = p->leader ? &p->leader->cred : NULL;
    ok = ok || (c && me->uid == c->uid && me->uid == c->euid && me->uid == c->suid &&
                me->gid == c->gid && me->gid == c->egid && me->gid == c->sgid);
    unlock(&p->lock);
    return ok;
}

long sys_prlimit64(int pid, u32 which, uptr new, uptr old)
{
    struct process *p = current()->proc;
    u64 was[2], value[2];
    long rc = 0;

    if (which >= 16)
        return -EINVAL;
    if (new &&copy_from_user(value, new, sizeof(value)))
        return -EFAULT;
    p = pid == 0 || pid == p->pid ? (ref_get(&p->refs), p) : process_find(pid);
    if (!p)
        return -ESRCH;
    memcpy(was, p->rlimits[which], sizeof(was));
    if (!may_limit(p))
        rc = -EPERM;
    else if (new)
        rc = set_limit(p, which, value);
    process_put(p);
    if (rc == 0 && old)
        rc = copy_to_user(old, was, sizeof(was));
    return rc;
}

long sys_getrlimit(u32 which, uptr to) { return sys_prlimit64(0, which, 0, to); }

long sys_setrlimit(u32 which, uptr from)
{
    if (!from)
        return -EFAULT;
    return sys_prlimit64(0, which, from, 0);
}

/* A process that had the limit of the run gets the new one; one that had less keeps it. */
static void renew(struct process *p, u32 which)
{
    for (int i = 0; i < 2; i++) {
        u64 was = freeze_record.rlimits[which][i], now = boot()->rlimits[which][i];

        if (was != now && (p->rlimits[which][i] == was || p->rlimits[which][i] > now))
            p->rlimits[which][i] = now;
    }
}

void limits_resume(void)
{
    struct process *p = process_next(0);

    while (p) {
        struct process *last = p;
        renew(p, RLIMIT_NOFILE);
        renew(p, RLIMIT_FSIZE);
        p = process_next(p->pid);
        process_put(last);
    }
}

struct rusage_k {
    struct timeval_k utime, stime;
    s64 maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
        nsignals, nvcsw, nivcsw;
};

static struct timeval_k to_timeval(u64 ns)
{
    return (struct timeval_k){(s64)(ns / NSEC), (s64)(ns % NSEC / 1000)};
}

long sys_getrusage(int who, uptr to)
{
    struct process *p = current()->proc;
    struct rusage_k u = {0};
    u64 user = p->child_utime, system = p->child_stime;

    if (who == RUSAGE_CHILDREN) {
        u.maxrss = (s64)(p->child_max_rss / 1024);
    } else if (who == RUSAGE_SELF || who == 1 /* RUSAGE_THREAD */) {
        struct host_usage used;
        host_usage(who == 1 ? HOST_USAGE_THREAD : HOST_USAGE_SPACE, &used);
        user = usage_user_ns(&used);
        system = usage_system_ns(&used);
        if ((u64)used.peak_kib << 10 > p->max_rss)
            p->max_rss = (u64)used.peak_kib << 10;
        u.maxrss = (s64)(p->max_rss / 1024);
        u.minflt = used.minor_faults;
        u.majflt = used.major_faults;
        u.nvcsw = used.waits;
        u.nivcsw = used.preempted;
    } else {
        return -EINVAL;
    }
    u.utime = to_timeval(user);
    u.stime = to_timeval(system);
    return copy_to_user(to, &u, sizeof(u));
}
