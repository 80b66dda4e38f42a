/* Pending signals: a set, and a queue with the details in order of arrival.
 *
 * A standard signal is pending at most once; real-time signals queue.  A bit without a
 * queue entry is a signal whose details found no memory.
 */
#include <linux/resource.h>

#include <asm/errno.h>

#include "internal.h"
#include "kalloc.h"
#include "lib.h"

static struct sigqueue *queue_alloc(struct process *owner, bool force)
{
    u64 limit = owner->rlimits[RLIMIT_SIGPENDING][0];
    struct sigqueue *q;

    if (!force && READ_ONCE(owner->shared.queued) >= limit)
        return NULL;
    q = kzalloc(sizeof(*q));
    if (!q)
        return NULL;
    q->charged = &owner->shared.queued;
    __atomic_fetch_add(q->charged, 1, __ATOMIC_RELAXED);
    return q;
}

static void queue_free(struct sigqueue *q)
{
    list_del(&q->link);
    if (q->timer)
        return;
    if (q->charged)
        __atomic_fetch_sub(q->charged, 1, __ATOMIC_RELAXED);
    kfree(q);
}

long pending_add(struct pending *p, struct process *owner, int sig, const struct siginfo_k *info)
{
    bool realtime = sig >= FIRST_REALTIME;
    struct sigqueue *q;

    if (!realtime && (p->set & SIGBIT(sig)))
        return 0;
    /* kill and the kernel's own get through at the limit; sigqueue does not. */
    q = queue_alloc(owner, !realtime && (!info || info->code >= 0));
    if (!q && realtime && info && info->code != SI_USER_)
        return -EAGAIN;
    if (q) {
        if (info)
            q->info = *info;
        else
            q->info.code = SI_KERNEL_;
        q->info.signo = sig;
        list_add_tail(&p->queue, &q->link);
    }
    p->set |= SIGBIT(sig);
    return 0;
}

/* Faults first, then by number. */
static int next_signal(sigset_k set)
{
    if (set & SYNCHRONOUS)
        set &= SYNCHRONOUS;
    return set ? __builtin_ctzll(set) + 1 : 0;
}

int pending_take(struct pending *p, sigset_k wanted, struct siginfo_k *info)
{
    int sig = next_signal(p->set & wanted);
    struct sigqueue *q, *tmp, *first = NULL;
    bool more = false;

    if (!sig)
        return 0;
    list_for_each_safe(q, tmp, &p->queue, link)
    {
        if (q->info.signo != sig)
            continue;
        if (first) {
            more = true;
            break;
        }
        first = q;
    }
    if (first) {
        *info = first->info;
        queue_free(first);
    } else {
        *info = (struct siginfo_k){.signo = sig, .code = SI_USER_};
    }
    if (!more)
        p->set &= ~SIGBIT(sig);
    return sig;
}

void pending_discard(struct pending *p, sigset_k which)
{
    struct sigqueue *q, *tmp;

    if (!(p->set & which))
        return;
    p->set &= ~which;
    list_for_each_safe(q, tmp, &p->queue, link)
    {
        if (which & SIGBIT(q->info.signo))
            queue_free(q);
    }
}

sigset_k pending_of(const struct thread *t)
{
    return READ_ONCE(t->sig.pending.set) | READ_ONCE(t->proc->shared.pending.set);
}

void signal_flush(struct pending *p) { pending_discard(p, ~0ULL); }

int signal_take(sigset_k wanted, struct siginfo_k *info)
{
    struct thread *t = current();
    struct sighand *sh = t->proc->sighand;
    int sig;

    if (!(pending_of(t) & wanted))
        return 0;
    lock(&sh->lock);
    sig = pending_take(&t->sig.pending, wanted, info);
    if (!sig)
        sig = pending_take(&t->proc->shared.pending, wanted, info);
    unlock(&sh->lock);
    return sig;
}

bool signal_fatal_pending(void)
{
    struct thread *t = current();
    struct sighand *sh = t->proc->sighand;
    sigset_k set;
    bool fatal = false;

    lock(&sh->lock);
    set = pending_of(t) & ~t->sig.blocked & ~(IGNORED_BY_DEFAULT | STOP_SIGNALS);
    if (unlikely(t->tracee.tracer)) /* of the others its tracer hears first */
        set &= SIGBIT(SIGKILL);
    for (int sig = 1; set && !fatal; sig++, set >>= 1)
        fatal = (set & 1) && sh->action[sig - 1].handler == SIG_DFL_;
    unlock(&sh->lock);
    return fatal;
}

bool signal_pending(void)
{
    struct thread *t = current();

    if (t->kthread)
        return false;
    return (pending_of(t) & ~t->sig.blocked) || READ_ONCE(t->tracee.interrupt) ||
           (READ_ONCE(t->proc->stopped) && !t->tracee.runs_on);
}
