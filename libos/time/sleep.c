/* nanosleep and clock_nanosleep.
 *
 * A relative sleep that is interrupted keeps its deadline in t->restart; executed again
 * (no handler ran), the call goes on with it instead of starting anew.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "cputime.h"
#include "ktime.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "usercopy.h"

/* 0 when the deadline has come, else -EINTR. */
static long sleep_until(u64 deadline)
{
    for (;;) {
        u32 seq = thread_sleep_begin();
        long rc = thread_sleep(seq, deadline);
        if (rc == -ETIMEDOUT)
            return 0;
        if (rc)
            return rc;
    }
}

static long sleep_relative(u32 nr, u64 ns, uptr rem)
{
    struct restart *r = &current()->restart;
    u64 deadline = r->valid && r->nr == nr ? r->deadline : deadline_in(ns);

    r->valid = false;
    if (sleep_until(deadline) == 0)
        return 0;
    u64 now = now_mono();
    struct timespec_k left = ns_to_timespec(deadline > now ? deadline - now : 0);
    if (rem && put_user(left, rem))
        return -EFAULT;
    *r = (struct restart){.valid = true, .nr = nr, .deadline = deadline, .rem = rem};
    return -ERESTART_RESTARTBLOCK;
}

/* Monotonic deadline of an absolute time on a clock. */
static u64 absolute_deadline(int clockid, u64 when)
{
    long err;

    if (clockid == CLOCK_MONOTONIC)
        return when;
    u64 now = clock_read(clockid, &err);
    return when > now ? deadline_in(when - now) : 0;
}

/* CPU time passes at most nthreads times as fast as the wall clock: sleeps that long,
 * then looks again. */
static long sleep_cpu(int clockid, u64 ns, bool absolute, uptr rem)
{
    long err, rc;
    u64 now = clock_read(clockid, &err);

    if (err || clockid == CLOCK_THREAD_CPUTIME_ID)
        return -EINVAL;
    u64 target = absolute ? ns : now + ns;
    for (; now < target; now = clock_read(clockid, &err)) {
        u64 step = (target - now) / MAX(1u, READ_ONCE(current()->proc->nthreads));
        rc = sleep_until(deadline_in(MAX(step, NSEC / 1000)));
        if (!rc)
            continue;
        struct timespec_k left = ns_to_timespec(target - now);
        if (!absolute && rem && put_user(left, rem))
            return -EFAULT;
        return absolute ? -ERESTARTNOHAND : -EINTR;
    }
    return 0;
}

long sys_nanosleep(uptr req, uptr rem)
{
    u64 ns;
    long rc = timespec_from_user(req, &ns);

    return rc ? rc : sleep_relative(NR_nanosleep, ns, rem);
}

static long clock_can_sleep(int clockid)
{
    long err;

    switch (clockid) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        return -EOPNOTSUPP;
    }
    clock_read(clockid, &err);
    if (err || clock_is_cpu(clockid))
        return err;
    return -EOPNOTSUPP;
}

long sys_clock_nanosleep(int clockid, int flags, uptr req, uptr rem)
{
    u64 ns;
    long rc = clock_can_sleep(clockid);

    if (rc == 0)
        rc = timespec_from_user(req, &ns);
    if (rc)
        return rc;
    if (clock_is_cpu(clockid))
        return sleep_cpu(clockid, ns, flags & TIMER_ABSTIME, rem);
    if (!(flags & TIMER_ABSTIME))
        return sleep_relative(NR_clock_nanosleep, ns, rem);
    return sleep_until(absolute_deadline(clockid, ns)) ? -ERESTARTNOHAND : 0;
}

/* Interrupted calls are executed again under their own number with t->restart; a
 * program that calls this itself has nothing to restart. */
long sys_restart_syscall(void) { return -EINTR; }
