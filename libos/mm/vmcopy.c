/* process_vm_readv and process_vm_writev.
 *
 * Only the caller's own address space is mapped where this code runs, so its own
 * process is what can be reached; others answer EPERM, as under a ptrace restriction.
 */
#include <linux/errno.h>

#include "internal.h"
#include "kalloc.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "uio.h"
#include "usercopy.h"

#define IOV_MAX_ 1024
#define CHUNK    2048

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

/* Bytes moved; a fault ends it short. */
static s64 transfer(struct side *from, struct side *to)
{
    u8 buf[CHUNK];
    s64 total = 0;

    for (;;) {
        size_t n = MIN(MIN(left(from), left(to)), sizeof(buf)), got;

        if (!n)
            return total;
        got = n - user_copy_in(buf, from->iov->base + from->done, n);
        got -= user_copy_out(to->iov->base + to->done, buf, got);
        from->done += got;
        to->done += got;
        total += (s64)got;
        if (got < n)
            return total ? total : -EFAULT;
    }
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
    if (pid != current()->proc->pid && pid != current()->tid) {
        p = process_find(pid);
        rc = p ? -EPERM : -ESRCH;
        if (p)
            process_put(p);
        goto out;
    }
    rc = write ? transfer(&local, &remote) : transfer(&remote, &local);
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
