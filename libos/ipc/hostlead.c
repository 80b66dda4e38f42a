/* Who waits in the host's epoll: the poller, or the one thread that waits for the network.
 *
 * A server that is a loop around epoll_wait would be woken by the poller for each request: two
 * switches of the CPU where one is enough.  So a thread that is alone in waiting for what may
 * come from the host "leads": it sleeps in the host's epoll itself and hands out what comes.
 *
 * When it goes, nobody leads, and mostly it is back in a moment.  If others wait by then
 * (`waiters`), the poller is called at once; who begins to wait counts itself first and then
 * looks whether anybody leads, who leaves says so first and then looks at the count, so one of
 * the two calls.  For everything else (the monitor's bell, O_ASYNC, a waiter that isn't
 * counted) the poller naps and takes over when a whole nap goes by in which nobody led.  Once
 * a thread has led through a nap without a break, the poller sleeps until that one leaves.
 *
 * A leader that other threads wake is woken through the bell, which is dearer than a futex; so
 * after that it sleeps on its own word for a while (`lead_rest`).  The poller is relieved only
 * after some sleeps that met nobody else waiting (`calm`).
 *
 * A bell can be heard by the poller although it was meant for the thread that has just
 * relieved it: on its way out, it rings once more.
 *
 * Locking: none; the words are atomic.
 */
#include <linux/errno.h>

#include "../../abi/host_abi.h"
#include "freeze.h"
#include "hostpoll.h"
#include "ipc.h"
#include "ktime.h"
#include "lib.h"
#include "thread.h"

#define NAP_NS     2000000ULL
#define REST       32 /* sleeps */
#define CALM       8
#define EVENTS_MAX 64

enum { LEAD_POLLER, LEAD_NOBODY, LEAD_THREAD };

static struct {
    struct lock lock; /* starting the poller */
    struct thread *poller;
    u32 lead;    /* LEAD_* */
    u32 turns;   /* how often a thread took the lead */
    u32 waiters; /* asleep for the network and not leading */
    u32 calm;
    bool napping; /* the poller looks again soon by itself */
} waiting;

static u32 lead_now(void) { return __atomic_load_n(&waiting.lead, __ATOMIC_SEQ_CST); }
static u32 waiters(void) { return __atomic_load_n(&waiting.waiters, __ATOMIC_SEQ_CST); }
static u32 turns(void) { return __atomic_load_n(&waiting.turns, __ATOMIC_RELAXED); }

