/* AF_UNIX: life and connections.
 *
 * A connection is two sockets that point at each other (`peer`, a reference each).  Data
 * is queued at the receiver as messages, each charged to its sender until it is read;
 * so POLLOUT and blocking depend on the sender's own buffer size, as in Linux.  A
 * listener's backlog holds the server sides of connections not yet accepted; they are
 * connected already and can receive.
 *
 * Lifetime: a file holds its socket, a peer pointer and a message in flight hold one
 * reference each.  Release marks the socket dead, tells the peer and drops the queue;
 * names are taken away first, so that a look-up never finds a dead one.
 * Sockets that hold each other only through SCM_RIGHTS in their own queues are not
 * collected.
 *
 * Locks: receive_lock or the lock of names, then socket->lock (two: lower address first);
 * queue locks inside.  Nothing sleeps under socket->lock.
 */
#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/poll.h>
#include <linux/sockios.h>

#include "../net/inet.h"
#include "ipc.h"
#include "lib.h"
#include "unix.h"
#include "usercopy.h"

static const struct proto_ops unix_stream_ops, unix_dgram_ops;

/* Room for new connections even with backlog 0, as Linux counts. */
static bool backlog_full(const struct unix_sock *u) { return u->waiting > u->max_backlog; }

struct unix_sock *unix_new(u16 type)
{
    struct unix_sock *u = kzalloc(sizeof(*u));

    if (!u)
        return NULL;
    socket_init(&u->s, AF_UNIX, type, 0, type == SOCK_STREAM ? &unix_stream_ops : &unix_dgram_ops);
    list_init(&u->queue);
    list_init(&u->backlog);
    list_init(&u->pending);
    lock_init(&u->receive_lock);
    u->max_backlog = 10; /* net.unix.max_dgram_qlen */
    unix_list_add(u);
    return u;
}

struct socket *unix_create(u16 type, int protocol)
{
    struct unix_sock *u;

    if (protocol && protocol != AF_UNIX)
        return ERR_PTR(-EPROTONOSUPPORT);
    if (type == SOCK_RAW)
        type = SOCK_DGRAM;
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
        return ERR_PTR(-ESOCKTNOSUPPORT);
    u = unix_new(type);
    return u ? &u->s : ERR_PTR(-ENOMEM);
}

static void unix_destroy(struct socket *s)
{
    struct unix_sock *u = to_unix(s), *peer = u->peer;

    unix_list_remove(u);
    unix_addr_put(u->addr);
    kfree(u);
    if (peer)
        unix_put(peer);
}

void unix_lock_two(struct unix_sock *a, struct unix_sock *b)
{
    lock(a < b ? &a->s.lock : &b->s.lock);
    if (a != b)
        lock(a < b ? &b->s.lock : &a->s.lock);
}

void unix_unlock_two(struct unix_sock *a, struct unix_sock *b)
{
    unlock(&a->s.lock);
    if (a != b)
        unlock(&b->s.lock);
}

struct unix_sock *unix_peer(struct unix_sock *u)
{
    struct unix_sock *peer;

    lock(&u->s.lock);
    peer = u->peer;
    if (peer)
        socket_get(&peer->s);
    unlock(&u->s.lock);
    return peer;
}

static void wake_all(struct unix_sock *u, u32 key)
{
    waitq_wake_all(&u->s.read_wait, key);
    waitq_wake_all(&u->s.write_wait, key);
}

/* ---- release --------------------------------------------------------------------- */

static void tell_peer(struct unix_sock *u, struct unix_sock *peer, bool unread)
{
    lock(&peer->s.lock);
    if (peer->peer == u && peer->s.type != SOCK_DGRAM) {
        peer->s.shutdown = SHUT_BOTH;
        if (unread)
            peer->s.error = ECONNRESET;
    }
    unlock(&peer->s.lock);
    wake_all(peer, 0);
}

static void close_unix(struct unix_sock *u, bool embryo);

