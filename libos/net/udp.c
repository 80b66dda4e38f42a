/* UDP inside the sandbox: whole messages, queued at the receiver.
 *
 * A sender finds the receiver by its port and puts the datagram into its queue; when that
 * is full the datagram is lost, as on a network.  A port where nobody listens gives the
 * sender, if it is connected, ECONNREFUSED at its next call.
 *
 * Locking: socket->lock for the queue; receive_lock keeps receivers apart.  The datagram
 * is built before the receiver is looked for.
 */
#include "udp.h"

#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/poll.h>

#include "ipc.h"
#include "lib.h"
#include "usercopy.h"

#define UDP_MAX4  65507u
#define UDP_MAX6  65527u
#define OVERHEAD  768u /* what Linux accounts besides the data, about */
#define BROADCAST 6    /* SO_BROADCAST */

static const struct proto_ops udp_ops;

struct inet_sock *udp_new(u16 family)
{
    struct udp_sock *u = kzalloc(sizeof(*u));

    if (!u)
        return NULL;
    inet_init(&u->i, family, SOCK_DGRAM, &udp_ops);
    list_init(&u->queue);
    return &u->i;
}

/* ---- the queue ------------------------------------------------------------------------- */

/* Takes the datagram over: 0, or -ENOBUFS when it was lost. */
static long enqueue(struct udp_sock *to, struct datagram *d)
{
    struct socket *s = &to->i.s;
    bool fits;

    lock(&s->lock);
    fits = to->queued <= s->opt.rcvbuf && !(s->shutdown & SHUT_READ);
    if (fits) {
        list_add_tail(&to->queue, &d->link);
        to->queued += d->len + OVERHEAD;
    } else {
        to->drops++;
    }
    unlock(&s->lock);
    if (!fits) {
        kfree(d);
        return -ENOBUFS;
    }
    waitq_wake_all(&s->read_wait, POLLIN | POLLRDNORM);
    return 0;
}

static struct datagram *copy_of(const struct datagram *d)
{
    struct datagram *c = kmalloc(sizeof(*c) + d->len);

    if (c)
        memcpy(c, d, sizeof(*c) + d->len);
    return c;
}

/* To everybody who listens at the port: members of the group, and those who take all. */
static long deliver_all(struct datagram *d)
{
    struct inet_sock *i;
    bool group = inet_is_multicast(d->to.ip), joined = !group;
    u32 cursor = 0;

    while (!joined && (i = port_find_all(&d->to, &d->from, &cursor)) != NULL) {
        joined = udp_in_group(to_udp(&i->s), d->to.ip);
        socket_put(&i->s);
    }
    cursor = 0;
    while (joined && (i = port_find_all(&d->to, &d->from, &cursor)) != NULL) {
        struct udp_sock *u = to_udp(&i->s);
        struct datagram *c = NULL;

        if (!group || i->opt[OPT_IP_MULTICAST_ALL] || udp_in_group(u, d->to.ip))
            c = copy_of(d);
        if (c)
            enqueue(u, c);
        socket_put(&i->s);
    }
    kfree(d);
    return 0;
}

/* Takes the datagram over: 0, -ECONNREFUSED when nobody is there, or what happened to it. */
static long deliver(struct datagram *d, u16 kind)
{
    struct inet_sock *i;
    long rc;

    if (kind == SOCK_DGRAM && (inet_is_multicast(d->to.ip) || inet_is_broadcast(d->to.ip)))
        return deliver_all(d);
    i = port_find(kind, &d->to, &d->from);
    if (!i) {
        kfree(d);
        return -ECONNREFUSED;
    }
    rc = enqueue(to_udp(&i->s), d);
    socket_put(&i->s);
    return rc;
}

