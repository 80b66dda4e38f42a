/* process_vm_readv and process_vm_writev: piece by piece through a buffer. */
#include <linux/errno.h>

#include "internal.h"
#include "kalloc.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "uio.h"
#include "usercopy.h"

#define IOV_MAX_   1024
#define CHUNK      16384
#define CAP_PTRACE 19

struct side {
    struct iov *iov;
    u64 n;
    size_t done; /* of the first element */
};

static long load(struct side *s, uptr iov, u64 n)
{
    if (n > IOV_MAX_)
        return -EINVAL;
    s->n = n;
    s->done = 0;
    s->iov = kmalloc(n * sizeof(struct iov) + 1);
    if (!s->iov)
        return -ENOMEM;
    if (copy_from_user(s->iov, iov, n * sizeof(struct iov)))
        return -EFAULT;
    for (u64 i = 0; i < n; i++) {
        if ((s64)s->iov[i].len < 0)
            return -EINVAL;
    }
    return 0;
}

/* Bytes left in the current element, skipping used-up ones. */
static size_t left(struct side *s)
{
    while (s->n && s->done == s->iov->len) {
        s->iov++;
        s->n--;
        s->done = 0;
    }
    return s->n ? s->iov->len - s->done : 0;
}

/* One piece through buf: bytes moved, or why none were. */
static s64 transfer_part(struct process *p, uptr mine, uptr theirs, u8 *buf, size_t part,
                         bool write)
{
    s64 n = (s64)part;

    if (write)
        n -= (s64)user_copy_in(buf, mine, part);
    if (n)
        n = mm_remote_copy(p, theirs, buf, (size_t)n, write);
    if (n > 0 && !write)
        n -= (s64)user_copy_out(mine, buf, (size_t)n);
    return n == 0 || n == -ETIMEDOUT ? -EFAULT : n == -EINTR ? -ERESTARTSYS : n;
}

/* Bytes moved; a fault ends it short. */
static s64 transfer(struct process *p, struct side *local, struct side *remote, bool write)
{
    u8 *buf = kmalloc(CHUNK);
    s64 total = 0, n = buf ? 0 : -ENOMEM;

    while (buf) {
        size_t part = MIN(MIN(left(local), left(remote)), (size_t)CHUNK);

        n = 0;
        if (!part)
            break;
        n = transfer_part(p, local->iov->base + local->done, remote->iov->base + remote->done, buf,
                          part, write);
        if (n < 0)
            break;
        local->done += (size_t)n;
        remote->done += (size_t)n;
        total += n;
        if (n < (s64)part)
            break;
    }
    kfree(buf);
    return total ? total : n;
}

/* As for attaching with ptrace. */
static long may_access(struct process *p)
{
    const struct cred *me = &current()->cred, *c;
    bool ok;

    lock(&p->lock);
    c = p->leader ? &p->leader->cred : NULL;
    ok = p == current()->proc || capable(CAP_PTRACE) ||
         (c && p->dumpable && me->uid == c->uid && me->uid == c->euid && me->uid == c->suid &&
          me->gid == c->gid && me->gid == c->egid && me->gid == c->sgid);
    unlock(&p->lock);
    return !c ? -ESRCH : ok ? 0 : -EPERM;
}

static long vm_copy(s32 pid, uptr lvec, u64 ln, uptr rvec, u64 rn, u64 flags, bool write)
{
    struct side local = {0}, remote = {0};
    struct iov *l, *r;
    struct process *p;
    long rc;

    if (flags)
        return -EINVAL;
    rc = load(&local, lvec, ln);
    if (!rc)
        rc = load(&remote, rvec, rn);
    l = local.iov;
    r = remote.iov;
    if (rc)
        goto out;
    p = process_find(pid);
    if (!p)
        p = process_of_tid(pid);
    rc = p ? may_access(p) : -ESRCH;
    if (!rc)
        rc = transfer(p, &local, &remote, write);
    if (p)
        process_put(p);
out:
    kfree(l);
    kfree(r);
    return rc;
}

long sys_process_vm_readv(int pid, uptr lvec, u64 ln, uptr rvec, u64 rn, u64 flags)
{
    return vm_copy(pid, lvec, ln, rvec, rn, flags, false);
}

long sys_process_vm_writev(int pid, uptr lvec, u64 ln, uptr rvec, u64 rn, u64 flags)
{
    return vm_copy(pid, lvec, ln, rvec, rn, flags, true);
}
