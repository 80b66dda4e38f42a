/* TCP connections of the host: data.  host_tcp.c has the rest.
 *
 * One host call that doesn't sleep moves bytes between the host and the program's memory, or
 * from the pages of a file in memory; who has to wait does so inside.
 *
 * Locks: none of its own; a file's memory is held over the host call that reads it.
 */
#include <linux/errno.h>

#include "host.h"
#include "ipc.h"
#include "lib.h"
#include "kalloc.h"
#include "mm.h"
#include "usercopy.h"

#define SEGMENTS 16
#define BOUNCE   16384u

/* The first segments as the host wants them; their number, -EFAULT. */
static long gather(const struct uio *u, struct host_iovec *v)
{
    size_t left = u->left;
    long n = 0;

    for (int k = 0; k < u->n && n < SEGMENTS && left; k++) {
        size_t len = MIN(u->iov[k].len, left);

        if (!len)
            continue;
        if (!u->kernel && !user_range_ok(u->iov[k].base, len))
            break;
        v[n++] = (struct host_iovec){(void *)u->iov[k].base, len};
        left -= len;
    }
    return n ? n : -EFAULT;
}

/* Program memory the host cannot reach goes through ours, which faults exactly. */
static long bounce(int handle, struct uio *u, u32 flags, bool sending)
{
    size_t n = MIN(u->left, BOUNCE);
    char *buf = kmalloc(n);
    struct host_iovec v = {buf, n};
    struct host_msghdr m = {.iov = &v, .iov_len = 1};
    long rc = -EFAULT;

    if (!buf)
        return -ENOMEM;
    if (sending) {
        struct uio copy = *u; /* only what the host takes is used up */
        struct iov iov[SEGMENTS];

        memcpy(iov, u->iov, MIN((size_t)u->n, SEGMENTS) * sizeof(*iov));
        copy.iov = iov;
        copy.n = MIN(u->n, SEGMENTS);
        v.len = uio_copy_in(buf, &copy, n);
        if (v.len)
            rc = host_send(handle, &m, (int)flags);
        if (rc > 0)
            uio_advance(u, (size_t)rc);
    } else {
        rc = host_receive(handle, &m, (int)(flags | MSG_PEEK));
        if (rc > 0) {
            size_t got = uio_copy_out(u, buf, (size_t)rc);

            v.len = got;
            rc = got ? (long)got : -EFAULT;
            if (got && !(flags & MSG_PEEK))
                host_receive(handle, &m, (int)flags);
        }
    }
    kfree(buf);
    return rc;
}

/* One host call that doesn't sleep; the uio is moved on by what went. */
static long move(struct host_link *l, struct uio *u, u32 flags, bool sending)
{
    struct host_iovec v[SEGMENTS];
    struct host_msghdr m = {.iov = v};
    long n = gather(u, v), rc;

    if (n < 0)
        return n;
    uio_settle(u);
    m.iov_len = (size_t)n;
    flags |= MSG_DONTWAIT | MSG_NOSIGNAL;
    rc = sending ? host_send(l->poll.handle, &m, (int)flags)
                 : host_receive(l->poll.handle, &m, (int)flags);
    if (rc == -EFAULT)
        return bounce(l->poll.handle, u, flags, sending);
    if (rc > 0)
        uio_advance(u, (size_t)rc);
    return rc;
}

static bool is_ready(const struct host_link *l, u32 bits)
{
    return link_ready(l) & (bits | LINK_HUP | LINK_ERR);
}

static long wait_ready(struct socket *s, u32 bit, u64 deadline)
{
    struct host_link *l = link_of(s);
    struct waitq *q = bit == LINK_IN ? &s->read_wait : &s->write_wait;
    u64 timeout = bit == LINK_IN ? s->opt.receive_timeout : s->opt.send_timeout;
    long rc =
        wait_event_by(hostpoll_sleep, q,
                      is_ready(l, bit | (bit == LINK_IN ? LINK_END : 0)) || READ_ONCE(s->error) ||
                          (bit == LINK_IN && (READ_ONCE(s->shutdown) & SHUT_READ)),
                      deadline);

    return rc ? socket_sleep_error(rc, timeout, deadline) : 0;
}

