/* TCP inside the sandbox: life and end of a socket.
 *
 * A connection is two sockets that point at each other.  There are no segments: what one
 * sends is put straight into the other's queue (`in`), so acknowledgement, retransmission and
 * TIME_WAIT have nothing to do; a peer's FIN and RST are changes of its partner's state.
 *
 * Lifetime: a file holds its socket, a listener's backlog the connections not accepted.
 * Each end holds a reference on the other until both are closed (whoever closes second drops
 * both), so a sender may use t->peer without a lock or a count.
 *
 * Locks: send_lock and receive_lock, then socket->lock (two: lower address first); the port
 * table's before socket->lock.  Nothing sleeps under socket->lock.
 */
#include "tcp.h"

#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/poll.h>
#include <linux/sockios.h>

#include "lib.h"
#include "udp.h"
#include "usercopy.h"

struct inet_sock *tcp_new(u16 family)
{
    struct tcp_sock *t = kzalloc(sizeof(*t));

    if (!t)
        return NULL;
    inet_init(&t->i, family, SOCK_STREAM, &tcp_ops);
    t->i.s.opt.sndbuf = TCP_SNDBUF_DEFAULT;
    t->i.s.opt.rcvbuf = TCP_RCVBUF_DEFAULT;
    list_init(&t->backlog);
    list_init(&t->connecting);
    list_init(&t->connect_link);
    t->born = now_mono();
    return &t->i;
}

void tcp_lock_two(struct tcp_sock *a, struct tcp_sock *b)
{
    lock(a < b ? &a->i.s.lock : &b->i.s.lock);
    if (a != b)
        lock(a < b ? &b->i.s.lock : &a->i.s.lock);
}

void tcp_unlock_two(struct tcp_sock *a, struct tcp_sock *b)
{
    unlock(&a->i.s.lock);
    if (a != b)
        unlock(&b->i.s.lock);
}

void tcp_wake(struct tcp_sock *t)
{
    waitq_wake_all(&t->i.s.read_wait, 0);
    waitq_wake_all(&t->i.s.write_wait, 0);
}

/* ---- the end ------------------------------------------------------------------------- */

/* Under t's lock. */
static void break_locked(struct tcp_sock *t)
{
    if (t->closed || t->i.s.shutdown == SHUT_BOTH)
        return;
    t->i.s.error = t->fin ? EPIPE : ECONNRESET;
    t->i.s.shutdown = SHUT_BOTH;
    t->i.broken = true;
}

void tcp_break(struct tcp_sock *t)
{
    lock(&t->i.s.lock);
    break_locked(t);
    unlock(&t->i.s.lock);
    tcp_wake(t);
}

/* Tells the other end; true if that was closed already, so that this is the end of both. */
static bool leave(struct tcp_sock *t, struct tcp_sock *peer, bool reset)
{
    bool last;

    tcp_lock_two(t, peer);
    t->closed = true;
    t->i.s.shutdown = SHUT_BOTH;
    reset |= t->in.bytes > 0;
    stream_purge(&t->in);
    last = peer->closed;
    if (reset) {
        break_locked(peer);
    } else {
        peer->fin = true;
        peer->i.s.shutdown |= SHUT_READ;
    }
    if (last)
        t->peer = peer->peer = NULL;
    tcp_unlock_two(t, peer);
    return last;
}

void tcp_close(struct tcp_sock *t, bool reset)
{
    struct tcp_sock *peer = t->peer;

    inet_release_common(&t->i);
    if (!peer) {
        lock(&t->i.s.lock);
        t->closed = true;
        t->i.s.shutdown = SHUT_BOTH;
        unlock(&t->i.s.lock);
        return;
    }
    if (leave(t, peer, reset)) {
        tcp_put(peer);
        tcp_put(t);
    } else {
        tcp_wake(peer);
    }
}

static void tcp_release(struct socket *s)
{
    struct tcp_sock *t = to_tcp(s);

    tcp_unlisten(t);
    tcp_connect_cancel(t);
    tcp_close(t, s->opt.linger_on && s->opt.linger_seconds == 0);
}

static void tcp_destroy(struct socket *s)
{
    stream_purge(&to_tcp(s)->in);
    inet_free(to_inet(s));
}

static long tcp_shutdown(struct socket *s, u32 how)
{
    struct tcp_sock *t = to_tcp(s), *peer = t->peer;

    if (s->state == SS_LISTENING) {
        if (how & SHUT_READ)
            tcp_unlisten(t);
        return 0;
    }
    if (s->state != SS_CONNECTED || !peer)
        return -ENOTCONN;
    tcp_lock_two(t, peer);
    bool broken = s->shutdown == SHUT_BOTH && !t->fin;
    bool ends = (how & SHUT_WRITE) && !(s->shutdown & SHUT_WRITE);
    s->shutdown |= how;
    if (ends && !peer->closed) {
        peer->fin = true;
        peer->i.s.shutdown |= SHUT_READ;
    }
    tcp_unlock_two(t, peer);
    tcp_wake(t);
    if (ends)
        tcp_wake(peer);
    return broken && s->error ? -ENOTCONN : 0;
}

