/* Stops: what the tracee does.
 *
 * A stop is published under trace_lock, told to the tracer, and slept through; SIGKILL and
 * the end of the process end it as the tracer does.  Nothing is held meanwhile, and the
 * thread goes on serving its address space (copies for others) and parks for a save.  A
 * resumed copy of it begins in trace_resumed: so what follows a stop depends on nothing but
 * struct tracee and the registers.
 *
 * Most stops are made on the way back to the program (trace_return, trace_signal); those in
 * the middle of a call are its entry, the events of clone, and the thread's end.
 */
#include <linux/errno.h>
#include <linux/ptrace.h>
#include <linux/sched.h>

#include "../signal/internal.h"
#include "freeze.h"
#include "internal.h"
#include "lib.h"
#include "rewrite.h"
#include "syscall.h"
#include "syscalls_gen.h"

#define EFLAGS_TF   0x100u
#define TRAP_TRACE_ 2

static bool must_end(struct thread *t)
{
    return (READ_ONCE(t->attention) & ATTN_EXIT) || (pending_of(t) & SIGBIT(SIGKILL));
}

static void end_stop(struct thread *t)
{
    lock(&trace_lock);
    t->tracee.stopped = t->tracee.untold = t->tracee.listening = false;
    unlock(&trace_lock);
}

/* A tracer that only listens hears when the stop of the process ends, and if it asks. */
static void listen_again(struct thread *t)
{
    struct tracee *k = &t->tracee;
    struct process *tracer = NULL;
    int sig = READ_ONCE(t->proc->stopped) ? t->proc->stop_signal : SIGTRAP;
    int status = sig | PTRACE_EVENT_STOP << 8;

    lock(&trace_lock);
    k->interrupt = false;
    if (k->tracer && k->stopped && k->listening) {
        k->listening = false;
        k->untold = true;
        k->code = status;
        k->info = (struct siginfo_k){.signo = sig, .code = status};
        tracer = k->tracer_proc;
        ref_get(&tracer->refs);
    }
    unlock(&trace_lock);
    if (tracer)
        trace_tell(tracer, t->tid, t->cred.uid, CLD_TRAPPED, sig);
}

static void sleep_stopped(struct thread *t)
{
    for (;;) {
        u32 seq = thread_sleep_begin(), attn = __atomic_load_n(&t->attention, __ATOMIC_SEQ_CST);

        if (!__atomic_load_n(&t->tracee.stopped, __ATOMIC_SEQ_CST))
            break;
        if (must_end(t)) {
            end_stop(t);
            break;
        }
        if (READ_ONCE(t->tracee.listening) &&
            (!READ_ONCE(t->proc->stopped) || READ_ONCE(t->tracee.interrupt)))
            listen_again(t);
        else if (attn & ATTN_MAILBOX) {
            __atomic_fetch_and(&t->attention, ~ATTN_MAILBOX, __ATOMIC_SEQ_CST);
            mailbox_poll();
        } else if (attn & ATTN_RENDEZVOUS)
            freeze_park(t);
        else if (attn & ATTN_WORK)
            thread_work();
        else
            thread_sleep_uninterruptible(seq, HOST_FOREVER);
    }
    t->tracee.in_stop = false;
    trace_load_state(t);
    set_attention(ATTN_SIGNAL); /* looks again at all there is */
}

/* The tracer's process, referenced, if there is still one to tell. */
static struct process *publish(struct thread *t, enum trace_stop kind, int code,
                               const struct siginfo_k *info)
{
    struct tracee *k = &t->tracee;
    struct process *tracer = NULL;

    lock(&trace_lock);
    if (k->tracer && !must_end(t) && trace_save_state(t)) {
        tracer = k->tracer_proc;
        ref_get(&tracer->refs);
        k->kind = (u8)kind;
        k->code = code;
        k->inject = 0;
        k->has_info = info != NULL;
        if (info)
            k->info = *info;
        if (k->stepping)
            t->regs->eflags &= ~(u64)EFLAGS_TF;
        k->stepping = false;
        k->listening = false;
        k->untold = k->in_stop = true;
        __atomic_store_n(&k->stopped, true, __ATOMIC_SEQ_CST);
    }
    unlock(&trace_lock);
    return tracer;
}

/* False: there was nobody to stop for. */
static bool stop(enum trace_stop kind, int code, const struct siginfo_k *info)
{
    struct thread *t = current();
    struct process *tracer;

    if (t->proc->mm)
        sites_forbid(t->proc->mm); /* the tracer is to see and step the program's own code */
    tracer = publish(t, kind, code, info);
    if (!tracer)
        return false;
    trace_tell(tracer, t->tid, t->cred.uid,
               kind == TRACE_AT_GROUP_STOP ? CLD_STOPPED_ : CLD_TRAPPED, code & 0x7f);
    sleep_stopped(t);
    return true;
}

