/* The terminal the sandbox was started on, as far as processes are concerned: whose it is.
 *
 * There is at most one; its bytes are host streams (hostio.c).  What the host's terminal
 * driver would signal to its foreground group arrives at the monitor and from there in
 * the mailbox; here it goes on to the group that tcsetpgrp put in the foreground inside.
 *
 * Locking: two words, each read and written on its own.
 */
#include <linux/errno.h>

#include "hostio.h"
#include "ipc.h"
#include "proc.h"
#include "thread.h"

static struct {
    s32 foreground; /* process group; 0: program 1's */
    s32 session;    /* 0: program 1's */
} terminal;

s32 terminal_foreground(void)
{
    s32 group = READ_ONCE(terminal.foreground);

    return group ? group : init_process->pgid;
}

s32 terminal_session(void)
{
    s32 session = READ_ONCE(terminal.session);

    return session ? session : init_process->sid;
}

void terminal_take(void)
{
    WRITE_ONCE(terminal.session, current()->proc->sid);
    WRITE_ONCE(terminal.foreground, current()->proc->pgid);
}

static bool signal_group(s32 group, int sig)
{
    struct process *p;
    bool any = false;
    s32 at = 0;

    while ((p = process_next(at))) {
        at = p->pid;
        if (p->pgid == group && !p->zombie) {
            signal_process(p, sig, NULL);
            any = true;
        }
        process_put(p);
    }
    return any;
}

void terminal_signal(int sig)
{
    if (!signal_group(terminal_foreground(), sig))
        signal_group(init_process->pgid, sig);
}

static bool group_exists(s32 group, s32 session)
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

long terminal_set_foreground(s32 group)
{
    if (group < 0)
        return -EINVAL;
    if (current()->proc->sid != terminal_session())
        return -ENOTTY;
    long rc = terminal_background(SIGTTOU);
    if (rc)
        return rc;
    if (!group_exists(group, terminal_session()))
        return -EPERM;
    WRITE_ONCE(terminal.foreground, group);
    return 0;
}

/* Changing the terminal from the background is allowed to who ignores the signal;
 * reading then fails. */
long terminal_background(int sig)
{
    struct thread *t = current();
    bool ignored;

    if (t->proc->sid != terminal_session() || t->proc->pgid == terminal_foreground())
        return 0;
    ignored =
        (t->sig.blocked & SIGBIT(sig)) || t->proc->sighand->action[sig - 1].handler == SIG_IGN_;
    if (ignored)
        return sig == SIGTTIN ? -EIO : 0;
    if (pgrp_orphaned(t->proc->pgid))
        return -EIO;
    signal_group(t->proc->pgid, sig);
    return -ERESTARTSYS;
}