static bool lead_take(u32 from, u32 to)
{
    return __atomic_compare_exchange_n(&waiting.lead, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void bell_ring(void)
{
    u64 one = 1;
    struct host_iovec v = {&one, sizeof(one)};

    host_write(boot()->kick_handle, &v, 1, HOST_AT_POSITION, 0);
}

void hostpoll_ring(struct thread *t)
{
    WRITE_ONCE(t->lead_rest, REST);
    bell_ring();
}

/* ---- the poller ----------------------------------------------------------------------- */

static void poller_leads(void)
{
    struct host_event ev[16];
    long n = host_wait_ready(boot()->poll_handle, ev, ARRAY_SIZE(ev), HOST_FOREVER);

    if (hostpoll_hand_out(ev, n) && lead_now() == LEAD_THREAD)
        bell_ring();
}

static void poller_takes(void)
{
    if (lead_take(LEAD_NOBODY, LEAD_POLLER))
        __atomic_store_n(&waiting.calm, 0, __ATOMIC_RELAXED);
}

/* Somebody else leads, or did a moment ago. */
static void poller_rests(void)
{
    u32 seq = thread_sleep_begin(), seen = turns();

    if (!__atomic_load_n(&waiting.napping, __ATOMIC_SEQ_CST) && lead_now() == LEAD_THREAD)
        thread_sleep_uninterruptible(seq, HOST_FOREVER);
    __atomic_store_n(&waiting.napping, true, __ATOMIC_SEQ_CST);
    seq = thread_sleep_begin();
    if (!waiters() || lead_now() != LEAD_NOBODY)
        thread_sleep_uninterruptible(seq, deadline_from_now(NAP_NS));
    if (waiters() || turns() == seen)
        poller_takes();
    if (turns() == seen)
        __atomic_store_n(&waiting.napping, false, __ATOMIC_SEQ_CST);
}

static void poller(void *arg)
{
    for (;;) {
        if (freeze_wanted())
            freeze_park(current());
        if (lead_now() == LEAD_POLLER)
            poller_leads();
        else
            poller_rests();
        if (READ_ONCE(current()->attention) & ATTN_WORK)
            thread_work();
    }
}

long hostpoll_start(void)
{
    long rc = 0;

    if (likely(READ_ONCE(waiting.poller)))
        return 0;
    lock(&waiting.lock);
    if (!waiting.poller) {
        waiting.poller = kthread_start(poller, NULL, "poller");
        rc = waiting.poller ? 0 : -ENOMEM;
    }
    unlock(&waiting.lock);
    return rc;
}

/* ---- threads that wait ------------------------------------------------------------------ */

static bool lead_begin(struct thread *t)
{
    if (waiters())
        return false;
    if (READ_ONCE(t->lead_rest)) {
        t->lead_rest--;
        return false;
    }
    if (!lead_take(LEAD_NOBODY, LEAD_THREAD)) {
        if (READ_ONCE(waiting.calm) < CALM) {
            __atomic_fetch_add(&waiting.calm, 1, __ATOMIC_RELAXED);
            return false;
        }
        if (!lead_take(LEAD_POLLER, LEAD_THREAD))
            return false;
        bell_ring(); /* the poller finds that it was relieved */
    }
    __atomic_fetch_add(&waiting.turns, 1, __ATOMIC_RELAXED);
    return true;
}

static void lead_end(void)
{
    __atomic_store_n(&waiting.lead, LEAD_NOBODY, __ATOMIC_SEQ_CST);
    if (waiters() || !__atomic_load_n(&waiting.napping, __ATOMIC_SEQ_CST))
        thread_wake(waiting.poller);
}

/* Nobody else is handed what this thread may take itself: it is INSIDE by then. */
static void wait_leading(u64 deadline)
{
    struct host_event ev[EVENTS_MAX];
    long n = host_wait_ready(boot()->poll_handle, ev, ARRAY_SIZE(ev), deadline);

    __atomic_store_n(&current()->state, THREAD_INSIDE, __ATOMIC_SEQ_CST);
    hostpoll_hand_out(ev, n);
}

static long sleep_counted(u32 seq, u64 deadline)
{
    long rc;

    __atomic_fetch_add(&waiting.waiters, 1, __ATOMIC_SEQ_CST);
    if (lead_now() == LEAD_NOBODY)
        thread_wake(waiting.poller);
    rc = thread_sleep(seq, deadline);
    __atomic_fetch_sub(&waiting.waiters, 1, __ATOMIC_SEQ_CST);
    return rc;
}

long hostpoll_sleep(u32 seq, u64 deadline)
{
    long rc;

    if (!READ_ONCE(hostpoll_attached))
        return thread_sleep(seq, deadline);
    if (!lead_begin(current()))
        return sleep_counted(seq, deadline);
    rc = thread_sleep_polling(seq, deadline, wait_leading);
    lead_end();
    return rc;
}

bool hostpoll_drain(void)
{
    struct host_event ev[EVENTS_MAX];
    long n;

    if (!READ_ONCE(hostpoll_attached) || !lead_take(LEAD_NOBODY, LEAD_THREAD))
        return false;
    __atomic_fetch_add(&waiting.turns, 1, __ATOMIC_RELAXED);
    n = host_wait_ready(boot()->poll_handle, ev, ARRAY_SIZE(ev), 0);
    hostpoll_hand_out(ev, n);
    lead_end();
    return n > 0;
}

/* Alone: who slept begins its call again, the poller starts anew. */
void hostpoll_lead_reset(void)
{
    waiting.lead = LEAD_POLLER;
    waiting.waiters = 0;
    waiting.calm = 0;
    waiting.napping = false;
}
