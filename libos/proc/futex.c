/* futex(2).
 *
 * Waiters hang in hash buckets in the segment, so processes meet there as threads do.
 * The key of a word in private memory is (mm, address); of a word in a shared mapping it
 * is (object, offset), whatever address a process sees it at.  A waiter is queued under
 * its bucket's lock after the word has been read there, and a waker takes the same lock,
 * so no wake falls between the comparison and the sleep.  Two buckets are locked lower
 * address first.  The word may fault while a bucket is locked: the copy then simply
 * fails and nothing sleeps.
 *
 * A save ends the call that sleeps, which is executed again afterwards.  Its waiter stays
 * queued meanwhile (thread->kept_futex): whoever wakes or requeues it finds it, and the word,
 * which may have changed, is not compared again.
 */
#include <linux/futex.h>

#include "freeze.h"
#include "kalloc.h"
#include "ktime.h"
#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"
#include "vfs.h"

#define EAGAIN    11
#define ESRCH     3
#define EFAULT    14
#define EINTR     4
#define EINVAL    22
#define ENOSYS    38
#define ETIMEDOUT 110
#define EDEADLK   35
#define EPERM     1
#define BUCKETS   1024

struct futex_key {
    void *object; /* mm, or inode of a shared mapping */
    u64 offset;
};

struct futex_waiter {
    struct list link;
    struct futex_key key;
    uptr addr;                   /* what the call named */
    struct futex_bucket *bucket; /* changes on requeue, under both locks */
    struct thread *t;
    u32 bitset;
    u32 woken;
};

struct futex_bucket {
    struct lock lock;
    u32 count;
    struct list waiters; /* next == NULL until first used */
};

static struct futex_bucket buckets[BUCKETS] SPARSE_TABLE;

static struct futex_bucket *bucket_of(const struct futex_key *k)
{
    struct futex_bucket *b = &buckets[(hash_u64((u64)k->object + k->offset * 0x9e37UL)) % BUCKETS];
    return b;
}

static void bucket_lock(struct futex_bucket *b)
{
    lock(&b->lock);
    if (unlikely(!b->waiters.next))
        list_init(&b->waiters);
}

static bool same(const struct futex_key *a, const struct futex_key *b)
{
    return a->object == b->object && a->offset == b->offset;
}

static long make_key(uptr addr, bool private, struct futex_key *k)
{
    struct mm *mm = current()->proc->mm;
    struct vma *v;

    if (addr & 3)
        return -EINVAL;
    if (!user_range_ok(addr, 4))
        return -EFAULT;
    k->object = mm;
    k->offset = addr;
    if (private)
        return 0;
    lock(&mm->lock);
    v = vma_find(mm, addr);
    if (v && (v->flags & VMA_SHARED) && v->file) {
        k->object = v->file->inode;
        k->offset = v->offset + (addr - v->start);
    }
    unlock(&mm->lock);
    return v ? 0 : -EFAULT;
}

/* Takes the waiter off its bucket, which may change under us while requeued.  True if a
 * waker had taken it off already. */
static bool unqueue(struct futex_waiter *w)
{
    for (;;) {
        struct futex_bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE);
        if (!b)
            return true;
        bucket_lock(b);
        if (b == w->bucket) {
            list_del(&w->link);
            b->count--;
            w->bucket = NULL;
            unlock(&b->lock);
            return false;
        }
        unlock(&b->lock);
    }
}

/* Under the bucket's lock; the waiter may return as soon as bucket is NULL. */
static void wake_one(struct futex_waiter *w, struct wake_batch *batch)
{
    struct thread *t = w->t;

    list_del(&w->link);
    w->bucket->count--;
    __atomic_store_n(&w->woken, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&w->bucket, NULL, __ATOMIC_RELEASE);
    wake_batch_add(batch, t);
}

static long enqueue(struct futex_waiter *w, bool private, u32 val)
{
    struct futex_bucket *b;
    u32 now;
    long rc = make_key(w->addr, private, &w->key);

    if (rc)
        return rc;
    b = bucket_of(&w->key);
    bucket_lock(b);
    rc = user_load32(w->addr, &now);
    if (rc || now != val) {
        unlock(&b->lock);
        return rc ? rc : -EAGAIN;
    }
    w->bucket = b;
    list_add_tail(&b->waiters, &w->link);
    b->count++;
    unlock(&b->lock);
    return 0;
}

