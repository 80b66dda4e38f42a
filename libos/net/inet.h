/* AF_INET and AF_INET6 sockets.  net/inet.c has the structure.
 *
 * A socket begins as a library-OS object that is nothing yet.  connect(), listen() and
 * bind() decide: an address of the sandbox's own (inet_is_own) makes it a loopback object,
 * anything else is the affair of `inet_host`, which net/host*.c fills in.  Where it is NULL
 * there is no way out, and the answer is that of Linux without a route: ENETUNREACH.
 *
 * What host-backed sockets do:
 *  - Outgoing TCP: inet_host->connect(i, to, nonblock) opens the connection and makes i
 *    host-backed: it keeps what it needs in i->host and replaces i->s.ops by operations of
 *    its own (WRITE_ONCE).  From then on every call goes there, release and destroy
 *    included; those end with inet_release_common() and inet_free().  Options that are
 *    only kept can still be served by inet_option_set() and inet_option_get().
 *  - Published ports: inet_host->listening(i, true) is told of each TCP socket that
 *    begins to listen, (i, false) when it stops.  A connection that came over the host is
 *    made with inet_new_like(i), made host-backed, and handed over with inet_deliver(); that
 *    says -EAGAIN when the backlog is full and inet_host->room(i) is called when there is
 *    room again.
 *  - UDP: inet_host->send(i, to, m) sends a datagram to an address that isn't the sandbox's
 *    own; inet_host->bound(i, true) tells of UDP sockets that have a port, also when connect
 *    or send chose it.  What arrives is put into the queue with udp_deliver().
 * All of these are called without locks.
 */
#ifndef LIBOS_NET_INET_H
#define LIBOS_NET_INET_H

#include "../ipc/socket.h"

#define PROTO_IP     0
#define PROTO_ICMP   1
#define PROTO_TCP    6
#define PROTO_UDP    17
#define PROTO_IPV6   41
#define PROTO_LITE   136 /* UDP-Lite: UDP with ports of its own, and never beyond the sandbox */
#define PROTO_ICMPV6 58

/* IPv4 addresses are kept in the mapped form, ::ffff:a.b.c.d. */
struct inet_addr {
    u8 ip[16];
    u16 port; /* host order */
    u32 scope;
};

/* Options that are numbers: their places in inet_sock.opt.  net/option.c */
enum inet_opt {
#define INET_OPTION(id, ...) OPT_##id,
#include "options.h"
#undef INET_OPTION
    OPT_COUNT
};

struct port;

struct inet_sock {
    struct socket s;
    struct inet_addr local, remote; /* port 0: none */
    struct port *port;              /* under the port table's lock, as all of port_* */
    struct list port_link;
    bool port_auto;      /* chosen by connect: given up with the connection */
    bool addr_fixed;     /* local address chosen by bind */
    bool broken;         /* TCP: reset by the other end, which is no peer any more */
    u32 uid;             /* who bound it: SO_REUSEPORT is for one user */
    struct list pending; /* in a listener's backlog */
    void *host;          /* net/host*.c */
    s32 opt[OPT_COUNT];
};

/* Whose ports: a type, or that of UDP-Lite. */
#define PORT_UDPLITE 0x100
static inline u16 port_kind(const struct inet_sock *i)
{
    return i->s.protocol == PROTO_LITE ? PORT_UDPLITE : i->s.type;
}

static inline struct inet_sock *to_inet(struct socket *s) { return (struct inet_sock *)s; }

struct inet_host_ops {
    long (*connect)(struct inet_sock *i, const struct inet_addr *to, bool nonblock);
    void (*listening)(struct inet_sock *i, bool on);
    void (*room)(struct inet_sock *i);
    void (*bound)(struct inet_sock *i, bool on);                                      /* UDP */
    long (*send)(struct inet_sock *i, const struct inet_addr *to, struct sockmsg *m); /* UDP */
    /* A change of an option of i: OPT_*, or -1 for one of SOL_SOCKET.  May be NULL. */
    void (*option)(struct inet_sock *i, int opt);
    void (*free)(struct inet_sock *i); /* i->host goes with the socket */
};
extern const struct inet_host_ops *inet_host; /* NULL: no way out */
static inline bool udp_reaches_host(const struct inet_sock *i)
{
    return inet_host && i->s.protocol == PROTO_UDP;
}
extern bool inet_resolver; /* 127.0.0.53 is outside */

/* ---- for host-backed sockets --------------------------------------------------- */

/* A TCP socket with the family and options of a listener, connected, one reference. */
struct inet_sock *inet_new_like(struct inet_sock *listener);
/* Puts a connected socket into a listener's backlog; takes the reference over unless it
 * fails: -EAGAIN (full), -ECONNREFUSED (listens no more). */
long inet_deliver(struct inet_sock *listener, struct inet_sock *conn);
/* The listener for a connection to this address (any own address if ip is all zero): a
 * reference or NULL. */
