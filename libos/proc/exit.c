/* The end of threads and processes.
 *
 * exit_group marks the process and makes every thread leave; the last one out turns the
 * process into a zombie and wakes the parent.  A host process ends with the last host
 * thread in its address space.  When program 1 ends, so does the sandbox. */
#include <asm/errno.h>
#include <linux/poll.h>

#include "freeze.h"
#include "ipc.h"
#include "kalloc.h"
#include "ktime.h"
#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "stats.h"
#include "sysv.h"
#include "syscalls_gen.h"
#include "trace.h"
#include "tty.h"
#include "usercopy.h"
#include "vfs.h"

#define SIGCHLD    17
#define SIGKILL    9
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_DUMPED 3

static void death_signal(struct process *child)
{
    struct thread *t;
    u32 sig = 0;

    lock(&child->lock);
    list_for_each(t, &child->threads, link) sig = t->pdeath_signal ? t->pdeath_signal : sig;
    unlock(&child->lock);
    if (sig)
        signal_process(child, (int)sig, NULL);
}

static void fill_info(const struct process *p, struct siginfo_k *info)
{
    int status = p->exit_status;

    *info = (struct siginfo_k){.signo = p->exit_signal};
    info->chld.pid = p->pid;
    info->chld.uid = p->last_uid;
    info->chld.utime = p->utime / 10000000;
    info->chld.stime = p->stime / 10000000;
    info->code = (status & 0x7f) == 0 ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
    info->chld.status = (status & 0x7f) == 0 ? status >> 8 & 0xff : status & 0x7f;
}

/* Tells the parent, which is referenced, of a child that is a zombie already. */
static void child_signal(struct process *parent, const struct siginfo_k *info)
{
    if (info->signo)
        signal_process(parent, info->signo, info);
    waitq_wake_all(&parent->child_wait, 0);
}

/* The nearest ancestor that reaps for others, else program 1.  Under family_lock. */
static struct process *find_heir(struct process *p)
{
    struct process *heir = p->parent;

    while (heir && !heir->subreaper && heir != init_process)
        heir = heir->parent;
    return heir && !heir->zombie ? heir : init_process;
}

/* The first child goes to the heir; false when there is none left. */
static bool give_child(struct process *p)
{
    struct siginfo_k info = {0};
    struct process *heir, *child;
    bool zombie;

    lock(&family_lock);
    heir = find_heir(p);
    child = heir == p ? NULL : list_first(&p->children, struct process, sibling);
    if (!child) {
        unlock(&family_lock);
        return false;
    }
    ref_get(&child->refs);
    ref_get(&heir->refs);
    lock(&heir->lock);
    lock(&p->lock);
    list_del(&child->sibling);
    process_adopt(heir, child);
    child->exit_signal = SIGCHLD;
    zombie = child->zombie && !READ_ONCE(child->held_back);
    child->forker = 0;
    if (zombie)
        fill_info(child, &info);
    unlock(&p->lock);
    unlock(&heir->lock);
    unlock(&family_lock);
    if (!zombie)
        death_signal(child);
    child_signal(heir, &info);
    process_put(heir);
    process_put(child);
    return true;
}

static bool ignores_children(struct process *parent, const struct process *p)
{
    struct sighand *sh = parent->sighand;
    struct ksigaction *a = sh ? &sh->action[SIGCHLD - 1] : NULL;

    return a && p->exit_signal == SIGCHLD &&
           (a->handler == SIG_IGN_ || (a->flags & 2 /* SA_NOCLDWAIT */));
}

/* Nobody's child: what `bailey exec` began. */
static void end_job(struct process *p)
{
    p->zombie = true;
    waitq_wake_all(&p->pidfd_wait, POLLIN);
    jobs_end(p, p->exit_status);
    process_release(p);
}

/* First a zombie, then the signal: its handler may wait for us without blocking.  Once it
 * is one, p may be gone unless it is ours to release. */
