/* Sockets with a socket of the host behind them.  net/host.c
 *
 * Readiness is kept here, so that asking for it costs no host call: the host's events
 * (edge-triggered) set bits, and an operation that finds nothing clears its bit, unless an
 * event came while it ran.  A word holds the bits and a count of events for that.
 */
#ifndef LIBOS_NET_HOST_H
#define LIBOS_NET_HOST_H

#include "../ipc/hostpoll.h"
#include "inet.h"

struct host_link {
    struct host_link *next; /* earlier ones of the same socket, kept as long as that */
    struct list all;        /* every link that is open */
    struct hostpoll poll;   /* its handle is the host's socket */
    struct inet_sock *i;    /* owner; its count keeps this */
    struct lock lock;       /* closing against what the poller does with the handle */
    bool closed;
    bool starved;     /* a door where no descriptor was left for who came */
    u32 ready;        /* atomic: LINK_* bits, count of events above */
    bool nonblocking; /* the last receive was, so a stale event does no harm */
    bool named;       /* i->local is known to be the local address */
};
#define LINK_IN    1u
#define LINK_OUT   2u
#define LINK_END   4u /* the peer sends no more */
#define LINK_HUP   8u
#define LINK_ERR   16u
#define LINK_EVENT 0x100u

/* A new link of i (zeroed, not open) of at least this size. */
struct host_link *link_make(struct inet_sock *i, size_t size);
static inline struct host_link *link_new(struct inet_sock *i)
{
    return link_make(i, sizeof(struct host_link));
}
/* Watches handle for i; on failure the handle is closed.  0 or -errno. */
long link_open(struct host_link *l, struct inet_sock *i, int handle,
               void (*notify)(struct hostpoll *hp, u32 events));
void link_close(struct host_link *l);
/* l had no descriptor of the host for what came: its event comes again when another link is closed.
 */
void link_starved(struct host_link *l);
/* The bits an event stands for are set; what they were before. */
void link_event(struct host_link *l, u32 events);
static inline u32 link_ready(const struct host_link *l)
{
    return __atomic_load_n(&l->ready, __ATOMIC_ACQUIRE);
}
/* An operation begun when the word was `before` found nothing there. */
static inline void link_drained(struct host_link *l, u32 before, u32 bit)
{
    __atomic_compare_exchange_n(&l->ready, &before, before & ~bit, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_RELAXED);
}

/* struct msghdr of the host. */
struct host_msghdr {
    void *name;
    u32 name_len;
    const struct host_iovec *iov;
    size_t iov_len;
    void *control;
    size_t control_len;
    u32 flags;
};

/* An operation the monitor does on the socket: HOST_SOCKET_*.  0, a length or -errno. */
long host_lend(int handle, u32 op, u64 b, u64 c, void *buf, size_t len);
/* What this end is called towards the outside. */
void host_own_address(bool v4, u8 ip[16]);
void inet_addr_from_host(const struct host_address *from, struct inet_addr *to);

/* ---- TCP: host_tcp.c ---- */
long host_tcp_connect(struct inet_sock *i, const struct inet_addr *to, bool nonblock);
static inline struct host_link *link_of(const struct socket *s)
{
    return ((const struct inet_sock *)s)->host;
}
/* Data: host_tcp_data.c */
long host_tcp_send(struct socket *s, struct sockmsg *m);
long host_tcp_send_file(struct socket *s, struct file *in, u64 *pos, size_t n, u32 flags);
long host_tcp_receive(struct socket *s, struct sockmsg *m);
/* A connection that came to a listener over the host; takes the handle. */
struct inet_sock *host_tcp_accepted(struct inet_sock *listener, int handle,
                                    const struct inet_addr *local, const struct inet_addr *remote);
void host_tcp_option(struct inet_sock *i, int opt);
void host_tcp_lost(struct host_link *l); /* after a resume: the host's socket is gone */

/* ---- published ports and named networks: host_listen.c ---- */
void host_listening(struct inet_sock *i, bool on);
void host_listen_room(struct inet_sock *i);

/* ---- UDP: host_udp.c ---- */
void host_udp_bound(struct inet_sock *i, bool on);
long host_udp_send(struct inet_sock *i, const struct inet_addr *to, struct sockmsg *m);
long host_udp_connect(struct inet_sock *i, const struct inet_addr *to);

#endif
