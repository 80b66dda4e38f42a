/* Sessions and their pseudo terminals.
 *
 * A terminal says which session it controls; a process has the terminal of its session,
 * unless it gave it up (TIOCNOTTY).  The leader's end frees the terminal, so the number
 * of a session never outlives it here.  The number of a foreground group is held, so that
 * it is nobody else's when the group is gone.
 */
#include <linux/capability.h>
#include <linux/errno.h>

#include "../fs/dev.h"
#include "../proc/proc_internal.h"
#include "lib.h"
#include "pty.h"
#include "usercopy.h"

static bool of_session(const struct pty *p, s32 sid) { return READ_ONCE(p->session) == sid; }

bool pty_controls(const struct pty *p)
{
    const struct process *me = current()->proc;

    return !me->tty_dropped && READ_ONCE(p->session) == me->sid;
}

bool pty_of_session(s32 sid, u32 *number, s32 *foreground)
{
    struct pty *p = sid > 0 ? pty_find(of_session, sid) : NULL;

    if (!p)
        return false;
    *number = (u32)pty_rdev(p);
    *foreground = READ_ONCE(p->foreground);
    pty_put(p);
    return true;
}

long pty_open_controlling(struct file *f)
{
    struct process *me = current()->proc;
    struct pty *p = me->tty_dropped ? NULL : pty_find(of_session, me->sid);
    long rc;

    if (!p)
        return -ENXIO;
    rc = pty_slave_attach(f, p);
    pty_put(p);
    return rc;
}

/* ---- taking and leaving ------------------------------------------------------------------- */

static void group_drop(s32 group)
{
    if (group)
        pid_drop(group);
}

static bool has_terminal(struct process *me)
{
    u32 number;
    s32 foreground;

    return !me->tty_dropped && tty_of_session(me->sid, &number, &foreground);
}

long pty_control(struct pty *p, bool steal)
{
    struct process *me = current()->proc;
    long rc = 0;

    if (me->sid == me->pid && pty_controls(p))
        return 0;
    if (me->sid != me->pid || has_terminal(me))
        return -EPERM;
    s32 group = me->pgid, drop = group;
    pid_hold(group);
    lock(&devpts_lock);
    if (p->hungup)
        rc = -EIO;
    else if (p->session && !steal)
        rc = -EPERM;
    if (!rc) {
        drop = p->foreground;
        p->session = me->sid;
        p->foreground = group;
        me->tty_dropped = false;
    }
    unlock(&devpts_lock);
    group_drop(drop);
    return rc;
}

/* The session (unless NULL, in *session) has no terminal any more; its foreground group till
 * now, to be dropped by the caller. */
static s32 release(struct pty *p, s32 *session)
{
    s32 group;

    lock(&devpts_lock);
    group = p->foreground;
    if (session)
        *session = p->session;
    p->session = p->foreground = 0;
    unlock(&devpts_lock);
    return group;
}

long pty_abandon(struct pty *p)
{
    struct process *me = current()->proc;

    if (!pty_controls(p))
        return -ENOTTY;
    if (me->sid != me->pid) {
        me->tty_dropped = true;
        return 0;
    }
    s32 group = release(p, NULL);
    group_signal(group, SIGHUP);
    group_signal(group, SIGCONT);
    group_drop(group);
    return 0;
}

/* The master is closed: the leader hears of it, and when it ends, so do its jobs. */
void pty_hangup(struct pty *p)
{
    s32 session, group = release(p, &session);
    struct process *leader = session ? process_find(session) : NULL;

    if (!leader) {
        group_drop(group);
        return;
    }
    group_drop(__atomic_exchange_n(&leader->tty_old_group, group, __ATOMIC_ACQ_REL));
    signal_process(leader, SIGHUP, NULL);
    signal_process(leader, SIGCONT, NULL);
    process_put(leader);
}

void pty_session_end(struct process *leader)
{
    struct pty *p;
    s32 group;

    if (leader->sid != leader->pid)
        return;
    p = pty_find(of_session, leader->sid);
    if (p) {
        group = release(p, NULL);
        group_signal(group, SIGHUP);
        group_drop(group);
        pty_put(p);
    }
    group = __atomic_exchange_n(&leader->tty_old_group, 0, __ATOMIC_ACQ_REL);
    if (group && !p) {
        group_signal(group, SIGHUP);
        group_signal(group, SIGCONT);
    }
    group_drop(group);
}

/* ---- the foreground ------------------------------------------------------------------------ */

void pty_signal(struct pty *p, int sig) { group_signal(READ_ONCE(p->foreground), sig); }

long pty_background(struct pty *p, int sig)
{
    s32 foreground = READ_ONCE(p->foreground);

    if (!pty_controls(p) || !foreground || foreground == current()->proc->pgid)
        return 0;
    return job_background(sig);
}

long pty_get_foreground(struct pty *p, bool master, uptr arg)
{
    s32 group = READ_ONCE(p->foreground);

    if (!master && !pty_controls(p))
        return -ENOTTY;
    return put_user(group, arg);
}

static bool group_exists(s32 group)
{
    struct process *p;
    bool found = false;
    s32 at = 0;

    while (!found && (p = process_next(at))) {
        at = p->pid;
        found = p->pgid == group;
        process_put(p);
    }
    return found;
}

long pty_set_foreground(struct pty *p, uptr arg)
{
    long rc = pty_background(p, SIGTTOU);
    s32 group;

    if (rc)
        return rc == -EIO ? -ENOTTY : rc;
    if (!pty_controls(p))
        return -ENOTTY;
    if (get_user(group, arg))
        return -EFAULT;
    if (group < 0)
        return -EINVAL;
    if (!group_exists(group))
        return -ESRCH;
    if (!group_in_session(group, current()->proc->sid))
        return -EPERM;
    s32 drop = group;
    pid_hold(group);
    lock(&devpts_lock);
    if (p->session == current()->proc->sid) {
        drop = p->foreground;
        p->foreground = group;
    }
    unlock(&devpts_lock);
    group_drop(drop);
    return 0;
}

long pty_get_session(struct pty *p, bool master, uptr arg)
{
    s32 session = READ_ONCE(p->session);

    if (!session || (!master && !pty_controls(p)))
        return -ENOTTY;
    return put_user(session, arg);
}
