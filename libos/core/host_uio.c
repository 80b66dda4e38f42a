/* Data between host handles and scatter/gather buffers.
 *
 * It moves between the host's file and program memory in one host call.  If the host finds
 * memory it cannot reach (a stack page never touched, say), the call goes through a buffer
 * of ours and the ordinary fault-tolerant copy, which knows better.
 */
#include <linux/errno.h>

#include "../../abi/host_abi.h"
#include "kalloc.h"
#include "uio.h"
#include "usercopy.h"

#define SEGMENTS 16 /* of a gathered buffer per host call */
#define BOUNCE   32768UL

struct transfer {
    struct uio *u;
    size_t left;
    u64 pos;
    int handle, flags;
    bool write;
};

static long host_io(const struct transfer *t, const struct host_iovec *v, int n)
{
    return t->write ? host_write(t->handle, v, n, t->pos, t->flags)
                    : host_read(t->handle, v, n, t->pos, t->flags);
}

/* The first segments as the host wants them; their number. */
static long gather(const struct transfer *t, struct host_iovec *v, size_t *total)
{
    const struct uio *u = t->u;
    size_t left = t->left;
    int n = 0;

    *total = 0;
    for (; n < SEGMENTS && n < u->n && left; n++) {
        size_t len = MIN(u->iov[n].len, left);
        if (!u->kernel && !user_range_ok(u->iov[n].base, len))
            break;
        v[n] = (struct host_iovec){(void *)u->iov[n].base, len};
        left -= len;
        *total += len;
    }
    return n ? n : -EFAULT;
}

static long bounce(struct transfer *t)
{
    size_t n = MIN(t->left, BOUNCE);
    char *buf = kmalloc(n);
    long rc;

    if (!buf)
        return -ENOMEM;
    if (t->write)
        n = uio_copy_in(buf, t->u, n);
    struct host_iovec v = {buf, n};
    rc = n ? host_io(t, &v, 1) : -EFAULT;
    if (rc > 0 && !t->write) {
        rc = (long)uio_copy_out(t->u, buf, (size_t)rc);
        rc = rc ? rc : -EFAULT;
    }
    kfree(buf);
    return rc;
}

static long transfer(struct transfer *t)
{
    struct host_iovec v[SEGMENTS];
    size_t total, done = 0;
    long rc = 0;

    uio_settle(t->u);
    while (t->left) {
        rc = gather(t, v, &total);
        if (rc > 0)
            rc = host_io(t, v, (int)rc);
        if (rc > 0)
            uio_advance(t->u, (size_t)rc);
        else if (rc == -EFAULT)
            rc = bounce(t);
        if (rc <= 0)
            break;
        done += (size_t)rc;
        t->left -= (size_t)rc;
        t->pos += (u64)rc;
        if ((size_t)rc < MIN(total, BOUNCE))
            break;
    }
    if (rc == -EINTR)
        rc = -ERESTARTSYS;
    return done ? (long)done : rc;
}

long host_read_uio(int handle, struct uio *u, u64 pos)
{
    struct transfer t = {u, u->left, pos, handle, 0, false};

    return transfer(&t);
}

long host_write_uio(int handle, struct uio *u, size_t n, u64 pos, int flags)
{
    struct transfer t = {u, MIN(n, u->left), pos, handle, flags, true};

    return transfer(&t);
}
