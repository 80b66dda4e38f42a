/* What timerfds, interval timers and POSIX timers share: an expiry on some clock and a
 * period.  The owner's lock protects it. */
#ifndef LIBOS_INTERVAL_H
#define LIBOS_INTERVAL_H

#include "ktime.h"

struct itimerspec_k {
    struct timespec_k interval, value;
};

struct process;
struct thread;

struct interval {
    int clockid;
    u8 cpu;                /* CPU clock: which time (CPU_*) ... */
    struct process *owner; /* ... of this process, */
    struct thread *thread; /* or, if not NULL, of the thread here */
    s32 tid;               /* while it has this number */
    u64 expiry;            /* on the clock; 0: disarmed */
    u64 period;            /* ns; 0: once */
    bool relative;         /* it was set as a distance from then */
    struct ktimer timer;
};

void interval_init(struct interval *i, int clockid, void (*fn)(struct ktimer *));
/* On CPU time of the current process, or of its thread t. */
void interval_init_cpu(struct interval *i, int which, struct thread *t,
                       void (*fn)(struct ktimer *));
/* Sets and arms; value 0 disarms.  The caller has validated both. */
void interval_set(struct interval *i, u64 value, u64 period, bool absolute);
/* Time left and period, as the *_gettime calls show them. */
void interval_get(const struct interval *i, struct itimerspec_k *out);
/* From the timer's fn: how often it has expired since the last time, armed anew if
 * periodic.  0: not due (set anew meanwhile, or a CPU clock that is behind). */
u64 interval_expired(struct interval *i);

/* -EFAULT, -EINVAL or 0. */
long itimerspec_from_user(uptr p, u64 *value, u64 *period);

#endif
