/* AF_UNIX streams: bytes, in messages that a reader doesn't see but where descriptors or
 * another sender's credentials come along.
 *
 * receive_lock keeps readers apart: the head of the queue stays while its bytes are
 * copied out without socket->lock.
 */
#include <linux/errno.h>
#include <linux/poll.h>

#include "lib.h"
#include "piece.h"
#include "unix.h"

#define PIECE (PIECE_SIZE - 320) /* what is charged for it is a power of two */

/* One message to the peer; the bytes or -errno.  Takes over *x. */
static long send_piece(struct unix_sock *u, struct unix_sock *peer, struct uio *from, size_t n,
                       struct unix_extra *x)
{
    struct unix_msg *msg = unix_msg_new(u, n, from);
    bool gone;

    if (IS_ERR(msg))
        return PTR_ERR(msg);
    msg->extra = *x;
    x->files = NULL;
    x->nfiles = 0;
    lock(&peer->s.lock);
    gone = peer->dead || (peer->s.shutdown & SHUT_READ);
    if (!gone)
        unix_enqueue(peer, msg);
    unlock(&peer->s.lock);
    if (gone) {
        unix_msg_free(msg);
        return -EPIPE;
    }
    waitq_wake_all(&peer->s.read_wait, POLLIN | POLLRDNORM | POLLRDBAND);
    return (long)n;
}

static long send_all(struct unix_sock *u, struct unix_sock *peer, struct sockmsg *m,
                     struct unix_extra *x)
{
    u64 deadline = socket_deadline(u->s.opt.send_timeout);
    long done = 0, rc = 0;

    if (u->s.shutdown & SHUT_WRITE)
        return -EPIPE;
    while (m->data->left) {
        size_t n = MIN(m->data->left, MIN(PIECE, (size_t)u->s.opt.sndbuf / 2 - 64));

        rc = unix_wait_room(u, m->flags, deadline);
        if (!rc)
            rc = send_piece(u, peer, m->data, n, x);
        if (rc < 0)
            break;
        done += rc;
    }
    return done ? done : rc;
}

long unix_stream_send(struct socket *s, struct sockmsg *m)
{
    struct unix_sock *u = to_unix(s), *peer;
    struct unix_extra x;
    long rc;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (m->name_len)
        return s->state == SS_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    peer = unix_peer(u);
    if (!peer)
        return s->shutdown & SHUT_WRITE ? -EPIPE : -ENOTCONN;
    rc = unix_scm_send(m, &x);
    if (!rc) {
        rc = send_all(u, peer, m, &x);
        unix_extra_drop(&x);
    }
    unix_put(peer);
    return rc;
}

/* ---- receiving --------------------------------------------------------------------- */

struct receiving {
    struct unix_sock *u;
    struct sockmsg *m;
    struct unix_extra got; /* of the first message, and files */
    bool first_seen, stop;
    u64 deadline;
    long done;
};

/* The message to go on with: the oldest, or when peeking the one after `last`. */
static struct unix_msg *next_message(struct receiving *r, struct unix_msg *last)
{
    struct unix_sock *u = r->u;
    struct unix_msg *msg = NULL;

    lock(&u->s.lock);
    if (!last)
        msg = list_first(&u->queue, struct unix_msg, link);
    else if (last->link.next != &u->queue)
        msg = list_entry(last->link.next, struct unix_msg, link);
    unlock(&u->s.lock);
    return msg;
}

/* May bytes of msg follow what was received already? */
static bool belongs(struct receiving *r, struct unix_msg *msg)
{
    if (!r->first_seen) {
        r->got.cred = msg->extra.cred;
        r->first_seen = true;
        if (r->m->name)
            unix_sender_name(msg, r->m);
        return true;
    }
    return !sockopt_on(&r->u->s, 16 /* SO_PASSCRED */) || unix_same_sender(&r->got, &msg->extra);
}

