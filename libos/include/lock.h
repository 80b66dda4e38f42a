/* Locks in the kernel segment, valid between all host processes of a sandbox.
 *
 * A lock is one word: 0 free, 1 held, 2 held with sleepers.  Uncontended lock and
 * unlock are one atomic instruction; contended ones sleep in host_wait.  Locks are
 * not recursive and never held over a wait for something else, over a copy from or
 * to program memory that may fault on a blocking stream, or on return to the program.
 * The order in which locks may be taken is in docs/locking.md.
 */
#ifndef LIBOS_LOCK_H
#define LIBOS_LOCK_H

#include "types.h"

struct lock {
    u32 word;
};
#define LOCK_INIT                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }

void lock_slow(struct lock *l);
void unlock_slow(struct lock *l);

static inline void lock_init(struct lock *l) { l->word = 0; }
static inline bool try_lock(struct lock *l)
{
    u32 free = 0;
    return __atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}
static inline void lock(struct lock *l)
{
    if (unlikely(!try_lock(l)))
        lock_slow(l);
}
static inline void unlock(struct lock *l)
{
    if (unlikely(__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2))
        unlock_slow(l);
}

/* Many readers or one writer; writers are preferred. */
struct rwlock {
    u32 state;   /* readers, or RW_WRITER */
    u32 waiters; /* writers waiting */
    u32 seq;     /* changed at every release that may let someone in */
};
void read_lock(struct rwlock *l);
void read_unlock(struct rwlock *l);
void write_lock(struct rwlock *l);
void write_unlock(struct rwlock *l);

/* Reference counts. */
static inline void ref_get(u32 *r) { __atomic_fetch_add(r, 1, __ATOMIC_RELAXED); }
/* True when this was the last one. */
static inline bool ref_put(u32 *r) { return __atomic_sub_fetch(r, 1, __ATOMIC_ACQ_REL) == 0; }
/* False if the count had reached 0 already. */
static inline bool ref_get_unless_zero(u32 *r)
{
    u32 v = __atomic_load_n(r, __ATOMIC_RELAXED);
    do {
        if (v == 0)
            return false;
    } while (!__atomic_compare_exchange_n(r, &v, v + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}

#endif