void process_tell_end(struct process *p)
{
    struct siginfo_k info;
    struct process *parent;
    bool ignored;

    if (!p->parent) {
        end_job(p);
        return;
    }
    ref_get(&p->refs);
    lock(&family_lock);
    parent = p->parent;
    ref_get(&parent->refs);
    fill_info(p, &info);
    lock(&parent->lock);
    ignored = ignores_children(parent, p);
    p->zombie = true;
    if (ignored)
        list_del(&p->sibling);
    unlock(&parent->lock);
    unlock(&family_lock);
    child_signal(parent, &info);
    process_put(parent);
    waitq_wake_all(&p->pidfd_wait, POLLIN);
    if (ignored)
        process_release(p);
    process_put(p);
}

/* Waits until program 1 is alone, as a PID name space ends with its first process: what the
 * others do must not change while it is written down. */
static void end_others(void)
{
    u64 end = host_time(HOST_CLOCK_MONOTONIC) + 5000000000ULL;
    u32 never = 0;

    while (host_time(HOST_CLOCK_MONOTONIC) < end) {
        bool alone = true;
        struct process *q;
        for (s32 pid = 1; (q = process_next(pid)); process_put(q)) {
            pid = q->pid;
            if (q->zombie)
                continue;
            alone = false;
            signal_process(q, SIGKILL, NULL);
        }
        if (alone)
            return;
        host_wait(&never, 0, host_time(HOST_CLOCK_MONOTONIC) + 1000000);
    }
}

static void report_changes(void)
{
    struct boot_info *b = boot();
    long rc;

    if (!(b->flags & BOOT_DIFF))
        return;
    end_others();
    rc = diff_write(b->diff_handle, b->flags & BOOT_DIFF_LIST);
    if (rc)
        start_fail((int)-rc, "--diff", "");
}

/* Last thread of a process: gives back what it shared, becomes a zombie. */
static void process_finish(struct process *p)
{
    process_timers_exit(p);
    sem_exit(p);
    if (p == init_process) {
        report_changes();
        stats_report();
        host_report(HOST_REPORT_EXIT, (u64)p->exit_status, 0, NULL);
        host_space_exit();
    }
    pty_session_end(p);
    process_drop_shares(p);
    while (give_child(p))
        ;
    if (!trace_holds_back(p))
        process_tell_end(p);
}

/* Leaves the host: nothing of the thread may be used after this but its stack. */
static _Noreturn void leave_host(struct thread *t, struct mm *mm)
{
    bool last = __atomic_sub_fetch(&mm->host_threads, 1, __ATOMIC_ACQ_REL) == 0;

    mm_put(mm);
    kfree(t->trace);
    thread_free(t);
    if (last)
        host_space_exit();
    host_thread_exit();
}

_Noreturn void thread_abandon(struct thread *t, struct mm *mm)
{
    __atomic_fetch_sub(&mm->users, 1, __ATOMIC_RELAXED);
    t->state = THREAD_DEAD;
    t->proc = NULL;
    leave_host(t, mm);
}

_Noreturn void thread_exit(int code)
{
    struct thread *t = current();
    struct process *p = t->proc;
    struct mm *mm = p->mm;
    bool last;
    int status;

    if (unlikely(READ_ONCE(t->tracee.tracer))) {
        t->exit_code = code;
        trace_exit(p->group_exit ? p->exit_status : (code & 0xff) << 8);
    }
    t->exiting = true;
    signal_set_mask(~0ULL); /* what it was to take goes to another thread */
    futex_forget(t);
    robust_list_exit(t);
    if (t->clear_child_tid && mm->host_threads > 1) {
        put_user((s32)0, t->clear_child_tid);
        futex_wake_addr(t->clear_child_tid, 1);
    }
    vfork_done(t);
    if (t == thread_slot(0) && READ_ONCE(p->nthreads) > 1)
        hostpoll_start(); /* the monitor interrupts us when it has something to say */
    ref_get(&mm->refs);
    fs_leave(t);
    lock(&p->lock);
    if (!p->group_exit)
        p->exit_status = (code & 0xff) << 8;
    list_del(&t->link);
    last = --p->nthreads == 0;
    status = p->group_exit ? p->exit_status : (code & 0xff) << 8;
    if (last) {
        memcpy(p->last_comm, t->comm, sizeof(p->last_comm));
        p->last_uid = t->cred.euid;
        p->last_gid = t->cred.egid;
    }
    if (p->leader == t)
        p->leader = list_first(&p->threads, struct thread, link); /* NULL: none left */
    unlock(&p->lock);
    trace_thread_gone(t, p, status);
    t->state = THREAD_DEAD;
    signal_flush(&t->sig.pending);
    pid_free(t->tid, t);
    waitq_wake_all(&t->exit_wait, 0);
    waitq_wake_all(&p->child_wait, 0); /* an exec or exit_group counting threads */
    if (last) {
        if (__atomic_sub_fetch(&mm->users, 1, __ATOMIC_ACQ_REL) == 0)
            mm_drop_maps(mm);
        process_finish(p);
        mm_put(mm); /* the process's reference */
    }
    if (READ_ONCE(t->attention) & ATTN_WORK)
        thread_work();
    t->proc = NULL;
    leave_host(t, mm);
}

