/* The clocks inside: the host's plus what a resume has to add so that monotonic time
 * goes on where it stopped (boot_info.mono_offset, boot_offset). */
#include "ktime.h"

#include <asm/errno.h>
#include <linux/time.h>

#include "cputime.h"
#include "thread.h"
#include "usercopy.h"

u64 now_mono(void) { return host_time(HOST_CLOCK_MONOTONIC) + (u64)boot()->mono_offset; }

u64 now_real(void) { return host_time(HOST_CLOCK_REALTIME); }

u64 now_boot(void) { return host_time(HOST_CLOCK_BOOTTIME) + (u64)boot()->boot_offset; }

u64 clock_read(int clockid, long *err)
{
    *err = 0;
    if (clockid < 0)
        return cpu_clock_read(clockid, err);
    switch (clockid) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        return now_real();
    case CLOCK_MONOTONIC:
        return now_mono();
    case CLOCK_MONOTONIC_RAW:
        return host_time(HOST_CLOCK_MONOTONIC_RAW) + (u64)boot()->mono_offset;
    case CLOCK_REALTIME_COARSE:
        return host_time(HOST_CLOCK_REALTIME_COARSE);
    case CLOCK_MONOTONIC_COARSE:
        return host_time(HOST_CLOCK_MONOTONIC_COARSE) + (u64)boot()->mono_offset;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        return now_boot();
    case CLOCK_PROCESS_CPUTIME_ID:
        return process_cpu_ns(current()->proc, CPU_BOTH);
    case CLOCK_THREAD_CPUTIME_ID:
        return thread_cpu_ns(current(), CPU_BOTH);
    default:
        *err = -EINVAL;
        return 0;
    }
}

long timespec_to_ns(const struct timespec_k *ts, u64 *ns)
{
    if (ts->sec < 0 || ts->nsec < 0 || ts->nsec >= (s64)NSEC)
        return -EINVAL;
    /* One less than HOST_FOREVER's half: sums with a clock don't overflow. */
    if ((u64)ts->sec >= (HOST_FOREVER / 2) / NSEC)
        *ns = HOST_FOREVER / 2;
    else
        *ns = (u64)ts->sec * NSEC + (u64)ts->nsec;
    return 0;
}

long timespec_from_user(uptr from, u64 *ns)
{
    struct timespec_k ts;

    if (get_user(ts, from))
        return -EFAULT;
    return timespec_to_ns(&ts, ns);
}

u64 deadline_from_now(u64 ns)
{
    u64 deadline;

    if (ns >= HOST_FOREVER / 2 || __builtin_add_overflow(now_mono(), ns, &deadline))
        return HOST_FOREVER;
    return deadline;
}

/* A call that a save interrupted and that is executed again keeps its deadline: the first
 * it asks for. */
u64 deadline_in(u64 ns)
{
    struct thread *t = current();

    if (t->deadline_call == t->syscalls)
        return deadline_from_now(ns);
    if (likely(!t->kept_call) || t->kept_call != t->syscalls)
        t->deadline = deadline_from_now(ns);
    t->deadline_call = t->syscalls;
    return t->deadline;
}

u64 deadline_at_real(u64 ns)
{
    u64 real = now_real();

    return ns > real ? deadline_in(ns - real) : 1;
}
