/* Who am I: process, thread, group, session, user and group numbers, capabilities. */
#include <linux/capability.h>
#include <linux/resource.h>

#include "lib.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define EPERM  1
#define ESRCH  3
#define EACCES 13
#define EFAULT 14
#define EINVAL 22

long sys_getpid(void) { return current()->proc->pid; }
long sys_gettid(void) { return current()->tid; }
long sys_getuid(void) { return current()->cred.uid; }
long sys_geteuid(void) { return current()->cred.euid; }
long sys_getgid(void) { return current()->cred.gid; }
long sys_getegid(void) { return current()->cred.egid; }

long sys_getppid(void) { return READ_ONCE(current()->proc->ppid); }

long sys_getpgrp(void) { return current()->proc->pgid; }

/* The process `pid` (0: the caller) with a reference, or NULL. */
static struct process *target(int pid)
{
    struct process *p = current()->proc;

    if (pid == 0 || pid == p->pid) {
        ref_get(&p->refs);
        return p;
    }
    return process_find(pid);
}

long sys_getpgid(int pid)
{
    struct process *p = target(pid);
    long rc = p ? p->pgid : -ESRCH;

    if (p)
        process_put(p);
    return rc;
}

long sys_getsid(int pid)
{
    struct process *p = target(pid);
    long rc = p ? p->sid : -ESRCH;

    if (p)
        process_put(p);
    return rc;
}

static bool group_in_session(s32 pgid, s32 sid)
{
    struct process *p;
    bool found = false;
    s32 pid = 0;

    while (!found && (p = process_next(pid))) {
        pid = p->pid;
        found = p->pgid == pgid && p->sid == sid;
        process_put(p);
    }
    return found;
}

long sys_setpgid(int pid, int pgid)
{
    struct process *me = current()->proc, *p;
    long rc = 0;

    if (pgid < 0 || (pid < 0 && pgid == 0))
        return -EINVAL;
    p = target(pid);
    if (!p)
        return -ESRCH;
    if (pgid == 0)
        pgid = p->pid;
    if (p != me && p->parent != me)
        rc = -ESRCH;
    else if (p->sid != me->sid || p->sid == p->pid)
        rc = -EPERM;
    else if (p != me && !p->forknoexec)
        rc = -EACCES;
    else if (pgid != p->pid && !group_in_session(pgid, me->sid))
        rc = -EPERM;
    if (rc == 0 && pgid != p->pgid) {
        s32 old = p->pgid;
        pid_hold(pgid);
        p->pgid = pgid;
        pid_drop(old);
    }
    process_put(p);
    return rc;
}

static bool group_exists(s32 pgid)
{
    struct process *p;
    bool found = false;
    s32 pid = 0;

    while (!found && (p = process_next(pid))) {
        pid = p->pid;
        found = p->pgid == pgid;
        process_put(p);
    }
    return found;
}

long sys_setsid(void)
{
    struct process *p = current()->proc;
    s32 old_group = p->pgid, old_session = p->sid;

    if (old_group == p->pid || group_exists(p->pid))
        return -EPERM;
    pid_hold(p->pid);
    pid_hold(p->pid);
    p->pgid = p->sid = p->pid;
    p->tty_dropped = false;
    p->tty_old_group = 0;
    pid_drop(old_group);
    pid_drop(old_session);
    return p->pid;
}

/* ---- users and groups -------------------------------------------------------- */

/* Capabilities follow the user ids as capabilities(7) says. */
static void fix_caps(struct cred *c, const struct cred *old)
{
    bool had_root = old->uid == 0 || old->euid == 0 || old->suid == 0;
    bool has_root = c->uid == 0 || c->euid == 0 || c->suid == 0;

    if (had_root && !has_root && !current()->keep_caps)
        c->cap_permitted = c->cap_effective = c->cap_ambient = 0;
    if (old->euid == 0 && c->euid != 0)
        c->cap_effective = 0;
    if (old->euid != 0 && c->euid == 0)
        c->cap_effective = c->cap_permitted;
}

