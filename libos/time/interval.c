/* Expiry on a clock, once or periodically, on top of a kernel timer.
 *
 * The kernel timer runs on monotonic time.  For the other clocks it is set to where
 * they will be then; when it fires the clock is read, and if it is behind (CPU time
 * that passed slower, a wall clock set back) the timer is armed for the rest.
 */
#include "interval.h"

#include <asm/errno.h>
#include <linux/time.h>

#include "thread.h"
#include "usercopy.h"

/* A program that asks for nanoseconds gets its overruns counted, not a busy timer. */
#define SHORTEST 50000 /* ns between two looks */

/* Read by the timer thread too, so a CPU clock must not mean "the caller's". */
static u64 clock_now(const struct interval *i)
{
    long err;

    if (!i->owner)
        return clock_read(i->clockid, &err);
    if (!i->thread)
        return process_cpu_ns(i->owner, i->cpu);
    return READ_ONCE(i->thread->tid) == i->tid ? thread_cpu_ns(i->thread, i->cpu) : 0;
}

/* Monotonic time at which the clock can have reached the expiry at the earliest. */
static u64 earliest(const struct interval *i)
{
    if (i->clockid == CLOCK_MONOTONIC)
        return i->expiry;
    u64 now = clock_now(i), left = i->expiry > now ? i->expiry - now : 0;
    if (i->owner)
        left = MAX(left / MAX(1u, READ_ONCE(boot()->ncpu)), NSEC / 1000);
    return deadline_from_now(left);
}

void interval_init(struct interval *i, int clockid, void (*fn)(struct ktimer *))
{
    *i = (struct interval){.clockid = clockid};
    ktimer_init(&i->timer, fn);
    i->timer.wall = clockid != CLOCK_MONOTONIC;
}

void interval_init_cpu(struct interval *i, int which, struct thread *t, void (*fn)(struct ktimer *))
{
    interval_init(i, CLOCK_PROCESS_CPUTIME_ID, fn);
    i->timer.wall = false;
    i->cpu = (u8)which;
    i->owner = current()->proc;
    i->thread = t;
    i->tid = t ? t->tid : 0;
}

void interval_set(struct interval *i, u64 value, u64 period, bool absolute)
{
    ktimer_disarm(&i->timer);
    i->period = period;
    i->expiry = value;
    i->relative = !absolute;
    if (value == 0)
        return;
    if (!absolute && __builtin_add_overflow(value, clock_now(i), &i->expiry))
        i->expiry = HOST_FOREVER;
    ktimer_arm(&i->timer, earliest(i));
}

void interval_get(const struct interval *i, struct itimerspec_k *out)
{
    u64 left = 0;

    if (i->expiry) {
        u64 now = clock_now(i);
        left = i->expiry > now ? i->expiry - now : 1; /* due but not yet told: not 0 */
    }
    out->value = ns_to_timespec(left);
    out->interval = ns_to_timespec(i->period);
}

u64 interval_expired(struct interval *i)
{
    u64 times = 1;

    if (i->expiry == 0)
        return 0;
    u64 now = clock_now(i);
    if (i->expiry > now) {
        ktimer_arm(&i->timer, earliest(i));
        return 0;
    }
    if (i->period == 0) {
        i->expiry = 0;
        return 1;
    }
    times += (now - i->expiry) / i->period;
    i->expiry += times * i->period;
    ktimer_arm(&i->timer, MAX(earliest(i), now_mono() + SHORTEST));
    return times;
}

long itimerspec_from_user(uptr p, u64 *value, u64 *period)
{
    struct itimerspec_k its;

    if (get_user(its, p))
        return -EFAULT;
    if (timespec_to_ns(&its.value, value) || timespec_to_ns(&its.interval, period))
        return -EINVAL;
    return 0;
}

/* A time on the clock may have come; a distance on the wall clock stays what it was. */
static void after_jump(struct ktimer *t, u64 jump)
{
    struct interval *i = container_of(t, struct interval, timer);

    if (!t->wall)
        return;
    if (i->relative && (i->clockid == CLOCK_REALTIME || i->clockid == CLOCK_REALTIME_ALARM))
        i->expiry += jump;
    t->deadline = 0; /* its fn looks at the clock and arms it for the rest */
}

void interval_resume(u64 jump) { ktimer_resume(after_jump, jump); }
