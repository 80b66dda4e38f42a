/* Multicast groups that a socket has joined; all on the loopback, the only interface.
 *
 * Locking: socket->lock for the list.
 */
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "lib.h"
#include "udp.h"
#include "usercopy.h"

#define MCAST_JOIN_GROUP_  42
#define MCAST_LEAVE_GROUP_ 45
#define INDEX_MAX          1 /* the loopback */

static s32 place_of(const struct udp_sock *u, const u8 ip[16])
{
    for (u32 n = 0; n < u->ngroups; n++)
        if (!memcmp(u->groups[n], ip, 16))
            return (s32)n;
    return -1;
}

bool udp_in_group(struct udp_sock *u, const u8 ip[16])
{
    bool in;

    lock(&u->i.s.lock);
    in = place_of(u, ip) >= 0;
    unlock(&u->i.s.lock);
    return in;
}

static long join(struct udp_sock *u, const u8 ip[16])
{
    long rc = 0;

    lock(&u->i.s.lock);
    if (!u->groups)
        u->groups = kzalloc(UDP_GROUPS_MAX * sizeof(*u->groups));
    if (!u->groups)
        rc = -ENOMEM;
    else if (place_of(u, ip) >= 0)
        rc = -EADDRINUSE;
    else if (u->ngroups == UDP_GROUPS_MAX)
        rc = -ENOBUFS;
    else
        memcpy(u->groups[u->ngroups++], ip, 16);
    unlock(&u->i.s.lock);
    return rc;
}

static long leave(struct udp_sock *u, const u8 ip[16])
{
    s32 n;

    lock(&u->i.s.lock);
    n = place_of(u, ip);
    if (n >= 0)
        memcpy(u->groups[n], u->groups[--u->ngroups], 16);
    unlock(&u->i.s.lock);
    return n < 0 ? -EADDRNOTAVAIL : 0;
}

static long change(struct udp_sock *u, const u8 ip[16], s32 index, bool joins)
{
    if (!inet_is_multicast(ip))
        return -EINVAL;
    if (index < 0 || index > INDEX_MAX)
        return -ENODEV;
    return joins ? join(u, ip) : leave(u, ip);
}

/* struct ip_mreq or ip_mreqn: group, interface address, number. */
static long change_v4(struct udp_sock *u, uptr val, u32 len, bool joins)
{
    u8 mreq[12] = {0}, ip[16];

    if (len < 8)
        return -EINVAL;
    if (copy_from_user(mreq, val, MIN(len, sizeof(mreq))))
        return -EFAULT;
    memcpy(ip, inet_v4_any, 12);
    memcpy(ip + 12, mreq, 4);
    return change(u, ip, *(s32 *)(mreq + 8), joins);
}

static long change_v6(struct udp_sock *u, uptr val, u32 len, bool joins)
{
    u8 mreq[20];

    if (len < sizeof(mreq))
        return -EINVAL;
    if (copy_from_user(mreq, val, sizeof(mreq)))
        return -EFAULT;
    return change(u, mreq, *(s32 *)(mreq + 16), joins);
}

/* struct group_req: number, and an address of either family. */
static long change_any(struct udp_sock *u, uptr val, u32 len, bool joins)
{
    u8 req[136];
    struct socket form = {0};
    struct inet_addr a;
    long rc;

    if (len < sizeof(req))
        return -EINVAL;
    if (copy_from_user(req, val, sizeof(req)))
        return -EFAULT;
    form.family = *(u16 *)(req + 8);
    if (form.family != u->i.s.family)
        return -EADDRNOTAVAIL;
    rc = inet_addr_get(&form, req + 8, 128, &a);
    return rc ? rc : change(u, a.ip, *(s32 *)req, joins);
}

static long set_interface(uptr val, u32 len)
{
    u8 mreq[12] = {0}, ip[16];

    if (len < 4)
        return -EINVAL;
    if (copy_from_user(len >= 8 ? mreq : mreq + 4, val, MIN(len, sizeof(mreq))))
        return -EFAULT;
    memcpy(ip, inet_v4_any, 12);
    memcpy(ip + 12, mreq + 4, 4);
    return inet_is_any(ip) || inet_is_own(ip) ? 0 : -EADDRNOTAVAIL;
}

long udp_group_option(struct inet_sock *i, int level, int name, uptr val, u32 len)
{
    struct udp_sock *u = to_udp(&i->s);

    if (name == MCAST_JOIN_GROUP_ || name == MCAST_LEAVE_GROUP_)
        return change_any(u, val, len, name == MCAST_JOIN_GROUP_);
    if (level == PROTO_IP && (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP))
        return change_v4(u, val, len, name == IP_ADD_MEMBERSHIP);
    if (level == PROTO_IP && name == IP_MULTICAST_IF)
        return set_interface(val, len);
    if (level == PROTO_IPV6 && (name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP))
        return change_v6(u, val, len, name == IPV6_ADD_MEMBERSHIP);
    return -ENOPROTOOPT;
}
