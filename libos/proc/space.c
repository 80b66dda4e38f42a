/* Empty address spaces, for programs that exec out of borrowed memory (vfork).
 *
 * A host process that holds nothing but the inside range waits here and is forked for
 * each one: that costs the same whatever the size of the program that asks.  It comes
 * into being at the first use, as a copy of the asking process that drops everything.
 * Requests are handed over one at a time under space.lock.
 *
 * Where programs are started one after the other, one copy more is made ahead of its use, while
 * the program before it runs: the spare.  It sleeps as a kthread in `spare`; who takes it from
 * there (an exchange) makes its thread the program's, and last of all ends its being a kthread.
 */
#include <asm/errno.h>

#include "freeze.h"
#include "lib.h"
#include "proc_internal.h"

static struct {
    struct lock lock;
    struct thread *blank;   /* the waiting one */
    struct thread *request; /* to be started in a copy of it */
    struct thread *asker;
    long result;
    u32 answered;
    struct thread *spare; /* nobody's yet */
    u32 started;          /* so many were; a spare is for programs that start many */
    bool low;             /* the blank one is to make a spare */
} space;
#define SPARE_FROM 4

/* A snapshot has no use for what waits here. */
static _Noreturn void leave(void)
{
    thread_free(current());
    host_space_exit();
}

static void spare(void *arg)
{
    struct thread *t = current();

    (void)arg;
    t->host_pid = (s32)t->host_tid;
    for (;;) {
        u32 seq = thread_sleep_begin();
        struct thread *self = t;
        if (!__atomic_load_n(&t->kthread, __ATOMIC_ACQUIRE))
            break;
        if (freeze_wanted() && __atomic_compare_exchange_n(&space.spare, &self, NULL, false,
                                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            leave();
        thread_sleep_uninterruptible(seq, HOST_FOREVER);
    }
    thread_first_run(t);
    exit_to_program(t);
}

/* A thread of the library OS in an address space of its own. */
static struct thread *make_waiting(void (*fn)(void *), const char *name)
{
    struct thread *t = thread_alloc();

    if (!t)
        return NULL;
    t->kthread = true;
    t->kfunc = fn;
    t->proc = init_process;
    strlcpy(t->comm, name, sizeof(t->comm));
    signal_thread_init(t);
    t->sig.blocked = ~0ULL;
    if (host_space_fork(t) < 0) {
        thread_free(t);
        return NULL;
    }
    return t;
}

/* On the blank one. */
static void make_spare(void)
{
    space.low = false;
    if (!freeze_wanted() && !READ_ONCE(space.spare))
        __atomic_store_n(&space.spare, make_waiting(spare, "spare"), __ATOMIC_SEQ_CST);
}

static void serve(void *arg)
{
    (void)arg;
    host_unmap(USER_MIN, INSIDE_BASE - USER_MIN);
    host_unmap(INSIDE_END, USER_MAX - INSIDE_END);
    for (;;) {
        u32 seq = thread_sleep_begin();
        struct thread *t = __atomic_exchange_n(&space.request, NULL, __ATOMIC_ACQ_REL);
        if (!t && freeze_wanted() && try_lock(&space.lock)) {
            space.blank = NULL; /* a snapshot has no use for it; the next one who needs one
                                 * makes it */
            unlock(&space.lock);
            leave();
        }
        if (t) {
            space.result = thread_start_host(t, true);
            __atomic_store_n(&space.answered, 1, __ATOMIC_RELEASE);
            thread_wake(space.asker);
        } else if (READ_ONCE(space.low)) {
            make_spare();
        } else {
            thread_sleep_uninterruptible(seq, HOST_FOREVER);
        }
    }
}

static long make_blank(void)
{
    space.blank = make_waiting(serve, "blank");
    return space.blank ? 0 : -EAGAIN;
}

struct thread *space_take(void)
{
    return __atomic_exchange_n(&space.spare, NULL, __ATOMIC_SEQ_CST);
}

/* The thread that waits there becomes what it was made: nothing of it is to be set after this.  It
 * may not have come as far as waiting, so what it begins with (kfunc) stays as it is. */
static void start_spare(struct thread *t)
{
    __atomic_store_n(&t->kthread, false, __ATOMIC_SEQ_CST);
    thread_wake(t);
    lock(&space.lock);
    space.low = true;
    if (space.blank)
        thread_wake(space.blank);
    unlock(&space.lock);
}

long space_prepare(void)
{
    long rc = 0;

    lock(&space.lock);
    if (!space.blank)
        rc = make_blank();
    unlock(&space.lock);
    return rc;
}

long space_start(struct thread *t)
{
    long rc;

    if (t->kthread) {
        start_spare(t);
        return 0;
    }
    lock(&space.lock);
    rc = space.blank ? 0 : make_blank();
    if (rc) {
        unlock(&space.lock);
        return rc;
    }
    space.asker = current();
    space.answered = 0;
    space.low = ++space.started >= SPARE_FROM;
    __atomic_store_n(&space.request, t, __ATOMIC_RELEASE);
    thread_wake(space.blank);
    for (;;) {
        u32 seq = thread_sleep_begin();
        if (__atomic_load_n(&space.answered, __ATOMIC_ACQUIRE))
            break;
        thread_sleep_uninterruptible(seq, HOST_FOREVER);
    }
    rc = space.result;
    unlock(&space.lock);
    return rc;
}