static long sleep_queued(struct futex_waiter *w, u64 deadline)
{
    long rc;

    do {
        u32 seq = thread_sleep_begin();
        if (!__atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE))
            return 0;
        rc = thread_sleep(seq, deadline);
    } while (rc == 0);
    return rc;
}

/* Puts `to` in the place of a waiter that is queued; false if it no longer is. */
static bool replace(struct futex_waiter *w, struct futex_waiter *to)
{
    for (;;) {
        struct futex_bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE);
        if (!b)
            return false;
        bucket_lock(b);
        if (b == w->bucket) {
            *to = *w;
            list_add(&w->link, &to->link);
            list_del(&w->link);
            unlock(&b->lock);
            return true;
        }
        unlock(&b->lock);
    }
}

/* The stack does not outlive the call, so what waits there moves to the heap. */
static bool keep(struct futex_waiter *w, const struct futex_waiter *on_stack)
{
    struct futex_waiter *k = w;

    if (w == on_stack) {
        k = kmalloc(sizeof(*k));
        if (!k || !replace(w, k)) {
            kfree(k);
            return false;
        }
    }
    current()->kept_futex = k;
    return true;
}

bool futex_forget(struct thread *t)
{
    struct futex_waiter *w = t->kept_futex;
    bool woken;

    if (likely(!w))
        return false;
    t->kept_futex = NULL;
    woken = unqueue(w);
    kfree(w);
    return woken;
}

/* What a save left queued, if this is the same call again. */
static struct futex_waiter *take_kept(uptr addr, u32 bitset)
{
    struct thread *t = current();
    struct futex_waiter *w = t->kept_futex;

    if (likely(!w))
        return NULL;
    if (w->addr != addr || w->bitset != bitset) {
        futex_forget(t);
        return NULL;
    }
    t->kept_futex = NULL;
    return w;
}

static long futex_wait(uptr addr, bool private, u32 val, u64 deadline, u32 bitset, bool may_keep)
{
    struct futex_waiter own = {.t = current(), .addr = addr, .bitset = bitset}, *w;
    long rc;

    if (!bitset)
        return -EINVAL;
    w = take_kept(addr, bitset);
    if (likely(!w)) {
        w = &own;
        rc = enqueue(w, private, val);
        if (rc)
            return rc;
    }
    rc = sleep_queued(w, deadline);
    if (rc == 0)
        goto out;
    if (rc == -EINTR && may_keep && freeze_interrupts() && keep(w, &own))
        return -ERESTARTSYS;
    /* A wake that arrived in the meantime must not be lost: it wins. */
    rc = unqueue(w) ? 0 : rc == -ETIMEDOUT ? -ETIMEDOUT : -ERESTARTSYS;
out:
    if (w != &own)
        kfree(w);
    return rc;
}

static long futex_wake(uptr addr, bool private, int n, u32 bitset)
{
    struct futex_waiter *w, *tmp;
    struct futex_bucket *b;
    struct futex_key k;
    struct wake_batch batch;
    int woken = 0;
    long rc = make_key(addr, private, &k);

    if (rc)
        return rc;
    if (!bitset)
        return -EINVAL;
    b = bucket_of(&k);
    /* Pairs with the waiter's increment before it reads the word: a waiter we miss here
     * will see the new value. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    batch.n = 0;
    lock(&b->lock);
    if (!b->waiters.next) { /* nobody has ever waited: it stays zero, and is not saved */
        unlock(&b->lock);
        return 0;
    }
    list_for_each_safe(w, tmp, &b->waiters, link)
    {
        if (woken >= n)
            break;
        if (same(&w->key, &k) && (w->bitset & bitset)) {
            wake_one(w, &batch);
            woken++;
        }
    }
    unlock(&b->lock);
    wake_batch_flush(&batch);
    return woken;
}

void futex_wake_addr(uptr addr, int n)
{
    futex_wake(addr, true, n, FUTEX_BITSET_MATCH_ANY);
    futex_wake(addr, false, n, FUTEX_BITSET_MATCH_ANY);
}

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    bucket_lock(a < b ? a : b);
    if (a != b)
        bucket_lock(a < b ? b : a);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    unlock(&a->lock);
    if (a != b)
        unlock(&b->lock);
}

