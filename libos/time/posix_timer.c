/* POSIX timers: timer_create and its family.
 *
 * A process that has used them owns a struct posix_timers with a list; its lock (an
 * object lock) protects the list and everything in the timers, and their functions
 * take it.  A timer found under the lock is valid as long as the lock is held.
 *
 * A timer has at most one signal pending: expiries while it is counted in the pending
 * signal's si_overrun, which the program gets with it.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <linux/capability.h>
#include <linux/time.h>

#include "cputime.h"
#include "interval.h"
#include "kalloc.h"
#include "lib.h"
#include "process_timers.h"
#include "signal.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "usercopy.h"

#define OVERRUN_MAX        0x7fffffff
#define RLIMIT_SIGPENDING_ 11

struct posix_timers {
    struct lock lock;
    struct process *p;
    struct list timers;
    s32 next_id;
    u32 count;
};

struct posix_timer {
    struct list link;
    struct posix_timers *all;
    s32 id;
    int notify; /* SIGEV_* */
    int signo;
    s32 tid; /* SIGEV_THREAD_ID */
    u64 value;
    s32 overrun; /* of the signal sent last */
    struct interval interval;
};

struct sigevent_k { /* = struct sigevent */
    u64 value;
    s32 signo, notify;
    s32 tid;
    s32 pad[11];
};

/* ---- expiry ----------------------------------------------------------------- */

static s32 add_overrun(s32 overrun, u64 n)
{
    return n > (u64)(OVERRUN_MAX - overrun) ? OVERRUN_MAX : overrun + (s32)n;
}

/* Counts n more expiries in t's signal if it is still pending in q. */
static bool count_pending(struct pending *q, struct posix_timer *t, u64 n)
{
    struct sigqueue *s;

    if (!(q->set & SIGBIT(t->signo)))
        return false;
    list_for_each(s, &q->queue, link)
    {
        if (s->info.signo == t->signo && s->info.code == SI_TIMER && s->info.timer.tid == t->id) {
            s->info.timer.overrun = add_overrun(s->info.timer.overrun, n);
            return true;
        }
    }
    return false;
}

/* Counts the expiries in the pending signal or sends one.  No locks are held: sending
 * takes those of processes.  t stays: whoever frees it waits for the timer's function. */
static void notify(struct posix_timer *t, u64 times)
{
    struct process *p = t->all->p;
    struct siginfo_k info = {.signo = t->signo, .code = SI_TIMER};
    struct thread *target = NULL;
    bool pending;

    if (t->notify == SIGEV_THREAD_ID) {
        lock(&p->lock);
        target = thread_find(p, t->tid);
        unlock(&p->lock);
        if (!target)
            return;
    }
    lock(&p->sighand->lock);
    pending = count_pending(target ? &target->sig.pending : &p->shared.pending, t, times);
    unlock(&p->sighand->lock);
    if (pending)
        return;
    info.timer.tid = t->id;
    info.timer.overrun = add_overrun(0, times - 1);
    info.timer.value = t->value;
    WRITE_ONCE(t->overrun, info.timer.overrun);
    if (target)
        signal_thread(target, t->signo, &info);
    else
        signal_process(p, t->signo, &info);
}

static void posix_timer_fire(struct ktimer *k)
{
    struct posix_timer *t = container_of(k, struct posix_timer, interval.timer);

    lock(&t->all->lock);
    u64 times = interval_expired(&t->interval);
    unlock(&t->all->lock);
    if (times && t->notify != SIGEV_NONE)
        notify(t, times);
}

/* ---- the table --------------------------------------------------------------- */

static struct posix_timers *own_timers(void)
{
    struct process *p = current()->proc;
    struct posix_timers *all = __atomic_load_n(&p->posix_timers, __ATOMIC_ACQUIRE);
    void *none = NULL;

    if (all)
        return all;
    all = kzalloc(sizeof(*all));
    if (!all)
        return NULL;
    all->p = p;
    list_init(&all->timers);
    if (!__atomic_compare_exchange_n(&p->posix_timers, &none, all, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        kfree(all);
        all = none;
    }
    return all;
}

static struct posix_timer *find_id(struct posix_timers *all, s32 id)
{
    struct posix_timer *t;

    list_for_each(t, &all->timers, link)
    {
        if (t->id == id)
            return t;
    }
    return NULL;
}

/* The timer with the table locked, or NULL and nothing locked. */
static struct posix_timer *lock_timer(s32 id)
{
    struct posix_timers *all = current()->proc->posix_timers;

