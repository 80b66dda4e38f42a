/* Going on from a save, in a new sandbox.
 *
 * The segment and the pool are what they were; the host knows nothing yet.  The first host
 * thread comes here on slot 0.  It opens host handles again, starts a host process for each
 * address space but program 1's, whose first host process it is, and library-OS threads.
 * In each address space one thread, its leader, maps what the VMAs say and fills in private
 * memory, starts the other threads, and then all wait at a gate until every address space
 * is complete: either all of it goes on or nothing.
 *
 * Locking: none until the gate opens; the leaders work on address spaces of their own.
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "cpu.h"
#include "freeze.h"
#include "ipc.h"
#include "kalloc.h"
#include "ktime.h"
#include "lib.h"
#include "mm.h"
#include "proc.h"
#include "random.h"
#include "vfs.h"

static struct {
    u32 missing; /* address spaces that are not complete */
    u32 open;
} start_gate;

/* ---- threads -------------------------------------------------------------------- */

/* Starts the host threads of t's address space, t's own excepted. */
static void start_threads(struct thread *leader)
{
    struct mm *mm = leader->proc->mm;

    leader->host_pid = leader->proc->host_pid = (s32)leader->host_tid;
    for (u32 n = 0; n < thread_slots(); n++) {
        struct thread *t = thread_slot(n);
        if (!t->resumed || t->kthread || t == leader || t->proc->mm != mm)
            continue;
        t->host_pid = t->proc->host_pid = leader->host_pid;
        if (host_thread_create(t) < 0)
            start_fail(EAGAIN, "resume:", "no host thread");
    }
}

static void restore_space(struct thread *leader)
{
    long rc = mm_resume(leader->proc->mm);

    if (rc)
        start_fail((int)-rc, "resume:", "memory cannot be mapped");
    start_threads(leader);
    if (__atomic_sub_fetch(&start_gate.missing, 1, __ATOMIC_SEQ_CST) == 0)
        host_wake(&start_gate.missing, 1);
}

static _Noreturn void go_on(struct thread *t)
{
    while (!__atomic_load_n(&start_gate.open, __ATOMIC_SEQ_CST))
        host_wait(&start_gate.open, 0, HOST_FOREVER);
    /* An interrupted call is executed again, a stop looked at again: signal_deliver. */
    __atomic_fetch_or(&t->attention, ATTN_SIGNAL, __ATOMIC_SEQ_CST);
    freeze_load_xstate(t);
    trace_resumed(t);
    if (t->vfork_child) {
        vfork_wait(t);
        trace_call_over(t);
    }
    exit_to_program(t);
}

_Noreturn void resume_thread(struct thread *t)
{
    if (t->new_space)
        restore_space(t);
    t->new_space = false;
    go_on(t);
}

/* ---- the first thread ------------------------------------------------------------- */

/* What is parked has been alive; every other host thread was gone when it was saved. */
static void renew_threads(struct thread *me)
{
    for (u32 n = 0; n < thread_slots(); n++) {
        struct thread *t = thread_slot(n);

        t->new_space = false;
        if (t != me) {
            t->interruptible = false;
            t->host_tid = 0;
        }
        t->resumed = t->parked;
        t->parked = false;
        if (!t->resumed)
            continue;
        pal_thread_init(t);
        t->state = THREAD_INSIDE;
        if (!t->kthread)
            cpu_resume(t);
    }
}

/* One thread of each address space but program 1's leads it into a host process. */
static void start_spaces(void)
{
    start_gate.missing = 1; /* program 1's */
    start_gate.open = 0;
    /* Here, not by the leaders: they may be done before the last slot is looked at, and would
     * make its thread a second leader. */
    for (u32 n = 0; n < thread_slots(); n++) {
        struct thread *t = thread_slot(n);
        if (t->resumed && !t->kthread)
            t->proc->mm->started = false;
    }
    for (u32 n = 0; n < thread_slots(); n++) {
        struct thread *t = thread_slot(n);
        struct mm *mm = t->resumed && !t->kthread ? t->proc->mm : NULL;

        if (!mm || mm->started)
            continue;
        mm->started = true;
        if (mm == init_process->mm)
            continue;
        __atomic_fetch_add(&start_gate.missing, 1, __ATOMIC_SEQ_CST);
        if (host_space_fork(t) < 0)
            start_fail(EAGAIN, "resume:", "no host process");
    }
}

static void start_kthreads(void)
{
    for (u32 n = 0; n < thread_slots(); n++) {
        struct thread *t = thread_slot(n);

        if (!t->kthread || !t->resumed)
            continue;
        t->resumed = false;
        t->host_pid = boot()->host_pid;
        if (host_thread_create(t) < 0)
            start_fail(EAGAIN, "resume:", "no host thread");
    }
}

/* Monotonic time goes on where it was; boot time counts the pause, as on a laptop. */
static void set_clocks(struct boot_info *b)
{
    u64 real = host_time(HOST_CLOCK_REALTIME), away = 0;

    if (real > freeze_record.real)
        away = real - freeze_record.real;
    b->mono_offset = (s64)(freeze_record.mono - host_time(HOST_CLOCK_MONOTONIC));
    b->boot_offset = (s64)(freeze_record.boot + away - host_time(HOST_CLOCK_BOOTTIME));
    interval_resume(away);
}

static void open_gate(void)
{
    u32 missing;

    while ((missing = __atomic_load_n(&start_gate.missing, __ATOMIC_SEQ_CST)))
        host_wait(&start_gate.missing, missing, HOST_FOREVER);
    for (u32 n = 0; n < boot()->pages_count; n++)
        host_close(boot()->pages_handle + (s32)n);
    host_close(boot()->runs_handle);
    start_kthreads();
    __atomic_store_n(&start_gate.open, 1, __ATOMIC_SEQ_CST);
    host_wake(&start_gate.open, 1 << 30);
}

_Noreturn void resume_start(struct boot_info *b)
{
    struct thread *me = current();
    bool alive = me->parked && !me->kthread;

    if (!alive)
        me->proc = init_process;
    thread_slots_resume();
    freeze_forget();
    freeze_record.generation++;
    set_clocks(b);
    limits_resume();
    if (b->new_hostname[0])
        system_rename(b->new_hostname);
    hostio_forget();
    jobs_forget();
    renew_threads(me);
    random_resume();
    cpuid_forget();
    inet_host_resume();
    hostpoll_resume();
    hostio_resume();
    hostfs_resume();
    erofs_resume();
    carry_end(); /* what is there itself */
    start_spaces();
    restore_space(me);
    open_gate();
    if (b->flags & BOOT_TELL_STARTED)
        host_report(HOST_REPORT_STARTED, 0, 0, NULL);
    dev_bailey_resumed();
    if (__atomic_exchange_n(&b->winsize_changed, 0, __ATOMIC_ACQ_REL))
        terminal_signal(SIGWINCH); /* another terminal, and nothing on it: paint anew */
    if (READ_ONCE(me->attention) & ATTN_WORK)
        thread_work(); /* signals to who watches the generation */
    if (alive) {
        mailbox_look(me);
        go_on(me);
    }
    hostpoll_start(); /* nobody is left here whom the monitor could interrupt */
    me->proc = NULL;
    host_thread_exit();
}
