/* Blocking.  core/wait.c
 *
 * Every thread sleeps on one word of its own (t->wake_seq).  A waker changes the word
 * and then wakes it, so a wake between "is it ready?" and the sleep is never lost:
 *
 *     struct waiter w;
 *     waitq_add(&q, &w);
 *     for (;;) {
 *         u32 seq = thread_sleep_begin();
 *         if (ready) break;                      // under the object's lock
 *         rc = thread_sleep(seq, deadline);      // 0, -EINTR, -ETIMEDOUT
 *         if (rc) break;
 *     }
 *     waitq_remove(&w);
 *
 * -EINTR means: a signal is pending for this thread, or a save, fork or exec wants it
 * at the system-call boundary; return -ERESTARTSYS (or the code the call has in
 * Linux) with everything undone.  Never loop over -EINTR.
 */
#ifndef LIBOS_WAIT_H
#define LIBOS_WAIT_H

#include "list.h"
#include "lock.h"

struct thread;

struct waitq {
    struct lock lock;
    u32 pad;
    struct list waiters;
};

struct waiter {
    struct list link;
    struct waitq *q; /* NULL: not queued */
    /* Called with q->lock held; key is a set of POLL* bits or 0 for "any".
     * Default (NULL): wake `t`.  Returns true if it used up an exclusive wake. */
    bool (*func)(struct waiter *w, u32 key);
    struct thread *t;
    u32 flags;  /* WAITER_* */
    u32 events; /* wakes whose key shares no bit with a non-zero `events` are skipped */
};
#define WAITER_EXCLUSIVE 1u

void waitq_init(struct waitq *q);
void waiter_init(struct waiter *w); /* for the current thread */
void waitq_add(struct waitq *q, struct waiter *w);
void waitq_remove(struct waiter *w);
/* Wakes all non-exclusive waiters and at most n exclusive ones; key: POLL* bits or 0. */
void waitq_wake(struct waitq *q, u32 key, int n);
static inline void waitq_wake_all(struct waitq *q, u32 key) { waitq_wake(q, key, 1 << 30); }

u32 thread_sleep_begin(void);
/* deadline: absolute monotonic ns or HOST_FOREVER. */
long thread_sleep(u32 seq, u64 deadline);
/* As thread_sleep, but sleeps in wait(), which returns at any event of the host and at the
 * host's deadline; who wakes it meanwhile rings (hostpoll_ring).  For ipc/hostlead.c. */
long thread_sleep_polling(u32 seq, u64 deadline, void (*wait)(u64 deadline));
/* thread_sleep for who waits for something that may come from the host's network: where nobody
 * else does, it takes the host's events itself.  ipc/hostlead.c */
long hostpoll_sleep(u32 seq, u64 deadline);
/* As thread_sleep, -EINTR only when the thread or its process must end. */
long thread_sleep_killable(u32 seq, u64 deadline);
/* As thread_sleep but not ended by signals (only for short waits inside). */
long thread_sleep_uninterruptible(u32 seq, u64 deadline);
/* Wakes t wherever it sleeps. */
void thread_wake(struct thread *t);
/* To wake several, or to wake under a lock: `add` does what must be seen under the lock,
 * `flush`, after the lock is released, tells the host.  A thread that was woken under a
 * lock may run at once and then only run into it. */
struct wake_batch {
    int n;
    struct thread *t[16];
};
void wake_batch_add(struct wake_batch *b, struct thread *t);
void wake_batch_flush(struct wake_batch *b);
/* Takes what the monitor left in boot_info (ATTN_MAILBOX); may kick threads. */
void mailbox_poll(void);
/* Before t runs program code for the first time: what came when nobody could be interrupted yet is
 * looked at on its way out. */
void mailbox_look(struct thread *t);
/* ATTN_WORK: what this thread is to do for others before it sleeps or goes on. */
void thread_work(void);
void async_run(void);       /* signals of O_ASYNC: fs/async.c */
void mm_remote_serve(void); /* copies of our memory for others: mm/remote.c */

/* Waits until cond holds; rc = 0, -EINTR or -ETIMEDOUT. */
#define wait_event(queue, cond, deadline) wait_event_by(thread_sleep, queue, cond, deadline)
#define wait_event_by(sleep, queue, cond, deadline)                                                \
    ({                                                                                             \
        struct waiter w__;                                                                         \
        long rc__ = 0;                                                                             \
        waiter_init(&w__);                                                                         \
        waitq_add((queue), &w__);                                                                  \
        for (;;) {                                                                                 \
            u32 seq__ = thread_sleep_begin();                                                      \
            if (cond)                                                                              \
                break;                                                                             \
            rc__ = sleep(seq__, (deadline));                                                       \
            if (rc__) {                                                                            \
                if (cond)                                                                          \
                    rc__ = 0;                                                                      \
                break;                                                                             \
            }                                                                                      \
        }                                                                                          \
        waitq_remove(&w__);                                                                        \
        rc__;                                                                                      \
    })

#endif
