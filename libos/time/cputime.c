/* CPU time.  The host counts it: of the caller's own it tells with one host call, of others
 * the monitor has to be asked.
 *
 * A host process belongs to one process of the sandbox except for the short while of a
 * vfork, so the time of a process is that of its host process: threads that have ended
 * are in it, and exec keeps it, as on Linux.  p->utime and p->stime are set when the
 * process ends.
 */
#include "cputime.h"

#include <asm/errno.h>
#include <linux/time.h>

#include "ktime.h"
#include "lib.h"
#include "thread.h"

/* Layout of negative clock numbers: ~id << 3, with these bits. */
#define CPUCLOCK_THREAD 4
#define CPUCLOCK_WHICH  3
#define CPUCLOCK_PROF   0
#define CPUCLOCK_VIRT   1
#define CPUCLOCK_SCHED  2

/* id: a host thread, or -(a host process).  Of oneself the host tells quickly. */
static bool ask_about_self(s64 id, struct host_usage *usage)
{
    if (id != (s64)current()->host_tid && id != -(s64)current()->host_pid)
        return false;
    host_usage(id > 0 ? HOST_USAGE_THREAD : HOST_USAGE_SPACE, usage);
    return true;
}

static u64 ask_host(s64 id, int which)
{
    struct host_usage usage;

    if (ask_about_self(id, &usage))
        return (which == CPU_SYSTEM ? 0 : usage_user_ns(&usage)) +
               (which == CPU_USER ? 0 : usage_system_ns(&usage));
    long ns = host_report(HOST_REPORT_CPUTIME, (u64)id, (u64)which, NULL);

    return ns > 0 ? (u64)ns : 0;
}

/* The part of times on earlier hosts that is asked for. */
static u64 part(const u64 times[2], int which)
{
    return (which == CPU_SYSTEM ? 0 : times[0]) + (which == CPU_USER ? 0 : times[1]);
}

u64 thread_cpu_ns(struct thread *t, int which)
{
    u32 tid = __atomic_load_n(&t->host_tid, __ATOMIC_RELAXED);

    return tid ? ask_host(tid, which) + part(t->cpu_before, which) : 0;
}

/* The last thread of a process that comes to rest has the process's newest times. */
void cpu_freeze(struct thread *t)
{
    struct process *p = t->proc;
    struct host_usage usage;

    host_usage(HOST_USAGE_THREAD, &usage);
    t->cpu_total[0] = t->cpu_before[0] + usage_user_ns(&usage);
    t->cpu_total[1] = t->cpu_before[1] + usage_system_ns(&usage);
    host_usage(HOST_USAGE_SPACE, &usage);
    p->cpu_total[0] = MAX(p->cpu_total[0], p->cpu_before[0] + usage_user_ns(&usage));
    p->cpu_total[1] = MAX(p->cpu_total[1], p->cpu_before[1] + usage_system_ns(&usage));
}

void cpu_resume(struct thread *t)
{
    memcpy(t->cpu_before, t->cpu_total, sizeof(t->cpu_before));
    memcpy(t->proc->cpu_before, t->proc->cpu_total, sizeof(t->proc->cpu_before));
}

u64 process_cpu_ns(struct process *p, int which)
{
    s32 pid = p->host_pid;

    if (p->zombie)
        return which == CPU_USER ? p->utime : which == CPU_SYSTEM ? p->stime : p->utime + p->stime;
    return pid > 0 ? ask_host(-(s64)pid, which) + part(p->cpu_before, which) : 0;
}

/* Of others the host knows the sum exactly and the parts in clock ticks: their ratio
 * splits it. */
void cpu_split_ns(struct process *p, struct thread *t, u64 *user, u64 *system)
{
    s64 id = t ? (s64)t->host_tid : -(s64)p->host_pid;
    struct host_usage usage;

    const u64 *before = t ? t->cpu_before : p->cpu_before;

    if (ask_about_self(id, &usage)) {
        *user = before[0] + usage_user_ns(&usage);
        *system = before[1] + usage_system_ns(&usage);
        return;
    }
    u64 all = id ? ask_host(id, CPU_BOTH) : 0;
    u64 ticks = id ? (u64)host_report(HOST_REPORT_CPUTIME, (u64)id, 3, NULL) : 0;
    u64 u = ticks >> 32, s = ticks & 0xffffffff;

    *system = u + s ? all / (u + s) * s : 0;
    *user = all - *system + before[0];
    *system += before[1];
}

static void raise_peak(struct process *p, u64 bytes)
{
    if (bytes > READ_ONCE(p->max_rss))
        WRITE_ONCE(p->max_rss, bytes);
}

u64 process_peak(struct process *p)
{
    struct host_usage usage;
    u64 bytes = 0;

    if (ask_about_self(-(s64)p->host_pid, &usage)) {
        bytes = (u64)usage.peak_kib << 10;
    } else if (p->host_pid > 0) {
        long pages = host_report(HOST_REPORT_MEMORY, (u64)p->host_pid, 1, NULL);
        bytes = pages > 0 ? (u64)pages << PAGE_SHIFT : 0;
    }
    raise_peak(p, bytes);
    return bytes;
}

/* At the end of p, by its last thread.  One that ends in the space of its parent (vfork) has
 * used nothing that could be told apart. */
void process_cpu_account(struct process *p)
{
    struct host_usage usage;

    if ((p->parent && p->parent->host_pid == p->host_pid) ||
        !ask_about_self(-(s64)p->host_pid, &usage))
        return;
    p->utime = p->cpu_before[0] + usage_user_ns(&usage);
    p->stime = p->cpu_before[1] + usage_system_ns(&usage);
    raise_peak(p, (u64)usage.peak_kib << 10);
}

bool clock_is_cpu(int clockid)
{
    return clockid < 0 || clockid == CLOCK_PROCESS_CPUTIME_ID || clockid == CLOCK_THREAD_CPUTIME_ID;
}

static u64 thread_clock(s32 tid, int which, long *err)
{
    struct process *p = current()->proc;
    u64 ns = 0;

    if (tid == 0)
        return thread_cpu_ns(current(), which);
    lock(&p->lock);
    struct thread *t = thread_find(p, tid);
    if (t)
        ns = thread_cpu_ns(t, which);
    else
        *err = -EINVAL;
    unlock(&p->lock);
    return ns;
}

static u64 process_clock(s32 pid, int which, long *err)
{
    struct process *p = pid ? process_find(pid) : NULL;
    u64 ns = 0;

    if (pid == 0)
        return process_cpu_ns(current()->proc, which);
    if (p && !p->zombie)
        ns = process_cpu_ns(p, which);
    else
        *err = -EINVAL;
    if (p)
        process_put(p);
    return ns;
}

u64 cpu_clock_read(int clockid, long *err)
{
    static const u8 which[] = {
        [CPUCLOCK_PROF] = CPU_BOTH, [CPUCLOCK_VIRT] = CPU_USER, [CPUCLOCK_SCHED] = CPU_BOTH};
    s32 id = ~(clockid >> 3);
    unsigned kind = (unsigned)clockid & CPUCLOCK_WHICH;

    if (kind == 3 || id < 0) { /* 3: a clock behind a descriptor (PTP); there are none */
        *err = -EINVAL;
        return 0;
    }
    return clockid & CPUCLOCK_THREAD ? thread_clock(id, which[kind], err)
                                     : process_clock(id, which[kind], err);
}
