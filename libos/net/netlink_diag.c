/* NETLINK_SOCK_DIAG: the sandbox's TCP and UDP sockets, as ss(8) asks for them. */
#include <linux/errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "lib.h"
#include "netlink.h"
#include "tcp.h"

static void put_socket(const struct nl_question *q, struct nl_answer *a, struct inet_sock *i)
{
    bool v4 = i->s.family == AF_INET;
    struct inet_diag_msg *d;

    nl_begin(a, q, SOCK_DIAG_BY_FAMILY, NLM_F_MULTI);
    d = nl_put(a, sizeof(*d));
    if (d) {
        d->idiag_family = (u8)i->s.family;
        d->idiag_state = inet_state(i);
        d->id.idiag_sport = __builtin_bswap16(i->local.port);
        d->id.idiag_dport = __builtin_bswap16(i->remote.port);
        memcpy(d->id.idiag_src, v4 ? i->local.ip + 12 : i->local.ip, v4 ? 4 : 16);
        memcpy(d->id.idiag_dst, v4 ? i->remote.ip + 12 : i->remote.ip, v4 ? 4 : 16);
        inet_queues(i, &d->idiag_rqueue, &d->idiag_wqueue);
        d->idiag_uid = i->s.uid;
        d->idiag_inode = (u32)i->s.ino;
    }
    nl_end(a);
}

/* As many as fit into one answer. */
static void list_sockets(const struct nl_question *q, struct nl_answer *a,
                         const struct inet_diag_req_v2 *want)
{
    u16 type = want->sdiag_protocol == PROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
    struct inet_sock *some[PORT_SOME];
    u64 cursor = 0;
    u32 n;

    while (!a->full && (n = port_some(type, &cursor, some, PORT_SOME)) != 0) {
        for (u32 k = 0; k < n; k++) {
            struct inet_sock *i = some[k];

            if (!a->full && i->s.family == want->sdiag_family &&
                (want->idiag_states >> inet_state(i) & 1))
                put_socket(q, a, i);
            socket_put(&i->s);
        }
    }
    a->full = false; /* what is missing is missing; the end has room by its own */
}

long nl_diag(const struct nl_question *q, struct nl_answer *a)
{
    struct inet_diag_req_v2 want;

    if (q->h.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return -EOPNOTSUPP;
    if (q->len < 2)
        return -EINVAL;
    if ((q->h.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
        return -EOPNOTSUPP;
    if (q->body[0] != AF_INET && q->body[0] != AF_INET6)
        return -ENOENT; /* those of AF_UNIX are in /proc/net/unix */
    if (q->len < sizeof(want))
        return -EINVAL;
    memcpy(&want, q->body, sizeof(want));
    if (want.sdiag_protocol != PROTO_TCP && want.sdiag_protocol != PROTO_UDP)
        return -ENOENT;
    list_sockets(q, a, &want);
    return 0;
}
