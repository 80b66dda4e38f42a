/* Time.  time/ */
#ifndef LIBOS_KTIME_H
#define LIBOS_KTIME_H

#include "../../abi/host_abi.h"
#include "list.h"
#include "types.h"

struct timespec_k {
    s64 sec, nsec;
};
struct timeval_k {
    s64 sec, usec;
};

/* Program time: host clock plus the sandbox's offsets (0 until a resume). */
u64 now_mono(void); /* CLOCK_MONOTONIC, ns */
u64 now_real(void); /* CLOCK_REALTIME, ns */
u64 now_boot(void); /* CLOCK_BOOTTIME, ns */
/* Any clock, CPU clocks too; *err = 0 or -EINVAL. */
u64 clock_read(int clockid, long *err);

/* Valid and >= 0, else -EINVAL; ns saturates. */
long timespec_to_ns(const struct timespec_k *ts, u64 *ns);
/* The same of a timespec in the program's memory; -EFAULT. */
long timespec_from_user(uptr from, u64 *ns);
static inline struct timespec_k ns_to_timespec(u64 ns)
{
    return (struct timespec_k){(s64)(ns / NSEC), (s64)(ns % NSEC)};
}
/* Absolute monotonic deadline of a relative timeout; HOST_FOREVER if it never comes. */
u64 deadline_in(u64 ns);
/* Of a moment of CLOCK_REALTIME, by the clock as it is now. */
u64 deadline_at_real(u64 ns);
/* The same for waits that are not the call's own timeout. */
u64 deadline_from_now(u64 ns);

/* Kernel timers: fn runs on the timer thread (started at the first use), holding no
 * lock; it may send signals and wake queues.  Deadlines are monotonic ns.  A timer on
 * CLOCK_REALTIME is re-armed by its owner when the wall clock jumps. */
struct ktimer {
    u64 deadline;
    void (*fn)(struct ktimer *);
    bool armed;
    bool wall; /* of a struct interval whose clock a resume sets forward: time/interval.c */
    struct ktimer *child, *next, *prev; /* the heap's */
};
void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *));
/* Armed already: moved to the new deadline. */
void ktimer_arm(struct ktimer *t, u64 deadline);
/* Takes it out of the heap without waiting: fn may be running.  For callers that hold a
 * lock fn takes; fn then finds out under that lock that it isn't due. */
bool ktimer_disarm(struct ktimer *t);
/* After return fn is not running and will not run.  False if it was not armed. */
bool ktimer_cancel(struct ktimer *t);

/* In a resumed copy, before any other thread runs: takes all timers out, lets fn change their
 * deadlines, and arms them again. */
void ktimer_resume(void (*fn)(struct ktimer *t, u64 jump), u64 jump);
/* The wall clock has jumped forward by so much. */
void interval_resume(u64 jump);

/* CPU time used goes on counting after a resume.  At rest; and before going on. */
struct thread;
void cpu_freeze(struct thread *t);
void cpu_resume(struct thread *t);

/* A process ends: its interval and POSIX timers are disarmed and freed, and its CPU
 * time goes to p->utime and p->stime. */
struct process;
struct thread;
void process_timers_exit(struct process *p);
/* exec: POSIX timers go, interval timers stay. */
void process_timers_exec(struct process *p);

/* CPU time in ns.  Of the caller's own thread and process it costs a host call, of others
 * a request to the monitor or two. */
#define CPU_BOTH   0
#define CPU_USER   1
#define CPU_SYSTEM 2
u64 thread_cpu_ns(struct thread *t, int which);
u64 process_cpu_ns(struct process *p, int which);
/* Both parts, summing up to the exact total; t NULL: of the whole process. */
void cpu_split_ns(struct process *p, struct thread *t, u64 *user, u64 *system);
static inline u64 usage_user_ns(const struct host_usage *u)
{
    return (u64)u->user_s * NSEC + (u64)u->user_us * 1000;
}
static inline u64 usage_system_ns(const struct host_usage *u)
{
    return (u64)u->system_s * NSEC + (u64)u->system_us * 1000;
}
/* The most bytes the process had in memory at a time; remembered in p->max_rss. */
u64 process_peak(struct process *p);

#endif
