/* --trace: a line for each system call, as strace prints it.  core/trace.c */
#ifndef LIBOS_TRACE_H
#define LIBOS_TRACE_H

#include "../../abi/boot.h"
#include "types.h"

static inline bool trace_on(void)
{
    return ((const struct boot_info *)(SEG_BASE + SEG_BOOT))->flags & BOOT_TRACE;
}
/* Remembers pointers' contents that the call may overwrite. */
void trace_enter(u64 nr, const u64 *args);
void trace_leave(u64 nr, const u64 *args, long rc);
/* A line of its own: signals, exits, unserved calls. */
void trace_event(const char *fmt, ...) __printf(1, 2);

#endif
