/* TCP connections of the host: opened through the monitor, used without it.
 *
 * The socket's operations are replaced by these once there is a connection on its way.
 * Waiters sit on the socket's own queues; the host's events wake them (host_tcp_event).
 *
 * Locks: none but link->lock for short; the host orders the data.
 */
#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/sockios.h>
#include <linux/tcp.h>

#include "host.h"
#include "ipc.h"
#include "kalloc.h"
#include "lib.h"
#include "tcp.h"
#include "usercopy.h"

#define DNS_PORT 53
#define PEEK_MAX 16384

static const struct proto_ops host_tcp_ops;

/* ---- readiness --------------------------------------------------------------------------- */

/* Looks without taking: bytes there, 0 at the end, -EAGAIN or the connection's error. */
static long peek(struct host_link *l, size_t n, u32 more)
{
    if (READ_ONCE(l->closed))
        return 0;

    u8 byte;
    struct host_iovec v = {&byte, n};
    struct host_msghdr m = {.iov = &v, .iov_len = 1};

    return host_receive(l->poll.handle, &m, (int)(MSG_PEEK | MSG_DONTWAIT | more));
}

static u32 host_tcp_poll(struct socket *s, struct poll_table *pt)
{
    struct host_link *l = link_of(s);
    u32 ready, mask = 0;

    poll_wait(pt, &s->read_wait);
    poll_wait(pt, &s->write_wait);
    ready = link_ready(l);
    if (READ_ONCE(s->state) == SS_CONNECTING)
        return 0;
    /* An event may be older than what was read since, which only a blocking read minds. */
    if (!READ_ONCE(l->nonblocking) &&
        (ready & (LINK_IN | LINK_END | LINK_HUP | LINK_ERR)) == LINK_IN &&
        peek(l, 1, 0) == -EAGAIN) {
        link_drained(l, ready, LINK_IN);
        ready = link_ready(l);
    }
    if (ready & (LINK_IN | LINK_END | LINK_HUP) || s->shutdown & SHUT_READ)
        mask |= POLLIN | POLLRDNORM;
    if (ready & (LINK_END | LINK_HUP) || s->shutdown & SHUT_READ)
        mask |= POLLRDHUP;
    if (ready & (LINK_OUT | LINK_HUP | LINK_ERR) || s->shutdown & SHUT_WRITE)
        mask |= POLLOUT | POLLWRNORM;
    if (ready & LINK_HUP)
        mask |= POLLHUP;
    if (ready & LINK_ERR || s->error)
        mask |= POLLERR;
    return mask;
}

/* The connection came, or didn't; under link->lock. */
static void settle(struct host_link *l, u32 events)
{
    struct socket *s = &l->i->s;
    long rc = events & (POLLERR | POLLHUP) ? peek(l, 1, 0) : 0;

    if (rc >= 0 || rc == -EAGAIN) {
        __atomic_store_n(&s->state, SS_CONNECTED, __ATOMIC_RELEASE);
        return;
    }
    /* From here on it is an inside socket again, whose connect has failed. */
    to_tcp(s)->failed = to_tcp(s)->async = true;
    s->error = (s32)-rc;
    s->shutdown = SHUT_BOTH;
    __atomic_store_n(&s->ops, &tcp_ops, __ATOMIC_RELEASE);
    __atomic_store_n(&s->state, SS_FREE, __ATOMIC_RELEASE);
}

static void host_tcp_event(struct hostpoll *hp, u32 events)
{
    struct host_link *l = container_of(hp, struct host_link, poll);
    struct socket *s = &l->i->s;
    bool failed = false;

    lock(&l->lock);
    if (!l->closed && s->state == SS_CONNECTING && events & (POLLOUT | POLLERR | POLLHUP)) {
        settle(l, events);
        failed = s->state == SS_FREE;
    }
    if (!l->closed && s->state == SS_CONNECTED && events & POLLERR) {
        long rc = peek(l, 1, 0);

        if (rc < 0 && rc != -EAGAIN)
            s->error = (s32)-rc;
    }
    unlock(&l->lock);
    link_event(l, events & ~POLLERR); /* s->error stands for it */
    if (events & (POLLIN | POLLRDHUP | POLLHUP | POLLERR))
        waitq_wake_all(&s->read_wait, events | POLLRDNORM);
    if (events & (POLLOUT | POLLHUP | POLLERR))
        waitq_wake_all(&s->write_wait, events | POLLWRNORM);
    if (failed)
        link_close(l);
}

