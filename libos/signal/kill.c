/* kill and its relatives: who may signal whom, and finding them. */
#include <asm/errno.h>

#include "internal.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define CAP_KILL_ 5

/* p->lock held. */
static bool permitted(struct process *p, int sig)
{
    const struct cred *me = &current()->cred, *to;

    if (p == current()->proc || !p->leader || capable(CAP_KILL_))
        return true;
    to = &p->leader->cred;
    if (me->euid == to->suid || me->euid == to->uid || me->uid == to->suid || me->uid == to->uid)
        return true;
    return sig == SIGCONT && p->sid == current()->proc->sid;
}

static void info_user(struct siginfo_k *info, int sig, int code)
{
    *info = (struct siginfo_k){.signo = sig, .code = code};
    info->rt.pid = current()->proc->pid;
    info->rt.uid = current()->cred.uid;
}

static long send_one(struct process *p, int sig, const struct siginfo_k *info)
{
    long rc = 0;

    lock(&p->lock);
    if (!permitted(p, sig))
        rc = -EPERM;
    else if (sig)
        rc = send_locked(p, NULL, sig, info);
    unlock(&p->lock);
    if (sig && !rc)
        send_done(p, sig);
    return rc;
}

long signal_process_checked(struct process *p, int sig, const struct siginfo_k *info)
{
    struct siginfo_k own;

    if (!info) {
        info_user(&own, sig, 0 /* SI_USER */);
        info = &own;
    }
    return send_one(p, sig, info);
}

/* A process, zombies too, by the number of any of its threads; with a reference. */
static struct process *find_by_tid(s32 tid)
{
    struct process *p = process_find(tid);

    return p ? p : process_of_tid(tid);
}

/* kill(-1): everyone but program 1 and the caller; else the members of a group. */
static bool selected(const struct process *p, s32 pid)
{
    if (pid == -1)
        return p->pid > 1 && p != current()->proc;
    return p->pgid == (pid ? -pid : current()->proc->pgid);
}

static long send_many(s32 pid, int sig, const struct siginfo_k *info)
{
    struct process *p;
    bool any = false, ok = false;
    long rc, err = 0;
    s32 at = 0;

    forks_hold();
    while ((p = process_next(at))) {
        at = p->pid;
        if (selected(p, pid)) {
            rc = send_one(p, sig, info);
            any = true;
            ok |= rc == 0;
            err = rc ? rc : err;
        }
        process_put(p);
    }
    forks_release();
    if (!any)
        return -ESRCH;
    if (pid == -1)
        return err == -EPERM ? (ok ? 0 : -EPERM) : err;
    return ok ? 0 : err;
}

long sys_kill(int pid, int sig)
{
    struct siginfo_k info;
    struct process *p;
    long rc;

    if (sig < 0 || sig > NSIG)
        return -EINVAL;
    info_user(&info, sig, SI_USER_);
    if (pid == current()->proc->pid)
        return send_one(current()->proc, sig, &info);
    if (pid <= 0)
        return pid == INT32_MIN ? -ESRCH : send_many(pid, sig, &info);
    p = find_by_tid(pid);
    if (!p)
        return -ESRCH;
    rc = send_one(p, sig, &info);
    process_put(p);
    return rc;
}

/* tgid 0: whatever process the thread is in. */
static long send_thread(s32 tgid, s32 tid, int sig, const struct siginfo_k *info)
{
    struct process *p = tgid ? process_find(tgid) : find_by_tid(tid);
    struct thread *t;
    long rc = 0;

    if (!p)
        return -ESRCH;
    lock(&p->lock);
    t = thread_find(p, tid);
    if (!t || t->exiting)
        rc = -ESRCH;
    else if (!permitted(p, sig))
        rc = -EPERM;
    else if (sig)
        rc = send_locked(p, t, sig, info);
    unlock(&p->lock);
    if (sig && !rc)
        send_done(p, sig);
    process_put(p);
    return rc;
}

long sys_tgkill(int tgid, int tid, int sig)
{
    struct siginfo_k info;

    if (tgid <= 0 || tid <= 0 || sig < 0 || sig > NSIG)
        return -EINVAL;
    info_user(&info, sig, SI_TKILL_);
    return send_thread(tgid, tid, sig, &info);
}

long sys_tkill(int tid, int sig)
{
    struct siginfo_k info;

    if (tid <= 0 || sig < 0 || sig > NSIG)
        return -EINVAL;
    info_user(&info, sig, SI_TKILL_);
    return send_thread(0, tid, sig, &info);
}

/* A program may not pretend to others that the kernel or kill(2) sent something. */
static long take_info(struct siginfo_k *info, uptr uinfo, int sig, s32 pid)
{
    if (get_user(*info, uinfo))
        return -EFAULT;
    info->signo = sig;
    if ((info->code >= 0 || info->code == SI_TKILL_) && pid != current()->proc->pid)
        return -EPERM;
    return 0;
}

long sys_rt_sigqueueinfo(int pid, int sig, uptr uinfo)
{
    struct siginfo_k info;
    struct process *p;
    long rc = take_info(&info, uinfo, sig, pid);

    if (rc)
        return rc;
    if (sig < 0 || sig > NSIG)
        return -EINVAL;
    p = pid > 0 ? find_by_tid(pid) : NULL;
    if (!p)
        return -ESRCH;
    rc = send_one(p, sig, &info);
    process_put(p);
    return rc;
}

long sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, uptr uinfo)
{
    struct siginfo_k info;
    long rc = take_info(&info, uinfo, sig, tgid);

    if (rc)
        return rc;
    if (tgid <= 0 || tid <= 0 || sig < 0 || sig > NSIG)
        return -EINVAL;
    return send_thread(tgid, tid, sig, &info);
}
