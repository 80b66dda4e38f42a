/* Kernel timers: a pairing heap and the thread that runs what is due.
 *
 * The links are in the timers, so arming needs no memory.  heap_lock protects the heap
 * and `running`; it may be taken under any object's lock (docs/locking.md).  The timer
 * thread lives in the address space of program 1 and is started at the first use.
 */
#include "freeze.h"
#include "ktime.h"
#include "lib.h"
#include "lock.h"
#include "thread.h"

static struct lock heap_lock;
static struct ktimer *root;    /* the earliest */
static struct ktimer *running; /* whose fn the timer thread is in */
static u32 finished;           /* counts fn calls done: cancel waits on it */
static u64 next_look;          /* deadline the timer thread sleeps for */
static struct thread *timer_thread;
static bool thread_wanted;

/* ---- the heap (under heap_lock) -------------------------------------------- */

/* Joins two heaps; the later one becomes the first child of the earlier. */
static struct ktimer *heap_join(struct ktimer *a, struct ktimer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->deadline < a->deadline) {
        struct ktimer *t = a;
        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* Makes one heap of a list of siblings: in pairs from the left, then from the right. */
static struct ktimer *heap_join_all(struct ktimer *first)
{
    struct ktimer *pairs = NULL, *heap = NULL;

    while (first) {
        struct ktimer *a = first, *b = a->next;
        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = heap_join(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct ktimer *a = pairs;
        pairs = a->next;
        a->next = NULL;
        heap = heap_join(heap, a);
    }
    return heap;
}

static void heap_remove(struct ktimer *t)
{
    struct ktimer *below = heap_join_all(t->child);

    if (t == root) {
        root = below;
    } else {
        if (t->prev->child == t) /* prev: parent of a first child, else left sibling */
            t->prev->child = t->next;
        else
            t->prev->next = t->next;
        if (t->next)
            t->next->prev = t->prev;
        root = heap_join(root, below);
    }
    t->child = t->next = t->prev = NULL;
    t->armed = false;
}

static void heap_insert(struct ktimer *t)
{
    t->child = t->next = t->prev = NULL;
    t->armed = true;
    root = heap_join(root, t);
}

/* ---- the thread -------------------------------------------------------------- */

/* Runs the first timer if it is due; false when there is none. */
static bool run_one(void)
{
    struct ktimer *t;

    lock(&heap_lock);
    t = root;
    if (!t || t->deadline > now_mono()) {
        next_look = t ? t->deadline : HOST_FOREVER;
        unlock(&heap_lock);
        return false;
    }
    heap_remove(t);
    running = t;
    unlock(&heap_lock);
    t->fn(t); /* may free t */
    lock(&heap_lock);
    running = NULL;
    unlock(&heap_lock);
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    host_wake(&finished, 1 << 30);
    return true;
}

static void timer_loop(void *arg)
{
    __atomic_store_n(&timer_thread, current(), __ATOMIC_SEQ_CST);
    for (;;) {
        u32 seq = thread_sleep_begin();
        while (run_one())
            ;
        if (freeze_wanted())
            freeze_park(current());
        else
            thread_sleep_uninterruptible(seq, READ_ONCE(next_look));
    }
}

static void wake_timer_thread(bool start)
{
    struct thread *t = __atomic_load_n(&timer_thread, __ATOMIC_SEQ_CST);

    if (t)
        thread_wake(t);
    else if (start && !kthread_start(timer_loop, NULL, "timer"))
        panic("no memory for the timer thread");
}

/* ---- the interface ------------------------------------------------------------ */

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *)) { *t = (struct ktimer){.fn = fn}; }

void ktimer_arm(struct ktimer *t, u64 deadline)
{
    bool start, earlier;

    lock(&heap_lock);
    if (t->armed)
        heap_remove(t);
    t->deadline = deadline;
    heap_insert(t);
    start = !thread_wanted;
    thread_wanted = true;
    earlier = deadline < next_look;
    if (earlier)
        next_look = deadline;
    unlock(&heap_lock);
    if (start || earlier)
        wake_timer_thread(start);
}

bool ktimer_disarm(struct ktimer *t)
{
    bool was;

    lock(&heap_lock);
    was = t->armed;
    if (was)
        heap_remove(t);
    unlock(&heap_lock);
    return was;
}

bool ktimer_cancel(struct ktimer *t)
{
    bool was = false;

    for (;;) {
        u32 seen = __atomic_load_n(&finished, __ATOMIC_SEQ_CST);
        lock(&heap_lock);
        if (t->armed) {
            was = true;
            heap_remove(t);
        }
        bool busy = running == t && current() != timer_thread;
        unlock(&heap_lock);
        if (!busy)
            return was;
        host_wait(&finished, seen, HOST_FOREVER); /* fn may have armed it again */
    }
}

void ktimer_resume(void (*fn)(struct ktimer *t, u64 jump), u64 jump)
{
    struct ktimer *all = NULL, *t, *next;

    while ((t = root)) {
        heap_remove(t);
        t->next = all;
        all = t;
    }
    for (t = all; t; t = next) {
        next = t->next;
        fn(t, jump);
        heap_insert(t);
    }
    next_look = HOST_FOREVER; /* the timer thread looks when it starts */
}
