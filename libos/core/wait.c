/* Blocking: how a thread sleeps on its own word, and queues of waiters.
 *
 * The sleeper publishes THREAD_BLOCKED and then looks at its word and its attention
 * bits; a waker changes the word (a kicker: the bits) and then looks at the state.
 * All four accesses are sequentially consistent, so at least one side sees the other:
 * either the sleeper doesn't sleep or the waker wakes it.  Of several wakers the one
 * that turns BLOCKED back pays for the host call.
 *
 * A thread is never freed memory (it lives in its slot), so waking one that is long
 * gone or doing something else is at worst a spurious wake-up.
 */
#include "wait.h"

#include <asm/errno.h>

#include "../../abi/host_abi.h"
#include "ipc.h"
#include "thread.h"

#define ATTN_ENDS_SLEEP (ATTN_EXIT | ATTN_RENDEZVOUS)

u32 thread_sleep_begin(void) { return __atomic_load_n(&current()->wake_seq, __ATOMIC_ACQUIRE); }

static u32 word_of(struct thread *t) { return __atomic_load_n(&t->wake_seq, __ATOMIC_SEQ_CST); }

enum leave { LEAVE_NEVER, LEAVE_TO_END, LEAVE_FOR_SIGNALS };

/* Something the current thread must see to at the system-call boundary. */
static bool must_leave(struct thread *t, enum leave when)
{
    u32 attn = __atomic_load_n(&t->attention, __ATOMIC_SEQ_CST);

    if (likely(!attn))
        return false;
    if (attn & ATTN_MAILBOX) {
        __atomic_fetch_and(&t->attention, ~ATTN_MAILBOX, __ATOMIC_SEQ_CST);
        mailbox_poll();
        attn = __atomic_load_n(&t->attention, __ATOMIC_SEQ_CST);
    }
    if (attn & ATTN_WORK) {
        thread_work();
        attn = __atomic_load_n(&t->attention, __ATOMIC_SEQ_CST);
    }
    if (when == LEAVE_TO_END)
        return (attn & ATTN_EXIT) || ((attn & ATTN_SIGNAL) && signal_fatal_pending());
    return (attn & ATTN_ENDS_SLEEP) || ((attn & ATTN_SIGNAL) && signal_pending());
}

/* Inside, monotonic time goes on over a resume; the host's starts anew. */
static u64 host_deadline(u64 deadline)
{
    s64 offset = boot()->mono_offset;

    if (deadline == HOST_FOREVER)
        return deadline;
    return offset > 0 && deadline < (u64)offset ? 0 : deadline - (u64)offset;
}

#define SPIN_CYCLES  8000 /* some 3 us: less than going to sleep and being woken costs */
#define SPIN_CREDITS 8
#define SPIN_TRIAL   32 /* without credit, one sleep in so many is begun awake */

/* Waits awake for a moment: two threads that answer each other from two CPUs then do so
 * without the host.  Only where it worked lately, so that idle programs don't burn time. */
static bool spin(struct thread *t, u32 seq)
{
    if (t->kthread || boot()->ncpu < 2 || (t->spin_credit == 0 && ++t->sleeps % SPIN_TRIAL))
        return false;
    u64 end = __builtin_ia32_rdtsc() + SPIN_CYCLES;
    do {
        for (int i = 0; i < 8; i++) {
            if (word_of(t) != seq) {
                t->spin_credit = MIN(t->spin_credit + 2, SPIN_CREDITS);
                return true;
            }
            __builtin_ia32_pause();
        }
    } while (__builtin_ia32_rdtsc() < end);
    t->spin_credit -= t->spin_credit > 0;
    return false;
}

static long sleep_on_word(u32 seq, u64 deadline, enum leave when)
{
    struct thread *t = current();
    long rc = 0;

    if (deadline && spin(t, seq))
        return 0;

    while (word_of(t) == seq) {
        __atomic_store_n(&t->state, THREAD_BLOCKED, __ATOMIC_SEQ_CST);
        if (when != LEAVE_NEVER && must_leave(t, when)) {
            rc = -EINTR;
            break;
        }
        rc = host_wait(&t->wake_seq, seq, host_deadline(deadline));
        if (rc == -ETIMEDOUT)
            break;
        rc = 0; /* woken, interrupted or spurious: the word and the bits tell */
    }
    __atomic_store_n(&t->state, THREAD_INSIDE, __ATOMIC_SEQ_CST);
    /* A wake that came in time counts: the caller looks at its object again. */
    return word_of(t) == seq ? rc : 0;
}

long thread_sleep(u32 seq, u64 deadline) { return sleep_on_word(seq, deadline, LEAVE_FOR_SIGNALS); }

