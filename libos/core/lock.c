/* The slow paths of locks, and reader/writer locks.
 *
 * A mutex word is 0 free, 1 held, 2 held and someone may sleep.  Whoever had to wait
 * takes it as 2, because it cannot know whether others still sleep; one wake too many
 * is the price, a lost one is impossible.
 *
 * A reader/writer lock sleeps on `seq`.  A sleeper announces itself in `waiters`
 * first and then looks at `state` again; who releases changes `state` first and then
 * looks at `waiters`.  Both orders are sequentially consistent, so one sees the other.
 */
#include "lock.h"

#include "../../abi/host_abi.h"

/* Sections under a lock are short: the holder on the other CPU is likely done soon. */
#define SPINS 20

void lock_slow(struct lock *l)
{
    for (int i = 0; i < SPINS; i++) {
        if (__atomic_load_n(&l->word, __ATOMIC_RELAXED) == 0 && try_lock(l))
            return;
        __builtin_ia32_pause();
    }
    while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE) != 0)
        host_wait(&l->word, 2, HOST_FOREVER);
}

void unlock_slow(struct lock *l) { host_wake(&l->word, 1); }

#define RW_WRITER       0x80000000u
#define WAITING_WRITER  1u       /* low half of `waiters` */
#define WAITING_READER  0x10000u /* high half */
#define WAITING_WRITERS 0xffffu

static bool try_read(struct rwlock *l)
{
    u32 s = __atomic_load_n(&l->state, __ATOMIC_SEQ_CST);

    while (s != RW_WRITER && !(__atomic_load_n(&l->waiters, __ATOMIC_SEQ_CST) & WAITING_WRITERS)) {
        if (__atomic_compare_exchange_n(&l->state, &s, s + 1, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    }
    return false;
}

static bool try_write(struct rwlock *l)
{
    u32 free = 0;

    return __atomic_compare_exchange_n(&l->state, &free, RW_WRITER, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void sleep_until(struct rwlock *l, bool (*try)(struct rwlock *), u32 kind)
{
    __atomic_fetch_add(&l->waiters, kind, __ATOMIC_SEQ_CST);
    for (;;) {
        u32 seq = __atomic_load_n(&l->seq, __ATOMIC_SEQ_CST);
        if (try(l))
            break;
        host_wait(&l->seq, seq, HOST_FOREVER);
    }
    __atomic_fetch_sub(&l->waiters, kind, __ATOMIC_SEQ_CST);
}

static void release(struct rwlock *l)
{
    if (__atomic_load_n(&l->waiters, __ATOMIC_SEQ_CST)) {
        __atomic_fetch_add(&l->seq, 1, __ATOMIC_SEQ_CST);
        host_wake(&l->seq, 1 << 30);
    }
}

void read_lock(struct rwlock *l)
{
    if (unlikely(!try_read(l)))
        sleep_until(l, try_read, WAITING_READER);
}

void read_unlock(struct rwlock *l)
{
    if (__atomic_sub_fetch(&l->state, 1, __ATOMIC_SEQ_CST) == 0)
        release(l);
}

void write_lock(struct rwlock *l)
{
    if (unlikely(!try_write(l)))
        sleep_until(l, try_write, WAITING_WRITER);
}

void write_unlock(struct rwlock *l)
{
    __atomic_store_n(&l->state, 0, __ATOMIC_SEQ_CST);
    release(l);
}
