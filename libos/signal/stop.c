/* Stopping and continuing a process. */
#include "../../abi/host_abi.h"
#include "freeze.h"
#include "internal.h"
#include "lib.h"

void tell_parent(struct process *p, int code, int status)
{
    struct process *parent = process_parent(p);
    struct siginfo_k info = {.signo = SIGCHLD, .code = code};
    struct sighand *sh;

    if (!parent)
        return;
    info.chld.pid = p->pid;
    info.chld.uid = p->leader ? p->leader->cred.uid : 0;
    info.chld.status = status;
    sh = parent->sighand;
    if (sh && !(sh->action[SIGCHLD - 1].flags & SA_NOCLDSTOP))
        signal_process(parent, SIGCHLD, &info);
    waitq_wake_all(&parent->child_wait, 0);
    process_put(parent);
}

/* A group is orphaned if no member has a parent outside it in the same session: then
 * nobody could continue it, and terminal stops are ignored. */
bool pgrp_orphaned(s32 pgid)
{
    struct process *p;
    bool orphaned = true;
    s32 pid = 0;

    while (orphaned && (p = process_next(pid))) {
        struct process *parent = process_parent(p);

        pid = p->pid;
        if (p->pgid == pgid && !p->zombie && parent && parent->sid == p->sid &&
            parent->pgid != pgid)
            orphaned = false;
        if (parent)
            process_put(parent);
        process_put(p);
    }
    return orphaned;
}

/* Those that a tracer let go meanwhile too. */
static void all_stop(struct process *p)
{
    struct thread *t;

    list_for_each(t, &p->threads, link) t->tracee.runs_on = false;
}

void process_stop(struct process *p, int sig)
{
    bool first;

    lock(&p->lock);
    first = !p->stopped && !p->group_exit;
    all_stop(p);
    if (first) {
        p->stopped = true;
        p->continued = false;
        p->stop_report = true;
        p->stop_signal = (u8)sig;
        signal_kick_all(p);
    }
    unlock(&p->lock);
    if (first &&
        !(p->leader && p->leader->tracee.tracer && p->leader->tracee.tracer_proc == p->parent))
        tell_parent(p, CLD_STOPPED_, sig);
}

bool process_continue(struct process *p)
{
    if (!p->stopped)
        return false;
    p->stopped = false;
    p->continued = true;
    p->stop_report = false;
    all_stop(p);
    signal_kick_all(p);
    return true;
}

void stop_wait(void)
{
    struct thread *t = current();
    struct process *p = t->proc;

    for (;;) {
        u32 seq = thread_sleep_begin();

        if (!READ_ONCE(p->stopped) || READ_ONCE(t->tracee.runs_on) ||
            (pending_of(t) & SIGBIT(SIGKILL)))
            return;
        if (READ_ONCE(t->attention) & ATTN_EXIT)
            return;
        if (READ_ONCE(t->tracee.tracer)) {
            trace_group_stop();
            continue;
        }
        if (READ_ONCE(t->attention) & ATTN_RENDEZVOUS)
            freeze_park(t); /* a resumed thread comes here again by way of its signals */
        if (READ_ONCE(t->attention) & ATTN_WORK)
            thread_work();
        else
            thread_sleep_uninterruptible(seq, HOST_FOREVER);
    }
}