long udp_deliver(const struct inet_addr *to, const struct inet_addr *from, const void *data,
                 u32 len)
{
    struct datagram *d = kmalloc(sizeof(*d) + len);

    if (!d)
        return -ENOBUFS;
    *d = (struct datagram){
        .to = *to, .from = *from, .time = now_real(), .len = len, .hops = UDP_HOPS};
    list_init(&d->link);
    memcpy(d->data, data, len);
    return deliver(d, SOCK_DGRAM);
}

/* ---- sending --------------------------------------------------------------------------- */

static long autobind(struct inet_sock *i)
{
    struct inet_addr any = i->local;
    long rc = 0;

    if (!i->port) {
        any.port = 0;
        rc = port_bind(i, &any);
        if (!rc && udp_reaches_host(i))
            inet_host->bound(i, true);
    }
    return rc == -EINVAL ? 0 : rc; /* another thread was quicker */
}

/* Where it goes: 0 or -errno. */
static long destination(struct udp_sock *u, const struct sockmsg *m, struct inet_addr *to)
{
    struct socket *s = &u->i.s;
    long rc;

    if (!m->name_len) {
        *to = u->i.remote;
        return to->port ? 0 : -EDESTADDRREQ;
    }
    if (s->family == AF_INET6 && m->name_len >= 16 && *(const u16 *)m->name == AF_INET) {
        struct socket v4 = {.family = AF_INET};

        rc = u->i.opt[OPT_V6_V6ONLY] ? -ENETUNREACH : inet_addr_get(&v4, m->name, m->name_len, to);
    } else {
        rc = inet_addr_get(s, m->name, m->name_len, to);
    }
    if (!rc && !to->port)
        rc = -EINVAL;
    return rc;
}

static bool stays_inside(const struct inet_addr *to)
{
    return inet_is_any(to->ip) || inet_is_own(to->ip) || inet_is_multicast(to->ip) ||
           inet_is_broadcast(to->ip);
}

static struct datagram *datagram_new(struct uio *from)
{
    size_t len = from->left;
    struct datagram *d = kmalloc(sizeof(*d) + len);

    if (!d)
        return ERR_PTR(-ENOBUFS);
    memset(d, 0, sizeof(*d));
    list_init(&d->link);
    d->len = (u32)len;
    if (uio_copy_in(d->data, from, len) == len)
        return d;
    kfree(d);
    return ERR_PTR(-EFAULT);
}

static long send_own(struct udp_sock *u, struct sockmsg *m, struct inet_addr *to)
{
    bool v4 = inet_is_v4(to->ip);
    struct udp_sent sent = {
        .hops = u->i.opt[v4 ? OPT_IP_TTL : OPT_V6_HOPS],
        .class = u->i.opt[v4 ? OPT_IP_TOS : OPT_V6_TCLASS],
    };
    struct datagram *d;
    size_t len = m->data->left;
    long rc;

    inet_route(&u->i, to, &sent.from);
    rc = udp_cmsg_send(u, m, &sent);
    if (rc)
        return rc;
    d = datagram_new(m->data);
    if (IS_ERR(d))
        return PTR_ERR(d);
    d->from = sent.from;
    d->from.port = u->i.local.port;
    d->hops = sent.hops < 0 ? UDP_HOPS : sent.hops;
    d->class = MAX(sent.class, 0);
    d->to = *to;
    d->time = now_real();
    rc = deliver(d, port_kind(&u->i));
    if (rc == -ECONNREFUSED &&
        (u->i.remote.port || u->i.opt[OPT_IP_RECVERR] || u->i.opt[OPT_V6_RECVERR])) {
        u->i.s.error = ECONNREFUSED;
        waitq_wake_all(&u->i.s.read_wait, 0);
    }
    return (long)len;
}

