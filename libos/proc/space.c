/* Empty address spaces, for programs that exec out of borrowed memory (vfork).
 *
 * A host process that holds nothing but the inside range waits here and is forked for
 * each one: that costs the same whatever the size of the program that asks.  It comes
 * into being at the first use, as a copy of the asking process that drops everything.
 * Requests are handed over one at a time under space.lock.
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
} space;

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
            thread_free(current());
            host_space_exit();
        }
        if (t) {
            space.result = thread_start_host(t, true);
            __atomic_store_n(&space.answered, 1, __ATOMIC_RELEASE);
            thread_wake(space.asker);
        } else {
            thread_sleep_uninterruptible(seq, HOST_FOREVER);
        }
    }
}

static long make_blank(void)
{
    struct thread *t = thread_alloc();
    long rc;

    if (!t)
        return -ENOMEM;
    t->kthread = true;
    t->kfunc = serve;
    t->proc = init_process;
    strlcpy(t->comm, "blank", sizeof(t->comm));
    signal_thread_init(t);
    t->sig.blocked = ~0ULL;
    rc = host_space_fork(t);
    if (rc < 0) {
        thread_free(t);
        return rc;
    }
    space.blank = t;
    return 0;
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

    lock(&space.lock);
    rc = space.blank ? 0 : make_blank();
    if (rc) {
        unlock(&space.lock);
        return rc;
    }
    space.asker = current();
    space.answered = 0;
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
