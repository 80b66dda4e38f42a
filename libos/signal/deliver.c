/* On the way back to the program: what to do about pending signals, and whether an
 * interrupted system call starts again.  This is the only place where that is decided.
 *
 * A call that was interrupted left one of the ERESTART codes in rax.  With a handler to
 * run, the frame saves either the registers that will repeat the call after the handler
 * (rip at the syscall instruction, rax the number) or -EINTR.  Without one, the call is
 * repeated at once and the program never notices.
 */
#include <asm/errno.h>

#include "internal.h"
#include "lib.h"
#include "proc.h"
#include "syscall.h"

static void default_action(struct process *p, int sig, const struct siginfo_k *info)
{
    if (SIGBIT(sig) & IGNORED_BY_DEFAULT)
        return;
    if (SIGBIT(sig) & STOP_SIGNALS) {
        if (sig == SIGSTOP || !pgrp_orphaned(p->pgid)) {
            signal_trace(sig, info, "stops the process");
            process_stop(p, sig);
        }
        return;
    }
    signal_trace(sig, info, "ends the process");
    /* No core file is written, so the status never says one was. */
    process_exit(sig);
}

static int take_pending(struct thread *t, struct siginfo_k *info)
{
    struct sighand *sh = t->proc->sighand;
    int sig;

    lock(&sh->lock);
    sig = pending_take(&t->sig.pending, ~t->sig.blocked, info);
    if (!sig)
        sig = pending_take(&t->proc->shared.pending, ~t->sig.blocked, info);
    unlock(&sh->lock);
    return sig;
}

/* What was found, as the tracer wants it; 0: it wants none of it. */
static int ask_tracer(struct thread *t, int sig, struct siginfo_k *info)
{
    return READ_ONCE(t->tracee.tracer) && sig != SIGKILL ? trace_signal(sig, info) : sig;
}

/* A signal whose stop was over before a save. */
static int left_over(struct thread *t, struct siginfo_k *info)
{
    int sig = t->tracee.resumed_with;

    t->tracee.resumed_with = 0;
    if (sig)
        *info = t->tracee.resumed_info;
    return sig;
}

static void take_action(struct sighand *sh, int sig, struct ksigaction *a)
{
    lock(&sh->lock);
    *a = sh->action[sig - 1];
    if (a->handler > SIG_IGN_ && (a->flags & SA_RESETHAND))
        sh->action[sig - 1].handler = SIG_DFL_;
    unlock(&sh->lock);
}

/* The next signal with a handler, taken off; 0 if there is none to run.  Carries out
 * default actions on the way. */
static int next_handler(struct thread *t, struct siginfo_k *info, struct ksigaction *a)
{
    struct process *p = t->proc;
    int sig;

    for (;;) {
        if (unlikely(READ_ONCE(p->stopped)))
            stop_wait();
        if (unlikely(READ_ONCE(t->attention) & ATTN_EXIT))
            return 0;
        sig = left_over(t, info);
        if (!sig) {
            sig = take_pending(t, info);
            if (!sig)
                return 0;
            sig = ask_tracer(t, sig, info);
            if (!sig)
                continue;
        }
        take_action(p->sighand, sig, a);
        if (a->handler > SIG_IGN_)
            return sig;
        if (a->handler == SIG_DFL_)
            default_action(p, sig, info);
    }
}

static bool interrupted(const struct regs *regs)
{
    s64 rc = (s64)regs->rax;

    return regs->orig_rax != NOT_A_SYSCALL && rc <= -ERESTARTSYS && rc >= -ERESTART_RESTARTBLOCK;
}

static void repeat_call(struct regs *regs)
{
    regs->rax = regs->orig_rax;
    regs->rip -= 2;
}

static void resolve_with_handler(struct thread *t, struct regs *regs, const struct ksigaction *a)
{
    s64 code = -(s64)regs->rax;

    if (unlikely(t->kept_futex) && futex_forget(t)) {
        regs->rax = 0;
        return;
    }
    if (unlikely(t->kept_moved)) { /* a save ended it half-way */
        regs->rax = t->kept_moved;
        t->kept_moved = 0;
        return;
    }
    if (code == ERESTARTNOINTR || (code == ERESTARTSYS && (a->flags & SA_RESTART))) {
        repeat_call(regs);
        return;
    }
    t->restart.valid = false;
    t->again_call = 0;
    regs->rax = (u64)-EINTR;
}

/* The stack is no good: the program gets SIGSEGV, and dies if that was the signal. */
static void frame_failed(struct thread *t, int sig)
{
    struct siginfo_k info = {.signo = SIGSEGV, .code = SI_KERNEL_};
    struct sighand *sh = t->proc->sighand;

    if (sig == SIGSEGV) {
        lock(&sh->lock);
        sh->action[SIGSEGV - 1].handler = SIG_DFL_;
        unlock(&sh->lock);
    }
    signal_force(SIGSEGV, &info);
}

static void run_handler(struct thread *t, struct regs *regs, int sig, const struct siginfo_k *info,
                        const struct ksigaction *a)
{
    struct sighand *sh = t->proc->sighand;
    sigset_k mask = t->sig.restore_mask ? t->sig.saved_mask : t->sig.blocked;

    signal_trace(sig, info, "handled");
    if (interrupted(regs))
        resolve_with_handler(t, regs, a);
    regs->orig_rax = NOT_A_SYSCALL;
    if (frame_push(regs, sig, info, a, mask)) {
        frame_failed(t, sig);
        return;
    }
    lock(&sh->lock);
    t->sig.blocked |= a->mask & ~UNMASKABLE;
    if (!(a->flags & SA_NODEFER))
        t->sig.blocked |= SIGBIT(sig);
    t->sig.restore_mask = false;
    unlock(&sh->lock);
}

void signal_deliver(struct regs *regs)
{
    struct thread *t = current();
    struct siginfo_k info;
    struct ksigaction a;
    int sig;
    bool resumed = t->resumed; /* the program would only trap to have its call executed again */

    t->resumed = false;
    if (unlikely(READ_ONCE(t->tracee.tracer)))
        trace_return();
    sig = next_handler(t, &info, &a);
    if (sig) {
        run_handler(t, regs, sig, &info, &a);
        if (unlikely(t->tracee.mode))
            trace_handler();
        /* More frames go on top of this one. */
        if (signal_pending())
            set_attention(ATTN_SIGNAL);
        return;
    }
    if (unlikely(resumed) && interrupted(regs) && !t->tracee.tracer && !t->sig.restore_mask) {
        regs->rax = regs->orig_rax;
        syscall_dispatch(regs);
        return;
    }
    if (interrupted(regs)) {
        repeat_call(regs);
        regs->orig_rax = NOT_A_SYSCALL;
    }
    if (t->sig.restore_mask) {
        t->sig.restore_mask = false;
        signal_set_mask(t->sig.saved_mask);
    }
}
