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
#include "tty.h"

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

void terminal_signal(int sig)
{
    if (!group_signal(terminal_foreground(), sig))
        group_signal(init_process->pgid, sig);
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
    if (!group_in_session(group, terminal_session()))
        return -EPERM;
    WRITE_ONCE(terminal.foreground, group);
    return 0;
}

/* Changing the terminal from the background is allowed to who ignores the signal;
 * reading then fails. */
long terminal_background(int sig)
{
    const struct process *p = current()->proc;

    if (p->sid != terminal_session() || p->pgid == terminal_foreground())
        return 0;
    return job_background(sig);
}
