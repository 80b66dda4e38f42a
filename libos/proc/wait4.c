/* wait4 and waitid. */
#include <linux/wait.h>

#include "ktime.h"
#include "lib.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define EBADF   9
#define ECHILD  10
#define EAGAIN  11
#define EFAULT  14
#define EINVAL  22
#define ESRCH   3
#define SIGCHLD 17

static bool wanted(const struct process *c, const struct wait_request *r)
{
    bool clone_child = c->exit_signal != SIGCHLD;

    if (r->type == P_PID && c->pid != r->id)
        return false;
    if (r->type == P_PGID && c->pgid != r->id)
        return false;
    if (r->options & (__WALL | __WNOTHREAD))
        return true;
    return clone_child == !!(r->options & __WCLONE);
}

/* What child c has to tell; false if nothing the caller asked for. */
static bool collect(struct process *c, const struct wait_request *r, struct wait_result *out)
{
    out->pid = c->pid;
    out->utime = c->utime + c->child_utime;
    out->stime = c->stime + c->child_stime;
    out->max_rss = MAX(c->max_rss, c->child_max_rss);
    out->uid = c->leader ? c->leader->cred.uid : c->last_uid;
    if (c->zombie && !READ_ONCE(c->held_back) && (r->options & WEXITED)) {
        out->status = c->exit_status;
        return true;
    }
    if (c->stopped && (r->options & WUNTRACED) && c->stop_report &&
        !(c->leader && traced_by(&c->leader->tracee, current()->proc))) {
        out->status = c->stop_signal << 8 | 0x7f;
        if (!(r->options & WNOWAIT))
            c->stop_report = false;
        return true;
    }
    if (c->continued && (r->options & WCONTINUED)) {
        out->status = 0xffff;
        if (!(r->options & WNOWAIT))
            c->continued = false;
        return true;
    }
    return false;
}

/* 1: a result; 0: children, but none ready; -ECHILD. */
static long scan(struct process *p, const struct wait_request *r, struct wait_result *out)
{
    struct process *c, *dead = NULL;
    long rc = -ECHILD, traced;

    lock(&p->lock);
    list_for_each(c, &p->children, sibling)
    {
        if (!wanted(c, r))
            continue;
        rc = 0;
        if (!collect(c, r, out))
            continue;
        if (c->zombie && !(r->options & WNOWAIT)) {
            list_del(&c->sibling);
            p->child_utime += out->utime;
            p->child_stime += out->stime;
            p->child_max_rss = MAX(p->child_max_rss, out->max_rss);
            dead = c;
        }
        rc = 1;
        break;
    }
    unlock(&p->lock);
    if (dead)
        process_release(dead);
    traced = rc == 1 ? 0 : trace_collect(p, r, out);
    return MAX(rc, traced);
}

static long do_wait(const struct wait_request *r, struct wait_result *out)
{
    struct process *p = current()->proc;
    long found = 0, rc;

    rc = wait_event(&p->child_wait, (found = scan(p, r, out)) != 0 || (r->options & WNOHANG),
                    HOST_FOREVER);
    if (found)
        return found;
    return rc ? -ERESTARTSYS : 0;
}

struct rusage_k {
    s64 utime_sec, utime_usec, stime_sec, stime_usec;
    s64 rest[14];
};

static long put_rusage(uptr to, const struct wait_result *w)
{
    struct rusage_k u = {(s64)(w->utime / NSEC),
                         (s64)(w->utime % NSEC / 1000),
                         (s64)(w->stime / NSEC),
                         (s64)(w->stime % NSEC / 1000),
                         {(s64)(w->max_rss / 1024)}};

    return to ? copy_to_user(to, &u, sizeof(u)) : 0;
}

long sys_wait4(int pid, uptr status, int options, uptr rusage)
{
    struct wait_request r = {.options = (u32)options | WEXITED};
    struct wait_result w = {0};
    long rc;

    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | (int)__WALL | (int)__WCLONE | __WNOTHREAD))
        return -EINVAL;
    if (pid == (s32)0x80000000)
        return -ESRCH;
    r.type = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
    r.id = pid > 0 ? pid : pid == 0 ? current()->proc->pgid : -pid;
    rc = do_wait(&r, &w);
    if (rc <= 0)
        return rc;
    if ((status && put_user((s32)w.status, status)) || put_rusage(rusage, &w))
        return -EFAULT;
    return w.pid;
}

static void fill_siginfo(struct siginfo_k *i, const struct wait_result *w)
{
    int s = w->status;

    i->signo = SIGCHLD;
    i->chld.pid = w->pid;
    i->chld.uid = w->uid;
    if (s == 0xffff) {
        i->code = 6; /* CLD_CONTINUED */
        i->chld.status = 18;
    } else if ((s & 0xff) == 0x7f) {
        i->code = w->trapped ? 4 : 5; /* CLD_TRAPPED, CLD_STOPPED */
        i->chld.status = s >> 8;
    } else if ((s & 0x7f) == 0) {
        i->code = 1;
        i->chld.status = s >> 8 & 0xff;
    } else {
        i->code = s & 0x80 ? 3 : 2;
        i->chld.status = s & 0x7f;
    }
}

long sys_waitid(int which, int id, uptr info, int options, uptr rusage)
{
    struct wait_request r = {.type = which, .id = id, .options = (u32)options};
    struct wait_result w = {0};
    struct siginfo_k si = {0};
    long rc;

    if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | (int)__WALL |
                    (int)__WCLONE | __WNOTHREAD) ||
        !(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    if (which != P_ALL && which != P_PID && which != P_PGID && which != P_PIDFD)
        return -EINVAL;
    if (which == P_PIDFD) {
        struct process *p = pidfd_process(id);
        if (!p)
            return id < 0 ? -EINVAL : -EBADF;
        r.type = P_PID;
        r.id = p->pid;
        if (pidfd_nonblocking(id))
            r.options |= WNOHANG;
        process_put(p);
    } else if (which == P_PGID && id == 0) {
        r.id = current()->proc->pgid;
    } else if (which != P_ALL && id <= 0) {
        return -EINVAL;
    }
    rc = do_wait(&r, &w);
    if (rc < 0)
        return rc;
    if (rc == 0 && which == P_PIDFD && !(options & WNOHANG))
        return -EAGAIN; /* a non-blocking descriptor */
    if (rc > 0)
        fill_siginfo(&si, &w);
    if ((info && copy_to_user(info, &si, sizeof(si))) || (rc > 0 && put_rusage(rusage, &w)))
        return -EFAULT;
    return 0;
}
