/* Published ports and named networks: connections that come over the host into the backlog
 * of a listener of the sandbox.
 *
 * A listener has one door for each published port that leads to it, and one for the named
 * network.  The poller accepts when the host has something and there is room; what found no
 * room waits in the door, and the rest with the host.
 *
 * Locks: link->lock of a door is held over accepting, so that it isn't closed meanwhile; it
 * comes before those of sockets.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "host.h"
#include "kalloc.h"
#include "lib.h"
#include "tcp.h"

#define REUSEPORT 15 /* SO_REUSEPORT */

struct door {
    struct host_link link; /* first; owner: the listener */
    bool named;
    struct inet_sock *waiting; /* accepted, no room in the backlog */
};

/* ---- taking connections ------------------------------------------------------------------- */

/* The host's own loopback goes by another name here. */
static void address_in(const u8 *name, struct inet_addr *a)
{
    static const u8 loopback_4[4] = {192, 0, 0, 8};
    static const u8 loopback_6[16] = {[0] = 1, [15] = 8};

    *a = (struct inet_addr){.port = (u16)(name[2] << 8 | name[3])};
    if (*(const u16 *)name == AF_INET) {
        memcpy(a->ip, inet_v4_any, 12);
        memcpy(a->ip + 12, name[4] == 127 ? loopback_4 : name + 4, 4);
    } else {
        memcpy(a->ip, memcmp(name + 8, inet_v6_loopback, 16) ? name + 8 : loopback_6, 16);
    }
}

/* Without a descriptor left, who comes waits with the host until there is one again. */
static long accept_one(struct door *d, u8 *name, u32 *len)
{
    const u32 room = *len;
    long rc = -EINTR;

    for (bool again = false; rc == -ECONNABORTED || rc == -EINTR;) {
        *len = room;
        rc = host_accept(d->link.poll.handle, name, len, O_CLOEXEC | O_NONBLOCK);
        if ((rc == -EMFILE || rc == -ENFILE) && !again) {
            link_starved(&d->link);
            again = true; /* one may have come free before that was said */
            rc = -EINTR;
        }
    }
    return rc;
}

static struct inet_sock *take_published(struct door *d)
{
    struct inet_sock *listener = d->link.i;
    struct inet_addr local = {.port = listener->local.port}, remote;
    u8 name[128];
    u32 len = sizeof(name);
    long rc;

    rc = accept_one(d, name, &len);
    if (rc < 0)
        return NULL;
    address_in(name, &remote);
    memcpy(local.ip, inet_is_v4(remote.ip) ? inet_v4_any : inet_v6_any, 16);
    return host_tcp_accepted(listener, (int)rc, &local, &remote);
}

