/* Copies of address spaces for a save after which the sandbox goes on.
 *
 * While everything rests, a parked thread of each address space forks its host process: the
 * host copies nothing then but page tables.  The copies run no program; the monitor reads the
 * memory of that moment from them while the original goes on.  When the file is written, or the
 * save has failed, they end.
 *
 * Each copy has a thread of the library OS on a slot of its own, marked as parked for as long
 * as it lives, so that nobody waits for it, and not saved.
 *
 * Locking: none.  Only the saver makes copies, one save at a time; `over` is what copies sleep
 * on and is only ever raised.
 */
#include <asm/errno.h>

#include "../../abi/host_abi.h"
#include "freeze.h"
#include "lib.h"
#include "mm.h"
#include "proc.h"
#include "thread.h"

#define PATIENCE_NS 5000000000ULL

static struct {
    u32 over;   /* copies of earlier rounds end */
    u32 made;   /* of this round, or failed; what the saver sleeps on */
    u32 failed; /* of this round */
} copies;

static void live(void *arg)
{
    struct thread *t = current();
    u32 round = (u32)(uptr)arg;

    while (__atomic_load_n(&copies.over, __ATOMIC_SEQ_CST) == round)
        host_wait(&copies.over, round, HOST_FOREVER);
    __atomic_store_n(&t->parked, false, __ATOMIC_SEQ_CST);
    thread_free(t);
    host_space_exit();
}

void freeze_copies_end(void)
{
    __atomic_fetch_add(&copies.over, 1, __ATOMIC_SEQ_CST);
    host_wake(&copies.over, 1 << 30);
}

void freeze_copy_self(struct thread *t)
{
    struct thread *copy = __atomic_exchange_n(&t->copy, NULL, __ATOMIC_SEQ_CST);

    if (!copy)
        return;
    if (host_space_fork(copy) < 0) {
        copy->parked = false;
        thread_free(copy);
        __atomic_fetch_add(&copies.failed, 1, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_add(&copies.made, 1, __ATOMIC_SEQ_CST);
    host_wake(&copies.made, 1);
}

static struct thread *new_copy(void)
{
    struct thread *t = thread_alloc();

    if (!t)
        return NULL;
    t->kthread = t->parked = true;
    t->save = SLOT_SAVE_NOTHING;
    t->kfunc = live;
    t->karg = (void *)(uptr)copies.over;
    t->proc = init_process;
    strlcpy(t->comm, "copy", sizeof(t->comm));
    signal_thread_init(t);
    t->sig.blocked = ~0ULL;
    return t;
}

static bool ask(struct thread **thread)
{
    struct thread *t = *thread, *copy = new_copy();

    *thread = copy;
    if (!copy)
        return false;
    __atomic_store_n(&t->copy, copy, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&t->wake_seq, 1, __ATOMIC_SEQ_CST);
    host_wake(&t->wake_seq, 1);
    return true;
}

static void await_all(u32 asked)
{
    u64 end = host_time(HOST_CLOCK_MONOTONIC) + PATIENCE_NS;
    u32 made;

    while ((made = __atomic_load_n(&copies.made, __ATOMIC_SEQ_CST)) < asked) {
        if (host_time(HOST_CLOCK_MONOTONIC) > end) {
            copies.failed++;
            return;
        }
        host_wait(&copies.made, made, end);
    }
}

bool freeze_copies_make(struct host_space *spaces, struct thread **threads, u32 count)
{
    u32 asked = 0;

    copies.made = copies.failed = 0;
    while (asked < count && ask(&threads[asked]))
        asked++;
    await_all(asked);
    if (asked < count || copies.failed) {
        freeze_copies_end();
        return false;
    }
    for (u32 n = 0; n < count; n++)
        spaces[n].pid = spaces[n].tid = (s32)threads[n]->host_tid;
    return true;
}
