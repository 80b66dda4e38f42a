/* unshare and kcmp: what a process has in common with others.
 *
 * Places (root, working directory, umask) belong to the process; a thread may have its own
 * (thread->own_fs).  Tables of descriptors belong to processes alone: threads of one
 * process always share them, and a thread that wants its own is told ENOSYS.  There are no
 * namespaces but the sandbox's own.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/kcmp.h>
#include <linux/sched.h>

#include "ipc.h"
#include "lib.h"
#include "proc_internal.h"
#include "ptrace.h"
#include "syscalls_gen.h"
#include "usercopy.h"
#include "vfs.h"

#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET | CLONE_NEWTIME)
#define OF_THREADS (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)
#define OF_PROCESS (CLONE_FS | CLONE_FILES | CLONE_SYSVSEM)

long files_unshare(void)
{
    struct process *p = current()->proc;
    struct files *old = p->files, *new;

    if (READ_ONCE(old->refs) == 1)
        return 0;
    new = files_copy(old);
    if (!new)
        return -ENOMEM;
    lock(&p->lock); /* /proc reads it there */
    p->files = new;
    unlock(&p->lock);
    files_put(old);
    return 0;
}

/* Of several threads the one that asks goes its own way. */
static long fs_unshare(void)
{
    struct thread *t = current();
    struct process *p = t->proc;
    struct fs_ctx *old = current_fs(), *new;
    bool alone = t->own_fs || p->nthreads == 1;

    if (alone && READ_ONCE(old->refs) == 1)
        return 0;
    new = fs_ctx_copy(old);
    if (!new)
        return -ENOMEM;
    lock(&p->lock); /* /proc reads it there */
    if (!alone || t->own_fs)
        t->own_fs = new;
    else
        p->fs = new;
    unlock(&p->lock);
    if (alone)
        fs_ctx_put(old);
    return 0;
}

long fs_for_thread(struct thread *t, bool share)
{
    struct fs_ctx *own = current()->own_fs;

    if (share && !own)
        return 0;
    if (share)
        ref_get(&own->refs);
    else
        own = fs_ctx_copy(current_fs());
    t->own_fs = own;
    return own ? 0 : -ENOMEM;
}

void fs_leave(struct thread *t)
{
    struct fs_ctx *own;

    if (likely(!t->own_fs))
        return;
    lock(&t->proc->lock);
    own = t->own_fs;
    t->own_fs = NULL;
    unlock(&t->proc->lock);
    fs_ctx_put(own);
}

void fs_become_process(struct thread *t)
{
    struct process *p = t->proc;
    struct fs_ctx *old = p->fs;

    if (!t->own_fs)
        return;
    lock(&p->lock);
    p->fs = t->own_fs;
    t->own_fs = NULL;
    unlock(&p->lock);
    fs_ctx_put(old);
}

long sys_unshare(u64 flags)
{
    struct process *p = current()->proc;
    long rc = 0;

    if (flags & ~(u64)(NAMESPACES | OF_THREADS | OF_PROCESS))
        return -EINVAL;
    if ((flags & OF_THREADS) && p->nthreads > 1)
        return -EINVAL;
    if ((flags & (CLONE_SIGHAND | CLONE_VM)) && p->sighand->refs > 1)
        return -EINVAL;
    if (flags & NAMESPACES)
        return flags & CLONE_NEWUSER ? -ENOSPC : -EPERM;
    if ((flags & CLONE_FILES) && p->nthreads > 1)
        return -ENOSYS;
    if (flags & CLONE_FS)
        rc = fs_unshare();
    if (rc == 0 && (flags & CLONE_FILES))
        rc = files_unshare();
    return rc;
}

/* ---- kcmp ------------------------------------------------------------------------- */

struct kcmp_side {
    const void *thing;  /* what is compared, and only that */
    struct file *epoll; /* or NULL: that it was found in, to be put under no lock */
};

static const void *open_file(struct process *p, u64 number)
{
    const void *f;

    lock(&p->files->lock);
    f = number < p->files->size ? p->files->fd[number] : NULL;
    unlock(&p->files->lock);
    return f;
}

/* The thing of that kind that p has: compared only, so its end meanwhile does no harm.
 * p->lock held. */
static long thing_of(struct process *p, struct thread *t, int type, u64 number, const void **thing)
{
    switch (type) {
    case KCMP_FILE:
        *thing = open_file(p, number);
        return *thing ? 0 : -EBADF;
    case KCMP_VM:
        *thing = p->mm;
        return 0;
    case KCMP_FILES:
        *thing = p->files;
        return 0;
    case KCMP_FS:
        *thing = t->own_fs ? t->own_fs : p->fs;
        return 0;
    case KCMP_SIGHAND:
        *thing = p->sighand;
        return 0;
    case KCMP_SYSVSEM:
        *thing = p->sem_undo;
        return 0;
    default: /* KCMP_IO: who never asked for a priority has none of its own */
        *thing = t->ioprio ? t : NULL;
        return 0;
    }
}

/* What an epoll of p watches.  p->lock held. */
static long watched(struct process *p, const struct kcmp_epoll_slot *slot, struct kcmp_side *side)
{
    lock(&p->files->lock);
    side->epoll = slot->efd < p->files->size ? p->files->fd[slot->efd] : NULL;
    if (side->epoll)
        file_get(side->epoll);
    unlock(&p->files->lock);
    if (!side->epoll)
        return -EBADF;
    side->thing = epoll_watched(side->epoll, slot->tfd, slot->toff);
    return IS_ERR(side->thing) ? PTR_ERR(side->thing) : 0;
}

/* slot: NULL, or where to look for the thing among what an epoll watches. */
static long look(s32 tid, int type, u64 number, const struct kcmp_epoll_slot *slot,
                 struct kcmp_side *side)
{
    struct process *p = process_of_tid(tid);
    struct thread *t;
    long rc = -ESRCH;

    if (!p)
        return rc;
    lock(&p->lock);
    t = thread_find(p, tid);
    if (t && p->files && p->fs)
        rc = trace_access(p, t);
    if (rc == 0)
        rc = slot ? watched(p, slot, side) : thing_of(p, t, type, number, &side->thing);
    unlock(&p->lock);
    process_put(p);
    return rc;
}

/* Is the file of the first one's descriptor what an epoll of the second one watches? */
static long look_at_epoll(int tid1, int tid2, u64 fd, uptr slot_at, struct kcmp_side *sides)
{
    struct kcmp_epoll_slot slot;
    long rc = get_user(slot, slot_at);

    if (rc == 0)
        rc = look(tid1, KCMP_FILE, fd, NULL, &sides[0]);
    if (rc == 0)
        rc = look(tid2, 0, 0, &slot, &sides[1]);
    return rc;
}

long sys_kcmp(int tid1, int tid2, int type, u64 number1, u64 number2)
{
    struct kcmp_side sides[2] = {0};
    long rc;

    if (type < 0 || type >= KCMP_TYPES)
        return -EINVAL;
    if (type == KCMP_EPOLL_TFD) {
        rc = look_at_epoll(tid1, tid2, number1, number2, sides);
    } else {
        rc = look(tid1, type, number1, NULL, &sides[0]);
        if (rc == 0)
            rc = look(tid2, type, number2, NULL, &sides[1]);
    }
    if (sides[1].epoll)
        file_put(sides[1].epoll);
    if (rc)
        return rc;
    return sides[0].thing == sides[1].thing ? 0 : sides[0].thing < sides[1].thing ? 1 : 2;
}
