/* Freezing: brings every thread of the sandbox to a place from which it can go on with
 * nothing but what the segment holds.
 *
 * The monitor sets boot_info.freeze; the saver, a library-OS thread, then asks all threads
 * to park, looks until all have, and tells the monitor.  A thread of a program parks at the
 * system-call boundary (exit_work), with its registers in t->regs and t->xstate; a call it
 * slept in has ended and will be executed again.  The saver's own call to the monitor
 * returns in the original only.
 *
 * A pass over the slots that finds all threads parked is not enough: one may have been
 * started behind the pass by a thread that parked before it was looked at.  Parked threads
 * start none, so a second pass finds it.
 *
 * Locking: none; a parked thread holds nothing.  `active` is published before threads are
 * kicked; a thread publishes `parked` before it looks at `active` again.
 */
#include "freeze.h"

#include <asm/errno.h>

#include "kalloc.h"
#include "ktime.h"
#include "lib.h"
#include "mm.h"
#include "proc.h"
#include "vfs.h"

#define PATIENCE_NS 5000000000ULL /* then the save is given up */
#define PASS_NS     1000000ULL

/* Where address spaces are, in order of their numbers, and a thread that rests in each. */
struct list_of_spaces {
    struct host_space *spaces;
    struct thread **threads;
    u32 count;
};

static struct {
    u32 active;
    u32 progress; /* changes when a thread parks: what the saver sleeps on */
    u32 starting;
    struct thread *saver;
    struct task *task; /* to be done while everything rests */
    struct list_of_spaces saved;
} freeze;

struct task {
    void (*run)(void *arg);
    void *arg;
    struct thread *asker;
    long result;
    u32 done;
};

struct freeze_record freeze_record;

/* ---- threads ----------------------------------------------------------------- */

bool freeze_wanted(void) { return __atomic_load_n(&freeze.active, __ATOMIC_SEQ_CST); }

static u64 state_mask(void) { return boot()->xcr0; }

/* In the slot, where a page is there in any case. */
static void *behind(struct thread *t) { return (char *)t + ALIGN_UP(sizeof(*t), 64); }

static bool fits(struct thread *t)
{
    return boot()->xsave_size <= SLOT_ALTSTACK - ALIGN_UP(sizeof(*t), 64);
}