struct inet_sock *inet_listener(const struct inet_addr *to);
/* A datagram from outside into the queue of the socket it is for: 0 or -errno. */
long udp_deliver(const struct inet_addr *to, const struct inet_addr *from, const void *data,
                 u32 len);
void inet_release_common(struct inet_sock *i); /* gives up the port */
void inet_free(struct inet_sock *i);

/* ---- addresses: address.c --------------------------------------------------------- */

bool inet_same(const struct inet_addr *a, const struct inet_addr *b); /* address and port */
bool inet_is_v4(const u8 ip[16]);                                     /* mapped */
bool inet_is_any(const u8 ip[16]);                                    /* 0.0.0.0 or :: */
bool inet_is_loopback(const u8 ip[16]);                               /* 127.0.0.0/8, ::1 */
bool inet_is_multicast(const u8 ip[16]);
bool inet_is_broadcast(const u8 ip[16]);
/* Loopback, or an address added by inet_own_add(). */
bool inet_is_own(const u8 ip[16]);
long inet_own_add(const u8 ip[16]);
bool inet_own_nth(u32 n, u8 ip[16]); /* the nth of those; false: no more */
extern const u8 inet_v4_any[16], inet_v6_any[16], inet_v4_loopback[16], inet_v6_loopback[16];

/* A struct sockaddr as given for s: 0 or -errno. */
long inet_addr_get(const struct socket *s, const u8 *name, u32 len, struct inet_addr *a);
/* As s shows it; the length. */
u32 inet_addr_put(const struct socket *s, const struct inet_addr *a, u8 *name);
/* Where a connection or datagram to `to` goes and comes from: fills in the loopback for
 * "any" and sets *from to i's address or the one that fits. */
void inet_route(const struct inet_sock *i, struct inet_addr *to, struct inet_addr *from);

/* ---- ports: port.c ------------------------------------------------------------------ */

/* Gives i the address (port 0: any free one): 0, -EADDRINUSE, -EINVAL (has one), ... */
long port_bind(struct inet_sock *i, const struct inet_addr *a);
/* The same with a port that connect(2) to `to` chooses; sets i->remote. */
long port_connect(struct inet_sock *i, const struct inet_addr *from, const struct inet_addr *to);
/* The same with the port i has: -EADDRNOTAVAIL if another one is connected between those ends. */
long port_reuse(struct inet_sock *i, const struct inet_addr *from, const struct inet_addr *to);
/* conn goes by the port of a listener. */
void port_share(struct inet_sock *conn, struct inet_sock *listener);
void port_release(struct inet_sock *i);
/* Does nobody else listen where i would?  0 or -EADDRINUSE; makes it SS_LISTENING. */
long port_listen(struct inet_sock *i);
/* The socket that takes what comes for `to` from `from`: a reference or NULL.  Among equals
 * (SO_REUSEPORT) the sender's address chooses. */
struct inet_sock *port_find(u16 type, const struct inet_addr *to, const struct inet_addr *from);
/* All UDP sockets that take a multicast or broadcast datagram, one after the other, for
 * *cursor from 0. */
struct inet_sock *port_find_all(const struct inet_addr *to, const struct inet_addr *from,
                                u32 *cursor);
/* Sockets with a port, from *cursor (0 at first) on, in an order that stays: references to up
 * to max of them, how many; 0: no more. */
u32 port_some(u16 type, u64 *cursor, struct inet_sock **out, u32 max);
#define PORT_SOME 64

/* ---- kinds ---------------------------------------------------------------------------- */

void inet_init(struct inet_sock *i, u16 family, u16 type, const struct proto_ops *ops);
struct inet_sock *tcp_new(u16 family);
struct inet_sock *udp_new(u16 family);
long inet_bind(struct socket *s, const u8 *name, u32 len);
long inet_name(struct socket *s, u8 *name, bool peer);
long inet_ioctl(struct socket *s, u32 cmd, uptr arg); /* interfaces and what all have */
long interface_ioctl(u32 cmd, uptr arg);              /* of sockets of any family */

/* The lines of /proc/net/tcp and its like; how many sockets there are.  listing.c */
void inet_listing(struct textbuf *b, u16 type, u16 family);
u32 inet_count(u16 type, u16 family);

/* Options of other levels than SOL_SOCKET: option.c */
long inet_option_set(struct socket *s, int level, int name, uptr val, u32 len);
long inet_option_get(struct socket *s, int level, int name, uptr val, uptr len);
void inet_option_defaults(struct inet_sock *i);
/* Bytes to be read, and sent but not taken by the receiver; of a listener the backlog. */
void inet_queues(struct inet_sock *i, u32 *in, u32 *out);
u8 inet_state(const struct inet_sock *i); /* TCP_ESTABLISHED ... as /proc/net and TCP_INFO show */

#endif
