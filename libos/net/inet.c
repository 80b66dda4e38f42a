/* AF_INET and AF_INET6: what TCP and UDP share.
 *
 *   address.c      forms of addresses, which are the sandbox's own
 *   port.c         who has which port
 *   option.c       options below SOL_SOCKET (options.h has the list)
 *   tcp*.c         connections between sockets of the sandbox, over stream.c
 *   udp.c          datagrams between them
 *   host*.c        sockets of the host behind ours: what leaves the sandbox
 *
 * Everything but host*.c is memory of the segment and nothing else, so it is saved with it.
 */
#include "inet.h"

#include <linux/errno.h>

#include "lib.h"

#define CAP_NET_RAW_ 13

const struct inet_host_ops *inet_host;
bool inet_resolver;

void inet_init(struct inet_sock *i, u16 family, u16 type, const struct proto_ops *ops)
{
    const u8 *any = family == AF_INET ? inet_v4_any : inet_v6_any;

    socket_init(&i->s, family, type, type == SOCK_STREAM ? PROTO_TCP : PROTO_UDP, ops);
    memcpy(i->local.ip, any, 16);
    list_init(&i->port_link);
    list_init(&i->pending);
    inet_option_defaults(i);
}

void inet_release_common(struct inet_sock *i) { port_release(i); }
void inet_free(struct inet_sock *i)
{
    if (i->host && inet_host)
        inet_host->free(i);
    kfree(i);
}

/* Linux takes AF_UNSPEC for AF_INET where the address is any. */
static const u8 *forgive_unspec(const struct socket *s, const u8 *name, u32 len, u8 *copy)
{
    static const u8 any[4];

    if (s->family != AF_INET || len < 16 || *(const u16 *)name != AF_UNSPEC ||
        memcmp(name + 4, any, 4) != 0)
        return name;
    memcpy(copy, name, 16);
    *(u16 *)copy = AF_INET;
    return copy;
}

static bool may_bind(const struct inet_sock *i, const u8 *ip)
{
    if (inet_is_any(ip) || inet_is_own(ip))
        return true;
    if (i->s.type == SOCK_DGRAM && (inet_is_multicast(ip) || inet_is_broadcast(ip)))
        return true;
    return i->opt[OPT_IP_FREEBIND] || i->opt[OPT_V6_FREEBIND] || i->opt[OPT_IP_TRANSPARENT];
}

long inet_bind(struct socket *s, const u8 *name, u32 len)
{
    struct inet_sock *i = to_inet(s);
    struct inet_addr a;
    u8 copy[16];
    long rc;

    if (len < 2)
        return -EINVAL;
    rc = inet_addr_get(s, forgive_unspec(s, name, len, copy), len, &a);
    if (rc)
        return rc;
    if (inet_is_v4(a.ip) && s->family == AF_INET6 && i->opt[OPT_V6_V6ONLY])
        return -EINVAL;
    if (!may_bind(i, a.ip))
        return -EADDRNOTAVAIL;
    if (s->state != SS_FREE)
        return -EINVAL;
    rc = port_bind(i, &a);
    if (rc)
        return rc;
    i->addr_fixed = !inet_is_any(a.ip);
    if (s->type == SOCK_DGRAM && udp_reaches_host(i))
        inet_host->bound(i, true);
    return 0;
}

long inet_name(struct socket *s, u8 *name, bool peer)
{
    struct inet_sock *i = to_inet(s);

    if (peer && (!i->remote.port || s->state != SS_CONNECTED || i->broken))
        return -ENOTCONN;
    return (long)inet_addr_put(s, peer ? &i->remote : &i->local, name);
}

struct socket *inet_create(u16 family, u16 type, int protocol)
{
    struct inet_sock *i;

    if (type == SOCK_RAW)
        return ERR_PTR(capable(CAP_NET_RAW_) ? -EPROTONOSUPPORT : -EPERM);
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return ERR_PTR(-ESOCKTNOSUPPORT);
    if (type == SOCK_DGRAM && (protocol == PROTO_ICMP || protocol == PROTO_ICMPV6))
        return ERR_PTR(-EACCES);
    if (protocol && protocol != (type == SOCK_STREAM ? PROTO_TCP : PROTO_UDP) &&
        !(type == SOCK_DGRAM && protocol == PROTO_LITE))
        return ERR_PTR(-EPROTONOSUPPORT);
    i = type == SOCK_STREAM ? tcp_new(family) : udp_new(family);
    if (!i)
        return ERR_PTR(-ENOMEM);
    if (protocol)
        i->s.protocol = protocol;
    return &i->s;
}
