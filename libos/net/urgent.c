/* TCP's urgent data (MSG_OOB), as Linux has it: one byte of the stream is marked.
 *
 * It counts as the latest mark says; reads stop before it and, unless SO_OOBINLINE is set,
 * go on behind it.  MSG_OOB fetches it once.  When the stream has been read beyond it, it is
 * forgotten.
 *
 * Locking: the receiver's socket->lock.
 */
#include <linux/errno.h>
#include <linux/poll.h>
#include <linux/sockios.h>

#include "lib.h"
#include "tcp.h"
#include "usercopy.h"

#define SO_OOBINLINE_ 10

static bool is_inline(const struct tcp_sock *t) { return sockopt_on(&t->i.s, SO_OOBINLINE_); }

/* Whoever stands before the old mark is taken beyond it: that byte had its chance. */
void tcp_urgent_mark(struct tcp_sock *t, u8 byte)
{
    if (t->urgent && t->urgent_at == t->copied && !is_inline(t) && t->in.bytes > 1) {
        stream_consume(&t->in, 1);
        t->copied++;
    }
    t->urgent_at = t->copied + t->in.bytes - 1;
    t->urgent = URGENT_READY | byte;
}

void tcp_urgent_tell(struct tcp_sock *t)
{
    struct file_owner owner = {0};

    lock(&t->i.s.lock);
    if (t->i.s.file)
        owner = t->i.s.file->owner;
    unlock(&t->i.s.lock);
    waitq_wake_all(&t->i.s.read_wait, POLLPRI);
    file_owner_urgent(&owner);
}

long tcp_urgent_receive(struct tcp_sock *t, struct sockmsg *m)
{
    struct socket *s = &t->i.s;
    long rc = 0;
    u8 byte;

    lock(&s->lock);
    byte = (u8)t->urgent;
    if (is_inline(t) || !t->urgent || t->urgent == URGENT_READ)
        rc = -EINVAL;
    else if (!(m->flags & MSG_PEEK))
        t->urgent = URGENT_READ;
    unlock(&s->lock);
    if (rc)
        return rc;
    m->out_flags |= MSG_OOB;
    if (!m->data->left) {
        m->out_flags |= MSG_TRUNC;
        return 0;
    }
    return uio_copy_out(m->data, &byte, 1) == 1 ? 1 : -EFAULT;
}

u32 tcp_urgent_limit(const struct tcp_sock *t, u32 at, u32 n)
{
    u64 from = t->copied + at;

    if (!t->urgent || t->urgent_at < from || t->urgent_at - from >= n)
        return n;
    return (u32)(t->urgent_at - from);
}

bool tcp_urgent_hole(const struct tcp_sock *t, u32 at)
{
    return t->urgent && t->urgent_at == t->copied + at && !is_inline(t);
}

void tcp_urgent_passed(struct tcp_sock *t)
{
    if (t->urgent && t->copied > t->urgent_at)
        t->urgent = 0;
}

s32 tcp_readable_bytes(struct tcp_sock *t)
{
    s32 n;

    lock(&t->i.s.lock);
    n = (s32)t->in.bytes;
    if (t->urgent && !is_inline(t) && t->urgent_at >= t->copied)
        n = (s32)(t->urgent_at - t->copied);
    unlock(&t->i.s.lock);
    return n;
}
