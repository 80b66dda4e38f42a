/* TCP inside the sandbox: listening, connecting, accepting.
 *
 * connect() makes both ends at once: the server's lies in the listener's backlog,
 * connected, and can receive.  When there is no room, the client waits on the listener's list
 * `connecting` instead, as one whose SYN is dropped and sent again; accept() makes
 * room and lets the first of them in.  So a flood of clients costs the listener nothing.
 *
 * Locks: listener's and client's socket->lock together, lower address first.
 */
#include <linux/errno.h>
#include <linux/poll.h>

#include "ipc.h"
#include "lib.h"
#include "tcp.h"

#define RETRY_MAX 120 /* seconds */

/* ---- listening ------------------------------------------------------------------------ */

long tcp_listen(struct socket *s, int backlog)
{
    struct tcp_sock *t = to_tcp(s);
    struct inet_addr any = t->i.local;
    bool began = s->state != SS_LISTENING;
    long rc = 0;

    if (s->state != SS_FREE && s->state != SS_LISTENING)
        return -EINVAL;
    if (!t->i.port)
        rc = port_bind(&t->i, &any);
    if (!rc && began) {
        s->shutdown = 0;
        s->error = 0;
        rc = port_listen(&t->i);
    }
    if (rc)
        return rc;
    t->max_backlog = (u32)backlog;
    if (began && inet_host)
        inet_host->listening(&t->i, true);
    return 0;
}

static struct tcp_sock *first_connecting(struct tcp_sock *l)
{
    struct tcp_sock *c = list_first(&l->connecting, struct tcp_sock, connect_link);

    if (c)
        list_del(&c->connect_link);
    return c;
}

/* c, off the list, didn't get in. */
static void refuse(struct tcp_sock *l, struct tcp_sock *c)
{
    bool mine;

    lock(&c->i.s.lock);
    mine = c->listener == l;
    if (mine) {
        c->listener = NULL;
        c->i.s.state = SS_FREE;
        c->i.s.error = ECONNREFUSED;
        c->failed = true;
    }
    unlock(&c->i.s.lock);
    tcp_wake(c);
    if (mine)
        tcp_put(l);
    tcp_put(c);
}

void tcp_unlisten(struct tcp_sock *t)
{
    struct inet_sock *conn;
    struct tcp_sock *c;
    bool did;

    lock(&t->i.s.lock);
    did = t->i.s.state == SS_LISTENING;
    if (did)
        t->i.s.state = SS_FREE;
    unlock(&t->i.s.lock);
    if (!did)
        return;
    if (inet_host)
        inet_host->listening(&t->i, false);
    tcp_wake(t);
    for (;;) {
        lock(&t->i.s.lock);
        conn = list_first(&t->backlog, struct inet_sock, pending);
        if (conn)
            list_del(&conn->pending);
        c = conn ? NULL : first_connecting(t);
        unlock(&t->i.s.lock);
        if (conn) {
            conn->s.opt.linger_on = 1; /* a reset */
            conn->s.opt.linger_seconds = 0;
            conn->s.ops->release(&conn->s);
            socket_put(&conn->s);
        } else if (c) {
            refuse(t, c);
        } else {
            return;
        }
    }
}

/* ---- connecting ------------------------------------------------------------------------ */

static bool backlog_full(const struct tcp_sock *l) { return l->waiting > l->max_backlog; }

struct inet_sock *inet_new_like(struct inet_sock *listener)
{
    struct inet_sock *i = tcp_new(listener->s.family);

    if (!i)
        return NULL;
    i->s.opt = listener->s.opt;
    memcpy(i->opt, listener->opt, sizeof(i->opt));
    return i;
}

/* Under both locks: conn is what c is connected to. */
static void join(struct tcp_sock *c, struct tcp_sock *l, struct tcp_sock *conn)
{
    socket_get(&c->i.s);
    socket_get(&conn->i.s);
    conn->peer = c;
    c->peer = conn;
    conn->i.local = c->i.remote;
    conn->i.remote = c->i.local;
    c->i.s.shutdown = 0;
    conn->i.s.state = SS_CONNECTED;
    __atomic_store_n(&c->i.s.state, SS_CONNECTED, __ATOMIC_RELEASE);
    list_add_tail(&l->backlog, &conn->i.pending);
    l->waiting++;
}

/* Tries to connect c to l with conn as the other end: 0, 1 (no room; c waits on the list if
 * `queue`), -ECONNREFUSED, or -EISCONN when c has become something else meanwhile. */
static long try_connect(struct tcp_sock *c, struct tcp_sock *l, struct tcp_sock *conn, bool queue)
{
    long rc = 0;

    port_share(&conn->i, &l->i);
    tcp_lock_two(c, l);
    if (c->closed || (c->i.s.state != SS_FREE && c->i.s.state != SS_CONNECTING)) {
        rc = -EISCONN;
    } else if (l->i.s.state != SS_LISTENING) {
        rc = -ECONNREFUSED;
    } else if (!backlog_full(l)) {
        join(c, l, conn);
    } else {
        rc = 1;
        if (c->listener == l) {
            list_add(&l->connecting, &c->connect_link);
        } else if (queue) {
            socket_get(&c->i.s);
            socket_get(&l->i.s);
            c->listener = l;
            c->i.s.state = SS_CONNECTING;
            list_add_tail(&l->connecting, &c->connect_link);
        }
    }
    tcp_unlock_two(c, l);
    if (!rc)
        waitq_wake(&l->i.s.read_wait, POLLIN | POLLRDNORM, 1);
    return rc;
}

