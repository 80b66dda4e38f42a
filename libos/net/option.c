/* Options of IP, IPv6, TCP and UDP.
 *
 * Most are numbers with a range that nothing reads but getsockopt(2): options.h lists them,
 * in the order of inet_sock.opt.  The few with an effect or another form come first.
 *
 * Locking: none; a number is written whole.
 */
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "lib.h"
#include "tcp.h"
#include "udp.h"
#include "usercopy.h"

#define LOOPBACK_MTU   65536
#define CONGESTION     "cubic"
#define CAP_NET_ADMIN_ 12

struct option {
    s32 initial, least, most;
    u8 level, name;
    u8 error; /* 0: any value, as on or off or cut to the range */
};

static const struct option table[OPT_COUNT] = {
#define INET_OPTION(id, level, name, initial, least, most, error)                                  \
    [OPT_##id] = {initial, least, most, level, name, error},
#include "options.h"
#undef INET_OPTION
};

void inet_option_defaults(struct inet_sock *i)
{
    for (u32 n = 0; n < OPT_COUNT; n++)
        i->opt[n] = table[n].initial;
}

static int find(int level, int name)
{
    for (u32 n = 0; n < OPT_COUNT; n++)
        if (table[n].level == level && table[n].name == name)
            return (int)n;
    return -1;
}

static bool has_level(const struct socket *s, int level)
{
    switch (level) {
    case PROTO_IP:
        return true;
    case PROTO_IPV6:
        return s->family == AF_INET6;
    case PROTO_TCP:
        return s->type == SOCK_STREAM;
    case PROTO_UDP:
        return s->type == SOCK_DGRAM;
    default:
        return false;
    }
}

/* ---- setting ---------------------------------------------------------------------------- */

static long number_from_user(int level, uptr val, u32 len, s32 *out)
{
    u8 byte;

    if (len >= sizeof(*out))
        return copy_from_user(out, val, sizeof(*out));
    if (level != PROTO_IP || !len)
        return -EINVAL;
    if (copy_from_user(&byte, val, 1))
        return -EFAULT;
    *out = byte;
    return 0;
}

/* Seconds become a number of retries and these seconds again. */
static s32 defer_seconds(s32 seconds)
{
    s32 timeout = 1, period = 1;

    if (seconds <= 0)
        return 0;
    while (seconds > period && period < 120) {
        timeout = MIN(timeout * 2, 120);
        period += timeout;
    }
    return period;
}

static long set_number(struct inet_sock *i, int n, s32 v)
{
    const struct option *o = &table[n];

    if (n == OPT_V6_V6ONLY && i->port)
        return -EINVAL;
    if (n == OPT_IP_TRANSPARENT && v && !capable(CAP_NET_ADMIN_))
        return -EPERM;
    if (n == OPT_TCP_DEFER_ACCEPT)
        v = defer_seconds(v);
    if (o->least == 0 && o->most == 1 && !o->error)
        v = v != 0;
    if (v < o->least || v > o->most) {
        if (o->error)
            return -(long)o->error;
        v = v < o->least ? o->least : o->most;
    }
    if (v == -1 && o->least == -1 && n != OPT_TCP_LINGER2)
        v = o->initial;
    if (n == OPT_IP_TTL && v == 0)
        return -EINVAL;
    i->opt[n] = v;
    return 0;
}

static long set_congestion(uptr val, u32 len)
{
    char name[16] = {0};

    if (len < 1)
        return -EINVAL;
    if (copy_from_user(name, val, MIN(len, sizeof(name) - 1)))
        return -EFAULT;
    return strcmp(name, CONGESTION) && strcmp(name, "reno") ? -ENOENT : 0;
}

static long set_special(struct inet_sock *i, int level, int name, uptr val, u32 len)
{
    if (level == PROTO_TCP && name == TCP_CONGESTION)
        return set_congestion(val, len);
    if (level == PROTO_TCP && name == TCP_ULP)
        return -ENOENT;
    if (level == PROTO_TCP && (name == TCP_REPAIR || name == TCP_MD5SIG))
        return -EPERM;
    if (i->s.type == SOCK_DGRAM && (level == PROTO_IP || level == PROTO_IPV6))
        return udp_group_option(i, level, name, val, len);
    return -ENOPROTOOPT;
}

long inet_option_set(struct socket *s, int level, int name, uptr val, u32 len)
{
    struct inet_sock *i = to_inet(s);
    int n = find(level, name);
    s32 v;
    long rc;

    if (!has_level(s, level))
        return -ENOPROTOOPT;
    if (n < 0)
        return set_special(i, level, name, val, len);
    rc = number_from_user(level, val, len, &v);
    if (!rc)
        rc = set_number(i, n, v);
    if (!rc && inet_host && inet_host->option)
        inet_host->option(i, n);
    return rc;
}

/* ---- getting ---------------------------------------------------------------------------- */

static u8 tcp_state(const struct tcp_sock *t)
{
    enum { ESTABLISHED = 1, SYN_SENT, FIN_WAIT2 = 5, CLOSE = 7, CLOSE_WAIT, LISTEN = 10 };

    switch (t->i.s.state) {
    case SS_LISTENING:
        return LISTEN;
    case SS_CONNECTING:
        return SYN_SENT;
    case SS_CONNECTED:
        if (t->i.s.shutdown == SHUT_BOTH)
            return CLOSE;
        if (t->fin)
            return CLOSE_WAIT;
        return t->i.s.shutdown & SHUT_WRITE ? FIN_WAIT2 : ESTABLISHED;
    default:
        return CLOSE;
    }
}

u8 inet_state(const struct inet_sock *i)
{
    if (i->s.type == SOCK_STREAM)
        return tcp_state((const struct tcp_sock *)i);
    return i->remote.port ? 1 : 7;
}

static u32 segment_size(const struct inet_sock *i)
{
    return i->s.state == SS_CONNECTED ? LOOPBACK_MTU - (inet_is_v4(i->remote.ip) ? 53 : 73)
                                      : (u32)i->opt[OPT_TCP_MAXSEG];
}

/* A connection without a network: no loss, no round trips to speak of. */
static long get_tcp_info(struct inet_sock *i, uptr val, uptr len)
{
    struct tcp_info info;

    memset(&info, 0, sizeof(info));
    info.tcpi_state = inet_state(i);
    info.tcpi_options = TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE;
    info.tcpi_rto = 201000;
    info.tcpi_ato = 40000;
    info.tcpi_snd_mss = info.tcpi_rcv_mss = segment_size(i);
    info.tcpi_advmss = info.tcpi_pmtu = LOOPBACK_MTU;
    info.tcpi_rtt = 20;
    info.tcpi_rttvar = 10;
    info.tcpi_snd_cwnd = 10;
    info.tcpi_snd_ssthresh = 0x7fffffff;
    info.tcpi_reordering = 3;
    info.tcpi_rcv_space = (u32)i->s.opt.rcvbuf / 2;
    if (i->s.state == SS_LISTENING) {
        const struct tcp_sock *t = to_tcp(&i->s);

        info.tcpi_unacked = t->waiting; /* Linux shows the backlog here */
        info.tcpi_sacked = t->max_backlog;
    }
    return socket_option_give(&info, sizeof(info), val, len);
}

static long get_special(struct inet_sock *i, int level, int name, uptr val, uptr len)
{
    static const char congestion[16] = CONGESTION;
    s32 mtu = inet_is_loopback(i->remote.ip) ? LOOPBACK_MTU : 1500;

    if (level == PROTO_TCP && name == TCP_INFO)
        return get_tcp_info(i, val, len);
    if (level == PROTO_TCP && name == TCP_CONGESTION)
        return socket_option_give(congestion, sizeof(congestion), val, len);
    if (level == PROTO_TCP && name == TCP_ULP)
        return socket_option_give("", 0, val, len);
    if (level == PROTO_IP && name == IP_OPTIONS)
        return socket_option_give("", 0, val, len);
    if (level == PROTO_IP && name == IP_MTU)
        return i->s.state == SS_CONNECTED ? socket_option_give(&mtu, sizeof(mtu), val, len)
                                          : -ENOTCONN;
    if (level == PROTO_IP && name == IP_MULTICAST_IF)
        return socket_option_give(inet_v6_any, 4, val, len);
    return -ENOPROTOOPT;
}

/* IP level: one byte is enough for a small number. */
static long give_number(int level, s32 v, uptr val, uptr len)
{
    u8 byte = (u8)v;
    s32 room;

    if (copy_from_user(&room, len, sizeof(room)))
        return -EFAULT;
    if (level == PROTO_IP && room > 0 && room < (s32)sizeof(v) && v >= 0 && v <= 255)
        return socket_option_give(&byte, 1, val, len);
    return socket_option_give(&v, sizeof(v), val, len);
}

long inet_option_get(struct socket *s, int level, int name, uptr val, uptr len)
{
    struct inet_sock *i = to_inet(s);
    int n = find(level, name);
    s32 v;

    if (!has_level(s, level)) /* what each family of Linux says */
        return s->family == AF_INET ? -EOPNOTSUPP : -ENOPROTOOPT;
    if (n < 0)
        return get_special(i, level, name, val, len);
    v = n == OPT_TCP_MAXSEG ? (s32)segment_size(i) : i->opt[n];
    return give_number(level, v, val, len);
}
