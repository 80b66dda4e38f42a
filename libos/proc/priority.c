/* Nice values and I/O priorities of threads, groups of processes and users: remembered,
 * inherited and shown, not enforced (the host schedules).
 *
 * Both are words of a thread, written under its process's lock and read anywhere.
 */
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/resource.h>

#include "lib.h"
#include "proc_internal.h"
#include "syscalls_gen.h"

#define EPERM  1
#define ESRCH  3
#define EACCES 13
#define EINVAL 22

/* What a call does to each thread it is about; *rc as the threads before have left it. */
typedef void (*visit_fn)(struct thread *t, int value, long *rc);

bool may_nice(const struct thread *t, s32 nice)
{
    return nice >= t->nice || capable(CAP_SYS_NICE) ||
           (u64)(20 - nice) <= t->proc->rlimits[RLIMIT_NICE][0];
}

bool may_schedule(const struct thread *t)
{
    const struct cred *me = &current()->cred;

    return t->cred.uid == me->euid || t->cred.euid == me->euid || capable(CAP_SYS_NICE);
}

static bool concerns(const struct process *p, const struct thread *t, int which, u32 who)
{
    return which == PRIO_PGRP ? (u32)p->pgid == who : t->cred.uid == who;
}

static void visit_process(struct process *p, int which, u32 who, visit_fn fn, int value, long *rc)
{
    struct thread *t;

    lock(&p->lock);
    list_for_each(t, &p->threads, link)
    {
        if (concerns(p, t, which, who))
            fn(t, value, rc);
    }
    unlock(&p->lock);
}

/* which: PRIO_*.  What the last of them said, -ESRCH if there was none. */
static long visit(int which, int who, visit_fn fn, int value)
{
    struct process *p, *me = current()->proc;
    long rc = -ESRCH;

    if (which == PRIO_PROCESS) {
        struct thread *t = find_thread(who, &p);

        if (t)
            fn(t, value, &rc);
        put_owner(p);
        return rc;
    }
    if (!who)
        who = which == PRIO_PGRP ? me->pgid : (int)current()->cred.uid;
    for (s32 pid = 0; (p = process_next(pid)); process_put(p)) {
        pid = p->pid;
        visit_process(p, which, (u32)who, fn, value, &rc);
    }
    return rc;
}

/* ---- nice values ------------------------------------------------------------------ */

static void best_nice(struct thread *t, int unused, long *rc) { *rc = MAX(*rc, 20 - t->nice); }

static void set_nice(struct thread *t, int nice, long *rc)
{
    if (!may_schedule(t)) {
        *rc = -EPERM;
    } else if (!may_nice(t, nice)) {
        *rc = -EACCES;
    } else {
        t->nice = nice;
        *rc = *rc == -ESRCH ? 0 : *rc;
    }
}

long sys_getpriority(int which, int who)
{
    return which < PRIO_PROCESS || which > PRIO_USER ? -EINVAL : visit(which, who, best_nice, 0);
}

long sys_setpriority(int which, int who, int nice)
{
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    return visit(which, who, set_nice, MAX(-20, MIN(19, nice)));
}

/* ---- I/O priorities --------------------------------------------------------------- */

/* What a thread that never asked is treated as: by its nice value. */
static u32 effective(const struct thread *t)
{
    u32 prio = t->ioprio;

    if (IOPRIO_PRIO_CLASS(prio) == IOPRIO_CLASS_NONE)
        return IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, (u32)(t->nice + 20) / 5);
    return prio;
}

static void own_ioprio(struct thread *t, int unused, long *rc) { *rc = (long)t->ioprio; }

static void best_ioprio(struct thread *t, int unused, long *rc)
{
    *rc = *rc < 0 ? (long)effective(t) : MIN(*rc, (long)effective(t));
}

static void set_ioprio(struct thread *t, int prio, long *rc)
{
    if (*rc != -ESRCH && *rc != 0)
        return;
    *rc = may_schedule(t) ? 0 : -EPERM;
    if (*rc == 0)
        t->ioprio = (u32)prio;
}

/* IOPRIO_WHO_* are PRIO_* plus one. */
static bool known(int which) { return which >= IOPRIO_WHO_PROCESS && which <= IOPRIO_WHO_USER; }

long sys_ioprio_get(int which, int who)
{
    if (!known(which))
        return -EINVAL;
    return visit(which - 1, who, which == IOPRIO_WHO_PROCESS ? own_ioprio : best_ioprio, 0);
}

long ioprio_check(int prio)
{
    int level = prio & (IOPRIO_NR_LEVELS - 1);

    switch ((u32)prio >> IOPRIO_CLASS_SHIFT) {
    case IOPRIO_CLASS_RT:
        if (!capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
            return -EPERM;
        return 0;
    case IOPRIO_CLASS_BE:
    case IOPRIO_CLASS_IDLE:
        return 0;
    case IOPRIO_CLASS_NONE:
        return level ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

long sys_ioprio_set(int which, int who, int prio)
{
    long rc = ioprio_check(prio);

    if (rc)
        return rc;
    return known(which) ? visit(which - 1, who, set_ioprio, prio) : -EINVAL;
}