static struct inet_sock *take_named(struct door *d)
{
    struct inet_sock *listener = d->link.i;
    struct host_visitor visitor;
    struct {
        u64 len;
        s32 level, type, handle, pad;
    } control = {0};
    struct host_iovec v = {&visitor, sizeof(visitor)};
    struct host_msghdr m = {
        .iov = &v, .iov_len = 1, .control = &control, .control_len = sizeof(control)};
    struct inet_addr local = {.port = listener->local.port}, remote;
    u32 own = boot()->net_address;
    long rc = host_receive(d->link.poll.handle, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (rc != sizeof(visitor) || m.control_len < 20 || control.type != SCM_RIGHTS)
        return NULL;
    inet_addr_from_host(&visitor.address, &remote);
    memcpy(local.ip, inet_v4_any, 12);
    for (int n = 0; n < 4; n++)
        local.ip[12 + n] = (u8)(own >> (24 - 8 * n));
    return host_tcp_accepted(listener, control.handle, &local, &remote);
}

static void discard(struct inet_sock *conn)
{
    conn->s.ops->release(&conn->s);
    socket_put(&conn->s);
}

/* Among listeners that share the port the peer's address chooses, as on the loopback.  What the
 * chosen one has no room for goes to the door's own, of whose room this is told. */
static long hand_in(struct door *d, struct inet_sock *conn)
{
    struct inet_sock *own = d->link.i, *chosen;
    struct inet_addr to = own->addr_fixed ? own->local : conn->local;
    long rc = -EAGAIN;

    if (sockopt_on(&own->s, REUSEPORT)) {
        chosen = port_find(SOCK_STREAM, &to, &conn->remote);
        if (chosen && chosen != own)
            rc = inet_deliver(chosen, conn);
        if (chosen)
            socket_put(&chosen->s);
    }
    return rc ? inet_deliver(own, conn) : 0;
}

/* Until the host has no more or the backlog is full. */
static void take_all(struct door *d)
{
    lock(&d->link.lock);
    while (!d->link.closed) {
        struct inet_sock *conn = d->waiting;
        long rc;

        d->waiting = NULL;
        if (!conn)
            conn = d->named ? take_named(d) : take_published(d);
        if (!conn)
            break;
        rc = hand_in(d, conn);
        if (rc == -EAGAIN) {
            d->waiting = conn;
            break;
        }
        if (rc)
            discard(conn);
    }
    unlock(&d->link.lock);
}

static void door_event(struct hostpoll *hp, u32 events)
{
    take_all(container_of(container_of(hp, struct host_link, poll), struct door, link));
}

void host_listen_room(struct inet_sock *i)
{
    for (struct host_link *l = i->host; l; l = l->next)
        take_all(container_of(l, struct door, link));
}

/* ---- doors -------------------------------------------------------------------------------- */

static void add_door(struct inet_sock *i, const char *uri, bool named)
{
    unsigned backlog = to_tcp(&i->s)->max_backlog;
    struct door *d = (struct door *)link_make(i, sizeof(*d));
    long rc = d ? host_open(uri, O_RDONLY, backlog, NULL) : -ENOMEM;

    if (rc >= 0) {
        d->named = named;
        rc = link_open(&d->link, i, (int)rc, door_event);
    }
    if (rc == 0)
        take_all(d); /* what came before it was watched */
    else
        klog("net: %s: %ld", uri, rc);
}

static bool leads_to(const struct boot_port *p, const struct inet_sock *i)
{
    if (p->datagram || p->port != i->local.port || inet_is_loopback(i->local.ip))
        return false;
    if (p->family6)
        return i->s.family == AF_INET6;
    return i->s.family == AF_INET || !i->opt[OPT_V6_V6ONLY];
}

static void open_doors(struct inet_sock *i)
{
    char uri[32];

    for (u32 n = 0; n < boot()->nports; n++) {
        if (!leads_to(&boot()->ports[n], i))
            continue;
        snprintf(uri, sizeof(uri), "publish:%u", n);
        add_door(i, uri, false);
    }
    if (boot()->net_flags & BOOT_NET_NAMED && !inet_is_loopback(i->local.ip) &&
        (i->s.family == AF_INET || !i->opt[OPT_V6_V6ONLY])) {
        snprintf(uri, sizeof(uri), "named:%u", i->local.port);
        add_door(i, uri, true);
    }
}

/* They are freed with the socket: the poller may still look at one. */
static void close_doors(struct inet_sock *i)
{
    for (struct host_link *l = i->host; l; l = l->next) {
        struct door *d = container_of(l, struct door, link);
        struct inet_sock *conn;

        link_close(l);
        lock(&l->lock);
        conn = d->waiting;
        d->waiting = NULL;
        unlock(&l->lock);
        if (conn)
            discard(conn);
    }
}

/* Another that listens at the same port goes on with its doors: only one can have them. */
static void pass_doors_on(struct inet_sock *i)
{
    struct inet_sock *heir = sockopt_on(&i->s, REUSEPORT) ? inet_listener(&i->local) : NULL;

    if (heir && heir != i)
        open_doors(heir);
    if (heir)
        socket_put(&heir->s);
}

void host_listening(struct inet_sock *i, bool on)
{
    if (on) {
        open_doors(i);
        return;
    }
    close_doors(i);
    pass_doors_on(i);
}