/* There is room: lets in who waits. */
static void let_in(struct tcp_sock *l)
{
    for (;;) {
        struct tcp_sock *c = NULL;
        struct inet_sock *conn;
        long rc;

        lock(&l->i.s.lock);
        if (l->i.s.state == SS_LISTENING && !backlog_full(l))
            c = first_connecting(l);
        unlock(&l->i.s.lock);
        if (!c)
            return;
        conn = inet_new_like(&l->i);
        rc = conn ? try_connect(c, l, to_tcp(&conn->s), false) : -ECONNREFUSED;
        if (rc && conn) {
            inet_release_common(conn);
            socket_put(&conn->s);
        }
        if (rc == 1)
            return;
        if (rc) {
            refuse(l, c);
            continue;
        }
        tcp_wake(c);
        c->listener = NULL;
        tcp_put(l);
        tcp_put(c);
    }
}

/* c gives up waiting for room. */
void tcp_connect_cancel(struct tcp_sock *c)
{
    struct tcp_sock *l = NULL;
    bool was = false;

    lock(&c->i.s.lock);
    if (c->i.s.state == SS_CONNECTING && c->listener) {
        l = c->listener;
        socket_get(&l->i.s);
    }
    unlock(&c->i.s.lock);
    if (!l)
        return;
    tcp_lock_two(c, l);
    was = c->listener == l && !list_empty(&c->connect_link);
    if (was) {
        list_del(&c->connect_link);
        c->listener = NULL;
        c->i.s.state = SS_FREE;
    }
    tcp_unlock_two(c, l);
    if (was) {
        tcp_put(l);
        tcp_put(c);
    }
    tcp_put(l);
}

/* Ports that connect chose go with the attempt. */
static void attempt_over(struct tcp_sock *t)
{
    if (t->i.port_auto)
        port_release(&t->i);
    t->i.port_auto = false;
    t->i.remote = (struct inet_addr){0};
    if (!t->i.addr_fixed)
        memcpy(t->i.local.ip, t->i.s.family == AF_INET ? inet_v4_any : inet_v6_any, 16);
    if (!t->i.port)
        t->i.local.port = 0;
}

/* Local and remote address of a new connection. */
static long set_ends(struct tcp_sock *t, struct inet_addr *to)
{
    struct inet_addr from;

    inet_route(&t->i, to, &from);
    if (!t->i.port) {
        from.port = 0;
        return port_connect(&t->i, &from, to);
    }
    return port_reuse(&t->i, &from, to);
}

static long connect_own(struct tcp_sock *t, struct inet_addr *to)
{
    struct inet_sock *l, *conn;
    long rc = set_ends(t, to);

    if (rc)
        return rc;
    l = port_find(SOCK_STREAM, to, &t->i.local);
    if (!l)
        return -ECONNREFUSED;
    conn = inet_new_like(l);
    rc = conn ? try_connect(t, to_tcp(&l->s), to_tcp(&conn->s), true) : -ENOBUFS;
    if (rc && conn) {
        inet_release_common(conn);
        socket_put(&conn->s);
    }
    socket_put(&l->s);
    return rc;
}

/* A connection that connect(2) had left to itself: what became of it. */
static long finish(struct tcp_sock *t)
{
    struct socket *s = &t->i.s;
    long rc;

    if (t->failed) {
        t->failed = t->async = false;
        rc = socket_error(s);
        s->shutdown = 0;
        attempt_over(t);
        return rc ? rc : -ECONNABORTED;
    }
    t->async = false;
    return 0;
}

/* What the retries of a SYN take, each twice as long as the one before: 127 s with the usual six.
 */
static u64 connect_timeout(const struct tcp_sock *t)
{
    u64 seconds = 0, next = 1;

    for (s32 n = 0; n <= t->i.opt[OPT_TCP_SYNCNT]; n++) {
        seconds += next;
        next = MIN(2 * next, RETRY_MAX);
    }
    return seconds * NSEC;
}

static long wait_connected(struct tcp_sock *t, bool nonblock)
{
    struct socket *s = &t->i.s;
    u64 timeout = s->opt.send_timeout, deadline = socket_deadline(timeout);
    u64 end = deadline_in(connect_timeout(t));
    long rc;

    t->async = true;
    if (nonblock)
        return -EINPROGRESS;
    rc = wait_event(&s->write_wait, READ_ONCE(s->state) != SS_CONNECTING, MIN(deadline, end));
    if (!rc)
        return finish(t);
    if (rc == -ETIMEDOUT) {
        if (deadline < end)
            return -EINPROGRESS;
        tcp_connect_cancel(t);
        t->async = false;
        attempt_over(t);
        return rc;
    }
    return socket_sleep_error(rc, timeout, deadline);
}