/* Has t's user more threads, but for `less` of them, than t may have? */
static bool user_over_limit(const struct thread *t, u32 less)
{
    u64 limit = t->proc->rlimits[RLIMIT_NPROC][0];

    return limit < PID_MAX && t->cred.uid && thread_count_of(t->cred.uid) - less > limit;
}

/* Who sets its user seldom looks whether that failed; so it succeeds, and what fails is to run a
 * program as a user that has more processes than the caller's limit allows. */
static void changed_user(struct cred *c, const struct cred *old)
{
    struct thread *t = current();

    fix_caps(c, old);
    if (c->uid != old->uid)
        t->over_limit = user_over_limit(t, 1);
}

bool user_exceeded(struct thread *t)
{
    if (t->over_limit && !user_over_limit(t, 0))
        t->over_limit = 0; /* others have ended since */
    return t->over_limit;
}

static bool is_one_of(u32 id, u32 a, u32 b, u32 c) { return id == a || id == b || id == c; }

long sys_setuid(u32 uid)
{
    struct cred *c = &current()->cred, old = *c;

    if (uid == ~0U)
        return -EINVAL;
    if (capable(CAP_SETUID))
        c->uid = c->suid = uid;
    else if (uid != c->uid && uid != c->suid)
        return -EPERM;
    c->euid = c->fsuid = uid;
    changed_user(c, &old);
    return 0;
}

long sys_setgid(u32 gid)
{
    struct cred *c = &current()->cred;

    if (gid == ~0U)
        return -EINVAL;
    if (capable(CAP_SETGID))
        c->gid = c->sgid = gid;
    else if (gid != c->gid && gid != c->sgid)
        return -EPERM;
    c->egid = c->fsgid = gid;
    return 0;
}

long sys_setresuid(u32 r, u32 e, u32 s)
{
    struct cred *c = &current()->cred, old = *c;
    bool any = capable(CAP_SETUID);

    if (!any && ((r != ~0U && !is_one_of(r, c->uid, c->euid, c->suid)) ||
                 (e != ~0U && !is_one_of(e, c->uid, c->euid, c->suid)) ||
                 (s != ~0U && !is_one_of(s, c->uid, c->euid, c->suid))))
        return -EPERM;
    if (r != ~0U)
        c->uid = r;
    if (e != ~0U)
        c->euid = e;
    if (s != ~0U)
        c->suid = s;
    c->fsuid = c->euid;
    changed_user(c, &old);
    return 0;
}

long sys_setresgid(u32 r, u32 e, u32 s)
{
    struct cred *c = &current()->cred;
    bool any = capable(CAP_SETGID);

    if (!any && ((r != ~0U && !is_one_of(r, c->gid, c->egid, c->sgid)) ||
                 (e != ~0U && !is_one_of(e, c->gid, c->egid, c->sgid)) ||
                 (s != ~0U && !is_one_of(s, c->gid, c->egid, c->sgid))))
        return -EPERM;
    if (r != ~0U)
        c->gid = r;
    if (e != ~0U)
        c->egid = e;
    if (s != ~0U)
        c->sgid = s;
    c->fsgid = c->egid;
    return 0;
}

long sys_setreuid(u32 r, u32 e)
{
    struct cred *c = &current()->cred;
    u32 old_uid = c->uid;
    long rc;

    if (!capable(CAP_SETUID) && r != ~0U && r != c->uid && r != c->euid)
        return -EPERM;
    rc = sys_setresuid(r, e, ~0U);
    if (rc == 0 && (r != ~0U || (e != ~0U && e != old_uid)))
        c->suid = c->euid;
    return rc;
}

long sys_setregid(u32 r, u32 e)
{
    struct cred *c = &current()->cred;
    u32 old_gid = c->gid;
    long rc;

    if (!capable(CAP_SETGID) && r != ~0U && r != c->gid && r != c->egid)
        return -EPERM;
    rc = sys_setresgid(r, e, ~0U);
    if (rc == 0 && (r != ~0U || (e != ~0U && e != old_gid)))
        c->sgid = c->egid;
    return rc;
}

static long put3(uptr a, uptr b, uptr c, u32 x, u32 y, u32 z)
{
    return put_user(x, a) || put_user(y, b) || put_user(z, c) ? -EFAULT : 0;
}

