/* System calls that read clocks, and those that would set them (EPERM: the clocks are
 * the host's). */
#include <asm/errno.h>
#include <linux/time.h>
#include <linux/timex.h>

#include "cputime.h"
#include "ktime.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "usercopy.h"

#define COARSE_RES 4000000 /* ns: a kernel of 250 Hz */
#define USER_HZ    100

long sys_clock_gettime(int clockid, uptr tp)
{
    long err;
    struct timespec_k ts = ns_to_timespec(clock_read(clockid, &err));

    return err ? err : put_user(ts, tp);
}

long sys_clock_getres(int clockid, uptr res)
{
    struct timespec_k ts = {0, 1};
    long err = 0;

    if (clockid == CLOCK_REALTIME_COARSE || clockid == CLOCK_MONOTONIC_COARSE)
        ts.nsec = COARSE_RES;
    else if (clockid < 0 || clockid > CLOCK_TAI || clockid == 10)
        clock_read(clockid, &err);
    if (err)
        return err;
    return res ? put_user(ts, res) : 0;
}

long sys_clock_settime(int clockid, uptr tp)
{
    struct timespec_k ts;
    long err;

    if (clockid != CLOCK_REALTIME) {
        if (clock_is_cpu(clockid)) {
            clock_read(clockid, &err);
            return err ? err : -EPERM;
        }
        return -EINVAL;
    }
    if (get_user(ts, tp))
        return -EFAULT;
    if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= (s64)NSEC)
        return -EINVAL;
    return -EPERM;
}

long sys_gettimeofday(uptr tv, uptr tz)
{
    u64 now = now_real();
    struct timeval_k t = {(s64)(now / NSEC), (s64)(now % NSEC / 1000)};
    s32 zone[2] = {0, 0};

    if (tv && put_user(t, tv))
        return -EFAULT;
    return tz ? copy_to_user(tz, zone, sizeof(zone)) : 0;
}

long sys_settimeofday(uptr tv, uptr tz)
{
    struct timeval_k t;
    s32 zone[2];

    if (tv) {
        if (get_user(t, tv))
            return -EFAULT;
        if (t.sec < 0 || t.usec < 0 || t.usec >= 1000000)
            return -EINVAL;
    }
    if (tz && copy_from_user(zone, tz, sizeof(zone)))
        return -EFAULT;
    return -EPERM;
}

long sys_time(uptr tloc)
{
    s64 now = (s64)(now_real() / NSEC);

    if (tloc && put_user(now, tloc))
        return -EFAULT;
    return now;
}

static long ns_to_ticks(u64 ns) { return (long)(ns / (NSEC / USER_HZ)); }

long sys_times(uptr buf)
{
    struct process *p = current()->proc;

    if (buf) {
        u64 user, system;
        cpu_split_ns(p, NULL, &user, &system);
        s64 t[4] = {
            ns_to_ticks(user),
            ns_to_ticks(system),
            ns_to_ticks(READ_ONCE(p->child_utime)),
            ns_to_ticks(READ_ONCE(p->child_stime)),
        };
        if (copy_to_user(buf, t, sizeof(t)))
            return -EFAULT;
    }
    return ns_to_ticks(now_boot());
}

/* Shows an undisciplined clock; changing anything is not for programs. */
static long adjust(uptr utx)
{
    struct __kernel_timex tx;

    if (copy_from_user(&tx, utx, sizeof(tx)))
        return -EFAULT;
    if (tx.modes && tx.modes != ADJ_OFFSET_SS_READ)
        return -EPERM;
    u64 now = now_real();
    tx = (struct __kernel_timex){
        .modes = tx.modes,
        .maxerror = 16000000,
        .esterror = 16000000,
        .status = STA_UNSYNC,
        .constant = 2,
        .precision = 1,
        .time = {(s64)(now / NSEC), (s64)(now % NSEC / 1000)},
        .tolerance = 32768000,
        .tick = 10000,
    };
    return copy_to_user(utx, &tx, sizeof(tx)) ? -EFAULT : TIME_ERROR;
}

long sys_adjtimex(uptr buf) { return adjust(buf); }

long sys_clock_adjtime(int clockid, uptr buf)
{
    long err;

    if (clockid == CLOCK_REALTIME)
        return adjust(buf);
    clock_read(clockid, &err);
    return err ? err : -EOPNOTSUPP;
}
