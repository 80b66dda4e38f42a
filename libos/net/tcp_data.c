/* TCP inside the sandbox: sending and receiving.
 *
 * A sender puts bytes straight into the queue of its peer; it copies without socket->lock,
 * holding its own send_lock.  A receiver likewise holds its receive_lock, so the front of
 * its queue stays while it copies.
 */
#include <linux/errno.h>
#include <linux/poll.h>

#include "lib.h"
#include "tcp.h"

/* ---- sending --------------------------------------------------------------------------- */

/* Up to what there is room for: the bytes, 0 when full, or -errno. */
static long send_some(struct tcp_sock *t, struct uio *from)
{
    struct tcp_sock *peer = t->peer;
    u8 *to;
    long n = 0;
    size_t got;

    lock(&peer->i.s.lock);
    bool gone = peer->closed;
    if (!gone)
        n = stream_reserve(&peer->in, from->left, tcp_window(t, peer), &to);
    unlock(&peer->i.s.lock);
    if (gone) {
        /* It arrives at nobody, who answers with a reset; the next call sees that. */
        n = (long)from->left;
        uio_advance(from, from->left);
        tcp_break(t);
        return n;
    }
    if (n <= 0)
        return n;
    got = uio_copy_in(to, from, (size_t)n);
    lock(&peer->i.s.lock);
    stream_commit(&peer->in, (u32)got);
    unlock(&peer->i.s.lock);
    if (got)
        waitq_wake_all(&peer->i.s.read_wait, POLLIN | POLLRDNORM);
    return got ? (long)got : -EFAULT;
}

static bool may_send(struct tcp_sock *t)
{
    struct socket *s = &t->i.s;

    if (s->error || (s->shutdown & SHUT_WRITE))
        return true;
    if (s->state == SS_CONNECTING)
        return false;
    __atomic_store_n(&t->nospace, true, __ATOMIC_SEQ_CST);
    return tcp_writable(t);
}

/* Sleeps until there may be room. */
static long wait_room(struct tcp_sock *t, u32 flags, u64 deadline)
{
    struct socket *s = &t->i.s;
    long rc;

    if (flags & MSG_DONTWAIT) {
        __atomic_store_n(&t->nospace, true, __ATOMIC_SEQ_CST);
        return -EAGAIN;
    }
    unlock(&t->send_lock);
    rc = wait_event(&s->write_wait, may_send(t), deadline);
    lock(&t->send_lock);
    return socket_sleep_error(rc, s->opt.send_timeout, deadline);
}

static long send_all(struct tcp_sock *t, struct sockmsg *m, u64 deadline)
{
    struct socket *s = &t->i.s;
    long done = 0, rc = 0;

    while (m->data->left) {
        if (unlikely(s->error || (s->shutdown & SHUT_WRITE))) {
            rc = done ? 0 : socket_error(s);
            rc = rc ? rc : -EPIPE;
            break;
        }
        rc = s->state == SS_CONNECTING ? 0 : send_some(t, m->data);
        if (rc < 0)
            break;
        done += rc;
        rc = rc ? 0 : wait_room(t, m->flags, deadline);
        if (rc)
            break;
    }
    return done ? done : rc;
}

long tcp_send(struct socket *s, struct sockmsg *m)
{
    struct tcp_sock *t = to_tcp(s);
    u64 deadline = socket_deadline(s->opt.send_timeout);
    long rc;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (s->state != SS_CONNECTED && s->state != SS_CONNECTING) {
        rc = socket_error(s);
        return rc ? rc : -EPIPE;
    }
    lock(&t->send_lock);
    rc = send_all(t, m, deadline);
    unlock(&t->send_lock);
    return rc;
}

/* ---- receiving ------------------------------------------------------------------------- */

struct receiving {
    struct tcp_sock *t;
    struct sockmsg *m;
    size_t want; /* bytes still */
    u32 peeked;  /* MSG_PEEK: bytes from the front */
    u64 deadline;
    long done;
};