    if (!all)
        return NULL;
    lock(&all->lock);
    struct posix_timer *t = find_id(all, id);
    if (!t)
        unlock(&all->lock);
    return t;
}

void posix_timers_exit(struct process *p)
{
    struct posix_timers *all = p->posix_timers;
    struct posix_timer *t, *next;

    if (!all)
        return;
    list_for_each_safe(t, next, &all->timers, link)
    {
        ktimer_cancel(&t->interval.timer);
        kfree(t);
    }
    p->posix_timers = NULL;
    kfree(all);
}

/* ---- creation ------------------------------------------------------------------ */

/* Default: SIGALRM with the timer's number as value, which is only known later. */
static long event_from_user(struct posix_timer *t, uptr event)
{
    struct sigevent_k ev = {.notify = SIGEV_SIGNAL, .signo = SIGALRM};
    struct process *p = current()->proc;

    if (event && get_user(ev, event))
        return -EFAULT;
    t->notify = ev.notify;
    t->signo = ev.signo;
    t->value = event ? ev.value : (u64)t->id;
    t->tid = ev.tid;
    switch (ev.notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_THREAD_ID:
        lock(&p->lock);
        bool found = thread_find(p, ev.tid);
        unlock(&p->lock);
        if (!found)
            return -EINVAL;
        break;
    case SIGEV_SIGNAL:
    case SIGEV_THREAD:
        break;
    default:
        return -EINVAL;
    }
    return ev.signo > 0 && ev.signo <= NSIG ? 0 : -EINVAL;
}

/* CPU clocks of the process itself and of its threads. */
static long init_cpu_clock(struct posix_timer *t, int clockid)
{
    struct process *p = current()->proc;
    struct thread *target = NULL;
    s32 id = ~(clockid >> 3);
    int which = (clockid & 3) == 1 ? CPU_USER : CPU_BOTH;

    if (clockid == CLOCK_THREAD_CPUTIME_ID) {
        which = CPU_BOTH;
        target = current();
    } else if (clockid == CLOCK_PROCESS_CPUTIME_ID) {
        which = CPU_BOTH;
    } else if ((clockid & 3) == 3) {
        return -EINVAL;
    } else if (clockid & 4) {
        lock(&p->lock);
        target = id ? thread_find(p, id) : current();
        unlock(&p->lock);
        if (!target)
            return -EINVAL;
    } else if (id && id != p->pid) {
        return -EINVAL;
    }
    interval_init_cpu(&t->interval, which, target, posix_timer_fire);
    return 0;
}

static long init_clock(struct posix_timer *t, int clockid)
{
    switch (clockid) {
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
        if (!capable(CAP_WAKE_ALARM))
            return -EPERM;
        break;
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
        break;
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
        return -EOPNOTSUPP;
    default:
        return clock_is_cpu(clockid) ? init_cpu_clock(t, clockid) : -EINVAL;
    }
    interval_init(&t->interval, clockid, posix_timer_fire);
    return 0;
}

static void add_timer(struct posix_timers *all, struct posix_timer *t)
{
    do {
        t->id = all->next_id;
        all->next_id = (all->next_id + 1) & OVERRUN_MAX;
    } while (find_id(all, t->id));
    all->count++;
    list_add_tail(&all->timers, &t->link);
}

/* Out of the table; the table is locked. */
static void drop_timer(struct posix_timer *t)
{
    list_del(&t->link);
    t->all->count--;
    t->interval.expiry = 0; /* a function that is running finds nothing due */
}

long sys_timer_create(int clockid, uptr event, uptr id)
{
    struct posix_timers *all = own_timers();
    struct posix_timer *t = kzalloc(sizeof(*t));
    long rc = -EAGAIN;

    if (!all || !t)
        goto out;
    t->all = all;
    rc = init_clock(t, clockid);
    if (rc)
        goto out;
    lock(&all->lock);
    if (all->count >= current()->proc->rlimits[RLIMIT_SIGPENDING_][0])
        rc = -EAGAIN;
    else
        add_timer(all, t);
    unlock(&all->lock);
    if (rc)
        goto out;
    rc = event_from_user(t, event);
    if (!rc)
        rc = put_user(t->id, id);
    if (!rc)
        return 0;
    lock(&all->lock);
    drop_timer(t);
    unlock(&all->lock);
    ktimer_cancel(&t->interval.timer);
out:
    kfree(t);
    return rc;
}

/* ---- use -------------------------------------------------------------------------- */

long sys_timer_settime(int id, int flags, uptr new, uptr old)
{
    struct itimerspec_k was;
    u64 value, period;
    long rc = new ? itimerspec_from_user(new, &value, &period) : -EINVAL;

    if (rc)
        return rc;
    struct posix_timer *t = lock_timer(id);
    if (!t)
        return -EINVAL;
    struct posix_timers *all = t->all;
    interval_get(&t->interval, &was);
    t->overrun = 0;
    interval_set(&t->interval, value, period, flags & TIMER_ABSTIME);
    unlock(&all->lock);
    return old ? put_user(was, old) : 0;
}

long sys_timer_gettime(int id, uptr cur)
{
    struct itimerspec_k its;
    struct posix_timer *t = lock_timer(id);

    if (!t)
        return -EINVAL;
    interval_get(&t->interval, &its);
    unlock(&t->all->lock);
    return put_user(its, cur);
}

long sys_timer_getoverrun(int id)
{
    struct posix_timer *t = lock_timer(id);

    if (!t)
        return -EINVAL;
    s32 overrun = t->overrun;
    unlock(&t->all->lock);
    return overrun;
}

long sys_timer_delete(int id)
{
    struct posix_timer *t = lock_timer(id);

    if (!t)
        return -EINVAL;
    drop_timer(t);
    unlock(&t->all->lock);
    ktimer_cancel(&t->interval.timer);
    kfree(t);
    return 0;
}
