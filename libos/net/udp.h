/* UDP between sockets of the sandbox.  net/udp.c */
#ifndef LIBOS_NET_UDP_H
#define LIBOS_NET_UDP_H

#include "inet.h"

#define UDP_GROUPS_MAX 20 /* net.ipv4.igmp_max_memberships */

#define UDP_HOPS       64 /* unless somebody says otherwise */

struct datagram {
    struct list link;
    struct inet_addr from, to;
    u64 time; /* CLOCK_REALTIME, ns; 0: nobody asked yet */
    u32 len;
    s32 hops, class; /* time to live and type of service, of either family */
    u8 data[];
};

struct udp_sock {
    struct inet_sock i; /* i.s.lock: everything below */
    struct list queue;  /* struct datagram */
    u32 queued;         /* bytes they take */
    u32 drops;
    struct lock receive_lock; /* one receiver at a time; held over copies */
    u8 (*groups)[16];         /* joined: NULL or UDP_GROUPS_MAX places */
    u32 ngroups;
};

static inline struct udp_sock *to_udp(struct socket *s) { return (struct udp_sock *)s; }

/* Memberships: udp_group.c */
long udp_group_option(struct inet_sock *i, int level, int name, uptr val, u32 len);
bool udp_in_group(struct udp_sock *u, const u8 ip[16]);

/* Control messages of a datagram received: udp_cmsg.c */
void udp_cmsg_receive(struct udp_sock *u, struct sockmsg *m, const struct datagram *d);
/* The source address and interface a sender asks for: into *from; 0 or -errno. */
struct udp_sent { /* what control messages change for one datagram */
    struct inet_addr from;
    s32 hops, class;
};
long udp_cmsg_send(struct udp_sock *u, struct sockmsg *m, struct udp_sent *sent);

#endif
