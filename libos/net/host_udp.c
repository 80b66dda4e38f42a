/* UDP to and from the outside: datagrams over a stream of the monitor's, each behind a
 * header that says whom it is for or from.  One stream for each socket that needs one:
 * opened when something is sent out, or at once where the port is published or there is a named
 * network.
 *
 * Locks: `opening`, held over the message to the monitor; `receiving`, before sockets'.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "host.h"
#include "kalloc.h"
#include "lib.h"
#include "udp.h"

#define PACKET (65536 + sizeof(struct host_datagram))

static struct lock opening;
static struct lock receiving; /* who waits for the host and who did may both be here */
static u8 *packet;            /* under it */

static struct host_link *live_link(const struct inet_sock *i)
{
    struct host_link *l = __atomic_load_n(&i->host, __ATOMIC_ACQUIRE);

    return l && !READ_ONCE(l->closed) ? l : NULL;
}

/* On a named network: the port at which others reach this socket, or 0. */
static u16 named_port(const struct inet_sock *i)
{
    const u8 *ip = i->local.ip;

    if (!(boot()->net_flags & BOOT_NET_NAMED) || inet_is_loopback(ip) ||
        (i->s.family == AF_INET6 && i->opt[OPT_V6_V6ONLY]))
        return 0;
    return inet_is_any(ip) || inet_is_v4(ip) ? i->local.port : 0;
}

static bool is_named(const u8 ip[16])
{
    u32 v4 = (u32)ip[12] << 24 | (u32)ip[13] << 16 | (u32)ip[14] << 8 | ip[15];

    return inet_is_v4(ip) && (v4 & HOST_NAMED_MASK) == HOST_NAMED;
}

/* ---- in ------------------------------------------------------------------------------- */

static void take_error(struct inet_sock *i, const struct inet_addr *from, s32 error)
{
    bool mine = inet_same(&i->remote, from);

    if (!mine && !i->opt[OPT_IP_RECVERR] && !i->opt[OPT_V6_RECVERR])
        return;
    i->s.error = error;
    waitq_wake_all(&i->s.read_wait, 0);
    waitq_wake_all(&i->s.write_wait, 0);
}

static void take(struct inet_sock *i, size_t n)
{
    struct host_datagram *head = (struct host_datagram *)packet;
    struct inet_addr from, to = i->local;

    inet_addr_from_host(&head->address, &from);
    if (head->error) {
        take_error(i, &from, head->error);
        return;
    }
    if (head->address.own)
        to.port = head->address.own;
    if (inet_is_any(to.ip) && is_named(from.ip))
        host_own_address(true, to.ip);
    else if (inet_is_any(to.ip))
        memcpy(to.ip, inet_is_v4(from.ip) ? inet_v4_loopback : inet_v6_loopback, 16);
    udp_deliver(&to, &from, packet + sizeof(*head), (u32)(n - sizeof(*head)));
}

static void udp_event(struct hostpoll *hp, u32 events)
{
    struct host_link *l = container_of(hp, struct host_link, poll);

    link_event(l, events);
    if (events & POLLOUT)
        waitq_wake_all(&l->i->s.write_wait, POLLOUT | POLLWRNORM);
    lock(&receiving);
    if (!packet)
        packet = kpages_alloc(PACKET);
    while (packet && !READ_ONCE(l->closed)) {
        struct host_iovec v = {packet, PACKET};
        struct host_msghdr m = {.iov = &v, .iov_len = 1};
        long rc = host_receive(hp->handle, &m, MSG_DONTWAIT);

        if (rc < (long)sizeof(struct host_datagram))
            break;
        take(l->i, (size_t)rc);
    }
    unlock(&receiving);
}

/* ---- the stream ------------------------------------------------------------------------- */

static long open_stream(struct inet_sock *i, const char *uri)
{
    struct host_link *l = link_new(i);
    long rc;

    if (!l)
        return -ENOBUFS;
    rc = host_open(uri, O_RDONLY, 0, NULL);
    if (rc >= 0)
        rc = link_open(l, i, (int)rc, udp_event);
    return rc;
}

static const char *plain_uri(const struct inet_sock *i)
{
    return i->s.family == AF_INET ? "udp:4" : "udp:6";
}

static struct host_link *link_for(struct inet_sock *i, long *error)
{
    struct host_link *l = live_link(i);