/* A stop that is not for a signal of the program's: its details say which. */
static bool stop_trap(enum trace_stop kind, int code)
{
    struct siginfo_k info = {.signo = code & 0x7f, .code = code};

    info.rt.pid = current()->tid;
    info.rt.uid = current()->cred.uid;
    return stop(kind, code, &info);
}

/* ---- signals ----------------------------------------------------------------------------- */

/* What the tracer made of a signal: the same, another one, none. */
static int take_injected(struct thread *t, struct siginfo_k *info)
{
    struct tracee *k = &t->tracee;
    int sig;

    lock(&trace_lock);
    sig = k->inject;
    k->inject = 0;
    *info = k->info; /* the tracer may have set it */
    if (sig && info->signo != sig) {
        *info = (struct siginfo_k){.signo = sig, .code = SI_USER_};
        info->rt.pid = k->tracer_proc ? k->tracer_proc->pid : 0;
    }
    unlock(&trace_lock);
    return sig;
}

static int after_signal(struct thread *t, struct siginfo_k *info)
{
    int sig = take_injected(t, info);

    if (sig && (t->sig.blocked & SIGBIT(sig))) { /* not now */
        signal_thread(t, sig, info);
        return 0;
    }
    return sig;
}

int trace_signal(int sig, struct siginfo_k *info)
{
    info->signo = sig;
    return stop(TRACE_AT_SIGNAL, sig, info) ? after_signal(current(), info) : sig;
}

void trace_group_stop(void)
{
    struct thread *t = current();
    struct tracee *k = &t->tracee;
    int sig = t->proc->stop_signal;

    k->interrupt = false;
    if (k->seized)
        stop_trap(TRACE_AT_GROUP_STOP, sig | PTRACE_EVENT_STOP << 8);
    else
        stop(TRACE_AT_GROUP_STOP, sig, NULL);
}

/* ---- calls ------------------------------------------------------------------------------- */

static int call_code(const struct tracee *k)
{
    return SIGTRAP | (k->options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0);
}

/* A signal the tracer gives with a stop that isn't for one. */
static void inject_later(struct thread *t)
{
    struct siginfo_k info = {.code = SI_USER_};
    int sig;

    lock(&trace_lock);
    sig = t->tracee.inject;
    t->tracee.inject = 0;
    unlock(&trace_lock);
    if (sig)
        signal_thread(t, sig, &info);
}

/* The call as the tracer left it; it may be none. */
static void run_call(struct thread *t, struct regs *regs)
{
    inject_later(t);
    if (must_end(t))
        return;
    t->tracee.mode = t->tracee.tracer ? t->tracee.mode : TRACE_CONT;
    if ((s32)regs->orig_rax >= 0)
        syscall_serve(regs);
    else
        regs->orig_rax = NOT_A_SYSCALL;
    if (READ_ONCE(t->tracee.calls)) {
        t->tracee.return_due = true;
        set_attention(ATTN_SIGNAL);
    }
}

void trace_call_over(struct thread *t) { t->tracee.return_due = READ_ONCE(t->tracee.calls); }

void trace_call(struct regs *regs)
{
    struct thread *t = current();

    if (t->tracee.mode == TRACE_STEP) /* by the trap flag: it is not the program's */
        regs->r11 &= ~(u64)EFLAGS_TF;
    if (t->tracee.mode == TRACE_CALLS) {
        regs->rax = (u64)-ENOSYS;
        stop_trap(TRACE_AT_ENTRY, call_code(&t->tracee));
    }
    run_call(t, regs);
}

static void step_trap(struct thread *t)
{
    struct siginfo_k info = {.signo = SIGTRAP, .code = TRAP_TRACE_};

    info.fault.addr = t->regs->rip;
    if (t->tracee.stepping)
        t->regs->eflags &= ~(u64)EFLAGS_TF;
    t->tracee.stepping = false;
    signal_force(SIGTRAP, &info);
}

static void report_return(struct thread *t)
{
    struct tracee *k = &t->tracee;

    k->return_due = false;
    if (k->mode == TRACE_STEP) {
        step_trap(t);
        return;
    }
    stop_trap(TRACE_AT_RETURN, call_code(k));
    inject_later(t);
}

void trace_return(void)
{
    struct thread *t = current();
    struct tracee *k = &t->tracee;

    if (k->exec_due) {
        k->exec_due = false;
        k->message = (u64)k->exec_from;
        stop_trap(TRACE_AT_EVENT, SIGTRAP | PTRACE_EVENT_EXEC << 8);
        k->return_due = k->calls;
    }
    if (k->return_due && k->calls)
        report_return(t);
    k->return_due = false;
    if (READ_ONCE(k->interrupt) && !READ_ONCE(t->proc->stopped)) {
        k->interrupt = false;
        stop_trap(TRACE_AT_EVENT, SIGTRAP | PTRACE_EVENT_STOP << 8);
    }
}