void host_tcp_lost(struct host_link *l)
{
    struct socket *s = &l->i->s;

    if (s->ops != &host_tcp_ops)
        return;
    s->error = ECONNRESET;
    s->shutdown = SHUT_BOTH;
    __atomic_store_n(&s->state, SS_CONNECTED, __ATOMIC_RELEASE);
    link_event(l, POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    tcp_wake(to_tcp(s));
}

/* ---- connecting ----------------------------------------------------------------------------- */

static void uri_of(const struct inet_addr *to, char *uri, size_t size)
{
    const u8 *ip = to->ip;
    int n;

    if (inet_is_v4(ip)) {
        snprintf(uri, size, "tcp:%u.%u.%u.%u:%u", ip[12], ip[13], ip[14], ip[15], to->port);
        return;
    }
    n = snprintf(uri, size, "tcp:");
    for (int k = 0; k < 16; k += 2)
        n += snprintf(uri + n, size - (size_t)n, "%x:", ip[k] << 8 | ip[k + 1]);
    snprintf(uri + n, size - (size_t)n, "%u", to->port);
}

static long wait_connected(struct socket *s, bool nonblock)
{
    struct tcp_sock *t = to_tcp(s);
    u64 timeout = s->opt.send_timeout, deadline;
    long rc;

    t->async = true;
    if (nonblock)
        return -EINPROGRESS;
    deadline = socket_deadline(timeout);
    rc = wait_event_by(hostpoll_sleep, &s->write_wait, READ_ONCE(s->state) != SS_CONNECTING,
                       deadline);
    if (rc == -ETIMEDOUT)
        return -EINPROGRESS;
    if (rc)
        return socket_sleep_error(rc, timeout, deadline);
    t->async = false;
    if (!t->failed)
        return 0;
    t->failed = false;
    s->shutdown = 0;
    return socket_error(s);
}

long host_tcp_connect(struct inet_sock *i, const struct inet_addr *to, bool nonblock)
{
    struct host_link *l = link_new(i);
    struct host_attr attr = {0};
    char uri[64];
    long rc;

    if (!l)
        return -ENOBUFS;
    if (inet_is_loopback(to->ip) && to->port != DNS_PORT) /* the resolver has that alone */
        return -ECONNREFUSED;
    uri_of(to, uri, sizeof(uri));
    rc = host_open(uri, O_RDONLY, 0, &attr);
    if (rc < 0)
        return rc;
    memcpy(i->local.ip, &attr.ino, 8);
    memcpy(i->local.ip + 8, &attr.dev, 8);
    i->local.port = (u16)attr.rdev;
    i->remote = *to;
    l->named = true;
    __atomic_store_n(&i->s.state, SS_CONNECTING, __ATOMIC_RELEASE);
    __atomic_store_n(&i->s.ops, &host_tcp_ops, __ATOMIC_RELEASE);
    i->s.shutdown = 0;
    rc = link_open(l, i, (int)rc, host_tcp_event);
    if (rc) {
        i->s.state = SS_FREE;
        i->s.ops = &tcp_ops;
        return rc;
    }
    host_tcp_option(i, -1);
    return wait_connected(&i->s, nonblock);
}

static long again(struct socket *s, const u8 *name, u32 len, bool nonblock)
{
    struct tcp_sock *t = to_tcp(s);

    if (s->state == SS_CONNECTING && nonblock)
        hostpoll_drain();
    if (s->state == SS_CONNECTING)
        return nonblock ? -EALREADY : wait_connected(s, false);
    if (!t->async)
        return -EISCONN;
    t->async = false;
    return 0;
}

struct inet_sock *host_tcp_accepted(struct inet_sock *listener, int handle,
                                    const struct inet_addr *local, const struct inet_addr *remote)
{
    struct inet_sock *i = inet_new_like(listener);
    struct host_link *l = i ? link_new(i) : NULL;

    if (!l) {
        if (i)
            socket_put(&i->s);
        host_close(handle);
        return NULL;
    }
    i->remote = *remote;
    i->local = *local;
    l->named = !inet_is_any(local->ip);
    i->s.state = SS_CONNECTED;
    if (link_open(l, i, handle, host_tcp_event)) {
        socket_put(&i->s);
        return NULL;
    }
    i->s.ops = &host_tcp_ops;
    host_tcp_option(i, -1);
    return i;
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

#define HOST_SOL(level, name) ((u64)(level) << 32 | (u32)(name))
enum { SO_SNDBUF_ = 7, SO_RCVBUF_ = 8, SO_KEEPALIVE_ = 9, SO_LINGER_ = 13 };

/* The option of the host that stands for one of ours, and our value; 0: there is none. */
static u64 host_option(const struct inet_sock *i, int opt, s32 *value)
{
    static const struct {
        u8 ours, name;
    } same[] = {{OPT_TCP_KEEPIDLE, TCP_KEEPIDLE},
                {OPT_TCP_KEEPINTVL, TCP_KEEPINTVL},
                {OPT_TCP_KEEPCNT, TCP_KEEPCNT},
                {OPT_TCP_USER_TIMEOUT, TCP_USER_TIMEOUT}};

    for (u32 k = 0; k < ARRAY_SIZE(same); k++) {
        if (same[k].ours == opt) {
            *value = i->opt[opt];
            return HOST_SOL(PROTO_TCP, same[k].name);
        }
    }
    return 0;
}

void host_tcp_option(struct inet_sock *i, int opt)
{
    s32 value;
    u64 what;

    struct host_link *l = i->host;

    if (i->s.type != SOCK_STREAM || i->s.ops != &host_tcp_ops || READ_ONCE(l->closed))
        return;
    if (opt >= 0) {
        what = host_option(i, opt, &value);
        if (what)
            host_lend(l->poll.handle, HOST_SOCKET_SET, what, (u64)value, NULL, 0);
        return;
    }
    if (sockopt_on(&i->s, SO_KEEPALIVE_))
        host_lend(l->poll.handle, HOST_SOCKET_SET, HOST_SOL(SOL_SOCKET, SO_KEEPALIVE_), 1, NULL, 0);
    if (i->s.opt.sndbuf != TCP_SNDBUF_DEFAULT)
        host_lend(l->poll.handle, HOST_SOCKET_SET, HOST_SOL(SOL_SOCKET, SO_SNDBUF_),
                  i->s.opt.sndbuf / 2, NULL, 0);
    if (i->s.opt.rcvbuf != TCP_RCVBUF_DEFAULT)
        host_lend(l->poll.handle, HOST_SOCKET_SET, HOST_SOL(SOL_SOCKET, SO_RCVBUF_),
                  i->s.opt.rcvbuf / 2, NULL, 0);
}

static long host_tcp_get_option(struct socket *s, int level, int name, uptr val, uptr len)
{
    struct tcp_info info;

    if (level != PROTO_TCP || name != TCP_INFO)
        return inet_option_get(s, level, name, val, len);
    memset(&info, 0, sizeof(info));
    long rc = host_lend(link_of(s)->poll.handle, HOST_SOCKET_INFO, 0, 0, &info, sizeof(info));
    return rc < 0 ? rc : socket_option_give(&info, sizeof(info), val, len);
}

/* The local address of an accepted connection is asked for when somebody wants it; the port
 * is the one the program listens on. */
static long host_tcp_name(struct socket *s, u8 *name, bool peer)
{
    struct inet_sock *i = to_inet(s);
    struct host_link *l = i->host;
    struct host_address a;

    if (!peer && !l->named &&
        host_lend(l->poll.handle, HOST_SOCKET_NAME, 0, 0, &a, sizeof(a)) >= 0) {
        memcpy(i->local.ip, a.ip, 16);
        l->named = true;
    }
    if (peer && s->state != SS_CONNECTED)
        return -ENOTCONN;
    return (long)inet_addr_put(s, peer ? &i->remote : &i->local, name);
}

static long host_tcp_shutdown(struct socket *s, u32 how)
{
    struct host_link *l = link_of(s);
    u32 new = how & ~s->shutdown;

    if (s->state != SS_CONNECTED)
        return -ENOTCONN;
    s->shutdown |= how;
    if (new &SHUT_WRITE && !READ_ONCE(l->closed))
        host_lend(l->poll.handle, HOST_SOCKET_SHUTDOWN, 1, 0, NULL, 0);
    if (new)
        tcp_wake(to_tcp(s));
    return 0;
}

/* The resolver is no TCP socket, where MSG_TRUNC counts without copying. */
static long bytes_there(struct inet_sock *i, struct host_link *l)
{
    struct host_iovec v = {.len = PEEK_MAX};
    struct host_msghdr m = {.iov = &v, .iov_len = 1};
    long rc = -ENOMEM;

    if (!inet_is_loopback(i->remote.ip))
        return peek(l, 0x7fffffff, MSG_TRUNC);
    if (READ_ONCE(l->closed))
        return 0;
    v.base = kmalloc(PEEK_MAX);
    if (v.base)
        rc = host_receive(l->poll.handle, &m, MSG_PEEK | MSG_DONTWAIT);
    kfree(v.base);
    return rc;
}

static long host_tcp_ioctl(struct socket *s, u32 cmd, uptr arg)
{
    struct tcp_info info;
    long rc;

    switch (cmd) {
    case FIONREAD:
        rc = bytes_there(to_inet(s), link_of(s));
        return put_user((s32)MAX(rc, 0L), arg);
    case TIOCOUTQ:
        memset(&info, 0, sizeof(info));
        rc = host_lend(link_of(s)->poll.handle, HOST_SOCKET_INFO, 0, 0, &info, sizeof(info));
        return rc < 0 ? rc
                      : put_user(
                            (s32)(info.tcpi_notsent_bytes + info.tcpi_unacked * info.tcpi_snd_mss),
                            arg);
    case SIOCATMARK:
        return put_user((s32)0, arg);
    default:
        return inet_ioctl(s, cmd, arg);
    }
}

static void host_tcp_release(struct socket *s)
{
    struct host_link *l = link_of(s);

    if (s->opt.linger_on && s->opt.linger_seconds == 0)
        host_lend(l->poll.handle, HOST_SOCKET_SET, HOST_SOL(SOL_SOCKET, SO_LINGER_), 0, NULL, 0);
    link_close(l);
    inet_release_common(to_inet(s));
}

static void host_tcp_destroy(struct socket *s) { inet_free(to_inet(s)); }

static long already_bound(struct socket *s, const u8 *name, u32 len) { return -EINVAL; }
static long no_listen(struct socket *s, int backlog) { return -EINVAL; }
static struct socket *no_accept(struct socket *s, bool nonblock) { return ERR_PTR(-EINVAL); }

static const struct proto_ops host_tcp_ops = {
    .release = host_tcp_release,
    .destroy = host_tcp_destroy,
    .bind = already_bound,
    .connect = again,
    .listen = no_listen,
    .accept = no_accept,
    .name = host_tcp_name,
    .send = host_tcp_send,
    .send_file = host_tcp_send_file,
    .receive = host_tcp_receive,
    .shutdown = host_tcp_shutdown,
    .poll = host_tcp_poll,
    .ioctl = host_tcp_ioctl,
    .set_option = inet_option_set,
    .get_option = host_tcp_get_option,
};