/* ---- the rest ---------------------------------------------------------------------------- */

u32 tcp_window(const struct tcp_sock *from, const struct tcp_sock *to)
{
    u32 snd = from->i.s.opt.sndbuf, rcv = to->i.s.opt.rcvbuf;

    return (snd == TCP_SNDBUF_DEFAULT ? TCP_AUTO_BUFFER : snd) +
           (rcv == TCP_RCVBUF_DEFAULT ? TCP_AUTO_BUFFER : rcv);
}

/* A sender is woken when a third of the window is free, not for every byte. */
bool tcp_writable(const struct tcp_sock *t)
{
    const struct tcp_sock *peer = t->peer;
    u32 window;

    if (!peer || READ_ONCE(peer->closed))
        return true;
    window = tcp_window(t, peer);
    return READ_ONCE(peer->in.bytes) <= window - window / 3;
}

static u32 readable_from(const struct tcp_sock *t)
{
    s32 low = t->i.s.opt.receive_low;

    return MAX(1u, MIN((u32)low, TCP_AUTO_BUFFER / 2));
}

static u32 writable_mask(struct tcp_sock *t)
{
    u32 out = POLLOUT | POLLWRNORM;

    if ((t->i.s.shutdown & SHUT_WRITE) || tcp_writable(t))
        return out;
    __atomic_store_n(&t->nospace, true, __ATOMIC_SEQ_CST);
    return tcp_writable(t) ? out : 0;
}

static u32 tcp_poll(struct socket *s, struct poll_table *pt)
{
    struct tcp_sock *t = to_tcp(s);
    u32 mask = 0;

    poll_wait(pt, &s->read_wait);
    poll_wait(pt, &s->write_wait);
    lock(&s->lock);
    if (s->state == SS_LISTENING) {
        mask = list_empty(&t->backlog) ? 0 : POLLIN | POLLRDNORM;
        unlock(&s->lock);
        return mask;
    }
    if (s->error)
        mask |= POLLERR;
    if (s->shutdown == SHUT_BOTH || s->state == SS_FREE)
        mask |= POLLHUP;
    if (s->shutdown & SHUT_READ)
        mask |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (t->urgent & URGENT_READY)
        mask |= POLLPRI;
    if (t->in.bytes >= readable_from(t) + tcp_urgent_hole(t, 0))
        mask |= POLLIN | POLLRDNORM;
    if (s->state != SS_CONNECTING)
        mask |= writable_mask(t);
    unlock(&s->lock);
    return mask;
}

/* Bytes that the receiver's buffer has no room for count as not acknowledged. */
static s32 unacknowledged(struct tcp_sock *t)
{
    u32 rcv, bytes;

    if (!t->peer)
        return 0;
    rcv = t->peer->i.s.opt.rcvbuf;
    rcv = rcv == TCP_RCVBUF_DEFAULT ? TCP_AUTO_BUFFER : rcv;
    bytes = READ_ONCE(t->peer->in.bytes);
    return bytes > rcv ? (s32)(bytes - rcv) : 0;
}

void inet_queues(struct inet_sock *i, u32 *in, u32 *out)
{
    struct tcp_sock *t = to_tcp(&i->s);

    *in = *out = 0;
    if (i->s.ops == &tcp_ops && i->s.state == SS_LISTENING) {
        *in = t->waiting;
        *out = t->max_backlog;
    } else if (i->s.ops == &tcp_ops) {
        lock(&i->s.lock);
        *in = t->in.bytes;
        *out = (u32)unacknowledged(t);
        unlock(&i->s.lock);
    } else if (i->s.type == SOCK_DGRAM) {
        *in = to_udp(&i->s)->queued;
    }
}

static long tcp_ioctl(struct socket *s, u32 cmd, uptr arg)
{
    struct tcp_sock *t = to_tcp(s);

    switch (cmd) {
    case FIONREAD:
        if (s->state == SS_LISTENING)
            return -EINVAL;
        return put_user(tcp_readable_bytes(t), arg);
    case TIOCOUTQ:
        if (s->state == SS_LISTENING)
            return -EINVAL;
        return put_user(unacknowledged(t), arg);
    case SIOCATMARK:
        return put_user((s32)(READ_ONCE(t->urgent) && t->urgent_at == t->copied), arg);
    default:
        return inet_ioctl(s, cmd, arg);
    }
}

const struct proto_ops tcp_ops = {
    .release = tcp_release,
    .destroy = tcp_destroy,
    .bind = inet_bind,
    .connect = tcp_connect,
    .listen = tcp_listen,
    .accept = tcp_accept,
    .name = inet_name,
    .send = tcp_send,
    .receive = tcp_receive,
    .send_file = tcp_send_file,
    .shutdown = tcp_shutdown,
    .poll = tcp_poll,
    .ioctl = tcp_ioctl,
    .set_option = inet_option_set,
    .get_option = inet_option_get,
};