static bool save_xstate(struct thread *t)
{
    u64 mask = state_mask();

    if (!t->xstate)
        t->xstate = fits(t) ? behind(t) : kpages_alloc(boot()->xsave_size);
    if (!t->xstate)
        return false;
    memset(t->xstate, 0, 1024); /* the header must be */
    __asm__ volatile("xsave64 (%0)" ::"r"(t->xstate), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
    __asm__("rdfsbase %0" : "=r"(t->fs_base));
    cpu_freeze(t);
    return true;
}

static void drop_xstate(struct thread *t)
{
    if (t->xstate && t->xstate != behind(t))
        kpages_free(t->xstate, boot()->xsave_size);
    t->xstate = NULL;
}

void freeze_load_xstate(struct thread *t)
{
    u64 mask = state_mask();

    if (!t->xstate)
        return;
    /* kpages_free does not touch them: the image has no vector instructions. */
    __asm__ volatile("xrstor64 (%0)" ::"r"(t->xstate), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
    drop_xstate(t);
}

/* The host's vDSO is another one where it is resumed: a thread leaves it first.  So does
 * one in our own, which may be about to call it. */
static bool in_vdso(struct thread *t)
{
    u64 ip = t->regs->rip, own = t->proc->mm->vdso_base;

    if (t->regs->orig_rax != NOT_A_SYSCALL)
        return false;
    return (ip >= HOSTVDSO_BASE && ip < SEG_BASE) || (own && ip - own < 2 * PAGE_SIZE);
}

void freeze_park(struct thread *t)
{
    __atomic_fetch_and(&t->attention, ~ATTN_RENDEZVOUS, __ATOMIC_SEQ_CST);
    if (!t->kthread && (in_vdso(t) || !save_xstate(t)))
        return; /* the saver will ask again */
    for (;;) {
        u32 seq = __atomic_load_n(&t->wake_seq, __ATOMIC_SEQ_CST);

        __atomic_store_n(&t->parked, true, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&freeze.progress, 1, __ATOMIC_SEQ_CST);
        host_wake(&freeze.progress, 1);
        if (!freeze_wanted() || (__atomic_load_n(&t->attention, __ATOMIC_SEQ_CST) & ATTN_EXIT))
            break;
        host_wait(&t->wake_seq, seq, HOST_FOREVER);
        freeze_copy_self(t);
    }
    __atomic_store_n(&t->parked, false, __ATOMIC_SEQ_CST);
    drop_xstate(t);
}

bool freeze_interrupts(void)
{
    return (READ_ONCE(current()->attention) & ATTN_RENDEZVOUS) && !signal_pending();
}

/* A signal with a handler still ends the call with EINTR. */
long freeze_restart(struct thread *t, long rc)
{
    if (!(READ_ONCE(t->attention) & ATTN_RENDEZVOUS))
        return rc;
    if (t->deadline_call == t->syscalls)
        t->kept_call = t->syscalls + 1;
    return rc == -EINTR && !signal_pending() ? -ERESTARTNOHAND : rc;
}

size_t freeze_moved(void)
{
    struct thread *t = current();
    size_t n = t->kept_moved;

    t->kept_moved = 0;
    return t->kept_moved_call == t->syscalls ? n : 0;
}

/* Should a handler run first, the program is told how much was moved (signal/deliver.c). */
long freeze_partial(size_t before, long rc, size_t left)
{
    struct thread *t = current();
    size_t total = before + (rc > 0 ? (size_t)rc : 0);
    bool interrupted = rc >= 0 || rc == -EINTR || (rc <= -ERESTARTSYS && rc >= -ERESTARTNOHAND);

    if (!total)
        return rc;
    if (!left || !interrupted || !freeze_interrupts())
        return (long)total;
    t->kept_moved = total;
    t->kept_moved_call = t->syscalls + 1;
    return -ERESTARTNOHAND;
}

/* ---- the saver ----------------------------------------------------------------- */

static void kick(struct thread *t)
{
    if (!t->kthread) {
        thread_kick(t, ATTN_RENDEZVOUS);
        return;
    }
    thread_wake(t);
    host_thread_interrupt(t); /* it may sleep in the host for readiness */
}

/* A slot whose host thread exists and is not at rest, or NULL.  Kicks all of them. */
static struct thread *restless(void)
{
    struct thread *found = NULL;

    for (u32 n = 0; n < thread_slots(); n++) {
        struct thread *t = thread_slot(n);
        if (!__atomic_load_n(&t->host_tid, __ATOMIC_SEQ_CST) || t == freeze.saver)
            continue;
        if (__atomic_load_n(&t->parked, __ATOMIC_SEQ_CST) &&
            !(__atomic_load_n(&t->attention, __ATOMIC_SEQ_CST) & ATTN_EXIT))
            continue;
        found = t;
        if (READ_ONCE(t->proc) && READ_ONCE(t->state) != THREAD_DEAD)
            kick(t);
    }
    return found;
}

static bool come_to_rest(void)
{
    u64 end = host_time(HOST_CLOCK_MONOTONIC) + PATIENCE_NS;
    struct thread *t;

    for (int quiet = 0; quiet < 2;) {
        u32 seen = __atomic_load_n(&freeze.progress, __ATOMIC_SEQ_CST);
        u64 now = host_time(HOST_CLOCK_MONOTONIC);

        t = restless();
        quiet = t ? 0 : quiet + 1;
        if (!t)
            continue;
        if (now > end) {
            klog("save: thread %d (%s) does not come to rest, state %u, attention %x, call %ld\n",
                 t->tid, t->comm, t->state, t->attention, (long)t->regs->orig_rax);
            return false;
        }
        host_wait(&freeze.progress, seen, now + PASS_NS);
    }
    return true;
}

static void release_all(void)
{
    __atomic_store_n(&freeze.active, 0, __ATOMIC_SEQ_CST);
    for (u32 n = 0; n < thread_slots(); n++) {
        struct thread *t = thread_slot(n);
        if (!__atomic_load_n(&t->host_tid, __ATOMIC_SEQ_CST) || !READ_ONCE(t->parked))
            continue;
        __atomic_fetch_add(&t->wake_seq, 1, __ATOMIC_SEQ_CST);
        host_wake(&t->wake_seq, 1);
    }
}

/* The first rest of each address space that has a number, by that. */
static void find_numbered(struct thread **threads, u32 slots)
{
    for (u32 n = 0; n < slots; n++) {
        struct thread *t = thread_slot(n);
        struct mm *mm = t->parked && !t->kthread ? t->proc->mm : NULL;

        if (!mm || !mm->space)
            continue;
        struct thread **at = mm->space <= slots ? &threads[mm->space - 1] : NULL;
        if (!at || (*at && (*at)->proc->mm != mm))
            mm->space = 0; /* a dead one had it, or it is too high: it gets another */
        else if (!*at)
            *at = t;
    }
}

/* The others get numbers that nobody has. */
static void number_new(struct thread **threads, u32 slots)
{
    u32 free = 0;

    for (u32 n = 0; n < slots; n++) {
        struct thread *t = thread_slot(n);

        if (!t->parked || t->kthread || t->proc->mm->space)
            continue;
        while (threads[free])
            free++;
        threads[free] = t;
        t->proc->mm->space = free + 1;
    }
}

/* Gives every address space in use a number.  It keeps it: a later save finds its pages in its
 * base whoever has come and gone since. */
static bool number_spaces(struct list_of_spaces *l)
{
    u32 slots = thread_slots();
    struct host_space *spaces;

    l->spaces = spaces = kmalloc(slots * (sizeof(*spaces) + sizeof(*l->threads)));
    if (!spaces)
        return false;
    l->threads = (struct thread **)(spaces + slots);
    memset(l->threads, 0, slots * sizeof(*l->threads));
    find_numbered(l->threads, slots);
    number_new(l->threads, slots);
    for (u32 n = 0; n < slots; n++) {
        struct thread *t = l->threads[n];
        if (!t)
            continue;
        l->threads[l->count] = t;
        spaces[l->count++] = (struct host_space){t->host_pid, (s32)t->host_tid, n, 0};
    }
    return true;
}

/* After a save; in a copy of what was saved, as well. */
static void forget_spaces(void)
{
    kfree(freeze.saved.spaces);
    freeze.saved = (struct list_of_spaces){NULL, NULL, 0};
}

static void record(void)
{
    memcpy(freeze_record.rlimits, boot()->rlimits, sizeof(freeze_record.rlimits));
    freeze_record.mono = now_mono();
    freeze_record.boot = now_boot();
    freeze_record.real = now_real();
}

static void save(void)
{
    struct list_of_spaces *l = &freeze.saved;
    u32 how = __atomic_load_n(&boot()->freeze, __ATOMIC_SEQ_CST);
    bool rests, copied = false;
    int error = EBUSY;
    long rc;

    __atomic_store_n(&freeze.active, 1, __ATOMIC_SEQ_CST);
    rests = come_to_rest() && number_spaces(l);
    record();
    if (rests && how & BOOT_FREEZE_CARRY && (error = (int)-carry_all()))
        rests = false;
    if (rests)
        hostfs_list_open();
    objcache_trim();
    kalloc_trim();
    thread_slots_save();
    if (rests && how & BOOT_FREEZE_KEEP)
        copied = freeze_copies_make(l->spaces, l->threads, l->count);
    if (rests)
        rc =
            host_freeze_ready(l->spaces, l->count, copied ? HOST_FREEZE_COPIES : 0, freeze_summary);
    else
        rc = host_freeze_ready((struct host_space *)SEG_BASE, 0, error, NULL);
    carry_end();
    __atomic_store_n(&boot()->freeze, 0, __ATOMIC_SEQ_CST);
    release_all();
    if (copied && rc)
        freeze_copies_end();
    if (!copied || rc) /* else the file is still being written: freeze_poll */
        freeze_ended(rc ? rc : rests ? 0 : -error);
    forget_spaces();
}

static void run_task(struct task *t)
{
    __atomic_store_n(&freeze.active, 1, __ATOMIC_SEQ_CST);
    t->result = come_to_rest() ? 0 : -EBUSY;
    if (t->result == 0)
        t->run(t->arg);
    release_all();
    struct thread *asker = t->asker; /* t ends with its asker's wait */
    __atomic_store_n(&t->done, 1, __ATOMIC_SEQ_CST);
    thread_wake(asker);
}

static void saver(void *arg)
{
    struct task *task;

    current()->save = SLOT_SAVE_NOTHING;
    __atomic_store_n(&freeze.saver, current(), __ATOMIC_SEQ_CST);
    for (;;) {
        u32 seq = thread_sleep_begin();
        if (__atomic_load_n(&boot()->freeze, __ATOMIC_SEQ_CST)) {
            mm_settle(); /* what is still to come can't be saved */
            save();
        } else if ((task = __atomic_exchange_n(&freeze.task, NULL, __ATOMIC_SEQ_CST)))
            run_task(task);
        else
            thread_sleep_uninterruptible(seq, HOST_FOREVER);
    }
}

static void call_saver(void)
{
    struct thread *t = __atomic_load_n(&freeze.saver, __ATOMIC_SEQ_CST);

    if (t)
        thread_wake(t);
    else if (!__atomic_exchange_n(&freeze.starting, 1, __ATOMIC_SEQ_CST) &&
             !kthread_start(saver, NULL, "saver"))
        __atomic_store_n(&freeze.starting, 0, __ATOMIC_SEQ_CST); /* no memory: never answers */
}

long freeze_while(void (*run)(void *arg), void *arg)
{
    struct task t = {.run = run, .arg = arg, .asker = current()}, *none = NULL;

    if (!__atomic_compare_exchange_n(&freeze.task, &none, &t, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return -EBUSY;
    call_saver();
    for (;;) {
        u32 seq = thread_sleep_begin();
        if (__atomic_load_n(&t.done, __ATOMIC_SEQ_CST))
            return t.result;
        if (freeze_wanted())
            freeze_park(current());
        else
            thread_sleep_uninterruptible(seq, HOST_FOREVER);
    }
}

void freeze_poll(void)
{
    struct boot_info *b = boot();

    if (unlikely(__atomic_exchange_n(&b->save_done, 0, __ATOMIC_SEQ_CST))) {
        freeze_copies_end();
        freeze_ended(b->save_result);
    }
    if (unlikely(__atomic_load_n(&boot()->freeze, __ATOMIC_SEQ_CST)))
        call_saver();
}

/* The saver is not started again with the other library-OS threads: most copies are never saved. */
void freeze_forget(void)
{
    freeze.active = freeze.starting = 0;
    freeze.task = NULL;
    freeze.saver = NULL;
    forget_spaces();
}