static void close_backlog(struct unix_sock *u)
{
    for (;;) {
        struct unix_sock *conn;

        lock(&u->s.lock);
        conn = list_first(&u->backlog, struct unix_sock, pending);
        if (conn)
            list_del(&conn->pending);
        unlock(&u->s.lock);
        if (!conn)
            return;
        close_unix(conn, true);
        unix_put(conn);
    }
}

static void close_unix(struct unix_sock *u, bool embryo)
{
    struct unix_sock *peer;
    bool unread;

    unix_unbind(u);
    lock(&u->s.lock);
    u->dead = true;
    u->s.shutdown = SHUT_BOTH;
    u->s.state = SS_CLOSED;
    unread = !list_empty(&u->queue) || embryo;
    peer = u->peer;
    u->peer = NULL;
    unlock(&u->s.lock);
    if (peer) {
        tell_peer(u, peer, unread);
        unix_put(peer);
    }
    wake_all(u, 0);
    close_backlog(u);
    unix_purge(u);
}

static void unix_release(struct socket *s) { close_unix(to_unix(s), false); }

/* ---- connecting -------------------------------------------------------------------- */

static void join(struct unix_sock *a, struct unix_sock *b)
{
    socket_get(&a->s);
    socket_get(&b->s);
    a->peer = b;
    b->peer = a;
}

static long unix_pair(struct socket *sa, struct socket *sb)
{
    struct unix_sock *a = to_unix(sa), *b = to_unix(sb);

    join(a, b);
    sa->peer_cred = sb->peer_cred = current_sockcred();
    if (sa->type != SOCK_DGRAM)
        sa->state = sb->state = SS_CONNECTED;
    return 0;
}

static long unix_listen(struct socket *s, int backlog)
{
    struct unix_sock *u = to_unix(s);
    long rc = -EINVAL;

    if (s->type == SOCK_DGRAM)
        return -EOPNOTSUPP;
    lock(&s->lock);
    if (u->addr && (s->state == SS_FREE || s->state == SS_LISTENING)) {
        s->state = SS_LISTENING;
        u->max_backlog = (u32)backlog;
        s->peer_cred = current_sockcred();
        rc = 0;
    }
    unlock(&s->lock);
    if (!rc)
        waitq_wake_all(&s->write_wait, 0); /* room in the backlog */
    return rc;
}

/* Under both locks: everything that must hold; 1: the backlog is full, wait. */
static long may_connect(const struct unix_sock *u, const struct unix_sock *listener)
{
    if (u->s.state == SS_LISTENING)
        return -EINVAL;
    if (u->s.state != SS_FREE)
        return -EISCONN;
    if (listener->dead || listener->s.state != SS_LISTENING || (listener->s.shutdown & SHUT_READ))
        return -ECONNREFUSED;
    return backlog_full(listener) ? 1 : 0;
}

static bool backlog_room(struct unix_sock *l)
{
    bool room;

    lock(&l->s.lock);
    room = l->dead || l->s.state != SS_LISTENING || !backlog_full(l);
    unlock(&l->s.lock);
    return room;
}

static void attach(struct unix_sock *u, struct unix_sock *listener, struct unix_sock *conn)
{
    join(u, conn);
    conn->addr = listener->addr;
    ref_get(&conn->addr->refs);
    conn->s.state = u->s.state = SS_CONNECTED;
    conn->s.peer_cred = current_sockcred();
    u->s.peer_cred = listener->s.peer_cred;
    conn->s.opt.flags = listener->s.opt.flags & (1ULL << 16 /* SO_PASSCRED */);
    list_add_tail(&listener->backlog, &conn->pending);
    listener->waiting++;
}

static long connect_once(struct unix_sock *u, struct unix_sock *listener, struct unix_sock *conn)
{
    long rc;

    unix_lock_two(u, listener);
    rc = u == listener ? -EINVAL : may_connect(u, listener);
    if (rc == 0)
        attach(u, listener, conn);
    unix_unlock_two(u, listener);
    if (rc == 0)
        waitq_wake(&listener->s.read_wait, POLLIN | POLLRDNORM, 1);
    return rc;
}

