/* Sending: who gets a signal, and who must be woken for it. */
#include <linux/poll.h>

#include <asm/errno.h>

#include "internal.h"
#include "lib.h"

void set_attention(u32 bits) { __atomic_fetch_or(&current()->attention, bits, __ATOMIC_SEQ_CST); }

/* Blocked signals are kept even if ignored: they may be waited for, or the action may
 * change before they are unblocked. */
bool signal_ignored(struct sighand *sh, const struct thread *t, int sig)
{
    u64 handler = sh->action[sig - 1].handler;

    if (t && t->tracee.tracer && sig != SIGKILL) /* its tracer is to see it */
        return false;
    if (t && ((t->sig.blocked | t->sig.waiting) & SIGBIT(sig)))
        return false;
    if (handler == SIG_IGN_)
        return true;
    return handler == SIG_DFL_ && (SIGBIT(sig) & IGNORED_BY_DEFAULT);
}

static bool wants(const struct thread *t, int sig)
{
    if (t->exiting)
        return false;
    return !(t->sig.blocked & SIGBIT(sig)) || (t->sig.waiting & SIGBIT(sig)) || sig == SIGKILL;
}

/* The leader if it can, else any that can. */
static struct thread *choose(struct process *p, int sig)
{
    struct thread *t;

    if (p->leader && wants(p->leader, sig))
        return p->leader;
    list_for_each(t, &p->threads, link)
    {
        if (wants(t, sig))
            return t;
    }
    return NULL;
}

void signal_kick_all(struct process *p)
{
    struct thread *t;

    list_for_each(t, &p->threads, link) thread_kick(t, ATTN_SIGNAL);
}

static void discard_everywhere(struct process *p, sigset_k which)
{
    struct thread *t;

    pending_discard(&p->shared.pending, which);
    list_for_each(t, &p->threads, link) pending_discard(&t->sig.pending, which);
}

/* Stop signals and SIGCONT cancel each other when sent, whatever their actions. */
static void cancel_opposite(struct process *p, int sig)
{
    if (SIGBIT(sig) & STOP_SIGNALS)
        discard_everywhere(p, SIGBIT(SIGCONT));
    else if (sig == SIGCONT)
        discard_everywhere(p, STOP_SIGNALS);
}

long send_locked(struct process *p, struct thread *t, int sig, const struct siginfo_k *info)
{
    struct sighand *sh = p->sighand;
    struct thread *target = NULL;
    long rc = 0;

    if (!sh || p->zombie)
        return 0;
    lock(&sh->lock);
    cancel_opposite(p, sig);
    if (!signal_ignored(sh, t ? t : p->leader, sig)) {
        rc = pending_add(t ? &t->sig.pending : &p->shared.pending, p, sig, info);
        if (t)
            target = wants(t, sig) ? t : NULL;
        else
            target = choose(p, sig);
    }
    unlock(&sh->lock);
    if (sig == SIGCONT || sig == SIGKILL)
        signal_kick_all(p);
    else if (target)
        thread_kick(target, ATTN_SIGNAL);
    return rc;
}

void send_done(struct process *p, int sig)
{
    bool heard = false;

    waitq_wake_all(&p->shared.signalfd_wait, POLLIN);
    if (sig != SIGCONT)
        return;
    lock(&p->lock);
    heard = process_continue(p);
    unlock(&p->lock);
    if (heard)
        tell_parent(p, CLD_CONTINUED_, SIGCONT);
}

long signal_process(struct process *p, int sig, const struct siginfo_k *info)
{
    long rc;

    lock(&p->lock);
    rc = send_locked(p, NULL, sig, info);
    unlock(&p->lock);
    send_done(p, sig);
    return rc;
}

long signal_process_thread(struct process *p, s32 tid, int sig, const struct siginfo_k *info)
{
    struct thread *t;
    long rc;

    lock(&p->lock);
    t = thread_find(p, tid);
    rc = t && !t->exiting ? send_locked(p, t, sig, info) : -ESRCH;
    unlock(&p->lock);
    if (t)
        send_done(p, sig);
    return rc;
}

/* Without p->lock, so that callers may hold locks of objects (SIGPIPE); the few signals
 * that concern the whole process go the long way. */
long signal_thread(struct thread *t, int sig, const struct siginfo_k *info)
{
    struct process *p = t->proc;
    struct sighand *sh;
    bool kick = false;
    long rc = 0;

    if (!p || t->exiting)
        return -ESRCH;
    if (SIGBIT(sig) & (STOP_SIGNALS | SIGBIT(SIGCONT) | SIGBIT(SIGKILL))) {
        lock(&p->lock);
        rc = send_locked(p, t, sig, info);
        unlock(&p->lock);
        send_done(p, sig);
        return rc;
    }
    sh = p->sighand;
    lock(&sh->lock);
    if (!signal_ignored(sh, t, sig)) {
        rc = pending_add(&t->sig.pending, p, sig, info);
        kick = wants(t, sig);
    }
    unlock(&sh->lock);
    if (kick)
        thread_kick(t, ATTN_SIGNAL);
    waitq_wake_all(&p->shared.signalfd_wait, POLLIN);
    return rc;
}

/* The program cannot go on at the faulting instruction, so a handler must run now or the
 * process ends. */
void signal_force(int sig, const struct siginfo_k *info)
{
    struct thread *t = current();
    struct sighand *sh = t->proc->sighand;
    struct ksigaction *a = &sh->action[sig - 1];
    struct siginfo_k copy;

    if (info && info->code == SI_KERNEL_) {
        copy = *info; /* general protection, breakpoint: Linux names no address */
        copy.fault.addr = 0;
        info = &copy;
    }
    lock(&sh->lock);
    if (a->handler == SIG_IGN_ || (t->sig.blocked & SIGBIT(sig))) {
        *a = (struct ksigaction){.handler = SIG_DFL_};
        t->sig.blocked &= ~SIGBIT(sig);
    }
    pending_add(&t->sig.pending, t->proc, sig, info);
    unlock(&sh->lock);
    set_attention(ATTN_SIGNAL);
}
