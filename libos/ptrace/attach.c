/* Who traces whom, and what a tracer waits for.
 *
 * trace_lock covers struct tracee of every thread, the lists of tracees and of deaths.  A
 * tracee's thread pointer is good while it hangs on a list; a tracer's process outlives its
 * last thread's trace_thread_gone.
 *
 * A traced thread that ends leaves a death for its tracer to collect, unless it is the first
 * of a child of the tracer's process, whose end wait4 tells anyway.  If the whole process has
 * ended and its parent is another one, that hears only when the tracer has collected it.
 */
#include <linux/errno.h>
#include <linux/ptrace.h>
#include <linux/wait.h>

#include "../proc/proc_internal.h"
#include "../signal/internal.h"
#include "internal.h"
#include "kalloc.h"
#include "lib.h"
#include "mm.h"

struct lock trace_lock;

struct trace_death {
    struct list link; /* tracer_proc->deaths */
    struct thread *tracer;
    struct process *tracer_proc;
    struct process *proc; /* referenced; of its first thread only */
    s32 tid, pgid;
    u32 uid;
    int status;
    bool ready; /* may be collected: of a first thread, when the process has ended */
};

void trace_init(struct process *p)
{
    list_init(&p->tracees);
    list_init(&p->deaths);
}

void trace_tell(struct process *tracer, s32 tid, u32 uid, int code, int status)
{
    struct siginfo_k info = {.signo = SIGCHLD, .code = code};
    struct sighand *sh;

    info.chld.pid = tid;
    info.chld.uid = uid;
    info.chld.status = status;
    lock(&tracer->lock);
    sh = tracer->sighand;
    if (sh && (sh->action[SIGCHLD - 1].flags & SA_NOCLDSTOP) &&
        (code == CLD_TRAPPED || code == CLD_STOPPED_))
        sh = NULL;
    unlock(&tracer->lock);
    if (sh)
        signal_process(tracer, SIGCHLD, &info);
    waitq_wake_all(&tracer->child_wait, 0);
    process_put(tracer);
}

/* ---- attaching ------------------------------------------------------------------------------ */

void trace_attach(struct thread *t, struct thread *tracer, bool seize, u32 options)
{
    struct tracee *k = &t->tracee;

    *k = (struct tracee){.tracer = tracer,
                         .tracer_proc = tracer->proc,
                         .options = options,
                         .seized = seize,
                         .in_stop = k->in_stop, /* another's, which it has not left yet */
                         .kind = k->kind,
                         .inject = k->inject,
                         .xstate = k->xstate};
    list_add_tail(&tracer->proc->tracees, &k->link);
}

void trace_let_go(struct thread *t, enum trace_mode mode, int sig)
{
    struct tracee *k = &t->tracee;

    k->mode = (u8)mode;
    k->calls = mode != TRACE_CONT;
    k->inject = sig;
    if (!k->stopped)
        return;
    if (k->kind == TRACE_AT_GROUP_STOP && k->tracer)
        k->runs_on = true;
    k->untold = k->listening = false;
    __atomic_store_n(&k->stopped, false, __ATOMIC_SEQ_CST);
    thread_wake(t);
}

void trace_free(struct thread *t)
{
    struct tracee *k = &t->tracee;

    list_del(&k->link);
    k->tracer = NULL;
    k->tracer_proc = NULL;
    k->options = 0;
    k->seized = k->interrupt = k->runs_on = k->exec_due = false;
    trace_let_go(t, TRACE_CONT, k->inject);
}

struct thread *trace_mine(s32 tid)
{
    struct thread *me = current(), *t;

    list_for_each(t, &me->proc->tracees, tracee.link)
    {
        if (t->tid == tid && t->tracee.tracer == me)
            return t;
    }
    return NULL;
}

s32 trace_tracer(const struct thread *t)
{
    s32 tid;

    lock(&trace_lock);
    tid = t->tracee.tracer ? t->tracee.tracer->tid : 0;
    unlock(&trace_lock);
    return tid;
}

long trace_access(const struct process *p, const struct thread *t)
{
    const struct cred *me = &current()->cred, *c = &t->cred;

    if (p == current()->proc || capable(CAP_PTRACE))
        return 0;
    if (!p->dumpable || (c->cap_permitted & ~me->cap_permitted))
        return -EPERM;
    return me->uid == c->uid && me->uid == c->euid && me->uid == c->suid && me->gid == c->gid &&
                   me->gid == c->egid && me->gid == c->sgid
               ? 0
               : -EPERM;
}

