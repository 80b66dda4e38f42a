/* Counters of `bailey run --stats`; nothing is counted without it. */
#ifndef LIBOS_STATS_H
#define LIBOS_STATS_H

#include "../../abi/boot.h"
#include "../../abi/layout.h"
#include "syscall.h"
#include "types.h"

#define STATS_REQUESTS 64

struct stats {
    u64 calls[SYSCALL_MAX];       /* of programs, by number */
    u64 host[SYSCALL_MAX];        /* of the host, by number */
    u64 requests[STATS_REQUESTS]; /* to the monitor, by enum host_call */
    u64 trapped;                  /* calls that came by a trap */
    u64 rewritten, left;          /* call sites that trap no more, and that cannot be helped */
    u64 faults;                   /* of programs, that the library OS was asked about */
};
extern struct stats stats;

static inline void stats_count(u64 *counter)
{
    if (unlikely(((const struct boot_info *)(SEG_BASE + SEG_BOOT))->flags & BOOT_STATS))
        __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* What the PAL calls a request; NULL: nothing. */
const char *stats_request_name(u32 nr);
/* Tells the monitor all of it; for the end of the sandbox. */
void stats_report(void);

#endif