void trace_set_step(struct regs *regs)
{
    struct tracee *k = &current()->tracee;

    if (k->mode != TRACE_STEP || k->return_due)
        return;
    k->stepping = true;
    regs->eflags |= EFLAGS_TF;
}

void trace_handler(void)
{
    struct tracee *k = &current()->tracee;

    if (k->mode == TRACE_STEP) {
        k->stepping = false;
        stop_trap(TRACE_AT_EVENT, SIGTRAP);
    }
}

/* ---- events ------------------------------------------------------------------------------ */

static bool wants(const struct tracee *k, int event) { return k->options & (1u << event); }

static int clone_event(u64 flags, int exit_signal)
{
    return flags & CLONE_VFORK      ? PTRACE_EVENT_VFORK
           : exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE
                                    : PTRACE_EVENT_FORK;
}

static void event(struct thread *t, int which, u64 message)
{
    struct tracee *k = &t->tracee;

    k->message = message;
    stop_trap(TRACE_AT_EVENT, SIGTRAP | which << 8);
    k->return_due = k->calls;
}

void trace_child(struct thread *t, u64 flags, int exit_signal)
{
    struct thread *me = current();
    struct tracee *k = &me->tracee;

    lock(&trace_lock);
    if (k->tracer && ((flags & CLONE_PTRACE) ||
                      (!(flags & CLONE_UNTRACED) && wants(k, clone_event(flags, exit_signal))))) {
        trace_attach(t, k->tracer, k->seized, k->options);
        t->tracee.interrupt = k->seized;
        if (!k->seized)
            t->sig.pending.set |= SIGBIT(SIGSTOP);
        __atomic_fetch_or(&t->attention, ATTN_SIGNAL, __ATOMIC_SEQ_CST);
    }
    unlock(&trace_lock);
}

/* Should it be saved meanwhile, nothing but the registers says how the call went on. */
void trace_cloned(u64 flags, int exit_signal, s32 tid)
{
    struct thread *me = current();
    int which = clone_event(flags, exit_signal);

    if ((flags & CLONE_UNTRACED) || !wants(&me->tracee, which))
        return;
    me->regs->rax = (u64)tid;
    event(me, which, (u64)tid);
}

void trace_vfork_done(s32 tid)
{
    struct thread *me = current();

    if (wants(&me->tracee, PTRACE_EVENT_VFORK_DONE))
        event(me, PTRACE_EVENT_VFORK_DONE, (u64)tid);
}

/* The registers are new, but its tracer sees a call that succeeded. */
void trace_exec(struct thread *t, s32 from)
{
    struct tracee *k = &t->tracee;
    struct siginfo_k info = {.signo = SIGTRAP, .code = SI_USER_};

    t->regs->orig_rax = NR_execve;
    k->exec_from = from;
    if (wants(k, PTRACE_EVENT_EXEC)) {
        k->exec_due = true;
    } else if (!k->seized) {
        info.rt.pid = t->proc->pid;
        info.rt.uid = t->cred.uid;
        signal_thread(t, SIGTRAP, &info);
    }
    k->return_due = k->calls;
    set_attention(ATTN_SIGNAL);
}

void trace_exit(int status)
{
    struct thread *t = current();
    struct tracee *k = &t->tracee;

    if (k->exit_told || !wants(k, PTRACE_EVENT_EXIT))
        return;
    k->exit_told = true;
    k->message = (u64)(u32)status;
    stop_trap(TRACE_AT_EXIT, SIGTRAP | PTRACE_EVENT_EXIT << 8);
}

/* ---- a stop that was saved ----------------------------------------------------------------- */

void trace_resumed(struct thread *t)
{
    struct tracee *k = &t->tracee;

    if (!k->in_stop) /* it may have been let go, and saved before it woke */
        return;
    sleep_stopped(t);
    switch (k->kind) {
    case TRACE_AT_EXIT:
        thread_exit(t->exit_code);
    case TRACE_AT_ENTRY:
        run_call(t, t->regs);
        break;
    case TRACE_AT_RETURN:
        inject_later(t);
        break;
    case TRACE_AT_SIGNAL: /* signal/deliver.c acts on it */
        k->resumed_with = after_signal(t, &k->resumed_info);
        break;
    case TRACE_AT_EVENT:
        k->return_due = k->calls && t->regs->orig_rax != NOT_A_SYSCALL;
        break;
    default:
        break;
    }
}
