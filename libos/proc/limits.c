/* Resource limits and usage. */
#include <linux/capability.h>
#include <linux/resource.h>

#include "ktime.h"
#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define EPERM 1
#define ESRCH 3
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

long sys_prlimit64(int pid, u32 which, uptr new, uptr old)
{
    struct process *p = current()->proc;
    u64 was[2], value[2];
    long rc = 0;

    if (which >= 16)
        return -EINVAL;
    if (new && copy_from_user(value, new, sizeof(value)))
        return -EFAULT;
    p = pid == 0 || pid == p->pid ? (ref_get(&p->refs), p) : process_find(pid);
    if (!p)
        return -ESRCH;
    memcpy(was, p->rlimits[which], sizeof(was));
    if (new)
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

struct rusage_k {
    struct timeval_k utime, stime;
    s64 maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
        nsignals, nvcsw, nivcsw;
};

static struct timeval_k to_timeval(u64 ns)
{
    return (struct timeval_k){(s64)(ns / NSEC), (s64)(ns % NSEC / 1000)};
}

static u64 cpu_time(s32 tid, int kind)
{
    long ns = host_report(HOST_REPORT_CPUTIME, (u64)tid, (u64)kind, NULL);
    return ns < 0 ? 0 : (u64)ns;
}

long sys_getrusage(int who, uptr to)
{
    struct process *p = current()->proc;
    struct rusage_k u = {0};
    s32 tid = who == 1 ? (s32)current()->host_tid : -(p->host_pid ? p->host_pid : boot()->host_pid);

    if (who == RUSAGE_CHILDREN) {
        u.utime = to_timeval(p->child_utime);
        u.stime = to_timeval(p->child_stime);
    } else if (who == RUSAGE_SELF || who == 1 /* RUSAGE_THREAD */) {
        u.utime = to_timeval(cpu_time(tid, 1));
        u.stime = to_timeval(cpu_time(tid, 2));
        u.maxrss = (s64)(p->mm->peak / 1024);
    } else {
        return -EINVAL;
    }
    return copy_to_user(to, &u, sizeof(u));
}
