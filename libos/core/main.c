/* The upcalls: how the host enters the library OS, and what happens before a thread
 * goes back to its program. */
#include "cpu.h"
#include "freeze.h"
#include "ipc.h"
#include "lib.h"
#include "mm.h"
#include "proc.h"
#include "rewrite.h"
#include "stats.h"
#include "syscall.h"
#include "thread.h"
#include "trace.h"
#include "vfs.h"

/* What the monitor left for us: signals for program 1, a new window size, a freeze. */
void mailbox_poll(void)
{
    struct boot_info *b = boot();
    u64 signals = __atomic_exchange_n(&b->mailbox_signals, 0, __ATOMIC_ACQ_REL);

    u64 jobs = __atomic_exchange_n(&b->job_mail, 0, __ATOMIC_ACQ_REL);

    kthreads_start_waiting();
    freeze_poll();
    if (jobs)
        jobs_mail(jobs);
    if (__atomic_exchange_n(&b->winsize_changed, 0, __ATOMIC_ACQ_REL))
        signals |= SIGBIT(SIGWINCH);
    for (int sig = 1; signals; sig++, signals >>= 1) {
        if (!(signals & 1))
            continue;
        if (sig == SIGINT || sig == SIGQUIT || sig == SIGTSTP || sig == SIGWINCH) {
            terminal_signal(sig);
            continue;
        }
        struct process *p = process_find(1);
        if (p) {
            signal_process(p, sig, NULL);
            process_put(p);
        }
    }
}

void thread_work(void)
{
    __atomic_fetch_and(&current()->attention, ~ATTN_WORK, __ATOMIC_SEQ_CST);
    async_run();
    mm_remote_serve();
}

/* Called by the way out (pal/entry.S) while t->attention is not clear. */
void exit_work(struct regs *regs);
void exit_work(struct regs *regs)
{
    struct thread *t = current();
    u32 attn = __atomic_load_n(&t->attention, __ATOMIC_ACQUIRE);

    if (attn & ATTN_EXIT)
        thread_exit(t->exit_code);
    if (attn & ATTN_WORK)
        thread_work();
    if (attn & ATTN_MAILBOX) {
        __atomic_fetch_and(&t->attention, ~ATTN_MAILBOX, __ATOMIC_ACQ_REL);
        mailbox_poll();
    }
    if (unlikely(attn & ATTN_RENDEZVOUS))
        freeze_park(t);
    if (unlikely(attn & ATTN_TEXT))
        rewrite_settled(t);
    if (attn & (ATTN_SIGNAL | ATTN_FULL_EXIT | ATTN_TRACE)) {
        __atomic_fetch_and(&t->attention, ~(ATTN_SIGNAL | ATTN_FULL_EXIT | ATTN_TRACE),
                           __ATOMIC_ACQ_REL);
        signal_deliver(regs);
        if (unlikely(t->tracee.mode))
            trace_set_step(regs);
    }
}

/* In the order of likelihood; anything else that a program may do wrong is a signal. */
static void on_fault(struct thread *t, int sig)
{
    struct siginfo_k info = {.signo = sig, .code = t->fault.code};
    bool page_fault = (sig == SIGSEGV || sig == SIGBUS) && t->fault.trapno == 14;

    stats_count(&stats.faults);
    if (page_fault && mm_fault(t->proc->mm, t->fault.addr, t->fault.error & 2, t->fault.error & 16))
        return;
    if (sig == SIGSEGV && t->fault.trapno == 13 && cpuid_serve(t->regs))
        return;
    info.fault.addr = sig == 11 || sig == 7 ? t->fault.addr : t->regs->rip;
    signal_force(sig, &info);
}

_Noreturn void upcall_exception(struct thread *t, int vector)
{
    if (vector == 0) {
        stats_count(&stats.trapped);
        if (likely(!t->tracee.tracer))
            note_trapped_site(t);
        syscall_dispatch(t->regs);
    } else if (vector > 1) {
        on_fault(t, vector);
    }
    exit_to_program(t);
}

_Noreturn void upcall_thread_start(struct thread *t)
{
    WRITE_ONCE(t->state, THREAD_INSIDE);
    if (t->kthread) {
        t->kfunc(t->karg);
        thread_free(t);
        host_thread_exit();
    }
    if (t->resumed)
        resume_thread(t);
    thread_first_run(t);
    exit_to_program(t);
}

void mailbox_look(struct thread *t)
{
    const struct boot_info *b = boot();

    if (__atomic_load_n(&b->freeze, __ATOMIC_SEQ_CST) || READ_ONCE(b->mailbox_signals) ||
        READ_ONCE(b->winsize_changed) || READ_ONCE(b->job_mail))
        __atomic_fetch_or(&t->attention, ATTN_MAILBOX, __ATOMIC_SEQ_CST);
}

_Noreturn void upcall_start(struct boot_info *b)
{
    struct thread *t = current();

    if (b->magic != BOOT_MAGIC || b->version != BOOT_VERSION)
        panic("the monitor speaks another version: %u", b->version);
    if (b->flags & BOOT_RESUME)
        resume_start(b);
    process_init_first(t);
    inet_host_init();
    fs_init();
    exec_first(b);
    if (b->flags & BOOT_TELL_STARTED)
        host_report(HOST_REPORT_STARTED, 0, 0, NULL);
    mailbox_look(t);
    exit_to_program(t);
}

void syscall_dispatch(struct regs *regs)
{
    struct thread *t = current();

    regs->orig_rax = (u32)regs->orig_rax; /* the upper half means nothing */
    if (unlikely(t->tracee.calls))
        trace_call(regs);
    else
        syscall_serve(regs);
}

void syscall_serve(struct regs *regs)
{
    struct thread *t = current();
    u64 args[6] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9};
    u64 nr = regs->orig_rax;
    long (*call)(const u64 *) = nr < SYSCALL_MAX ? syscall_table[nr].call : NULL;
    bool traced = trace_on();
    long rc;

    t->syscalls++;
    stats_count(&stats.calls[nr & (SYSCALL_MAX - 1)]);
    if (unlikely(traced))
        trace_enter(nr, args);
    rc = likely(call != NULL) ? call(args) : -38 /* ENOSYS */;
    if (unlikely(traced))
        trace_leave(nr, args, rc);
    if (unlikely(regs->orig_rax == NOT_A_SYSCALL)) /* exec, sigreturn: registers are new */
        return;
    if (unlikely(rc == -4 /* EINTR */ || (rc <= -ERESTARTSYS && rc >= -ERESTART_RESTARTBLOCK)))
        rc = freeze_restart(t, rc);
    regs->rax = (u64)rc;
    if (unlikely(rc <= -ERESTARTSYS && rc >= -ERESTART_RESTARTBLOCK)) {
        t->again_call = t->syscalls + 1;
        __atomic_fetch_or(&t->attention, ATTN_SIGNAL, __ATOMIC_RELAXED);
    }
}