static long unix_stream_connect(struct socket *s, const u8 *name, u32 len, bool nonblock)
{
    struct unix_sock *u = to_unix(s), *listener, *conn;
    u64 deadline = socket_deadline(s->opt.send_timeout);
    long rc;

    conn = unix_new(s->type);
    if (!conn)
        return -ENOMEM;
    for (;;) {
        listener = unix_find(name, len, s->type);
        if (IS_ERR(listener)) {
            rc = PTR_ERR(listener);
            break;
        }
        bool wait = false;
        rc = connect_once(u, listener, conn);
        if (rc == 1) {
            wait = !nonblock;
            rc = nonblock ? -EAGAIN
                          : wait_event(&listener->s.write_wait, backlog_room(listener), deadline);
        }
        unix_put(listener);
        if (rc || !wait)
            break;
    }
    if (rc)
        unix_put(conn);
    return socket_sleep_error(rc, s->opt.send_timeout, deadline);
}

/* A datagram socket's peer is only where its messages go. */
static long unix_dgram_connect(struct socket *s, const u8 *name, u32 len, bool nonblock)
{
    struct unix_sock *u = to_unix(s), *to = NULL, *old;
    long rc = 0;

    if (*(const u16 *)name != AF_UNSPEC) {
        to = unix_find(name, len, s->type);
        if (IS_ERR(to))
            return PTR_ERR(to);
        unix_lock_two(u, to);
        if (to->peer && to->peer != u)
            rc = -EPERM; /* it talks to somebody else only */
    } else {
        lock(&u->s.lock);
    }
    old = rc ? NULL : u->peer;
    if (!rc) {
        u->peer = to;
        s->state = to ? SS_CONNECTED : SS_FREE;
        s->peer_cred = to ? current_sockcred() : (struct sockcred){0, ~0u, ~0u};
    }
    if (to)
        unix_unlock_two(u, to);
    else
        unlock(&u->s.lock);
    if (rc && to)
        unix_put(to);
    if (old)
        unix_put(old);
    return rc;
}

static struct unix_sock *take_connection(struct unix_sock *u)
{
    struct unix_sock *conn;

    lock(&u->s.lock);
    conn = list_first(&u->backlog, struct unix_sock, pending);
    if (conn) {
        list_del(&conn->pending);
        u->waiting--;
    }
    unlock(&u->s.lock);
    if (conn)
        waitq_wake_all(&u->s.write_wait, 0);
    return conn;
}

static struct socket *unix_accept(struct socket *s, bool nonblock)
{
    struct unix_sock *u = to_unix(s), *conn = NULL;
    u64 timeout = s->opt.receive_timeout, deadline = socket_deadline(timeout);
    struct waiter w;
    long rc = 0;

    if (s->type == SOCK_DGRAM)
        return ERR_PTR(-EOPNOTSUPP);
    if (s->state != SS_LISTENING)
        return ERR_PTR(-EINVAL);
    conn = take_connection(u);
    if (conn)
        return &conn->s;
    if (nonblock)
        return ERR_PTR(-EAGAIN);
    waiter_init(&w);
    w.flags = WAITER_EXCLUSIVE;
    waitq_add(&s->read_wait, &w);
    for (;;) {
        u32 seq = thread_sleep_begin();

        conn = take_connection(u);
        if (conn || rc || (s->shutdown & SHUT_READ))
            break;
        rc = thread_sleep(seq, deadline);
    }
    waitq_remove(&w);
    if (conn)
        return &conn->s;
    return ERR_PTR(rc ? socket_sleep_error(rc, timeout, deadline) : -EINVAL);
}

/* ---- the rest -------------------------------------------------------------------------- */

static long unix_getname(struct socket *s, u8 *name, bool of_peer)
{
    struct unix_sock *u = to_unix(s), *who = u;
    long len = sizeof(u16);

    if (of_peer) {
        who = unix_peer(u);
        if (!who)
            return -ENOTCONN;
    }
    *(u16 *)name = AF_UNIX;
    lock(&who->s.lock);
    if (who->addr) {
        len = who->addr->len;
        memcpy(name, who->addr->bytes, (size_t)len);
    }
    unlock(&who->s.lock);
    if (of_peer)
        unix_put(who);
    return len;
}

