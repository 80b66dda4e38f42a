/* AF_INET and AF_INET6 without a network: sockets can be made, named and asked about, as on
 * a machine whose only interface is a loopback nobody listens on.
 *
 * Locking: socket->lock protects the name.
 */
#include <linux/errno.h>
#include <linux/poll.h>

#include "lib.h"
#include "socket.h"

#define PROTO_ICMP   1
#define PROTO_TCP    6
#define PROTO_UDP    17
#define CAP_NET_RAW_ 13

struct inet_sock {
    struct socket s;
    u32 name_len; /* 0: not bound */
    u8 name[28];  /* struct sockaddr_in or sockaddr_in6 */
};

static u32 next_port;

static u32 full_len(const struct socket *s) { return s->family == AF_INET ? 16 : 28; }

static bool is_loopback(const u8 *name)
{
    static const u8 one[16] = {[15] = 1}, any[16];

    if (*(const u16 *)name == AF_INET)
        return name[4] == 127 || !memcmp(name + 4, any, 4);
    return !memcmp(name + 8, one, 16) || !memcmp(name + 8, any, 16);
}

static long check_name(const struct socket *s, const u8 *name, u32 len)
{
    if (len < (s->family == AF_INET ? 16u : 24u))
        return -EINVAL;
    return *(const u16 *)name == s->family ? 0 : -EAFNOSUPPORT;
}

static long inet_bind(struct socket *s, const u8 *name, u32 len)
{
    struct inet_sock *i = (struct inet_sock *)s;
    long rc = check_name(s, name, len);

    if (rc)
        return rc;
    if (!is_loopback(name))
        return -EADDRNOTAVAIL;
    lock(&s->lock);
    if (i->name_len) {
        rc = -EINVAL;
    } else {
        memcpy(i->name, name, MIN(len, full_len(s)));
        i->name_len = full_len(s);
        if (!i->name[2] && !i->name[3]) {
            u32 port = 32768 + __atomic_fetch_add(&next_port, 1, __ATOMIC_RELAXED) % 28232;
            i->name[2] = (u8)(port >> 8);
            i->name[3] = (u8)port;
        }
    }
    unlock(&s->lock);
    return rc;
}

static long inet_connect(struct socket *s, const u8 *name, u32 len, bool nonblock)
{
    long rc;

    if (*(const u16 *)name == AF_UNSPEC)
        return 0;
    rc = check_name(s, name, len);
    if (rc)
        return rc;
    if (!is_loopback(name))
        return -ENETUNREACH;
    return s->type == SOCK_STREAM ? -ECONNREFUSED : 0;
}

static long inet_listen(struct socket *s, int backlog)
{
    if (s->type != SOCK_STREAM)
        return -EOPNOTSUPP;
    s->state = SS_LISTENING;
    return 0;
}

static struct socket *inet_accept(struct socket *s, bool nonblock)
{
    u64 timeout = s->opt.receive_timeout;
    long rc;

    if (s->type != SOCK_STREAM)
        return ERR_PTR(-EOPNOTSUPP);
    if (s->state != SS_LISTENING)
        return ERR_PTR(-EINVAL);
    if (nonblock)
        return ERR_PTR(-EAGAIN);
    rc = wait_event(&s->read_wait, s->shutdown & SHUT_READ, socket_deadline(timeout));
    return ERR_PTR(rc ? socket_sleep_error(rc, timeout) : -EINVAL);
}

static long inet_name(struct socket *s, u8 *name, bool peer)
{
    struct inet_sock *i = (struct inet_sock *)s;

    if (peer)
        return -ENOTCONN;
    lock(&s->lock);
    memset(name, 0, full_len(s));
    *(u16 *)name = s->family;
    if (i->name_len)
        memcpy(name, i->name, i->name_len);
    unlock(&s->lock);
    return full_len(s);
}

static long inet_send(struct socket *s, struct sockmsg *m)
{
    if (s->type == SOCK_STREAM)
        return -EPIPE;
    if (!m->name_len)
        return -EDESTADDRREQ;
    long rc = check_name(s, m->name, m->name_len);
    if (rc)
        return rc;
    return is_loopback(m->name) ? (long)m->data->left : -ENETUNREACH;
}

static long inet_receive(struct socket *s, struct sockmsg *m)
{
    u64 timeout = s->opt.receive_timeout;
    long rc;

    if (s->type == SOCK_STREAM)
        return -ENOTCONN;
    if (m->flags & MSG_DONTWAIT)
        return -EAGAIN;
    rc = wait_event(&s->read_wait, s->shutdown & SHUT_READ, socket_deadline(timeout));
    return socket_sleep_error(rc, timeout);
}

static long inet_shutdown(struct socket *s, u32 how)
{
    if (s->state != SS_LISTENING)
        return -ENOTCONN;
    s->shutdown |= how;
    waitq_wake_all(&s->read_wait, 0);
    return 0;
}

static u32 inet_poll(struct socket *s, struct poll_table *pt)
{
    poll_wait(pt, &s->read_wait);
    if (s->state == SS_LISTENING)
        return 0;
    return POLLOUT | POLLWRNORM | (s->type == SOCK_STREAM ? POLLHUP : 0);
}

static long inet_ioctl(struct socket *s, u32 cmd, uptr arg) { return -ENOTTY; }

/* Options tune a network that isn't there: taken, and shown as never set. */
static long inet_set_option(struct socket *s, int level, int name, s32 val) { return 0; }

static long inet_get_option(struct socket *s, int level, int name, s32 *val)
{
    *val = 0;
    return 0;
}

static void inet_release(struct socket *s) {}
static void inet_destroy(struct socket *s) { kfree(s); }

static const struct proto_ops inet_ops = {
    .release = inet_release,
    .destroy = inet_destroy,
    .bind = inet_bind,
    .connect = inet_connect,
    .listen = inet_listen,
    .accept = inet_accept,
    .name = inet_name,
    .send = inet_send,
    .receive = inet_receive,
    .shutdown = inet_shutdown,
    .poll = inet_poll,
    .ioctl = inet_ioctl,
    .set_option = inet_set_option,
    .get_option = inet_get_option,
};

struct socket *inet_create(u16 family, u16 type, int protocol)
{
    struct inet_sock *i;

    if (type == SOCK_RAW)
        return ERR_PTR(capable(CAP_NET_RAW_) ? -EPROTONOSUPPORT : -EPERM);
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return ERR_PTR(-ESOCKTNOSUPPORT);
    if (type == SOCK_DGRAM && protocol == PROTO_ICMP)
        return ERR_PTR(-EACCES);
    if (protocol && protocol != (type == SOCK_STREAM ? PROTO_TCP : PROTO_UDP))
        return ERR_PTR(-EPROTONOSUPPORT);
    i = kzalloc(sizeof(*i));
    if (!i)
        return ERR_PTR(-ENOMEM);
    socket_init(&i->s, family, type, type == SOCK_STREAM ? PROTO_TCP : PROTO_UDP, &inet_ops);
    return &i->s;
}
