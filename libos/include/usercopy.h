/* Access to program memory.  core/usercopy.c and the PAL's fix-up table.
 *
 * Copies stop exactly at the first byte that faults, whatever other threads do to the
 * mapping meanwhile.  The inside range is refused.  0 or -EFAULT unless said otherwise.
 */
#ifndef LIBOS_USERCOPY_H
#define LIBOS_USERCOPY_H

#include "types.h"

/* Bytes NOT copied (0: all). */
size_t user_copy_in(void *dst, uptr src, size_t n);
size_t user_copy_out(uptr dst, const void *src, size_t n);
size_t user_zero(uptr dst, size_t n); /* bytes not cleared */

long copy_from_user(void *dst, uptr src, size_t n);
long copy_to_user(uptr dst, const void *src, size_t n);

/* The same from a file mapped inside, whose pages may turn out to be missing. */
size_t mapped_copy(void *dst, const void *src, size_t n);

/* Copies a string of at most n-1 bytes; its length, -EFAULT, or -ENAMETOOLONG. */
long strncpy_from_user(char *dst, uptr src, size_t n);

/* True if [p, p+n) lies wholly in program range (says nothing about mappings). */
bool user_range_ok(uptr p, size_t n);

#define get_user(var, p) copy_from_user(&(var), (uptr)(p), sizeof(var))
#define put_user(val, p)                                                                           \
    ({                                                                                             \
        __typeof__(val) v__ = (val);                                                               \
        copy_to_user((uptr)(p), &v__, sizeof(v__));                                                \
    })

/* Atomic operations on an aligned 32-bit word: -EFAULT on a fault. */
long user_load32(uptr p, u32 *val);
/* *old receives the value found; stores `val` only if it equals `expect`. */
long user_cmpxchg32(uptr p, u32 expect, u32 val, u32 *old);

#endif
