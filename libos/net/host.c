/* The way out of the sandbox: what host_tcp.c, host_listen.c and host_udp.c share.
 *
 * Locks: link->lock is held over host calls that don't sleep; a lock of its own (`lending`)
 * keeps the two halves of lending together, which is a message to the monitor.
 */
#include "host.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "kalloc.h"
#include "lib.h"

/* Every open link: a resume finds them here. */
static struct {
    struct lock lock;
    struct list list;
    bool starved; /* one of them is */
} links = {.list = {&links.list, &links.list}};

struct host_link *link_make(struct inet_sock *i, size_t size)
{
    struct host_link *l = kzalloc(size);

    if (!l)
        return NULL;
    l->i = i;
    l->closed = true;
    lock_init(&l->lock);
    list_init(&l->all);
    l->next = i->host;
    __atomic_store_n(&i->host, l, __ATOMIC_RELEASE);
    return l;
}

static void link_put(struct hostpoll *hp)
{
    socket_put(&container_of(hp, struct host_link, poll)->i->s);
}

long link_open(struct host_link *l, struct inet_sock *i, int handle,
               void (*notify)(struct hostpoll *hp, u32 events))
{
    long rc;

    l->poll.notify = notify;
    l->poll.put = link_put;
    l->poll.refs = &i->s.refs;
    WRITE_ONCE(l->closed, false);
    rc = hostpoll_attach(&l->poll, handle, POLLIN | POLLOUT | POLLRDHUP);
    if (rc) {
        l->closed = true;
        host_close(handle);
        return rc;
    }
    lock(&links.lock);
    list_add(&links.list, &l->all);
    unlock(&links.lock);
    return 0;
}

void link_starved(struct host_link *l)
{
    __atomic_store_n(&l->starved, true, __ATOMIC_SEQ_CST);
    __atomic_store_n(&links.starved, true, __ATOMIC_SEQ_CST);
}

/* A descriptor is free again. */
static void feed_starved(void)
{
    struct host_link *l;

    if (!__atomic_exchange_n(&links.starved, false, __ATOMIC_SEQ_CST))
        return;
    lock(&links.lock);
    list_for_each(l, &links.list, all)
    {
        if (__atomic_exchange_n(&l->starved, false, __ATOMIC_SEQ_CST))
            hostpoll_again(&l->poll);
    }
    unlock(&links.lock);
}

void link_close(struct host_link *l)
{
    bool was;

    lock(&l->lock);
    was = l->closed;
    WRITE_ONCE(l->closed, true);
    unlock(&l->lock);
    if (was)
        return;
    lock(&links.lock);
    list_del(&l->all);
    unlock(&links.lock);
    hostpoll_destroy(&l->poll);
    host_close(l->poll.handle);
    feed_starved();
}

void link_event(struct host_link *l, u32 events)
{
    u32 bits = (events & POLLIN ? LINK_IN : 0) | (events & POLLOUT ? LINK_OUT : 0) |
               (events & POLLRDHUP ? LINK_END : 0) | (events & POLLHUP ? LINK_HUP : 0) |
               (events & POLLERR ? LINK_ERR : 0);
    u32 old = link_ready(l);

    while (!__atomic_compare_exchange_n(&l->ready, &old, (old | bits) + LINK_EVENT, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
}

/* ---- lending ---------------------------------------------------------------------------- */

static struct {
    struct lock lock;
    int handle; /* of "sockets:", + 1 */
} lending;

static long lend(int handle)
{
    struct {
        u64 len;
        s32 level, type, handle, pad;
    } control = {20, SOL_SOCKET, SCM_RIGHTS, handle, 0};
    struct host_iovec v = {"", 1};
    struct host_msghdr m = {.iov = &v, .iov_len = 1, .control = &control, .control_len = 24};

    if (!lending.handle) {
        long rc = host_open("sockets:", O_RDONLY, 0, NULL);
        if (rc < 0)
            return rc;
        lending.handle = (int)rc + 1;
    }
    return host_send(lending.handle - 1, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

long host_lend(int handle, u32 op, u64 b, u64 c, void *buf, size_t len)
{
    long rc;

    lock(&lending.lock);
    rc = lend(handle);
    if (rc >= 0)
        rc = host_control(-1, HOST_LENT, op, b, c, buf, len);
    unlock(&lending.lock);
    return rc;
}

void inet_addr_from_host(const struct host_address *from, struct inet_addr *to)
{
    *to = (struct inet_addr){.port = from->port};
    memcpy(to->ip, from->ip, 16);
}

/* ---- what inet.h knows ---------------------------------------------------------------------- */

static long host_connect(struct inet_sock *i, const struct inet_addr *to, bool nonblock)
{
    return i->s.type == SOCK_STREAM ? host_tcp_connect(i, to, nonblock) : host_udp_connect(i, to);
}

static void host_free(struct inet_sock *i)
{
    struct host_link *l = i->host;

    while (l) {
        struct host_link *next = l->next;

        link_close(l);
        kfree(l);
        l = next;
    }
}

static const struct inet_host_ops host_ops = {
    .free = host_free,
    .connect = host_connect,
    .listening = host_listening,
    .room = host_listen_room,
    .bound = host_udp_bound,
    .send = host_udp_send,
    .option = host_tcp_option,
};

/* On a named network that network's; else one of a range that is nobody's. */
void host_own_address(bool v4, u8 ip[16])
{
    u32 own = boot()->net_address ? boot()->net_address : HOST_OWN_4;

    memset(ip, 0, 16);
    ip[0] = 1; /* 100::2, of the discard prefix */
    ip[15] = 2;
    if (!v4)
        return;
    memcpy(ip, inet_v4_any, 12);
    for (int n = 0; n < 4; n++)
        ip[12 + n] = (u8)(own >> (24 - 8 * n));
}

void inet_host_init(void)
{
    u8 ip[16];

    if (!boot()->net_flags && !boot()->nports)
        return;
    inet_host = &host_ops;
    inet_resolver = boot()->net_flags & BOOT_NET_RESOLVER;
    for (int v4 = 0; v4 < 2; v4++) {
        host_own_address(v4, ip);
        inet_own_add(ip);
    }
}

/* What leads in from outside. */
static void host_reopen(struct inet_sock *i)
{
    if (i->s.type == SOCK_STREAM)
        host_listening(i, true);
    else
        host_udp_bound(i, true);
}

/* Is one of the socket's links in use already? */
static bool has_link(const struct inet_sock *i)
{
    const struct host_link *l = i->host;

    return l && !l->closed;
}

/* Alone, and before the poller looks at anything.  Connections are broken, listeners get
 * new sockets of the host, datagram streams are opened anew when they are needed. */
void inet_host_resume(void)
{
    struct list old;
    struct host_link *l;

    lending.handle = 0;
    inet_host = NULL;
    inet_host_init();
    list_init(&old);
    while ((l = list_first(&links.list, struct host_link, all)) != NULL) {
        list_del(&l->all);
        list_add(&old, &l->all);
        l->closed = true;
        l->poll.armed = 0; /* in an epoll that is no more */
        hostpoll_destroy(&l->poll);
    }
    while ((l = list_first(&old, struct host_link, all)) != NULL) {
        list_del(&l->all);
        if (l->i->s.state != SS_LISTENING && l->i->s.type == SOCK_STREAM)
            host_tcp_lost(l);
        else if (inet_host && !has_link(l->i))
            host_reopen(l->i);
    }
}
