/* Job control: what terminals do to process groups. */
#include <linux/errno.h>

#include "thread.h"
#include "tty.h"

bool group_signal(s32 group, int sig)
{
    struct process *p;
    bool any = false;
    s32 at = 0;

    if (group <= 0)
        return false;
    forks_hold();
    while ((p = process_next(at))) {
        at = p->pid;
        if (p->pgid == group && !p->zombie) {
            signal_process(p, sig, NULL);
            any = true;
        }
        process_put(p);
    }
    forks_release();
    return any;
}

bool group_in_session(s32 group, s32 session)
{
    struct process *p;
    bool found = false;
    s32 at = 0;

    while (!found && (p = process_next(at))) {
        at = p->pid;
        found = p->pgid == group && p->sid == session;
        process_put(p);
    }
    return found;
}

long job_background(int sig)
{
    struct thread *t = current();

    if ((t->sig.blocked & SIGBIT(sig)) || t->proc->sighand->action[sig - 1].handler == SIG_IGN_)
        return sig == SIGTTIN ? -EIO : 0;
    if (pgrp_orphaned(t->proc->pgid))
        return -EIO;
    group_signal(t->proc->pgid, sig);
    return -ERESTARTSYS;
}