/* Every thread but the caller is told to go. */
static void tell_others(struct process *p)
{
    struct thread *t;

    lock(&p->lock);
    list_for_each(t, &p->threads, link)
    {
        if (t != current())
            thread_kick(t, ATTN_EXIT);
    }
    unlock(&p->lock);
}

_Noreturn void process_exit(int wait_status)
{
    struct process *p = current()->proc;

    lock(&p->lock);
    if (!p->group_exit) {
        p->group_exit = true;
        p->exit_status = wait_status;
    }
    unlock(&p->lock);
    tell_others(p);
    thread_exit(0);
}

long kill_other_threads(void)
{
    struct thread *me = current();
    struct process *p = me->proc;

    lock(&p->lock);
    if (p->group_exit || p->execing) { /* we are told to go in a moment: nothing is seen of this */
        unlock(&p->lock);
        set_attention(ATTN_EXIT);
        return -EAGAIN;
    }
    p->execing = true;
    unlock(&p->lock);
    while (READ_ONCE(p->nthreads) > 1) {
        struct waiter w;
        waiter_init(&w);
        waitq_add(&p->child_wait, &w);
        tell_others(p);
        u32 seq = thread_sleep_begin();
        if (READ_ONCE(p->nthreads) > 1)
            thread_sleep_uninterruptible(seq, deadline_from_now(10000000));
        waitq_remove(&w);
    }
    p->execing = false;
    return 0;
}

/* --save-on exit: what is saved is the sandbox at this point, so a copy goes on with the exit,
 * or, where its user wants that, stays there until it is ended.  Else 0. */
static long save_first(struct process *p)
{
    static struct freeze_ask ask;
    static struct waitq never = {.waiters = LIST_INIT(never.waiters)};
    static bool resumed;
    u32 flags = boot()->flags;
    long rc;

    if (likely(p != init_process || (!ask.asked && !(flags & (BOOT_SAVE_EXIT | BOOT_HOLD)))))
        return 0;
    if (ask.asked || flags & BOOT_SAVE_EXIT) {
        rc = resumed ? FREEZE_RESUMED : freeze_ask(&ask, true);
        if (rc == -ERESTARTNOINTR)
            return rc;
        resumed = rc == FREEZE_RESUMED;
    }
    if (resumed && flags & BOOT_HOLD && wait_event(&never, false, HOST_FOREVER))
        return -ERESTARTNOINTR;
    return 0;
}

long sys_exit(int code)
{
    struct process *p = current()->proc;
    long rc = READ_ONCE(p->nthreads) == 1 ? save_first(p) : 0;

    if (rc)
        return rc;
    if (trace_on())
        trace_event("+++ thread %d exited with %d +++", current()->tid, code);
    if (READ_ONCE(p->nthreads) == 1)
        process_exit((code & 0xff) << 8);
    thread_exit(code);
}

long sys_exit_group(int code)
{
    long rc = save_first(current()->proc);

    if (rc)
        return rc;
    if (trace_on())
        trace_event("+++ exited with %d +++", code & 0xff);
    process_exit((code & 0xff) << 8);
}