/* Until step() has nothing more to send (0) or fails. */
static long send_all(struct socket *s, u32 flags, long (*step)(struct host_link *l, void *arg),
                     void *arg)
{
    struct host_link *l = link_of(s);
    u64 deadline = HOST_FOREVER;
    long done = 0, rc = 0;

    if ((s->shutdown & SHUT_WRITE) && !s->error)
        return -EPIPE;
    if (s->state == SS_CONNECTING && (flags & MSG_DONTWAIT) && !hostpoll_drain())
        return -EAGAIN;
    for (;;) {
        u32 before = link_ready(l);

        rc = socket_error(s);
        if (!rc)
            rc = READ_ONCE(l->closed) ? -EPIPE : step(l, arg);
        if (rc > 0) {
            done += rc;
            continue;
        }
        if (rc != -EAGAIN)
            break;
        link_drained(l, before, LINK_OUT);
        if (flags & MSG_DONTWAIT)
            break;
        if (deadline == HOST_FOREVER)
            deadline = socket_deadline(s->opt.send_timeout);
        rc = wait_ready(s, LINK_OUT, deadline);
        if (rc)
            break;
    }
    return done ? done : rc;
}

static long send_data(struct host_link *l, void *data)
{
    struct uio *u = data;

    return u->left ? move(l, u, 0, true) : 0;
}

long host_tcp_send(struct socket *s, struct sockmsg *m)
{
    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    return m->data->left ? send_all(s, m->flags, send_data, m->data) : 0;
}

/* ---- sendfile: from the pages of a file in memory, in place ------------------------------- */

struct pages_to_send {
    struct filemem *mem;
    struct inode *inode;
    u64 *pos;
    size_t left;
};

static long give_host(void *link, const void *mem, size_t n)
{
    struct host_iovec v = {(void *)mem, n};
    struct host_msghdr m = {.iov = &v, .iov_len = 1};

    return host_send(((struct host_link *)link)->poll.handle, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Holes and the end of the file end it. */
static long send_pages(struct host_link *l, void *arg)
{
    struct pages_to_send *p = arg;
    u64 size = READ_ONCE(p->inode->size);
    long rc = 0;

    if (p->left && *p->pos < size)
        rc = filemem_give(p->mem, *p->pos, MIN(p->left, size - *p->pos), give_host, l);
    if (rc > 0) {
        *p->pos += (u64)rc;
        p->left -= (size_t)rc;
    }
    return rc;
}

/* -ENOSYS: by reading and sending, as for any other file. */
long host_tcp_send_file(struct socket *s, struct file *in, u64 *pos, size_t n, u32 flags)
{
    struct pages_to_send p = {inode_filemem(in->inode), in->inode, pos, n};
    long rc;

    if (!p.mem || !pos)
        return -ENOSYS;
    rc = send_all(s, flags, send_pages, &p);
    if (rc > 0)
        file_accessed(in);
    return rc ? rc : -ENOSYS;
}

/* One receive; a short one has emptied the host's buffer. */
static long receive_some(struct socket *s, struct sockmsg *m)
{
    struct host_link *l = link_of(s);
    u32 before = link_ready(l);
    size_t want = m->data->left;
    long rc = socket_error(s);

    if (!rc && !READ_ONCE(l->closed))
        rc = move(l, m->data, m->flags & (MSG_PEEK | MSG_TRUNC), false);
    if (rc == -EAGAIN || (rc > 0 && (size_t)rc < want && !(m->flags & MSG_PEEK)))
        link_drained(l, before, LINK_IN);
    return rc;
}

long host_tcp_receive(struct socket *s, struct sockmsg *m)
{
    size_t want = m->data->left;
    u64 deadline = HOST_FOREVER;
    long target = m->flags & MSG_WAITALL ? (long)want : MIN((long)want, s->opt.receive_low);
    long done = 0, rc = 0;

    WRITE_ONCE(link_of(s)->nonblocking, (m->flags & MSG_DONTWAIT) != 0);
    if (m->flags & MSG_OOB)
        return -EINVAL;
    if (m->flags & MSG_ERRQUEUE)
        return -EAGAIN;
    while (m->data->left) {
        if ((s->shutdown & SHUT_READ) && !s->error)
            break;
        rc = receive_some(s, m);
        if (rc > 0)
            done += rc;
        if (rc == 0 || done >= target || (rc > 0 && (m->flags & MSG_PEEK)))
            break;
        if (rc > 0)
            continue;
        if (rc != -EAGAIN || (m->flags & MSG_DONTWAIT))
            break;
        if (deadline == HOST_FOREVER)
            deadline = socket_deadline(s->opt.receive_timeout);
        rc = wait_ready(s, LINK_IN, deadline);
        if (rc)
            break;
    }
    return done ? done : rc;
}
