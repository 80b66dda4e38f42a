/* AF_UNIX datagrams and sequenced packets: whole messages. */
#include <linux/errno.h>
#include <linux/poll.h>

#include "lib.h"
#include "unix.h"

struct waitq unix_dgram_room = {
    .waiters = LIST_INIT(unix_dgram_room.waiters),
};

/* Linux lets a receiver hold a few messages of strangers; between two that are each other's
 * peers only the sender's buffer counts. */
static bool full_locked(const struct unix_sock *to, const struct unix_sock *from)
{
    return to != from && to->peer != from && to->queued > to->max_backlog &&
           to->s.type == SOCK_DGRAM;
}

bool unix_queue_full(struct unix_sock *to, struct unix_sock *from)
{
    bool full;

    lock(&to->s.lock);
    full = !to->dead && full_locked(to, from);
    unlock(&to->s.lock);
    return full;
}

/* ---- sending ------------------------------------------------------------------------- */

static struct unix_sock *destination(struct unix_sock *u, const struct sockmsg *m)
{
    struct unix_sock *to;

    if (u->s.type == SOCK_SEQPACKET && u->s.state != SS_CONNECTED)
        return ERR_PTR(-ENOTCONN);
    if (m->name_len && u->s.type == SOCK_DGRAM)
        return unix_find(m->name, m->name_len, SOCK_DGRAM);
    to = unix_peer(u);
    return to ? to : ERR_PTR(-ENOTCONN);
}

/* The peer is gone for good: this socket is unconnected again. */
static void forget_peer(struct unix_sock *u, struct unix_sock *to)
{
    bool was;

    lock(&u->s.lock);
    was = u->peer == to && u->s.type == SOCK_DGRAM;
    if (was) {
        u->peer = NULL;
        u->s.state = SS_FREE;
    }
    unlock(&u->s.lock);
    if (was)
        unix_put(to);
}

/* Queues msg at `to`: 0, 1 when its queue is full, or -errno. */
static long hand_over(struct unix_sock *u, struct unix_sock *to, struct unix_msg *msg)
{
    long rc = 0;

    lock(&to->s.lock);
    if (to->dead)
        rc = u->s.type == SOCK_SEQPACKET ? -EPIPE : -ECONNREFUSED;
    else if (u->s.type == SOCK_DGRAM && to->peer && to->peer != u)
        rc = -EPERM;
    else if (to->s.shutdown & SHUT_READ)
        rc = -EPIPE;
    else if (full_locked(to, u))
        rc = 1;
    else
        unix_enqueue(to, msg);
    unlock(&to->s.lock);
    if (rc == 0)
        waitq_wake_all(&to->s.read_wait, POLLIN | POLLRDNORM | POLLRDBAND);
    return rc;
}

static long send_to(struct unix_sock *u, struct unix_sock *to, struct sockmsg *m,
                    struct unix_extra *x)
{
    u64 timeout = u->s.opt.send_timeout, deadline = socket_deadline(timeout);
    size_t len = m->data->left;
    struct unix_msg *msg;
    long rc;

    if (len > u->s.opt.sndbuf - 32)
        return -EMSGSIZE;
    rc = unix_wait_room(u, m->flags, deadline);
    if (rc)
        return rc;
    msg = unix_msg_new(u, len, m->data);
    if (IS_ERR(msg))
        return PTR_ERR(msg);
    msg->extra = *x;
    x->files = NULL;
    x->nfiles = 0;
    for (;;) {
        rc = hand_over(u, to, msg);
        if (rc != 1)
            break;
        rc = m->flags & MSG_DONTWAIT
                 ? -EAGAIN
                 : wait_event(&unix_dgram_room, !unix_queue_full(to, u), deadline);
        if (rc)
            break;
    }
    if (rc == -ECONNREFUSED)
        forget_peer(u, to);
    if (rc)
        unix_msg_free(msg);
    return rc ? socket_sleep_error(rc, timeout, deadline) : (long)len;
}

long unix_dgram_send(struct socket *s, struct sockmsg *m)
{
    struct unix_sock *u = to_unix(s), *to;
    struct unix_extra x;
    long rc;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    rc = unix_scm_send(m, &x);
    if (rc)
        return rc;
    to = destination(u, m);
    if (IS_ERR(to)) {
        rc = PTR_ERR(to);
    } else {
        rc = send_to(u, to, m, &x);
        unix_put(to);
    }
    unix_extra_drop(&x);
    return rc;
}

/* ---- receiving ------------------------------------------------------------------------- */

static bool readable(struct unix_sock *u)
{
    bool yes;

    lock(&u->s.lock);
    yes = !list_empty(&u->queue) || u->s.error || (u->s.shutdown & SHUT_READ);
    unlock(&u->s.lock);
    return yes;
}

/* The oldest message, taken off the queue or (peek) only looked at; NULL at the end. */
static struct unix_msg *first_message(struct unix_sock *u, bool peek)
{
    struct unix_msg *msg;
    bool was_full;

    lock(&u->s.lock);
    was_full = u->queued > u->max_backlog;
    msg = list_first(&u->queue, struct unix_msg, link);
    if (msg && !peek)
        unix_dequeue(u, msg);
    unlock(&u->s.lock);
    if (was_full && !peek)
        waitq_wake_all(&unix_dgram_room, POLLOUT | POLLWRNORM);
    return msg;
}

/* Under receive_lock. */
static struct unix_msg *wait_message(struct unix_sock *u, u32 flags)
{
    struct socket *s = &u->s;
    u64 timeout = s->opt.receive_timeout, deadline = socket_deadline(timeout);

    for (;;) {
        struct unix_msg *msg = first_message(u, flags & MSG_PEEK);
        long rc;

        if (msg)
            return msg;
        rc = socket_error(s);
        if (rc)
            return ERR_PTR(rc);
        if (s->shutdown & SHUT_READ)
            return NULL;
        if (flags & MSG_DONTWAIT)
            return ERR_PTR(-EAGAIN);
        unlock(&u->receive_lock);
        rc = wait_event(&s->read_wait, readable(u), deadline);
        lock(&u->receive_lock);
        if (rc)
            return ERR_PTR(socket_sleep_error(rc, timeout, deadline));
    }
}

static long copy_message(struct unix_sock *u, struct sockmsg *m, struct unix_msg *msg)
{
    size_t n = MIN(m->data->left, msg->len);

    if (uio_copy_out(m->data, msg->data, n) < n)
        return -EFAULT;
    if (n < msg->len)
        m->out_flags |= MSG_TRUNC;
    if (m->name)
        unix_sender_name(msg, m);
    unix_scm_receive(u, m, &msg->extra);
    return m->flags & MSG_TRUNC ? (long)msg->len : (long)n;
}

long unix_dgram_receive(struct socket *s, struct sockmsg *m)
{
    struct unix_sock *u = to_unix(s);
    struct unix_msg *msg;
    long rc;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (s->type == SOCK_SEQPACKET && s->state != SS_CONNECTED)
        return -ENOTCONN;
    lock(&u->receive_lock);
    msg = wait_message(u, m->flags);
    if (IS_ERR(msg))
        rc = PTR_ERR(msg);
    else
        rc = msg ? copy_message(u, m, msg) : 0;
    unlock(&u->receive_lock);
    if (!IS_ERR(msg) && msg && !(m->flags & MSG_PEEK))
        unix_msg_free(msg);
    return rc;
}
