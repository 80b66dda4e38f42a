/* Handlers and masks. */
#include <asm/errno.h>

#include "internal.h"
#include "kalloc.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#ifndef SA_EXPOSE_TAGBITS
#define SA_EXPOSE_TAGBITS 0x800
#endif
#define SA_KNOWN                                                                                   \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |             \
     SA_RESETHAND | SA_EXPOSE_TAGBITS | SA_RESTORER)

struct sighand *sighand_new(void)
{
    struct sighand *sh = kzalloc(sizeof(*sh));

    if (sh) {
        sh->refs = 1;
        lock_init(&sh->lock);
    }
    return sh;
}

struct sighand *sighand_copy(struct sighand *old)
{
    struct sighand *sh = sighand_new();

    if (sh) {
        lock(&old->lock);
        memcpy(sh->action, old->action, sizeof(sh->action));
        unlock(&old->lock);
    }
    return sh;
}

void sighand_put(struct sighand *sh)
{
    if (ref_put(&sh->refs))
        kfree(sh);
}

void sighand_exec(struct sighand *sh)
{
    lock(&sh->lock);
    for (int i = 0; i < NSIG; i++) {
        u64 handler = sh->action[i].handler == SIG_IGN_ ? SIG_IGN_ : SIG_DFL_;

        sh->action[i] = (struct ksigaction){.handler = handler};
    }
    unlock(&sh->lock);
}

void signal_thread_init(struct thread *t)
{
    t->sig = (struct signal_state){.alt_flags = SS_DISABLE_};
    list_init(&t->sig.pending.queue);
}

void signal_process_init(struct process *p)
{
    p->shared.pending.set = 0;
    p->shared.queued = 0;
    list_init(&p->shared.pending.queue);
    waitq_init(&p->shared.signalfd_wait);
}

/* Process-wide signals this thread was to take but now blocks: another one takes them. */
static void hand_over(struct process *p, sigset_k which)
{
    struct thread *t;

    lock(&p->lock);
    list_for_each(t, &p->threads, link)
    {
        if (t != current() && !t->exiting && (which & ~t->sig.blocked)) {
            thread_kick(t, ATTN_SIGNAL);
            which &= t->sig.blocked;
        }
    }
    unlock(&p->lock);
}

void signal_set_mask(sigset_k mask)
{
    struct thread *t = current();
    struct process *p = t->proc;
    sigset_k others;

    mask &= ~UNMASKABLE;
    lock(&p->sighand->lock);
    others = p->shared.pending.set & mask & ~t->sig.blocked;
    t->sig.blocked = t->exiting ? ~0ULL : mask;
    unlock(&p->sighand->lock);
    if (pending_of(t) & ~mask)
        set_attention(ATTN_SIGNAL);
    if (others && READ_ONCE(p->nthreads) > 1)
        hand_over(p, others);
}

/* A signal that is ignored from now on is no longer pending anywhere. */
static void set_action(struct process *p, int sig, const struct ksigaction *a)
{
    struct sighand *sh = p->sighand;
    struct thread *t;
    bool ignored;

    lock(&p->lock);
    lock(&sh->lock);
    sh->action[sig - 1] = *a;
    ignored =
        a->handler == SIG_IGN_ || (a->handler == SIG_DFL_ && (SIGBIT(sig) & IGNORED_BY_DEFAULT));
    if (ignored) {
        pending_discard(&p->shared.pending, SIGBIT(sig));
        list_for_each(t, &p->threads, link) pending_discard(&t->sig.pending, SIGBIT(sig));
    }
    unlock(&sh->lock);
    unlock(&p->lock);
}

long sys_rt_sigaction(int sig, uptr new, uptr old, size_t size)
{
    struct process *p = current()->proc;
    struct ksigaction n, o;

    if (size != sizeof(sigset_k))
        return -EINVAL;
    if (new &&get_user(n, new))
        return -EFAULT;
    if (!signal_valid(sig) || (new && (SIGBIT(sig) & UNMASKABLE)))
        return -EINVAL;
    o = p->sighand->action[sig - 1];
    if (new) {
        n.flags &= SA_KNOWN;
        n.mask &= ~UNMASKABLE;
        set_action(p, sig, &n);
    }
    return old ? put_user(o, old) : 0;
}

long sys_rt_sigprocmask(int how, uptr new, uptr old, size_t size)
{
    struct thread *t = current();
    sigset_k was = t->sig.blocked, set;

    if (size != sizeof(sigset_k))
        return -EINVAL;
    if (new) {
        if (get_user(set, new))
            return -EFAULT;
        switch (how) {
        case SIG_BLOCK:
            set |= was;
            break;
        case SIG_UNBLOCK:
            set = was & ~set;
            break;
        case SIG_SETMASK:
            break;
        default:
            return -EINVAL;
        }
        signal_set_mask(set);
    }
    return old ? put_user(was, old) : 0;
}

long sys_rt_sigpending(uptr set, size_t size)
{
    struct thread *t = current();
    sigset_k pending;

    if (size > sizeof(sigset_k))
        return -EINVAL;
    pending = pending_of(t) & t->sig.blocked;
    return copy_to_user(set, &pending, size);
}