static long udp_send(struct socket *s, struct sockmsg *m)
{
    struct udp_sock *u = to_udp(s);
    struct inet_addr to;
    long rc;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (m->data->left > 65535)
        return -EMSGSIZE;
    rc = destination(u, m, &to);
    if (rc)
        return rc;
    if (m->data->left > (inet_is_v4(to.ip) ? UDP_MAX4 : UDP_MAX6))
        return -EMSGSIZE;
    if (s->shutdown & SHUT_WRITE)
        return -EPIPE;
    rc = socket_error(s);
    if (rc)
        return rc;
    if (inet_is_broadcast(to.ip) && !sockopt_on(s, BROADCAST))
        return -EACCES;
    rc = autobind(&u->i);
    if (rc)
        return rc == -EADDRINUSE ? -EAGAIN : rc;
    if (!stays_inside(&to))
        return udp_reaches_host(&u->i) ? inet_host->send(&u->i, &to, m) : -ENETUNREACH;
    return send_own(u, m, &to);
}

/* ---- receiving ------------------------------------------------------------------------- */

static struct datagram *first_datagram(struct udp_sock *u, bool peek)
{
    struct datagram *d;

    lock(&u->i.s.lock);
    d = list_first(&u->queue, struct datagram, link);
    if (d && !peek) {
        list_del(&d->link);
        u->queued -= d->len + OVERHEAD;
    }
    unlock(&u->i.s.lock);
    return d;
}

static bool readable(struct udp_sock *u)
{
    const struct socket *s = &u->i.s;

    return !list_empty(&u->queue) || s->error || (s->shutdown & SHUT_READ);
}

/* Under receive_lock; NULL: shut down. */
static struct datagram *wait_datagram(struct udp_sock *u, u32 flags, u64 deadline)
{
    struct socket *s = &u->i.s;

    for (;;) {
        long rc = socket_error(s);
        struct datagram *d;

        if (rc)
            return ERR_PTR(rc);
        d = first_datagram(u, flags & MSG_PEEK);
        if (d)
            return d;
        if (s->shutdown & SHUT_READ)
            return NULL;
        if ((flags & MSG_DONTWAIT) && hostpoll_drain())
            d = first_datagram(u, flags & MSG_PEEK);
        if (d)
            return d;
        if (flags & MSG_DONTWAIT)
            return ERR_PTR(-EAGAIN);
        unlock(&u->receive_lock);
        rc = wait_event_by(hostpoll_sleep, &s->read_wait, readable(u), deadline);
        lock(&u->receive_lock);
        if (rc)
            return ERR_PTR(socket_sleep_error(rc, s->opt.receive_timeout, deadline));
    }
}

static long copy_datagram(struct udp_sock *u, struct sockmsg *m, const struct datagram *d)
{
    size_t n = MIN(m->data->left, d->len);

    if (uio_copy_out(m->data, d->data, n) < n)
        return -EFAULT;
    if (n < d->len)
        m->out_flags |= MSG_TRUNC;
    if (m->name)
        m->name_len = inet_addr_put(&u->i.s, &d->from, m->name);
    udp_cmsg_receive(u, m, d);
    return m->flags & MSG_TRUNC ? (long)d->len : (long)n;
}

