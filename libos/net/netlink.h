/* AF_NETLINK: questions about the network, answered from what the sandbox has.
 * net/netlink.c */
#ifndef LIBOS_NET_NETLINK_H
#define LIBOS_NET_NETLINK_H

#include <linux/netlink.h>

#include "inet.h"

/* An answer being put together: whole messages, one datagram. */
struct nl_answer {
    struct list link;
    u32 len, cap;
    u32 used;  /* bytes received already */
    u32 start; /* of the message being built */
    bool full; /* no memory */
    u8 *data;
};

/* What is asked. */
struct nl_question {
    struct nlmsghdr h;
    u32 port;       /* of the asker */
    const u8 *body; /* after the header */
    u32 len;
};

/* A message: begun, filled with a fixed part and attributes, ended. */
void nl_begin(struct nl_answer *a, const struct nl_question *q, u16 type, u16 flags);
void *nl_put(struct nl_answer *a, u32 n); /* n zero bytes, aligned; NULL: full */
void nl_attr(struct nl_answer *a, u16 type, const void *data, u32 n);
void nl_end(struct nl_answer *a);

/* Answers a question of NETLINK_ROUTE or NETLINK_SOCK_DIAG: 0, or -errno to be told. */
long nl_route(const struct nl_question *q, struct nl_answer *a);
long nl_diag(const struct nl_question *q, struct nl_answer *a);

#endif
