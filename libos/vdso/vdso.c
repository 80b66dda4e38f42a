/* The vDSO programs see: ordinary position-independent code run by the program.
 *
 * Time comes from the host's vDSO, which sits in the inside range where the program has
 * no reason to look, plus the offset a resume leaves in boot_info.  Whatever the host's
 * vDSO cannot tell without a system call becomes one here: it traps like any other.
 */
#include <stdint.h>

#include "../../abi/boot.h"
#include "../../abi/layout.h"

#define EXPORT                 __attribute__((visibility("default")))
#define NR_gettimeofday        96
#define NR_clock_gettime       228
#define NR_clock_getres        229
#define NR_getcpu              309
#define CLOCK_REALTIME         0
#define CLOCK_MONOTONIC        1
#define CLOCK_MONOTONIC_RAW    4
#define CLOCK_REALTIME_COARSE  5
#define CLOCK_MONOTONIC_COARSE 6
#define CLOCK_BOOTTIME         7
#define NSEC                   1000000000LL

struct timespec {
    long sec, nsec;
};
struct timeval {
    long sec, usec;
};
struct timezone {
    int west, dst;
};

typedef long (*host_clock)(long clock, struct timespec *ts);

static inline const struct boot_info *info(void)
{
    return (const struct boot_info *)(SEG_BASE + SEG_BOOT);
}

static inline long syscall2(long nr, long a, long b)
{
    long rc;
    __asm__ volatile("syscall" : "=a"(rc) : "a"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return rc;
}

static void shift(struct timespec *ts, int64_t offset)
{
    int64_t ns = ts->nsec + offset % NSEC;

    ts->sec += offset / NSEC;
    if (ns >= NSEC) {
        ns -= NSEC;
        ts->sec++;
    } else if (ns < 0) {
        ns += NSEC;
        ts->sec--;
    }
    ts->nsec = ns;
}

EXPORT int __vdso_clock_gettime(int clock, struct timespec *ts)
{
    const struct boot_info *b = info();
    int64_t offset = 0;
    long rc;

    switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
        offset = b->mono_offset;
        break;
    case CLOCK_BOOTTIME:
        offset = b->boot_offset;
        break;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        break;
    default:
        return (int)syscall2(NR_clock_gettime, clock, (long)ts);
    }
    rc = ((host_clock)(HOSTVDSO_BASE + b->vdso.clock_gettime))(clock, ts);
    if (offset && rc == 0)
        shift(ts, offset);
    return (int)rc;
}

EXPORT int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
    struct timespec ts;
    int rc;

    if (tz)
        return (int)syscall2(NR_gettimeofday, (long)tv, (long)tz);
    if (!tv)
        return 0;
    rc = __vdso_clock_gettime(CLOCK_REALTIME, &ts);
    tv->sec = ts.sec;
    tv->usec = ts.nsec / 1000;
    return rc;
}

EXPORT long __vdso_time(long *t)
{
    struct timespec ts;

    __vdso_clock_gettime(CLOCK_REALTIME_COARSE, &ts);
    if (t)
        *t = ts.sec;
    return ts.sec;
}

EXPORT int __vdso_clock_getres(int clock, struct timespec *ts)
{
    return (int)syscall2(NR_clock_getres, clock, (long)ts);
}

EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    unsigned lo, hi, aux;

    __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
    if (cpu)
        *cpu = aux & 0xfff;
    if (node)
        *node = aux >> 12;
    return 0;
}

/* The names without prefix are weak aliases, as in Linux's own. */
#define ALIAS(name) EXPORT __attribute__((weak, alias("__vdso_" #name)))
ALIAS(clock_gettime) int clock_gettime(int, struct timespec *);
ALIAS(gettimeofday) int gettimeofday(struct timeval *, struct timezone *);
ALIAS(time) long time(long *);
ALIAS(clock_getres) int clock_getres(int, struct timespec *);
ALIAS(getcpu) long getcpu(unsigned *, unsigned *, void *);