static long unix_shutdown(struct socket *s, u32 how)
{
    struct unix_sock *u = to_unix(s), *peer = unix_peer(u);
    u32 mirrored = (how & SHUT_READ ? SHUT_WRITE : 0) | (how & SHUT_WRITE ? SHUT_READ : 0);

    lock(&s->lock);
    s->shutdown |= how;
    unlock(&s->lock);
    wake_all(u, 0);
    if (!peer)
        return 0;
    if (s->type != SOCK_DGRAM) {
        lock(&peer->s.lock);
        peer->s.shutdown |= mirrored;
        unlock(&peer->s.lock);
        wake_all(peer, 0);
    }
    unix_put(peer);
    return 0;
}

static bool datagrams_fit(struct unix_sock *u)
{
    struct unix_sock *peer = unix_peer(u);
    bool fit;

    if (!peer)
        return true;
    fit = !unix_queue_full(peer, u);
    unix_put(peer);
    return fit;
}

static u32 unix_poll(struct socket *s, struct poll_table *pt)
{
    struct unix_sock *u = to_unix(s);
    u32 mask = 0;

    poll_wait(pt, &s->read_wait);
    poll_wait(pt, &s->write_wait);
    if (s->type == SOCK_DGRAM)
        poll_wait(pt, &unix_dgram_room);
    lock(&s->lock);
    if (s->error)
        mask |= POLLERR;
    if (s->shutdown == SHUT_BOTH)
        mask |= POLLHUP;
    if (s->shutdown & SHUT_READ)
        mask |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (!list_empty(&u->queue) || !list_empty(&u->backlog))
        mask |= POLLIN | POLLRDNORM;
    if (s->type != SOCK_DGRAM && (s->state == SS_FREE || s->state == SS_CLOSED))
        mask |= POLLHUP;
    if (s->state != SS_LISTENING && unix_writable(u))
        mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
    unlock(&s->lock);
    if ((mask & POLLOUT) && s->type == SOCK_DGRAM && !datagrams_fit(u))
        mask &= ~(u32)(POLLOUT | POLLWRNORM | POLLWRBAND);
    return mask;
}

static long unix_ioctl(struct socket *s, u32 cmd, uptr arg)
{
    struct unix_sock *u = to_unix(s);
    struct unix_msg *first;
    s32 n;

    switch (cmd) {
    case FIONREAD:
        if (s->state == SS_LISTENING)
            return -EINVAL;
        lock(&s->lock);
        first = list_first(&u->queue, struct unix_msg, link);
        n = (s32)(s->type == SOCK_DGRAM ? first ? first->len : 0 : u->bytes);
        unlock(&s->lock);
        return put_user(n, arg);
    case TIOCOUTQ:
        return put_user((s32)READ_ONCE(u->sent), arg);
    default:
        return interface_ioctl(cmd, arg);
    }
}

static const struct proto_ops unix_stream_ops = {
    .release = unix_release,
    .destroy = unix_destroy,
    .bind = unix_bind,
    .connect = unix_stream_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .pair = unix_pair,
    .name = unix_getname,
    .send = unix_stream_send,
    .receive = unix_stream_receive,
    .shutdown = unix_shutdown,
    .poll = unix_poll,
    .ioctl = unix_ioctl,
};

static long connect_by_type(struct socket *s, const u8 *name, u32 len, bool nonblock)
{
    return s->type == SOCK_SEQPACKET ? unix_stream_connect(s, name, len, nonblock)
                                     : unix_dgram_connect(s, name, len, nonblock);
}

static const struct proto_ops unix_dgram_ops = {
    .release = unix_release,
    .destroy = unix_destroy,
    .bind = unix_bind,
    .connect = connect_by_type,
    .listen = unix_listen,
    .accept = unix_accept,
    .pair = unix_pair,
    .name = unix_getname,
    .send = unix_dgram_send,
    .receive = unix_dgram_receive,
    .shutdown = unix_shutdown,
    .poll = unix_poll,
    .ioctl = unix_ioctl,
};