static long permitted(const struct process *p, const struct thread *t)
{
    return p == current()->proc || t->kthread ? -EPERM : trace_access(p, t);
}

static long attach_locked(struct process *p, s32 tid, bool seize, u32 options)
{
    struct thread *t = thread_find(p, tid);
    struct siginfo_k stop = {.signo = SIGSTOP, .code = SI_USER_};
    long rc = t && !t->exiting ? permitted(p, t) : -ESRCH;

    if (rc)
        return rc;
    lock(&trace_lock);
    if (t->tracee.tracer)
        rc = -EPERM;
    else
        trace_attach(t, current(), seize, options);
    unlock(&trace_lock);
    if (rc)
        return rc;
    if (!seize)
        send_locked(p, t, SIGSTOP, &stop);
    if (p->stopped) /* as its tracer is to see it */
        thread_wake(t);
    return 0;
}

long trace_attach_to(s32 tid, bool seize, u32 options)
{
    struct process *p = process_of_tid(tid);
    long rc;

    if (!p)
        return -ESRCH;
    lock(&p->lock);
    rc = attach_locked(p, tid, seize, options);
    unlock(&p->lock);
    process_put(p);
    return rc;
}

/* The thread that made us traces, as long as it is there. */
long trace_me(void)
{
    struct thread *me = current(), *tracer;
    struct process *parent = process_parent(me->proc);
    long rc = -EPERM;

    if (!parent)
        return -EPERM;
    lock(&parent->lock);
    tracer = thread_find(parent, me->proc->forker);
    if (!tracer)
        tracer = parent->leader;
    lock(&trace_lock);
    if (tracer && !me->tracee.tracer) {
        trace_attach(me, tracer, false, 0);
        rc = 0;
    }
    unlock(&trace_lock);
    unlock(&parent->lock);
    process_put(parent);
    return rc;
}

void trace_move(struct thread *heir, struct thread *t)
{
    struct process *p = t->proc;
    struct thread *other;

    lock(&trace_lock);
    if (t->tracee.tracer) {
        heir->tracee = t->tracee;
        list_del(&t->tracee.link);
        list_add_tail(&heir->tracee.tracer_proc->tracees, &heir->tracee.link);
        t->tracee = (struct tracee){0};
    }
    list_for_each(other, &p->tracees, tracee.link)
    {
        if (other->tracee.tracer == t)
            other->tracee.tracer = heir;
    }
    unlock(&trace_lock);
}

/* ---- deaths --------------------------------------------------------------------------------- */

/* The tracer's process, referenced, if it is to hear at once.  Under trace_lock.  Without
 * memory for it nobody hears. */
static struct process *leave_death(struct thread *t, struct process *p, int status)
{
    struct tracee *k = &t->tracee;
    struct process *tracer = k->tracer_proc;
    bool leader = t->tid == p->pid;
    struct trace_death *d;

    if (leader && tracer == p->parent)
        return NULL;
    d = kzalloc(sizeof(*d));
    if (!d)
        return NULL;
    *d = (struct trace_death){.tracer = k->tracer,
                              .tracer_proc = tracer,
                              .tid = t->tid,
                              .pgid = p->pgid,
                              .uid = t->cred.uid,
                              .status = status,
                              .ready = !leader};
    list_add_tail(&tracer->deaths, &d->link);
    if (leader) {
        d->proc = p;
        ref_get(&p->refs);
        p->death = d;
        return NULL;
    }
    ref_get(&tracer->refs);
    return tracer;
}

/* Off its list already.  The parent may hear now. */
static void forget_death(struct trace_death *d)
{
    struct process *p = d->proc;
    bool ready = d->ready;

    kfree(d);
    if (!p)
        return;
    if (ready) {
        __atomic_store_n(&p->held_back, false, __ATOMIC_SEQ_CST);
        process_tell_end(p);
    }
    process_put(p);
}

/* Under trace_lock. */
static void unlink_death(struct trace_death *d)
{
    list_del(&d->link);
    if (d->proc)
        d->proc->death = NULL;
}

bool trace_holds_back(struct process *p)
{
    struct process *tracer = NULL;
    struct trace_death *d;
    u32 uid = 0;

    if (likely(!READ_ONCE(p->death)))
        return false;
    lock(&trace_lock);
    d = p->death;
    if (d) {
        p->held_back = true;
        p->zombie = true;
        d->ready = true;
        d->status = p->exit_status;
        uid = d->uid;
        tracer = d->tracer_proc;
        ref_get(&tracer->refs);
    }
    unlock(&trace_lock);
    if (tracer)
        trace_tell(tracer, p->pid, uid, CLD_EXITED_, p->exit_status >> 8 & 0xff);
    return tracer != NULL;
}