    if (l)
        return l;
    lock(&opening);
    l = live_link(i);
    *error = l ? 0 : open_stream(i, plain_uri(i));
    unlock(&opening);
    return *error ? NULL : live_link(i);
}

static bool published(const struct inet_sock *i, u32 *number)
{
    for (u32 n = 0; n < boot()->nports; n++) {
        const struct boot_port *p = &boot()->ports[n];

        *number = n;
        if (p->datagram && p->port == i->local.port && !inet_is_loopback(i->local.ip) &&
            (p->family6 ? i->s.family == AF_INET6
                        : i->s.family == AF_INET || !i->opt[OPT_V6_V6ONLY]))
            return true;
    }
    return false;
}

/* Tells the other side of the stream the socket's port. */
static void announce(struct inet_sock *i)
{
    struct host_datagram head = {.address = {.own = named_port(i)}};
    struct host_iovec v = {&head, sizeof(head)};
    struct host_msghdr m = {.iov = &v, .iov_len = 1};
    struct host_link *l = live_link(i);

    if (l)
        host_send(l->poll.handle, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void host_udp_bound(struct inet_sock *i, bool on)
{
    struct host_link *l = live_link(i);
    bool leads_in, named = named_port(i);
    char uri[32];
    u32 n = 0;

    if (!on) {
        if (l)
            link_close(l);
        return;
    }
    leads_in = published(i, &n);
    if (!leads_in && !named)
        return;
    snprintf(uri, sizeof(uri), leads_in ? "publish:%u" : plain_uri(i), n);
    lock(&opening);
    if (!live_link(i))
        open_stream(i, uri);
    unlock(&opening);
    if (named)
        announce(i);
}

/* ---- out -------------------------------------------------------------------------------- */

/* The data in memory of ours, where no fault can cut a datagram short. */
static long gather(struct uio *u, struct host_iovec *v, u8 **copy)
{
    size_t len = u->left;

    *copy = kmalloc(len ? len : 1);
    if (!*copy)
        return -ENOBUFS;
    if (uio_copy_in(*copy, u, len) < len) {
        kfree(*copy);
        return -EFAULT;
    }
    *v = (struct host_iovec){*copy, len};
    return 0;
}

static long send_packet(struct inet_sock *i, struct host_link *l, const struct host_msghdr *m,
                        u32 flags)
{
    u64 deadline = socket_deadline(i->s.opt.send_timeout);
    long rc;

    for (;;) {
        u32 before = link_ready(l);

        rc = host_send(l->poll.handle, m, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (rc != -EAGAIN)
            return rc;
        link_drained(l, before, LINK_OUT);
        if (flags & MSG_DONTWAIT)
            return rc;
        rc = wait_event_by(hostpoll_sleep, &i->s.write_wait, link_ready(l) & (LINK_OUT | LINK_HUP),
                           deadline);
        if (rc)
            return socket_sleep_error(rc, i->s.opt.send_timeout, deadline);
    }
}

long host_udp_send(struct inet_sock *i, const struct inet_addr *to, struct sockmsg *m)
{
    struct host_datagram head = {.address = {.port = to->port, .own = named_port(i)}};
    size_t len = m->data->left;
    struct host_link *l;
    struct host_iovec v[2] = {{&head, sizeof(head)}};
    struct host_msghdr h = {.iov = v, .iov_len = 2};
    long rc = 0;
    u8 *copy;

    l = link_for(i, &rc);
    if (!l)
        return rc;
    memcpy(head.address.ip, to->ip, 16);
    rc = gather(m->data, &v[1], &copy);
    if (rc < 0)
        return rc;
    rc = send_packet(i, l, &h, m->flags);
    kfree(copy);
    return rc < 0 ? rc : (long)len;
}

/* Nothing is sent: whether the address may be reached shows with the first datagram. */
long host_udp_connect(struct inet_sock *i, const struct inet_addr *to)
{
    struct inet_addr any = i->local;
    long rc = 0;

    if (!i->port) {
        any.port = 0;
        rc = port_bind(i, &any);
        i->port_auto = !rc;
    }
    if (rc)
        return rc == -EADDRINUSE ? -EAGAIN : rc;
    lock(&i->s.lock);
    if (!i->addr_fixed)
        host_own_address(inet_is_v4(to->ip), i->local.ip);
    i->remote = *to;
    i->s.state = SS_CONNECTED;
    unlock(&i->s.lock);
    if (named_port(i))
        host_udp_bound(i, true);
    return 0;
}