static long disconnect(struct tcp_sock *t)
{
    if (t->i.s.state == SS_LISTENING)
        tcp_unlisten(t);
    tcp_connect_cancel(t);
    if (t->i.s.state == SS_CONNECTED && t->peer)
        tcp_break(t->peer);
    return 0;
}

/* Not connected and not connecting: tries it. */
static long connect_new(struct tcp_sock *t, struct inet_addr *to, bool nonblock)
{
    struct socket *s = &t->i.s;
    long rc;

    if (!inet_is_any(to->ip) && !inet_is_own(to->ip))
        return inet_host && !inet_is_multicast(to->ip) && !inet_is_broadcast(to->ip)
                   ? inet_host->connect(&t->i, to, nonblock)
                   : -ENETUNREACH;
    rc = connect_own(t, to);
    if (rc == 1)
        return wait_connected(t, nonblock);
    if (rc == -ECONNREFUSED && nonblock) {
        lock(&s->lock);
        s->error = ECONNREFUSED;
        s->shutdown = SHUT_BOTH;
        t->failed = t->async = true;
        unlock(&s->lock);
        tcp_wake(t);
        return -EINPROGRESS;
    }
    if (rc) {
        attempt_over(t);
        return rc;
    }
    if (nonblock) {
        /* As on Linux the handshake shows: the program is told by poll or the next call. */
        t->async = true;
        tcp_wake(t);
        return -EINPROGRESS;
    }
    return 0;
}

long tcp_connect(struct socket *s, const u8 *name, u32 len, bool nonblock)
{
    struct tcp_sock *t = to_tcp(s);
    struct inet_addr to;
    long rc;

    if (*(const u16 *)name == AF_UNSPEC)
        return disconnect(t);
    rc = inet_addr_get(s, name, len, &to);
    if (rc)
        return rc;
    if (t->failed)
        return finish(t);
    switch (s->state) {
    case SS_CONNECTED:
        return t->async ? finish(t) : -EISCONN;
    case SS_CONNECTING:
        return nonblock ? -EALREADY : wait_connected(t, false);
    case SS_FREE:
        if (inet_is_v4(to.ip) && t->i.opt[OPT_V6_V6ONLY] && s->family == AF_INET6)
            return -ENETUNREACH;
        return connect_new(t, &to, nonblock);
    default:
        return -EISCONN;
    }
}

/* ---- accepting ---------------------------------------------------------------------------- */

long inet_deliver(struct inet_sock *listener, struct inet_sock *conn)
{
    struct tcp_sock *l = to_tcp(&listener->s);
    long rc = 0;

    port_share(conn, listener);
    lock(&l->i.s.lock);
    if (l->i.s.state != SS_LISTENING) {
        rc = -ECONNREFUSED;
    } else if (backlog_full(l)) {
        rc = -EAGAIN;
    } else {
        conn->s.state = SS_CONNECTED;
        list_add_tail(&l->backlog, &conn->pending);
        l->waiting++;
    }
    unlock(&l->i.s.lock);
    if (rc)
        inet_release_common(conn);
    else
        waitq_wake(&l->i.s.read_wait, POLLIN | POLLRDNORM, 1);
    return rc;
}

static struct inet_sock *take_connection(struct tcp_sock *l)
{
    struct inet_sock *conn;
    bool others, was_full;

    lock(&l->i.s.lock);
    was_full = backlog_full(l);
    conn = list_first(&l->backlog, struct inet_sock, pending);
    if (conn) {
        list_del(&conn->pending);
        l->waiting--;
    }
    others = !list_empty(&l->connecting);
    unlock(&l->i.s.lock);
    if (conn && others)
        let_in(l);
    if (conn && was_full && inet_host)
        inet_host->room(&l->i);
    return conn;
}

struct socket *tcp_accept(struct socket *s, bool nonblock)
{
    struct tcp_sock *l = to_tcp(s);
    u64 timeout = s->opt.receive_timeout, deadline = socket_deadline(timeout);
    struct inet_sock *conn;
    struct waiter w;
    long rc = 0;

    if (s->state != SS_LISTENING)
        return ERR_PTR(-EINVAL);
    conn = take_connection(l);
    if (!conn && nonblock && hostpoll_drain())
        conn = take_connection(l);
    if (conn)
        return &conn->s;
    if (nonblock)
        return ERR_PTR(-EAGAIN);
    waiter_init(&w);
    w.flags = WAITER_EXCLUSIVE;
    waitq_add(&s->read_wait, &w);
    for (;;) {
        u32 seq = thread_sleep_begin();

        conn = take_connection(l);
        if (conn || rc || READ_ONCE(s->state) != SS_LISTENING)
            break;
        rc = hostpoll_sleep(seq, deadline);
    }
    waitq_remove(&w);
    if (conn)
        return &conn->s;
    return ERR_PTR(rc ? socket_sleep_error(rc, timeout, deadline) : -EINVAL);
}