/* ---- the end of a tracer ----------------------------------------------------------------------
 */

static bool free_one(struct thread *tracer, struct process *p)
{
    struct process *kill = NULL;
    struct thread *t;
    bool found = false;

    lock(&trace_lock);
    list_for_each(t, &p->tracees, tracee.link)
    {
        if (t->tracee.tracer != tracer)
            continue;
        if (t->tracee.options & PTRACE_O_EXITKILL) {
            kill = t->proc;
            ref_get(&kill->refs);
        }
        trace_free(t);
        found = true;
        break;
    }
    unlock(&trace_lock);
    if (kill) {
        signal_process(kill, SIGKILL, NULL);
        process_put(kill);
    }
    return found;
}

static bool forget_one(struct thread *tracer, struct process *p)
{
    struct trace_death *d, *found = NULL;

    lock(&trace_lock);
    list_for_each(d, &p->deaths, link)
    {
        if (d->tracer == tracer) { /* NOLINT(clang-analyzer-unix.Malloc): off the list when freed */
            found = d;
            break;
        }
    }
    if (found)
        unlink_death(found);
    unlock(&trace_lock);
    if (found)
        forget_death(found);
    return found != NULL;
}

void trace_thread_gone(struct thread *t, struct process *p, int status)
{
    struct process *tracer = NULL;

    if (READ_ONCE(t->tracee.tracer)) {
        lock(&trace_lock);
        if (t->tracee.tracer) {
            tracer = leave_death(t, p, status);
            list_del(&t->tracee.link);
            t->tracee.tracer = NULL;
        }
        unlock(&trace_lock);
    }
    trace_drop_state(t);
    if (tracer)
        trace_tell(tracer, t->tid, t->cred.uid, CLD_EXITED_, status >> 8 & 0xff);
    while (!list_empty(&p->tracees) && free_one(t, p))
        ;
    while (!list_empty(&p->deaths) && forget_one(t, p))
        ;
}

void trace_forget(struct thread *t)
{
    lock(&trace_lock);
    if (t->tracee.tracer)
        list_del(&t->tracee.link);
    t->tracee.tracer = NULL;
    unlock(&trace_lock);
}

/* ---- waiting ------------------------------------------------------------------------------------
 */

static bool wanted(const struct wait_request *r, s32 tid, s32 pgid, const struct thread *tracer)
{
    if ((r->options & __WNOTHREAD) && tracer != current())
        return false;
    return r->type == P_ALL || (r->type == P_PGID ? pgid : tid) == r->id;
}

static long collect_stop(struct process *p, const struct wait_request *r, struct wait_result *out)
{
    struct thread *t;
    long rc = -ECHILD;

    list_for_each(t, &p->tracees, tracee.link)
    {
        struct tracee *k = &t->tracee;

        if (!wanted(r, t->tid, t->proc->pgid, k->tracer))
            continue;
        rc = 0;
        if (!k->stopped || !k->untold || k->listening)
            continue;
        if (!(r->options & WNOWAIT))
            k->untold = false;
        *out = (struct wait_result){
            .pid = t->tid, .uid = t->cred.uid, .status = k->code << 8 | 0x7f, .trapped = true};
        return 1;
    }
    return rc;
}

static long collect_death(struct process *p, const struct wait_request *r, struct wait_result *out,
                          struct trace_death **dead)
{
    struct trace_death *d;
    long rc = -ECHILD;

    list_for_each(d, &p->deaths, link)
    {
        if (!wanted(r, d->tid, d->pgid, d->tracer))
            continue;
        rc = 0;
        if (!d->ready || !(r->options & WEXITED))
            continue;
        *out = (struct wait_result){.pid = d->tid, .uid = d->uid, .status = d->status};
        if (!(r->options & WNOWAIT)) {
            unlink_death(d);
            *dead = d;
        }
        return 1;
    }
    return rc;
}

long trace_collect(struct process *p, const struct wait_request *r, struct wait_result *out)
{
    struct trace_death *dead = NULL;
    long rc, rc2;

    if (list_empty(&p->tracees) && list_empty(&p->deaths))
        return -ECHILD;
    lock(&trace_lock);
    rc = collect_stop(p, r, out);
    if (rc != 1) {
        rc2 = collect_death(p, r, out, &dead);
        rc = MAX(rc, rc2);
    }
    unlock(&trace_lock);
    if (dead)
        forget_death(dead);
    return rc;
}
