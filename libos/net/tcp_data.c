/* TCP inside the sandbox: sending and receiving.
 *
 * A sender puts bytes straight into the queue of its peer; it copies without socket->lock,
 * holding its own send_lock.  A receiver likewise holds its receive_lock, so the front of
 * its queue stays while it copies.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/poll.h>

#include "lib.h"
#include "tcp.h"

/* ---- sending --------------------------------------------------------------------------- */

/* What is sent: memory or a file. */
struct sending {
    struct uio *from;
    struct file *in;
    u64 *pos;
    size_t left; /* of the file */
    bool urgent; /* the last byte is */
};

static size_t left_of(const struct sending *x) { return x->from ? x->from->left : x->left; }

/* Up to n bytes of it: how many, 0 at the end of the file, or -errno. */
static long fill(struct sending *x, u8 *to, size_t n)
{
    struct uio u;
    struct iov v;
    long rc;

    if (x->from) {
        rc = (long)uio_copy_in(to, x->from, n);
        return rc ? rc : -EFAULT;
    }
    uio_init(&u, &v, (uptr)to, n, true);
    rc = file_read(x->in, &u, x->pos);
    if (rc > 0)
        x->left -= (size_t)rc;
    else
        x->left = 0;
    return rc;
}

/* To nobody: as much as is on its way when the answer comes. */
static long swallow(struct sending *x, u32 sndbuf)
{
    size_t n = MIN(left_of(x), (size_t)(sndbuf == TCP_SNDBUF_DEFAULT ? TCP_AUTO_BUFFER : sndbuf));
    u64 at;

    if (x->from) {
        uio_advance(x->from, n);
        return (long)n;
    }
    at = x->pos ? *x->pos : x->in->pos;
    n = MIN(n, x->in->inode->size > at ? x->in->inode->size - at : 0);
    if (x->pos)
        *x->pos += n;
    else
        x->in->ops->llseek(x->in, (s64)n, SEEK_CUR);
    x->left -= MIN(x->left, n ? n : x->left);
    return (long)n;
}

/* Up to what there is room for: the bytes, 0 when full (or the file ends), or -errno. */
static long send_some(struct tcp_sock *t, struct sending *x)
{
    struct tcp_sock *peer = t->peer;
    u8 *to;
    long n = 0;

    lock(&peer->i.s.lock);
    bool gone = peer->closed;
    if (!gone)
        n = stream_reserve(&peer->in, left_of(x), tcp_window(t, peer), &to);
    unlock(&peer->i.s.lock);
    if (gone) {
        /* It arrives at nobody, who answers with a reset; the next call sees that. */
        tcp_break(t);
        return swallow(x, t->i.s.opt.sndbuf);
    }
    if (n <= 0)
        return n;
    n = fill(x, to, (size_t)n);
    lock(&peer->i.s.lock);
    stream_commit(&peer->in, (u32)MAX(n, 0L));
    if (unlikely(x->urgent) && n > 0 && !left_of(x) && !peer->closed)
        tcp_urgent_mark(peer, to[n - 1]);
    unlock(&peer->i.s.lock);
    if (n > 0)
        waitq_wake_all(&peer->i.s.read_wait, POLLIN | POLLRDNORM);
    return n;
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
        /* An edge-triggered program waits for the wake-up that this asks for. */
        __atomic_store_n(&t->nospace, true, __ATOMIC_SEQ_CST);
        return tcp_writable(t) && s->state != SS_CONNECTING ? 0 : -EAGAIN;
    }
    unlock(&t->send_lock);
    rc = wait_event(&s->write_wait, may_send(t), deadline);
    lock(&t->send_lock);
    return socket_sleep_error(rc, s->opt.send_timeout, deadline);
}

static long send_all(struct tcp_sock *t, struct sending *x, u32 flags, u64 deadline)
{
    struct socket *s = &t->i.s;
    long done = 0, rc = 0;

    while (left_of(x)) {
        if (unlikely(s->error || (s->shutdown & SHUT_WRITE))) {
            rc = done ? 0 : socket_error(s);
            rc = rc ? rc : -EPIPE;
            break;
        }
        rc = s->state == SS_CONNECTING ? 0 : send_some(t, x);
        if (rc < 0 || !left_of(x))
            break;
        done += rc;
        rc = rc ? 0 : wait_room(t, flags, deadline);
        if (rc)
            break;
    }
    done += MAX(rc, 0L);
    return done ? done : rc;
}

static long send_it(struct socket *s, struct sending *x, u32 flags)
{
    struct tcp_sock *t = to_tcp(s);
    u64 deadline = socket_deadline(s->opt.send_timeout);
    long rc;

    if (s->state != SS_CONNECTED && s->state != SS_CONNECTING) {
        rc = socket_error(s);
        return rc ? rc : -EPIPE;
    }
    lock(&t->send_lock);
    rc = send_all(t, x, flags, deadline);
    unlock(&t->send_lock);
    return rc;
}

