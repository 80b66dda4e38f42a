/* NETLINK_ROUTE: interfaces, addresses, routes.
 *
 * There is the loopback, and "eth0" when the sandbox has addresses of its own beyond it.
 * Nothing can be changed.
 */
#include <linux/errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "lib.h"
#include "netlink.h"

#define INDEX_LOOPBACK   1
#define INDEX_OUTER      2
#define FLAGS_LOOPBACK   0x10049 /* up, loopback, running, lower layer up */
#define FLAGS_OUTER      0x11043 /* up, broadcast, running, multicast, lower layer up */
#define ARPHRD_ETHER_    1
#define ARPHRD_LOOPBACK_ 772

static bool is_dump(const struct nl_question *q)
{
    return (q->h.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}

static void attr_u32(struct nl_answer *a, u16 type, u32 v) { nl_attr(a, type, &v, sizeof(v)); }
static void attr_u8(struct nl_answer *a, u16 type, u8 v) { nl_attr(a, type, &v, sizeof(v)); }
static void attr_text(struct nl_answer *a, u16 type, const char *t)
{
    nl_attr(a, type, t, (u32)strlen(t) + 1);
}

/* ---- interfaces --------------------------------------------------------------------------- */

static bool has_outer(void)
{
    u8 ip[16];

    return inet_own_nth(0, ip);
}

static void put_link(const struct nl_question *q, struct nl_answer *a, s32 index)
{
    struct rtnl_link_stats64 stats = {0};
    u8 hardware[6] = {0}, all[6];
    struct ifinfomsg *i;

    nl_begin(a, q, RTM_NEWLINK, is_dump(q) ? NLM_F_MULTI : 0);
    i = nl_put(a, sizeof(*i));
    if (i) {
        i->ifi_type = index == INDEX_LOOPBACK ? ARPHRD_LOOPBACK_ : ARPHRD_ETHER_;
        i->ifi_index = index;
        i->ifi_flags = index == INDEX_LOOPBACK ? FLAGS_LOOPBACK : FLAGS_OUTER;
    }
    if (index == INDEX_OUTER)
        hardware[0] = hardware[5] = 2;
    memset(all, index == INDEX_OUTER ? 0xff : 0, sizeof(all));
    attr_text(a, IFLA_IFNAME, index == INDEX_LOOPBACK ? "lo" : "eth0");
    attr_u32(a, IFLA_TXQLEN, 1000);
    attr_u8(a, IFLA_OPERSTATE, index == INDEX_LOOPBACK ? 0 : 6);
    attr_u8(a, IFLA_LINKMODE, 0);
    attr_u32(a, IFLA_MTU, index == INDEX_LOOPBACK ? 65536 : 1500);
    attr_u32(a, IFLA_GROUP, 0);
    attr_u32(a, IFLA_NUM_TX_QUEUES, 1);
    attr_u32(a, IFLA_NUM_RX_QUEUES, 1);
    attr_u8(a, IFLA_CARRIER, 1);
    attr_text(a, IFLA_QDISC, "noqueue");
    nl_attr(a, IFLA_ADDRESS, hardware, sizeof(hardware));
    nl_attr(a, IFLA_BROADCAST, all, sizeof(all));
    nl_attr(a, IFLA_STATS64, &stats, sizeof(stats));
    nl_end(a);
}

/* The value of an attribute after a fixed part of n bytes; NULL: not there. */
static const u8 *find_attr(const struct nl_question *q, u32 n, u16 type, u32 *len)
{
    u32 at = ALIGN_UP(n, 4);

    while (at + sizeof(struct nlattr) <= q->len) {
        struct nlattr attr;

        memcpy(&attr, q->body + at, sizeof(attr));
        if (attr.nla_len < sizeof(attr) || attr.nla_len > q->len - at)
            break;
        if ((attr.nla_type & NLA_TYPE_MASK) == type) {
            *len = attr.nla_len - (u32)sizeof(attr);
            return q->body + at + sizeof(attr);
        }
        at += ALIGN_UP(attr.nla_len, 4);
    }
    return NULL;
}

static s32 index_of_name(const struct nl_question *q)
{
    u32 len;
    const u8 *name = find_attr(q, sizeof(struct ifinfomsg), IFLA_IFNAME, &len);

    if (name && len >= 2 && !memcmp(name, "lo", 2) && (len == 2 || !name[2]))
        return INDEX_LOOPBACK;
    if (name && len >= 4 && !memcmp(name, "eth0", 4) && (len == 4 || !name[4]))
        return INDEX_OUTER;
    return 0;
}

static long get_link(const struct nl_question *q, struct nl_answer *a)
{
    struct ifinfomsg want = {0};
    s32 index;

    if (is_dump(q)) {
        put_link(q, a, INDEX_LOOPBACK);
        if (has_outer())
            put_link(q, a, INDEX_OUTER);
        return 0;
    }
    if (q->len < sizeof(want))
        return -EINVAL;
    memcpy(&want, q->body, sizeof(want));
    index = want.ifi_index ? want.ifi_index : index_of_name(q);
    if (index != INDEX_LOOPBACK && !(index == INDEX_OUTER && has_outer()))
        return -ENODEV;
    put_link(q, a, index);
    return 0;
}

/* ---- addresses ------------------------------------------------------------------------------ */

static void put_address(const struct nl_question *q, struct nl_answer *a, s32 index, const u8 *ip)
{
    struct ifa_cacheinfo forever = {.ifa_prefered = ~0u, .ifa_valid = ~0u};
    bool v4 = inet_is_v4(ip), loopback = index == INDEX_LOOPBACK;
    const u8 *bytes = v4 ? ip + 12 : ip;
    u32 len = v4 ? 4 : 16;
    struct ifaddrmsg *i;

    nl_begin(a, q, RTM_NEWADDR, NLM_F_MULTI);
    i = nl_put(a, sizeof(*i));
    if (i) {
        i->ifa_family = v4 ? AF_INET : AF_INET6;
        i->ifa_prefixlen = loopback ? v4 ? 8 : 128 : v4 ? 24 : 64;
        i->ifa_flags = IFA_F_PERMANENT;
        i->ifa_scope = loopback ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
        i->ifa_index = (u32)index;
    }
    nl_attr(a, IFA_ADDRESS, bytes, len);
    if (v4) {
        nl_attr(a, IFA_LOCAL, bytes, len);
        attr_text(a, IFA_LABEL, loopback ? "lo" : "eth0");
    }
    nl_attr(a, IFA_CACHEINFO, &forever, sizeof(forever));
    attr_u32(a, IFA_FLAGS, IFA_F_PERMANENT);
    nl_end(a);
}

static long get_addresses(const struct nl_question *q, struct nl_answer *a)
{
    u8 family = q->len ? q->body[0] : 0, ip[16];
    s32 index = 0;

    if (!is_dump(q))
        return -EOPNOTSUPP;
    if (q->len >= sizeof(struct ifaddrmsg))
        memcpy(&index, q->body + 4, sizeof(index));
    if (index > INDEX_OUTER)
        return -ENODEV;
    for (int six = 0; six < 2; six++) {
        if (family && family != (six ? AF_INET6 : AF_INET))
            continue;
        if (index != INDEX_OUTER)
            put_address(q, a, INDEX_LOOPBACK, six ? inet_v6_loopback : inet_v4_loopback);
        for (u32 n = 0; index != INDEX_LOOPBACK && inet_own_nth(n, ip); n++)
            if (inet_is_v4(ip) == !six)
                put_address(q, a, INDEX_OUTER, ip);
    }
    return 0;
}

/* ---- routes --------------------------------------------------------------------------------- */

static void put_route(const struct nl_question *q, struct nl_answer *a, const u8 *to, u8 bits,
                      const u8 *source)
{
    bool v4 = inet_is_v4(to), multi = is_dump(q);
    u32 len = v4 ? 4 : 16;
    struct rtmsg *r;

    nl_begin(a, q, RTM_NEWROUTE, multi ? NLM_F_MULTI : 0);
    r = nl_put(a, sizeof(*r));
    if (r) {
        r->rtm_family = v4 ? AF_INET : AF_INET6;
        r->rtm_dst_len = bits;
        r->rtm_table = RT_TABLE_LOCAL;
        r->rtm_protocol = multi ? RTPROT_KERNEL : RTPROT_UNSPEC;
        r->rtm_scope = v4 && multi ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
        r->rtm_type = RTN_LOCAL;
    }
    attr_u32(a, RTA_TABLE, RT_TABLE_LOCAL);
    nl_attr(a, RTA_DST, v4 ? to + 12 : to, len);
    attr_u32(a, RTA_OIF, INDEX_LOOPBACK);
    nl_attr(a, RTA_PREFSRC, v4 ? source + 12 : source, len);
    nl_end(a);
}

static long get_routes(const struct nl_question *q, struct nl_answer *a)
{
    static const u8 net[16] = {[10] = 0xff, [11] = 0xff, 127};
    struct rtmsg want = {0};
    const u8 *dst;
    u8 ip[16];
    u32 len;

    if (q->len)
        memcpy(&want, q->body, MIN(q->len, sizeof(want)));
    if (is_dump(q)) {
        if (want.rtm_family != AF_INET6) {
            put_route(q, a, net, 8, inet_v4_loopback);
            put_route(q, a, inet_v4_loopback, 32, inet_v4_loopback);
        }
        if (want.rtm_family != AF_INET)
            put_route(q, a, inet_v6_loopback, 128, inet_v6_loopback);
        return 0;
    }
    dst = find_attr(q, sizeof(want), RTA_DST, &len);
    if (!dst || len != (want.rtm_family == AF_INET ? 4 : 16))
        return -EINVAL;
    memcpy(ip, inet_v4_any, 12);
    memcpy(len == 4 ? ip + 12 : ip, dst, len);
    if (!inet_is_own(ip))
        return -ENETUNREACH;
    put_route(q, a, ip, len == 4 ? 32 : 128,
              !inet_is_loopback(ip) ? ip
              : len == 4            ? inet_v4_loopback
                                    : inet_v6_loopback);
    return 0;
}

long nl_route(const struct nl_question *q, struct nl_answer *a)
{
    switch (q->h.nlmsg_type) {
    case RTM_GETLINK:
        return get_link(q, a);
    case RTM_GETADDR:
        return get_addresses(q, a);
    case RTM_GETROUTE:
        return get_routes(q, a);
    case RTM_GETNEIGH:
    case RTM_GETNEIGHTBL:
    case RTM_GETRULE:
    case RTM_GETQDISC:
    case RTM_GETNETCONF:
    case RTM_GETADDRLABEL:
    case RTM_GETMULTICAST:
        return is_dump(q) ? 0 : -EOPNOTSUPP;
    default:
        if (q->h.nlmsg_type > RTM_MAX)
            return -EOPNOTSUPP;
        return (q->h.nlmsg_type & 3) == 2 ? -EOPNOTSUPP : -EPERM; /* GET, or a change */
    }
}