long sys_getresuid(uptr r, uptr e, uptr s)
{
    const struct cred *c = &current()->cred;
    return put3(r, e, s, c->uid, c->euid, c->suid);
}

long sys_getresgid(uptr r, uptr e, uptr s)
{
    const struct cred *c = &current()->cred;
    return put3(r, e, s, c->gid, c->egid, c->sgid);
}

long sys_setfsuid(u32 uid)
{
    struct cred *c = &current()->cred;
    u32 old = c->fsuid;

    if (uid != ~0u &&
        (capable(CAP_SETUID) || uid == c->fsuid || is_one_of(uid, c->uid, c->euid, c->suid)))
        c->fsuid = uid;
    return old;
}

long sys_setfsgid(u32 gid)
{
    struct cred *c = &current()->cred;
    u32 old = c->fsgid;

    if (gid != ~0u &&
        (capable(CAP_SETGID) || gid == c->fsgid || is_one_of(gid, c->gid, c->egid, c->sgid)))
        c->fsgid = gid;
    return old;
}

long sys_getgroups(int n, uptr list)
{
    const struct cred *c = &current()->cred;

    if (n < 0 || (n && (u32)n < c->ngroups))
        return -EINVAL;
    if (n && copy_to_user(list, c->groups, c->ngroups * 4UL))
        return -EFAULT;
    return c->ngroups;
}

long sys_setgroups(int n, uptr list)
{
    struct cred *c = &current()->cred;
    u32 groups[ARRAY_SIZE(c->groups)];

    if (!capable(CAP_SETGID))
        return -EPERM;
    if (n < 0 || (u32)n > ARRAY_SIZE(groups))
        return -EINVAL;
    if (copy_from_user(groups, list, (size_t)n * 4))
        return -EFAULT;
    memcpy(c->groups, groups, (size_t)n * 4);
    c->ngroups = (u32)n;
    return 0;
}

/* ---- capabilities ------------------------------------------------------------- */

static long cap_words(uptr header, int *pid)
{
    struct {
        u32 version;
        s32 pid;
    } h;

    if (copy_from_user(&h, header, sizeof(h)))
        return -EFAULT;
    *pid = h.pid;
    if (h.version == _LINUX_CAPABILITY_VERSION_1)
        return 1;
    if (h.version == _LINUX_CAPABILITY_VERSION_2 || h.version == _LINUX_CAPABILITY_VERSION_3)
        return 2;
    put_user((u32)_LINUX_CAPABILITY_VERSION_3, header);
    return -EINVAL;
}

long sys_capget(uptr header, uptr data)
{
    const struct cred *c = &current()->cred;
    u32 out[2][3];
    int pid;
    long words = cap_words(header, &pid);

    if (words < 0)
        return data || words != -EINVAL ? words : 0;
    if (pid < 0)
        return -EINVAL;
    if (pid && !pid_in_use(pid))
        return -ESRCH;
    for (int i = 0; i < 2; i++) {
        out[i][0] = (u32)(c->cap_effective >> (32 * i));
        out[i][1] = (u32)(c->cap_permitted >> (32 * i));
        out[i][2] = (u32)(c->cap_inheritable >> (32 * i));
    }
    return data ? copy_to_user(data, out, (size_t)words * 12) : 0;
}

long sys_capset(uptr header, uptr data)
{
    struct cred *c = &current()->cred;
    u32 in[2][3] = {{0}};
    u64 e, p, i;
    int pid;
    long words = cap_words(header, &pid);

    if (words < 0)
        return words;
    if (pid && pid != current()->tid)
        return -EPERM;
    if (copy_from_user(in, data, (size_t)words * 12))
        return -EFAULT;
    e = in[0][0] | (u64)in[1][0] << 32;
    p = in[0][1] | (u64)in[1][1] << 32;
    i = in[0][2] | (u64)in[1][2] << 32;
    if ((p & ~c->cap_permitted) || (e & ~p) || (i & ~(c->cap_inheritable | c->cap_permitted)))
        return -EPERM;
    c->cap_effective = e;
    c->cap_permitted = p;
    c->cap_inheritable = i;
    return 0;
}
