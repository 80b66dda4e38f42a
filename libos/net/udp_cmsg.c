/* Control messages of datagrams: where one came to, when, and where it shall come from. */
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "lib.h"
#include "udp.h"
#include "usercopy.h"

#define LOOPBACK_INDEX 1
#define TIMESTAMP      29 /* SO_TIMESTAMP_OLD = SCM_TIMESTAMP */
#define TIMESTAMPNS    35
#define RXQ_OVFL       40

struct pktinfo4 { /* = struct in_pktinfo */
    s32 index;
    u8 local[4], destination[4];
};
struct pktinfo6 { /* = struct in6_pktinfo */
    u8 ip[16];
    s32 index;
};

static void put_v4(struct inet_sock *i, struct sockmsg *m, const struct datagram *d)
{
    struct pktinfo4 info = {.index = LOOPBACK_INDEX};
    s32 ttl = d->hops;
    u8 tos = (u8)d->class;

    if (i->opt[OPT_IP_PKTINFO]) {
        bool unicast = !inet_is_multicast(d->to.ip) && !inet_is_broadcast(d->to.ip);

        memcpy(info.local, (unicast ? d->to.ip : d->from.ip) + 12, 4);
        memcpy(info.destination, d->to.ip + 12, 4);
        cmsg_put(m, PROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
    if (i->opt[OPT_IP_RECVTTL])
        cmsg_put(m, PROTO_IP, IP_TTL, &ttl, sizeof(ttl));
    if (i->opt[OPT_IP_RECVTOS])
        cmsg_put(m, PROTO_IP, IP_TOS, &tos, sizeof(tos));
    if (i->opt[OPT_IP_RECVORIGDST]) {
        struct socket v4 = {.family = AF_INET};
        u8 name[SOCKNAME_MAX];
        u32 len = inet_addr_put(&v4, &d->to, name);

        cmsg_put(m, PROTO_IP, IP_ORIGDSTADDR, name, len);
    }
}

static void put_v6(struct inet_sock *i, struct sockmsg *m, const struct datagram *d)
{
    struct pktinfo6 info = {.index = LOOPBACK_INDEX};
    s32 hops = d->hops, class = d->class;

    if (i->opt[OPT_V6_RECVPKTINFO]) {
        memcpy(info.ip, d->to.ip, 16);
        cmsg_put(m, PROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
    if (i->opt[OPT_V6_RECVHOPLIMIT])
        cmsg_put(m, PROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
    if (i->opt[OPT_V6_RECVTCLASS])
        cmsg_put(m, PROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
}

static void put_time(struct socket *s, struct sockmsg *m, u64 time)
{
    struct timespec_k ts = ns_to_timespec(time);
    struct timeval_k tv = {ts.sec, ts.nsec / 1000};

    if (sockopt_on(s, TIMESTAMPNS))
        cmsg_put(m, SOL_SOCKET, TIMESTAMPNS, &ts, sizeof(ts));
    else if (sockopt_on(s, TIMESTAMP))
        cmsg_put(m, SOL_SOCKET, TIMESTAMP, &tv, sizeof(tv));
}

void udp_cmsg_receive(struct udp_sock *u, struct sockmsg *m, const struct datagram *d)
{
    struct socket *s = &u->i.s;

    if (!m->control_len)
        return;
    put_time(s, m, d->time);
    if (sockopt_on(s, RXQ_OVFL) && u->drops)
        cmsg_put(m, SOL_SOCKET, RXQ_OVFL, &u->drops, sizeof(u->drops));
    if (s->family == AF_INET6)
        put_v6(&u->i, m, d);
    if (inet_is_v4(d->to.ip))
        put_v4(&u->i, m, d);
}

/* ---- sending ------------------------------------------------------------------------------ */

static long source4(uptr data, size_t n, struct inet_addr *from)
{
    static const u8 any[4];
    struct pktinfo4 info;

    if (n != sizeof(info))
        return -EINVAL;
    if (copy_from_user(&info, data, sizeof(info)))
        return -EFAULT;
    if (memcmp(info.local, any, 4) != 0) {
        memcpy(from->ip, inet_v4_any, 12);
        memcpy(from->ip + 12, info.local, 4);
    }
    return 0;
}

static long source6(uptr data, size_t n, struct inet_addr *from)
{
    struct pktinfo6 info;

    if (n < sizeof(info))
        return -EINVAL;
    if (copy_from_user(&info, data, sizeof(info)))
        return -EFAULT;
    if (!inet_is_any(info.ip))
        memcpy(from->ip, info.ip, 16);
    return 0;
}

static long number(uptr data, size_t n, s32 least, s32 *to)
{
    s32 v;

    if (n != sizeof(v))
        return -EINVAL;
    if (copy_from_user(&v, data, sizeof(v)))
        return -EFAULT;
    if (v < least || v > 255)
        return -EINVAL;
    if (v >= 0)
        *to = v;
    return 0;
}

static long take4(const struct cmsg *c, uptr data, size_t n, struct udp_sent *sent)
{
    switch (c->type) {
    case IP_PKTINFO:
        return source4(data, n, &sent->from);
    case IP_TTL:
        return number(data, n, 1, &sent->hops);
    case IP_TOS:
        return number(data, n, 0, &sent->class);
    default:
        return 0;
    }
}

static long take6(const struct cmsg *c, uptr data, size_t n, struct udp_sent *sent)
{
    switch (c->type) {
    case IPV6_PKTINFO:
        return source6(data, n, &sent->from);
    case IPV6_HOPLIMIT:
        return number(data, n, -1, &sent->hops);
    case IPV6_TCLASS:
        return number(data, n, -1, &sent->class);
    default:
        return 0;
    }
}

long udp_cmsg_send(struct udp_sock *u, struct sockmsg *m, struct udp_sent *sent)
{
    struct cmsg c;
    size_t at = 0;
    uptr data;
    long rc;

    while ((rc = cmsg_next(m, &at, &c, &data)) > 0) {
        size_t n = c.len - sizeof(c);

        rc = 0;
        if (c.level == PROTO_IP)
            rc = take4(&c, data, n, sent);
        else if (c.level == PROTO_IPV6)
            rc = take6(&c, data, n, sent);
        else if (c.level != SOL_SOCKET)
            rc = -EINVAL;
        if (rc)
            return rc;
    }
    if (!rc && !inet_is_own(sent->from.ip) && !inet_is_any(sent->from.ip))
        rc = -EINVAL;
    return rc;
}
