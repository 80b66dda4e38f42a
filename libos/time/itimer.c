/* setitimer, getitimer, alarm.
 *
 * A process that has used one of them owns a struct itimers; its lock (an object lock)
 * protects the three timers, whose functions take it too.  ITIMER_VIRTUAL and
 * ITIMER_PROF run on the CPU time of the host process, read when they may be due: they
 * are late by up to a millisecond plus the time the program wasn't running.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/time.h>

#include "interval.h"
#include "kalloc.h"
#include "process_timers.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "usercopy.h"

struct itimers {
    struct lock lock;
    struct process *p;
    struct interval timer[3];
};

struct itimerval_k {
    struct timeval_k interval, value;
};

static const int signal_of[3] = {SIGALRM, SIGVTALRM, SIGPROF};

static void fire(struct ktimer *t, int which)
{
    struct interval *i = container_of(t, struct interval, timer);
    struct itimers *its = container_of(i - which, struct itimers, timer[0]);

    lock(&its->lock);
    u64 times = interval_expired(i);
    unlock(&its->lock);
    if (times)
        signal_process(its->p, signal_of[which], NULL);
}

static void fire_real(struct ktimer *t) { fire(t, ITIMER_REAL); }
static void fire_virtual(struct ktimer *t) { fire(t, ITIMER_VIRTUAL); }
static void fire_prof(struct ktimer *t) { fire(t, ITIMER_PROF); }

/* The process's timers, made at the first use; NULL: no memory. */
static struct itimers *own_itimers(void)
{
    struct process *p = current()->proc;
    struct itimers *its = __atomic_load_n(&p->itimers, __ATOMIC_ACQUIRE);

    if (its)
        return its;
    its = kzalloc(sizeof(*its));
    if (!its)
        return NULL;
    its->p = p;
    interval_init(&its->timer[ITIMER_REAL], CLOCK_MONOTONIC, fire_real);
    interval_init_cpu(&its->timer[ITIMER_VIRTUAL], CPU_USER, NULL, fire_virtual);
    interval_init_cpu(&its->timer[ITIMER_PROF], CPU_BOTH, NULL, fire_prof);
    void *none = NULL;
    if (!__atomic_compare_exchange_n(&p->itimers, &none, its, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        kfree(its);
        its = none;
    }
    return its;
}

void itimers_exit(struct process *p)
{
    struct itimers *its = p->itimers;

    if (!its)
        return;
    for (int i = 0; i < 3; i++)
        ktimer_cancel(&its->timer[i].timer);
    p->itimers = NULL;
    kfree(its);
}

static struct timeval_k to_timeval(const struct timespec_k *ts)
{
    return (struct timeval_k){ts->sec, ts->nsec / 1000};
}

static struct itimerval_k get_timer(struct interval *i)
{
    struct itimerspec_k s;

    interval_get(i, &s);
    /* A remainder below a microsecond must not read as "disarmed". */
    if (s.value.sec == 0 && s.value.nsec > 0 && s.value.nsec < 1000)
        s.value.nsec = 1000;
    return (struct itimerval_k){to_timeval(&s.interval), to_timeval(&s.value)};
}

long sys_getitimer(int which, uptr value)
{
    struct itimerval_k v = {0};
    struct itimers *its = current()->proc->itimers;

    if (which < 0 || which > 2)
        return -EINVAL;
    if (its) {
        lock(&its->lock);
        v = get_timer(&its->timer[which]);
        unlock(&its->lock);
    }
    return put_user(v, value);
}

static long timeval_to_ns(const struct timeval_k *tv, u64 *ns)
{
    struct timespec_k ts = {.sec = tv->sec};

    if (tv->usec < 0 || tv->usec >= 1000000)
        return -EINVAL;
    ts.nsec = tv->usec * 1000;
    return timespec_to_ns(&ts, ns);
}

long sys_setitimer(int which, uptr value, uptr old)
{
    struct itimerval_k v = {0}, was;
    u64 ns = 0, period = 0;
    struct itimers *its;

    if (value && get_user(v, value)) /* NULL means zero, as on Linux */
        return -EFAULT;
    if (timeval_to_ns(&v.value, &ns) || timeval_to_ns(&v.interval, &period))
        return -EINVAL;
    if (which < 0 || which > 2)
        return -EINVAL;
    its = own_itimers();
    if (!its)
        return -ENOMEM;
    lock(&its->lock);
    was = get_timer(&its->timer[which]);
    interval_set(&its->timer[which], ns, ns ? period : 0, false);
    unlock(&its->lock);
    return old ? put_user(was, old) : 0;
}

long sys_alarm(unsigned int seconds)
{
    struct itimers *its;
    struct itimerval_k was;

    if (seconds == 0 && !current()->proc->itimers)
        return 0;
    its = own_itimers();
    if (!its)
        return 0; /* alarm(2) cannot fail */
    lock(&its->lock);
    was = get_timer(&its->timer[ITIMER_REAL]);
    interval_set(&its->timer[ITIMER_REAL], seconds * NSEC, 0, false);
    unlock(&its->lock);
    /* Rounded, but never 0 while one was running. */
    if ((was.value.sec == 0 && was.value.usec) || was.value.usec >= 500000)
        was.value.sec++;
    return was.value.sec;
}