static void take_files(struct receiving *r, struct unix_msg *msg, bool peek)
{
    struct unix_extra *x = &msg->extra;

    if (!x->nfiles)
        return;
    r->stop = true;
    if (!peek) {
        r->got.files = x->files;
        r->got.nfiles = x->nfiles;
        x->files = NULL;
        x->nfiles = 0;
        return;
    }
    r->got.files = kmalloc(x->nfiles * sizeof(*x->files));
    if (!r->got.files)
        return;
    for (u32 i = 0; i < x->nfiles; i++)
        r->got.files[i] = file_get(x->files[i]);
    r->got.nfiles = x->nfiles;
}

/* Copies from msg; -EFAULT or 0. */
static long receive_from(struct receiving *r, struct unix_msg *msg, bool peek)
{
    struct unix_sock *u = r->u;
    size_t n = MIN(r->m->data->left, msg->len - msg->used);
    bool empty;

    if (uio_copy_out(r->m->data, msg->data + msg->used, n) < n)
        return -EFAULT;
    r->done += (long)n;
    take_files(r, msg, peek);
    if (peek)
        return 0;
    lock(&u->s.lock);
    u->bytes -= (u32)n;
    msg->used += (u32)n;
    empty = msg->used == msg->len;
    if (empty)
        unix_dequeue(u, msg);
    unlock(&u->s.lock);
    if (empty)
        unix_msg_free(msg);
    return 0;
}

static bool readable(struct unix_sock *u)
{
    bool yes;

    lock(&u->s.lock);
    yes = !list_empty(&u->queue) || u->s.error || (u->s.shutdown & SHUT_READ);
    unlock(&u->s.lock);
    return yes;
}

/* Nothing queued: 0 to look again, 1 at the end of the stream, or -errno. */
static long wait_data(struct receiving *r)
{
    struct socket *s = &r->u->s;
    u64 timeout = s->opt.receive_timeout;
    long rc = socket_error(s);

    if (rc)
        return rc;
    if (s->shutdown & SHUT_READ)
        return 1;
    if (r->m->flags & MSG_DONTWAIT)
        return -EAGAIN;
    unlock(&r->u->receive_lock);
    rc = wait_event(&s->read_wait, readable(r->u), r->deadline);
    lock(&r->u->receive_lock);
    return rc ? socket_sleep_error(rc, timeout, r->deadline) : 0;
}

static long receive_all(struct receiving *r)
{
    bool peek = r->m->flags & MSG_PEEK;
    size_t want = r->m->data->left;
    long target =
        (long)(r->m->flags & MSG_WAITALL ? want : MIN(want, (size_t)r->u->s.opt.receive_low));
    struct unix_msg *last = NULL;
    long rc = 0;

    target = MAX(target, 1L); /* who wants nothing waits all the same */
    do {
        struct unix_msg *msg = next_message(r, last);

        if (!msg) {
            if (r->done >= target || (peek && r->done))
                break;
            rc = wait_data(r);
            if (rc)
                break;
            continue;
        }
        if (!belongs(r, msg))
            break;
        rc = receive_from(r, msg, peek);
        if (rc)
            break;
        last = peek ? msg : NULL;
    } while (r->m->data->left && !r->stop);
    return r->done ? r->done : rc == 1 ? 0 : rc;
}

long unix_stream_receive(struct socket *s, struct sockmsg *m)
{
    struct receiving r = {.u = to_unix(s), .m = m};
    long rc;

    if (m->flags & MSG_OOB)
        return -EINVAL;
    if (s->state != SS_CONNECTED)
        return -EINVAL;
    r.deadline = socket_deadline(s->opt.receive_timeout);
    lock(&r.u->receive_lock);
    rc = receive_all(&r);
    unlock(&r.u->receive_lock);
    if (rc >= 0 && r.first_seen)
        unix_scm_receive(r.u, m, &r.got);
    unix_extra_drop(&r.got);
    return rc;
}