static long futex_requeue(uptr from, uptr to, bool private, int nwake, int nmove, const u32 *expect)
{
    struct futex_bucket *b1, *b2;
    struct futex_waiter *w, *tmp;
    struct futex_key k1, k2;
    struct wake_batch batch = {.n = 0};
    int woken = 0, moved = 0;
    u32 now;
    long rc;

    if (nwake < 0 || nmove < 0)
        return -EINVAL;
    rc = make_key(from, private, &k1);
    if (rc == 0)
        rc = make_key(to, private, &k2);
    if (rc)
        return rc;
    b1 = bucket_of(&k1);
    b2 = bucket_of(&k2);
    lock_two(b1, b2);
    if (expect) {
        rc = user_load32(from, &now);
        if (rc == 0 && now != *expect)
            rc = -EAGAIN;
        if (rc)
            goto out;
    }
    list_for_each_safe(w, tmp, &b1->waiters, link)
    {
        if (!same(&w->key, &k1))
            continue;
        if (woken < nwake) {
            wake_one(w, &batch);
            woken++;
        } else if (moved < nmove) {
            w->key = k2;
            if (b1 != b2) {
                list_del(&w->link);
                list_add_tail(&b2->waiters, &w->link);
                b1->count--;
                b2->count++;
                __atomic_store_n(&w->bucket, b2, __ATOMIC_RELEASE);
            }
            moved++;
        } else {
            break;
        }
    }
    rc = woken + moved;
out:
    unlock_two(b1, b2);
    wake_batch_flush(&batch);
    return rc;
}

/* FUTEX_WAKE_OP: changes *addr2 atomically, wakes addr, and addr2 if the old value
 * compares as asked. */
static long wake_op(uptr addr, uptr addr2, bool private, int n, int n2, u32 code)
{
    int op = code >> 28 & 7, cmp = code >> 24 & 15;
    s32 oparg = (s32)(code << 8) >> 20, cmparg = (s32)(code << 20) >> 20;
    u32 old, seen, new;
    bool hit;
    long rc, woken;

    if (code >> 28 & 8)
        oparg = (s32)(1U << (oparg & 31));
    rc = user_load32(addr2, &old);
    for (; rc == 0; old = seen) {
        switch (op) {
        case FUTEX_OP_SET:
            new = (u32)oparg;
            break;
        case FUTEX_OP_ADD:
            new = old + (u32)oparg;
            break;
        case FUTEX_OP_OR:
            new = old | (u32)oparg;
            break;
        case FUTEX_OP_ANDN:
            new = old & ~(u32)oparg;
            break;
        case FUTEX_OP_XOR:
            new = old ^ (u32)oparg;
            break;
        default:
            return -ENOSYS;
        }
        rc = user_cmpxchg32(addr2, old, new, &seen);
        if (rc == 0 && seen == old)
            break;
    }
    if (rc)
        return rc;
    switch (cmp) {
    case FUTEX_OP_CMP_EQ:
        hit = (s32)old == cmparg;
        break;
    case FUTEX_OP_CMP_NE:
        hit = (s32)old != cmparg;
        break;
    case FUTEX_OP_CMP_LT:
        hit = (s32)old < cmparg;
        break;
    case FUTEX_OP_CMP_LE:
        hit = (s32)old <= cmparg;
        break;
    case FUTEX_OP_CMP_GT:
        hit = (s32)old > cmparg;
        break;
    case FUTEX_OP_CMP_GE:
        hit = (s32)old >= cmparg;
        break;
    default:
        return -ENOSYS;
    }
    woken = futex_wake(addr, private, n, FUTEX_BITSET_MATCH_ANY);
    if (woken < 0 || !hit)
        return woken;
    rc = futex_wake(addr2, private, n2, FUTEX_BITSET_MATCH_ANY);
    return rc < 0 ? rc : woken + rc;
}

/* Priority-inheriting locks: the protocol on the word, without the boost. */
static bool owner_lives(u32 tid)
{
    struct process *p = process_of_tid((s32)tid);

    if (p)
        process_put(p);
    return p;
}