long tcp_send(struct socket *s, struct sockmsg *m)
{
    struct sending x = {.from = m->data, .urgent = m->flags & MSG_OOB};
    struct tcp_sock *t = to_tcp(s);
    long rc = send_it(s, &x, m->flags);

    if (unlikely(x.urgent) && rc > 0 && !m->data->left && t->peer)
        tcp_urgent_tell(t->peer);
    return rc;
}

long tcp_send_file(struct socket *s, struct file *in, u64 *pos, size_t n, u32 flags)
{
    struct sending x = {.in = in, .pos = pos, .left = n};

    return send_it(s, &x, flags);
}

/* ---- receiving ------------------------------------------------------------------------- */

struct receiving {
    struct tcp_sock *t;
    struct sockmsg *m;
    size_t want; /* bytes still */
    u32 peeked;  /* MSG_PEEK: bytes from the front */
    u64 deadline;
    long done;
    bool at_mark; /* urgent data: a read ends there */
};

static void wake_sender(struct tcp_sock *t)
{
    struct tcp_sock *peer = t->peer;

    if (!peer || !__atomic_load_n(&peer->nospace, __ATOMIC_SEQ_CST) || !tcp_writable(peer))
        return;
    if (__atomic_exchange_n(&peer->nospace, false, __ATOMIC_SEQ_CST))
        waitq_wake_all(&peer->i.s.write_wait, POLLOUT | POLLWRNORM);
}

/* Under socket->lock. */
static void consume(struct tcp_sock *t, u32 n)
{
    stream_consume(&t->in, n);
    t->copied += n;
    tcp_urgent_passed(t);
}

/* How many of the n bytes at *from may be taken; under socket->lock.  A read that begins at
 * the urgent byte leaves it out, one that comes there ends. */
static u32 before_mark(struct receiving *r, u8 **from, u32 n)
{
    struct tcp_sock *t = r->t;
    u32 limit = tcp_urgent_limit(t, r->peeked, n);

    if (limit)
        return limit;
    r->at_mark = r->done > 0;
    if (r->at_mark)
        return 0;
    if (!tcp_urgent_hole(t, r->peeked))
        return n;
    if (r->m->flags & MSG_PEEK)
        r->peeked++;
    else
        consume(t, 1);
    return stream_peek(&t->in, r->peeked, from);
}

/* Takes what lies in one piece: the bytes, 0 when there are none, or -EFAULT. */
static long take_some(struct receiving *r)
{
    struct socket *s = &r->t->i.s;
    u8 *from;
    size_t n, got;

    lock(&s->lock);
    n = stream_peek(&r->t->in, r->peeked, &from);
    if (unlikely(r->t->urgent) && n)
        n = before_mark(r, &from, (u32)n);
    unlock(&s->lock);
    n = MIN(n, r->want);
    if (!n)
        return 0;
    got = r->m->flags & MSG_TRUNC ? n : uio_copy_out(r->m->data, from, n);
    if (r->m->flags & MSG_PEEK) {
        r->peeked += (u32)got;
    } else {
        lock(&s->lock);
        consume(r->t, (u32)got);
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

/* Who wants no bytes waits for some all the same; but whatever ends that, no error does. */
static long wait_for_nothing(struct receiving *r)
{
    long rc = state_ended(r->t) ? ended(r->t) : wait_data(r);

    if (rc == 1)
        return 0;
    if (rc && !(r->m->flags & MSG_DONTWAIT) && (rc == -EAGAIN || signal_pending()))
        return 0;
    return rc;
}

static long receive_all(struct receiving *r)
{
    struct tcp_sock *t = r->t;
    long target =
        (long)(r->m->flags & MSG_WAITALL ? r->want : MIN(r->want, (size_t)t->i.s.opt.receive_low));
    long rc = 0;

    if (!r->want && !READ_ONCE(t->in.bytes))
        return wait_for_nothing(r);
    while (r->want) {
        rc = take_some(r);
        if (rc < 0)
            break;
        r->done += rc;
        if (rc)
            continue;
        if (r->done >= target || r->at_mark)
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
    if (m->flags & MSG_ERRQUEUE)
        return -EAGAIN;
    if (s->state == SS_LISTENING)
        return -ENOTCONN;
    if (m->flags & MSG_OOB)
        return tcp_urgent_receive(r.t, m);
    lock(&r.t->receive_lock);
    rc = receive_all(&r);
    unlock(&r.t->receive_lock);
    return rc;
}