static long udp_receive(struct socket *s, struct sockmsg *m)
{
    struct udp_sock *u = to_udp(s);
    u64 deadline = socket_deadline(s->opt.receive_timeout);
    struct datagram *d;
    long rc;

    if (m->flags & MSG_ERRQUEUE)
        return -EAGAIN;
    lock(&u->receive_lock);
    d = wait_datagram(u, m->flags, deadline);
    if (IS_ERR(d))
        rc = PTR_ERR(d);
    else
        rc = d ? copy_datagram(u, m, d) : 0;
    unlock(&u->receive_lock);
    if (!IS_ERR(d) && d && !(m->flags & MSG_PEEK))
        kfree(d);
    return rc;
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void disconnect(struct inet_sock *i)
{
    lock(&i->s.lock);
    i->remote = (struct inet_addr){0};
    i->s.state = SS_FREE;
    i->s.error = 0;
    if (!i->addr_fixed)
        memcpy(i->local.ip, i->s.family == AF_INET ? inet_v4_any : inet_v6_any, 16);
    unlock(&i->s.lock);
    if (i->port_auto) {
        port_release(i);
        i->local.port = 0;
        i->port_auto = false;
    }
}

/* A datagram socket's remote address is where its messages go and whose it takes. */
static long udp_connect(struct socket *s, const u8 *name, u32 len, bool nonblock)
{
    struct inet_sock *i = to_inet(s);
    struct inet_addr to, from;
    bool had_port = i->port;
    long rc;

    if (*(const u16 *)name == AF_UNSPEC) {
        disconnect(i);
        return 0;
    }
    rc = inet_addr_get(s, name, len, &to);
    if (rc)
        return rc;
    if (inet_is_broadcast(to.ip) && !sockopt_on(s, BROADCAST))
        return -EACCES;
    if (!stays_inside(&to))
        return udp_reaches_host(i) ? inet_host->connect(i, &to, nonblock) : -ENETUNREACH;
    rc = autobind(i);
    if (rc)
        return rc == -EADDRINUSE ? -EAGAIN : rc;
    i->port_auto |= !had_port;
    if (!i->addr_fixed)
        memcpy(i->local.ip, s->family == AF_INET ? inet_v4_any : inet_v6_any, 16);
    inet_route(i, &to, &from);
    lock(&s->lock);
    memcpy(i->local.ip, from.ip, 16);
    i->remote = to;
    s->state = SS_CONNECTED;
    unlock(&s->lock);
    return 0;
}

static void udp_release(struct socket *s)
{
    if (udp_reaches_host(to_inet(s)) && to_inet(s)->port)
        inet_host->bound(to_inet(s), false);
    inet_release_common(to_inet(s));
}

static void udp_destroy(struct socket *s)
{
    struct udp_sock *u = to_udp(s);
    struct datagram *d;

    while ((d = first_datagram(u, false)) != NULL)
        kfree(d);
    kfree(u->groups);
    inet_free(&u->i);
}

static long udp_listen(struct socket *s, int backlog) { return -EOPNOTSUPP; }
static struct socket *udp_accept(struct socket *s, bool nonblock) { return ERR_PTR(-EOPNOTSUPP); }

static long udp_shutdown(struct socket *s, u32 how)
{
    if (s->state != SS_CONNECTED)
        return -ENOTCONN;
    s->shutdown |= how;
    waitq_wake_all(&s->read_wait, 0);
    return 0;
}

static u32 udp_poll(struct socket *s, struct poll_table *pt)
{
    u32 mask = POLLOUT | POLLWRNORM;

    poll_wait(pt, &s->read_wait);
    lock(&s->lock);
    if (!list_empty(&to_udp(s)->queue))
        mask |= POLLIN | POLLRDNORM;
    if (s->error)
        mask |= POLLERR;
    if (s->shutdown & SHUT_READ)
        mask |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (s->shutdown == SHUT_BOTH)
        mask |= POLLHUP;
    unlock(&s->lock);
    return mask;
}

static long udp_ioctl(struct socket *s, u32 cmd, uptr arg)
{
    struct datagram *d;
    s32 n;

    switch (cmd) {
    case FIONREAD:
        lock(&s->lock);
        d = list_first(&to_udp(s)->queue, struct datagram, link);
        n = d ? (s32)d->len : 0;
        unlock(&s->lock);
        return put_user(n, arg);
    case TIOCOUTQ:
        return put_user((s32)0, arg);
    default:
        return inet_ioctl(s, cmd, arg);
    }
}

static const struct proto_ops udp_ops = {
    .release = udp_release,
    .destroy = udp_destroy,
    .bind = inet_bind,
    .connect = udp_connect,
    .listen = udp_listen,
    .accept = udp_accept,
    .name = inet_name,
    .send = udp_send,
    .receive = udp_receive,
    .shutdown = udp_shutdown,
    .poll = udp_poll,
    .ioctl = udp_ioctl,
    .set_option = inet_option_set,
    .get_option = inet_option_get,
};
