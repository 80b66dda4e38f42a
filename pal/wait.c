/* Sleeping and waking on words of the segment, and the host's clocks. */
#include "pal.h"

#define FUTEX_WAKE        1
#define FUTEX_WAIT_BITSET 9
#define MATCH_ANY         0xffffffffL

struct host_timespec {
    s64 sec, nsec;
};

long host_wait(uint32_t *word, uint32_t value, uint64_t deadline)
{
    struct host_timespec ts = {(s64)(deadline / NSEC), (s64)(deadline % NSEC)};
    long rc = gate(HOST_NR_futex, (long)word, FUTEX_WAIT_BITSET, (long)value,
                   deadline == HOST_FOREVER ? 0 : (long)&ts, 0, MATCH_ANY);

    return rc == -11 /* EAGAIN: changed already */ ? 0 : rc;
}

long host_wake(uint32_t *word, int n)
{
    return gate(HOST_NR_futex, (long)word, FUTEX_WAKE, n, 0, 0, 0);
}

void host_usage(int who, struct host_usage *usage)
{
    gate(HOST_NR_getrusage, who, (long)usage, 0, 0, 0, 0);
}

/* The host's own vDSO function, in its place in the inside range; it makes no system
 * call for these clocks as long as the host's clock source can be read from user code
 * (`bailey check` says so). */
uint64_t host_time(int clock)
{
    struct host_timespec ts = {0, 0};
    long (*fn)(long, struct host_timespec *) = (void *)(HOSTVDSO_BASE + boot()->vdso.clock_gettime);

    fn(clock, &ts);
    return (u64)ts.sec * NSEC + (u64)ts.nsec;
}