/* As sleep_on_word, with the host's epoll in place of the futex: wait() turns the state to
 * INSIDE before it hands events out, so that waking itself costs no host call. */
long thread_sleep_polling(u32 seq, u64 deadline, void (*wait)(u64 deadline))
{
    struct thread *t = current();
    u64 end = host_deadline(deadline);
    long rc = 0;

    __atomic_store_n(&t->polling, true, __ATOMIC_SEQ_CST);
    while (word_of(t) == seq && !rc) {
        __atomic_store_n(&t->state, THREAD_BLOCKED, __ATOMIC_SEQ_CST);
        if (must_leave(t, LEAVE_FOR_SIGNALS))
            rc = -EINTR;
        else if (word_of(t) == seq)
            wait(end);
        if (!rc && end != HOST_FOREVER && word_of(t) == seq &&
            host_time(HOST_CLOCK_MONOTONIC) >= end)
            rc = -ETIMEDOUT;
    }
    __atomic_store_n(&t->state, THREAD_INSIDE, __ATOMIC_SEQ_CST);
    __atomic_store_n(&t->polling, false, __ATOMIC_SEQ_CST);
    return word_of(t) == seq ? rc : 0;
}

long thread_sleep_killable(u32 seq, u64 deadline)
{
    return sleep_on_word(seq, deadline, LEAVE_TO_END);
}

long thread_sleep_uninterruptible(u32 seq, u64 deadline)
{
    return sleep_on_word(seq, deadline, LEAVE_NEVER);
}

/* Changes t's word; true if the caller has to wake the host thread. */
static bool mark_woken(struct thread *t)
{
    u32 blocked = THREAD_BLOCKED;

    __atomic_fetch_add(&t->wake_seq, 1, __ATOMIC_SEQ_CST);
    return __atomic_compare_exchange_n(&t->state, &blocked, THREAD_INSIDE, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void wake_host_thread(struct thread *t)
{
    if (unlikely(__atomic_load_n(&t->polling, __ATOMIC_SEQ_CST)))
        hostpoll_ring(t);
    else
        host_wake(&t->wake_seq, 1);
}

void thread_wake(struct thread *t)
{
    if (mark_woken(t))
        wake_host_thread(t);
}

void thread_kick(struct thread *t, u32 attn_bits)
{
    __atomic_fetch_or(&t->attention, attn_bits, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&t->state, __ATOMIC_SEQ_CST) == THREAD_BLOCKED)
        thread_wake(t);
    else if (t != current() && !t->kthread)
        host_thread_interrupt(t);
}

void waitq_init(struct waitq *q)
{
    lock_init(&q->lock);
    list_init(&q->waiters);
}

void waiter_init(struct waiter *w)
{
    *w = (struct waiter){.t = current()};
    list_init(&w->link);
}

void waitq_add(struct waitq *q, struct waiter *w)
{
    lock(&q->lock);
    w->q = q;
    /* Exclusive ones behind the others, in order of arrival. */
    if (w->flags & WAITER_EXCLUSIVE)
        list_add_tail(&q->waiters, &w->link);
    else
        list_add(&q->waiters, &w->link);
    unlock(&q->lock);
}

void waitq_remove(struct waiter *w)
{
    struct waitq *q = w->q;

    if (!q)
        return;
    lock(&q->lock);
    list_del(&w->link);
    w->q = NULL;
    unlock(&q->lock);
}

void wake_batch_add(struct wake_batch *b, struct thread *t)
{
    if (b->n == (int)ARRAY_SIZE(b->t))
        thread_wake(t);
    else if (mark_woken(t))
        b->t[b->n++] = t;
}

void wake_batch_flush(struct wake_batch *b)
{
    for (int i = 0; i < b->n; i++)
        wake_host_thread(b->t[i]);
    b->n = 0;
}

/* True if w used up an exclusive wake. */
static bool wake_one(struct waiter *w, u32 key, struct wake_batch *batch)
{
    if (w->func)
        return w->func(w, key);
    wake_batch_add(batch, w->t);
    return true;
}

void waitq_wake(struct waitq *q, u32 key, int n)
{
    struct wake_batch batch;
    struct waiter *w, *next;

    /* The caller has changed what waiters look at; a waiter queues itself before it
     * looks.  With the fence, one not seen here will see the change. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (READ_ONCE(q->waiters.next) == &q->waiters)
        return;
    batch.n = 0;
    lock(&q->lock);
    list_for_each_safe(w, next, &q->waiters, link)
    {
        if (key && w->events && !(w->events & key))
            continue;
        if (wake_one(w, key, &batch) && (w->flags & WAITER_EXCLUSIVE) && --n <= 0)
            break;
    }
    unlock(&q->lock);
    wake_batch_flush(&batch);
}
