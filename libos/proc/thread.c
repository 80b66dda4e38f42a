/* Thread slots, library-OS threads without a program (kthreads), thread numbers' owners.
 *
 * A slot is free when no thread struct lives in it (proc and kfunc empty) and its host
 * thread is gone (host_tid 0, cleared by the host kernel).  Freed slots wait in a list
 * until the second holds.  A save leaves them out: after a resume they are zero. */
#include <asm/errno.h>

#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "usercopy.h"

_Static_assert(offsetof(struct thread, save) == SLOT_SAVE, "the monitor looks there");
static struct lock slot_lock;
static u32 slots_used = 1;        /* slot 0 is the first thread's */
static u32 slots_saved;           /* a save leaves out all from here on */
static struct thread *free_slots; /* the last freed first */

struct thread *thread_slot(u32 n)
{
    return (struct thread *)(SEG_BASE + SEG_SLOTS + n * SLOT_SIZE);
}

u32 thread_slots(void) { return READ_ONCE(slots_used); }

/* The most recently freed slot whose host thread has ended: its pages are warm. */
static struct thread *take_free(void)
{
    for (struct thread **at = &free_slots, *t; (t = *at); at = &t->next_free) {
        if (__atomic_load_n(&t->host_tid, __ATOMIC_ACQUIRE) == 0) {
            *at = t->next_free;
            return t;
        }
    }
    return NULL;
}

struct thread *thread_alloc(void)
{
    struct thread *t;

    lock(&slot_lock);
    t = take_free();
    if (!t && slots_used < SLOT_MAX)
        t = thread_slot(slots_used++);
    unlock(&slot_lock);
    if (!t)
        return NULL;
    memset(t, 0, sizeof(*t));
    pal_thread_init(t);
    list_init(&t->link);
    waitq_init(&t->exit_wait);
    return t;
}

/* Gives the slot back; its host thread may still be running its last instructions.  Slot 0
 * is not used again: a resume begins on it. */
void thread_free(struct thread *t)
{
    if (t == thread_slot(0))
        return;
    lock(&slot_lock);
    t->save = SLOT_SAVE_NOTHING;
    t->next_free = free_slots;
    free_slots = t;
    unlock(&slot_lock);
}

void thread_slots_save(void)
{
    slots_saved = slots_used;
    while (slots_saved > 1 && thread_slot(slots_saved - 1)->save == SLOT_SAVE_NOTHING)
        slots_saved--;
}

void thread_slots_resume(void)
{
    free_slots = NULL;
    slots_used = slots_saved;
    for (u32 n = slots_used - 1; n > 0; n--)
        if (!thread_slot(n)->self)
            thread_free(thread_slot(n));
}

#define START_TRIES 200
#define START_PAUSE 5000000 /* ns */

/* The host counts who has ended until the monitor has seen it; here there is room. */
long thread_start_host(struct thread *t, bool new_space)
{
    u32 never = 0;

    for (int i = 0;; i++) {
        long rc = new_space ? host_space_fork(t) : host_thread_create(t);

        if (rc != -EAGAIN || i == START_TRIES)
            return rc;
        host_wait(&never, 0, host_time(HOST_CLOCK_MONOTONIC) + START_PAUSE);
    }
}

static void move_pending(struct pending *to, struct pending *from)
{
    to->set = from->set;
    while (!list_empty(&from->queue)) {
        struct list *l = from->queue.next;
        list_del(l);
        list_add_tail(&to->queue, l);
    }
    from->set = 0;
}

void thread_inherit(struct thread *heir, struct thread *t)
{
    struct process *p = t->proc;

    signal_thread_init(heir);
    heir->tid = t->tid;
    heir->cred = t->cred;
    heir->nice = t->nice;
    heir->policy = t->policy;
    heir->ioprio = t->ioprio;
    heir->personality = t->personality;
    heir->start_ns = t->start_ns;
    heir->vfork_parent = __atomic_exchange_n(&t->vfork_parent, NULL, __ATOMIC_ACQ_REL);
    heir->dumpable = t->dumpable;
    heir->no_new_privs = t->no_new_privs;
    heir->pdeath_signal = t->pdeath_signal;
    heir->timer_slack = t->timer_slack;
    memcpy(heir->affinity, t->affinity, sizeof(heir->affinity));
    memcpy(heir->comm, t->comm, sizeof(heir->comm));
    lock(&p->lock);
    lock(&p->sighand->lock);
    heir->sig.blocked = t->sig.blocked;
    move_pending(&heir->sig.pending, &t->sig.pending);
    unlock(&p->sighand->lock);
    heir->proc = p;
    heir->attention = t->attention & (ATTN_SIGNAL | ATTN_EXIT);
    list_del(&t->link);
    list_add_tail(&p->threads, &heir->link);
    p->leader = heir;
    unlock(&p->lock);
    thread_table_set(heir->tid, heir);
    trace_move(heir, t);
}

struct thread *thread_find(struct process *p, s32 tid)
{
    struct thread *t;

    list_for_each(t, &p->threads, link)
    {
        if (t->tid == tid)
            return t;
    }
    return NULL;
}

/* A thread of the library OS must outlive the process that happens to need it first, so
 * it lives in program 1's address space.  Elsewhere it waits here until a thread of
 * program 1 starts it (mailbox_poll). */
static struct thread *waiting_kthreads[8];

void kthreads_start_waiting(void)
{
    if (current()->host_pid != boot()->host_pid)
        return;
    for (u32 i = 0; i < ARRAY_SIZE(waiting_kthreads); i++) {
        struct thread *t = READ_ONCE(waiting_kthreads[i]);
        if (t && (t = __atomic_exchange_n(&waiting_kthreads[i], NULL, __ATOMIC_ACQ_REL)) &&
            host_thread_create(t) < 0)
            panic("cannot start the %s thread", t->comm);
    }
}

static long kthread_create(struct thread *t)
{
    struct thread *starter = init_process->leader;

    if (current()->host_pid == boot()->host_pid)
        return host_thread_create(t);
    for (u32 i = 0; i < ARRAY_SIZE(waiting_kthreads); i++) {
        struct thread *none = NULL;
        if (!__atomic_compare_exchange_n(&waiting_kthreads[i], &none, t, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST))
            continue;
        if (starter->exiting)
            starter = list_first(&init_process->threads, struct thread, link);
        thread_kick(starter, ATTN_MAILBOX);
        return 0;
    }
    return -11; /* EAGAIN */
}

struct thread *kthread_start(void (*fn)(void *), void *arg, const char *name)
{
    struct thread *t = thread_alloc();

    if (!t)
        return NULL;
    t->kthread = true;
    t->save = SLOT_SAVE_THREAD;
    t->kfunc = fn;
    t->karg = arg;
    t->proc = init_process;
    t->host_pid = boot()->host_pid;
    strlcpy(t->comm, name, sizeof(t->comm));
    signal_thread_init(t);
    t->sig.blocked = ~0ULL;
    if (kthread_create(t) < 0) {
        thread_free(t);
        return NULL;
    }
    return t;
}

bool capable(int cap) { return current()->cred.cap_effective & (1ULL << cap); }