static long lock_pi(uptr addr, bool private, u64 deadline, bool try)
{
    u32 tid = (u32)current()->tid, val, seen = 0;
    long rc = user_load32(addr, &val);

    while (rc == 0) {
        if ((val & FUTEX_TID_MASK) == tid)
            return -EDEADLK;
        if ((val & FUTEX_TID_MASK) == 0) {
            rc = user_cmpxchg32(addr, val, (val & (FUTEX_OWNER_DIED | FUTEX_WAITERS)) | tid, &seen);
            if (rc == 0 && seen == val)
                return 0;
        } else if (!owner_lives(val & FUTEX_TID_MASK)) { /* unless it let go just now */
            rc = user_load32(addr, &seen);
            if (rc == 0 && seen == val)
                return -ESRCH;
        } else if (try) {
            return -EAGAIN;
        } else if (!(val & FUTEX_WAITERS)) {
            rc = user_cmpxchg32(addr, val, val | FUTEX_WAITERS, &seen);
        } else {
            rc = futex_wait(addr, private, val, deadline, FUTEX_BITSET_MATCH_ANY, false);
            if (rc == -EAGAIN)
                rc = 0;
            if (rc == 0)
                rc = user_load32(addr, &seen);
            else if (rc == -ERESTARTSYS)
                return -ERESTARTNOINTR;
        }
        val = seen;
    }
    return rc;
}

static long unlock_pi(uptr addr, bool private)
{
    u32 val, seen;
    long rc = user_load32(addr, &val);

    if (rc)
        return rc;
    if ((val & FUTEX_TID_MASK) != (u32)current()->tid)
        return -EPERM;
    do {
        rc = user_cmpxchg32(addr, val, val & FUTEX_WAITERS, &seen);
        if (rc || seen == val)
            break;
        val = seen;
    } while (true);
    if (rc)
        return rc;
    rc = futex_wake(addr, private, 1, FUTEX_BITSET_MATCH_ANY);
    return rc < 0 ? rc : 0;
}

static long read_deadline(uptr timeout, int cmd, bool realtime, u64 *deadline)
{
    u64 ns;
    long rc;

    *deadline = HOST_FOREVER;
    if (!timeout)
        return 0;
    rc = timespec_from_user(timeout, &ns);
    if (rc)
        return rc;
    if (cmd == FUTEX_WAIT)
        *deadline = deadline_in(ns);
    else
        *deadline = realtime ? deadline_at_real(ns) : ns;
    return 0;
}

static long wait_restartable(uptr addr, bool private, u32 val, u64 deadline, u32 bitset,
                             bool relative)
{
    struct restart *r = &current()->restart;
    long rc;

    if (relative && r->valid && r->nr == NR_futex)
        deadline = r->deadline;
    r->valid = false;
    rc = futex_wait(addr, private, val, deadline, bitset, true);
    if (rc == -ERESTARTSYS && relative && deadline != HOST_FOREVER) {
        *r = (struct restart){.valid = true, .nr = NR_futex, .deadline = deadline};
        return -ERESTART_RESTARTBLOCK;
    }
    return rc;
}

long sys_futex(uptr addr, int op, u32 val, uptr timeout, uptr addr2, u32 val3)
{
    bool private = op & FUTEX_PRIVATE_FLAG, realtime = op & FUTEX_CLOCK_REALTIME;
    int cmd = op & FUTEX_CMD_MASK;
    u32 bitset = FUTEX_BITSET_MATCH_ANY;
    u64 deadline = HOST_FOREVER;
    long rc;

    if (realtime && cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_LOCK_PI2)
        return -ENOSYS;
    if (cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI ||
        cmd == FUTEX_LOCK_PI2) {
        rc = read_deadline(timeout, cmd, realtime || cmd == FUTEX_LOCK_PI, &deadline);
        if (rc)
            return rc;
    }
    switch (cmd) {
    case FUTEX_WAIT_BITSET:
        bitset = val3;
        /* fall through */
    case FUTEX_WAIT:
        return wait_restartable(addr, private, val, deadline, bitset, cmd == FUTEX_WAIT && timeout);
    case FUTEX_WAKE_BITSET:
        bitset = val3;
        /* fall through */
    case FUTEX_WAKE:
        return futex_wake(addr, private, (int)val, bitset);
    case FUTEX_REQUEUE:
        return futex_requeue(addr, addr2, private, (int)val, (int)timeout, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(addr, addr2, private, (int)val, (int)timeout, &val3);
    case FUTEX_WAKE_OP:
        return wake_op(addr, addr2, private, (int)val, (int)timeout, val3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return lock_pi(addr, private, deadline, false);
    case FUTEX_TRYLOCK_PI:
        return lock_pi(addr, private, HOST_FOREVER, true);
    case FUTEX_UNLOCK_PI:
        return unlock_pi(addr, private);
    default:
        return -ENOSYS;
    }
}