static void wake_sender(struct tcp_sock *t)
{
    struct tcp_sock *peer = t->peer;

    if (!peer || !__atomic_load_n(&peer->nospace, __ATOMIC_SEQ_CST) || !tcp_writable(peer))
        return;
    if (__atomic_exchange_n(&peer->nospace, false, __ATOMIC_SEQ_CST))
        waitq_wake_all(&peer->i.s.write_wait, POLLOUT | POLLWRNORM);
}

/* Takes what lies in one piece: the bytes, 0 when there are none, or -EFAULT. */
static long take_some(struct receiving *r)
{
    struct socket *s = &r->t->i.s;
    u8 *from;
    size_t n, got;

    lock(&s->lock);
    n = stream_peek(&r->t->in, r->peeked, &from);
    unlock(&s->lock);
    n = MIN(n, r->want);
    if (!n)
        return 0;
    got = r->m->flags & MSG_TRUNC ? n : uio_copy_out(r->m->data, from, n);
    if (r->m->flags & MSG_PEEK) {
        r->peeked += (u32)got;
    } else {
        lock(&s->lock);
        stream_consume(&r->t->in, (u32)got);
        unlock(&s->lock);
        wake_sender(r->t);
    }
    r->want -= got;
    return got ? (long)got : -EFAULT;
}

static bool state_ended(struct tcp_sock *t)
{
    const struct socket *s = &t->i.s;
    bool over = s->error || (s->shutdown & SHUT_READ) || s->state == SS_FREE;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return over;
}

/* Nothing will come: 1 (the end), or -errno; else 0. */
static long ended(struct tcp_sock *t)
{
    struct socket *s = &t->i.s;
    long rc;

    if (t->fin)
        return 1;
    rc = socket_error(s);
    if (rc)
        return rc;
    if (s->shutdown & SHUT_READ)
        return 1;
    return s->state == SS_FREE ? -ENOTCONN : 0;
}

static bool readable(struct receiving *r)
{
    return state_ended(r->t) || READ_ONCE(r->t->in.bytes) > r->peeked;
}

static long wait_data(struct receiving *r)
{
    struct socket *s = &r->t->i.s;
    long rc;

    if (r->m->flags & MSG_DONTWAIT)
        return -EAGAIN;
    unlock(&r->t->receive_lock);
    rc = wait_event(&s->read_wait, readable(r), r->deadline);
    lock(&r->t->receive_lock);
    if (!(r->m->flags & MSG_PEEK))
        r->peeked = 0;
    return socket_sleep_error(rc, s->opt.receive_timeout, r->deadline);
}

static long receive_all(struct receiving *r)
{
    struct tcp_sock *t = r->t;
    long target =
        (long)(r->m->flags & MSG_WAITALL ? r->want : MIN(r->want, (size_t)t->i.s.opt.receive_low));
    long rc = 0;

    if (!r->want && !READ_ONCE(t->in.bytes)) { /* waits for something all the same */
        rc = state_ended(t) ? ended(t) : wait_data(r);
        return rc == 1 ? 0 : rc;
    }
    while (r->want) {
        rc = take_some(r);
        if (rc < 0)
            break;
        r->done += rc;
        if (rc)
            continue;
        if (r->done >= target)
            break;
        bool over = state_ended(t);
        if (READ_ONCE(t->in.bytes) > r->peeked)
            continue; /* came before the end */
        rc = over ? r->done ? 1 : ended(t) : wait_data(r);
        if (rc)
            break;
    }
    return r->done ? r->done : rc == 1 ? 0 : rc;
}

long tcp_receive(struct socket *s, struct sockmsg *m)
{
    struct receiving r = {.t = to_tcp(s), .m = m, .want = m->data->left};
    long rc;

    r.deadline = socket_deadline(s->opt.receive_timeout);
    if (m->flags & MSG_OOB)
        return -EINVAL;
    if (m->flags & MSG_ERRQUEUE)
        return -EAGAIN;
    if (s->state == SS_LISTENING)
        return -ENOTCONN;
    lock(&r.t->receive_lock);
    rc = receive_all(&r);
    unlock(&r.t->receive_lock);
    return rc;
}
