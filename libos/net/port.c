/* Ports: who has which, and who takes what arrives for one.
 *
 * For each of TCP and UDP, a hash of the ports in use and a bitmap of them, to find a free
 * one quickly.  A port lists the sockets bound to it (`owners`) and, apart, the accepted and
 * host-backed connections that merely go by it (`shared`), so that finding a listener
 * doesn't depend on the number of its connections.
 *
 * There is no TIME_WAIT: a port is free as soon as its last socket is closed.
 *
 * Locking: table->lock protects a table, the fields of inet_sock that say so, and
 * becoming a listener.  The table holds no references: a socket leaves it before its last
 * reference goes.  socket->lock may be taken inside.
 */
#include <linux/errno.h>

#include "inet.h"
#include "lib.h"
#include "random.h"

#define BUCKETS               1024
#define EPHEMERAL_FIRST       32768u
#define EPHEMERAL_LAST        60999u
#define PRIVILEGED            1024
#define CAP_NET_BIND_SERVICE_ 10
#define REUSEADDR             2  /* SO_REUSEADDR */
#define REUSEPORT             15 /* SO_REUSEPORT */

struct port {
    u16 number;
    struct port *next;
    struct list owners, shared; /* inet_sock.port_link */
};

static struct table {
    struct lock lock;
    struct port *hash[BUCKETS];
    u64 used[65536 / 64];
} tables[3] SPARSE_TABLE; /* TCP, UDP, UDP-Lite */

static struct table *table_of(u16 kind)
{
    return &tables[kind == PORT_UDPLITE ? 2 : kind == SOCK_DGRAM];
}

static struct port **slot_of(struct table *t, u16 number)
{
    struct port **p = &t->hash[number % BUCKETS];

    while (*p && (*p)->number != number)
        p = &(*p)->next;
    return p;
}

static bool is_used(const struct table *t, u32 n) { return t->used[n / 64] >> (n % 64) & 1; }

static struct port *port_get(struct table *t, u16 number)
{
    struct port **slot = slot_of(t, number), *p = *slot;

    if (p)
        return p;
    p = kzalloc(sizeof(*p));
    if (!p)
        return NULL;
    p->number = number;
    list_init(&p->owners);
    list_init(&p->shared);
    t->used[number / 64] |= 1ULL << (number % 64);
    *slot = p;
    return p;
}

static void port_drop_if_unused(struct table *t, struct port *p)
{
    if (!list_empty(&p->owners) || !list_empty(&p->shared))
        return;
    *slot_of(t, p->number) = p->next;
    t->used[p->number / 64] &= ~(1ULL << (p->number % 64));
    kfree(p);
}

/* A port nobody uses, or 0. */
static u16 find_free(const struct table *t)
{
    u32 span = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1, start;

    random_bytes(&start, sizeof(start));
    for (u32 i = 0; i < span; i++) {
        u32 n = EPHEMERAL_FIRST + (start + i) % span;

        if (!is_used(t, n))
            return (u16)n;
    }
    return 0;
}

/* ---- conflicts ------------------------------------------------------------------ */

/* Does a socket with this local address take what is sent to ip? */
static bool covers(const u8 *local, bool v6only, const u8 *ip)
{
    if (!memcmp(local, inet_v6_any, 16))
        return !(v6only && inet_is_v4(ip));
    if (!memcmp(local, inet_v4_any, 16))
        return inet_is_v4(ip);
    return !memcmp(local, ip, 16);
}

static bool v6only(const struct inet_sock *i) { return i->opt[OPT_V6_V6ONLY]; }

static bool overlap(const struct inet_sock *a, const struct inet_sock *b, const u8 *b_ip)
{
    bool any_a = !memcmp(a->local.ip, inet_v6_any, 16), any_b = !memcmp(b_ip, inet_v6_any, 16);

    if (any_a && any_b)
        return true;
    return covers(a->local.ip, v6only(a), b_ip) || covers(b_ip, v6only(b), a->local.ip);
}

static bool conflicts(const struct inet_sock *a, const struct inet_sock *b, const u8 *ip)
{
    bool listens = a->s.state == SS_LISTENING && a->s.type == SOCK_STREAM;

    if (a == b || !overlap(a, b, ip))
        return false;
    if (sockopt_on(&a->s, REUSEADDR) && sockopt_on(&b->s, REUSEADDR) && !listens)
        return false;
    return !(sockopt_on(&a->s, REUSEPORT) && sockopt_on(&b->s, REUSEPORT) && a->uid == b->uid);
}

static bool list_conflicts(struct list *l, const struct inet_sock *i, const u8 *ip)
{
    struct inet_sock *other;

    list_for_each(other, l, port_link) if (conflicts(other, i, ip)) return true;
    return false;
}

/* ---- getting and giving up --------------------------------------------------------- */

static long bind_locked(struct table *t, struct inet_sock *i, const struct inet_addr *a)
{
    u16 number = a->port ? a->port : find_free(t);
    struct port *p;

    if (i->port)
        return -EINVAL;
    if (!number)
        return -EADDRINUSE;
    p = port_get(t, number);
    if (!p)
        return -ENOBUFS;
    if (list_conflicts(&p->owners, i, a->ip) || list_conflicts(&p->shared, i, a->ip))
        return -EADDRINUSE;
    i->local = *a;
    i->local.port = number;
    i->port = p;
    list_add_tail(&p->owners, &i->port_link);
    return 0;
}

long port_bind(struct inet_sock *i, const struct inet_addr *a)
{
    struct table *t = table_of(port_kind(i));
    long rc;

    if (a->port && a->port < PRIVILEGED && !capable(CAP_NET_BIND_SERVICE_))
        return -EACCES;
    i->uid = current()->cred.euid;
    lock(&t->lock);
    rc = bind_locked(t, i, a);
    unlock(&t->lock);
    return rc;
}

/* Do only connections to others than `to` use the port, that chose it themselves? */
static bool may_join(const struct port *p, const struct inet_addr *to)
{
    const struct inet_sock *i;

    if (!p || !list_empty(&p->shared))
        return false;
    list_for_each(i, &p->owners,
                  port_link) if (!i->port_auto || inet_same(&i->remote, to)) return false;
    return true;
}

/* All ports are taken: one that goes elsewhere can be used once more. */
static long join_port(struct table *t, struct inet_sock *i, const struct inet_addr *from,
                      const struct inet_addr *to)
{
    for (u32 n = EPHEMERAL_FIRST; n <= EPHEMERAL_LAST; n++) {
        struct port *p = *slot_of(t, (u16)n);

        if (!may_join(p, to))
            continue;
        i->local = *from;
        i->local.port = (u16)n;
        i->port = p;
        list_add_tail(&p->owners, &i->port_link);
        return 0;
    }
    return -EADDRNOTAVAIL;
}

long port_connect(struct inet_sock *i, const struct inet_addr *from, const struct inet_addr *to)
{
    struct table *t = table_of(port_kind(i));
    long rc;

    i->uid = current()->cred.euid;
    lock(&t->lock);
    rc = bind_locked(t, i, from);
    if (rc == -EADDRINUSE)
        rc = join_port(t, i, from, to);
    if (!rc) {
        i->port_auto = true;
        i->remote = *to;
    }
    unlock(&t->lock);
    return rc;
}

static bool is_between(const struct inet_sock *i, const struct inet_addr *from,
                       const struct inet_addr *to)
{
    return (i->s.state == SS_CONNECTED || i->s.state == SS_CONNECTING) &&
           !memcmp(i->local.ip, from->ip, sizeof(from->ip)) && inet_same(&i->remote, to);
}

long port_reuse(struct inet_sock *i, const struct inet_addr *from, const struct inet_addr *to)
{
    struct table *t = table_of(port_kind(i));
    const struct inet_sock *other;
    bool taken = false;

    lock(&t->lock);
    list_for_each(other, &i->port->owners, port_link) taken |= is_between(other, from, to);
    list_for_each(other, &i->port->shared, port_link) taken |= is_between(other, from, to);
    if (!taken) {
        memcpy(i->local.ip, from->ip, sizeof(from->ip));
        i->remote = *to;
    }
    unlock(&t->lock);
    return taken ? -EADDRNOTAVAIL : 0;
}

void port_share(struct inet_sock *conn, struct inet_sock *listener)
{
    struct table *t = table_of(port_kind(conn));

    lock(&t->lock);
    if (listener->port) {
        conn->port = listener->port;
        conn->uid = listener->uid;
        list_add_tail(&conn->port->shared, &conn->port_link);
    }
    unlock(&t->lock);
}

void port_release(struct inet_sock *i)
{
    struct table *t = table_of(port_kind(i));

    lock(&t->lock);
    if (i->port) {
        struct port *p = i->port;

        list_del(&i->port_link);
        i->port = NULL;
        port_drop_if_unused(t, p);
    }
    unlock(&t->lock);
}

long port_listen(struct inet_sock *i)
{
    struct table *t = table_of(port_kind(i));
    struct inet_sock *other;
    long rc = 0;

    lock(&t->lock);
    if (!i->port)
        rc = -EINVAL;
    else
        list_for_each(other, &i->port->owners, port_link) if (other->s.state == SS_LISTENING &&
                                                              conflicts(other, i, i->local.ip)) rc =
            -EADDRINUSE;
    if (!rc)
        i->s.state = SS_LISTENING;
    unlock(&t->lock);
    return rc;
}

/* ---- finding ------------------------------------------------------------------------- */

/* How well i fits: 0 not at all. */
static int score(const struct inet_sock *i, const struct inet_addr *to,
                 const struct inet_addr *from)
{
    int points = 1;

    if (i->s.type == SOCK_STREAM && i->s.state != SS_LISTENING)
        return 0;
    if (!covers(i->local.ip, v6only(i), to->ip))
        return 0;
    if (i->s.family == (inet_is_v4(to->ip) ? AF_INET : AF_INET6))
        points += 1;
    if (!inet_is_any(i->local.ip))
        points += 4;
    if (i->s.type == SOCK_DGRAM && i->remote.port) {
        if (!inet_same(&i->remote, from))
            return 0;
        points += 8;
    }
    return points;
}

/* The nth of those with this score. */
static struct inet_sock *choose(struct port *p, const struct inet_addr *to,
                                const struct inet_addr *from, int best, u32 n)
{
    struct inet_sock *i;

    list_for_each(i, &p->owners, port_link) if (score(i, to, from) == best && n-- == 0) return i;
    return NULL;
}

/* The lowest bits of hash_bytes are those of the port, and peers on Linux come from ports that
 * are all even or all odd: two listeners would never share them. */
static u64 spread(const struct inet_addr *from)
{
    return hash_u64(hash_bytes(from, sizeof(*from)));
}

struct inet_sock *port_find(u16 type, const struct inet_addr *to, const struct inet_addr *from)
{
    struct table *t = table_of(type);
    struct inet_sock *i, *found = NULL;
    int best = 0;
    u32 equals = 0;
    bool balance = false;

    lock(&t->lock);
    struct port *p = *slot_of(t, to->port);
    if (p) {
        list_for_each(i, &p->owners, port_link)
        {
            int points = score(i, to, from);

            if (points && points == best) {
                equals++;
            } else if (points > best) {
                best = points;
                equals = 1;
                found = i;
                balance = sockopt_on(&i->s, REUSEPORT);
            }
        }
        /* Without SO_REUSEPORT several may share a UDP port by SO_REUSEADDR: the last
         * that came has it. */
        if (equals > 1)
            found = choose(p, to, from, best, balance ? spread(from) % equals : equals - 1);
    }
    if (found)
        socket_get(&found->s);
    unlock(&t->lock);
    return found;
}

struct inet_sock *inet_listener(const struct inet_addr *to)
{
    struct inet_addr from = {0};

    return port_find(SOCK_STREAM, to, &from);
}

struct inet_sock *port_find_all(const struct inet_addr *to, const struct inet_addr *from,
                                u32 *cursor)
{
    struct table *t = table_of(SOCK_DGRAM);
    struct inet_sock *i, *found = NULL;
    u32 n = 0;

    lock(&t->lock);
    struct port *p = *slot_of(t, to->port);
    if (p) {
        list_for_each(i, &p->owners, port_link)
        {
            if (n++ < *cursor || !score(i, to, from))
                continue;
            socket_get(&i->s);
            found = i;
            break;
        }
    }
    *cursor = n;
    unlock(&t->lock);
    return found;
}

struct batch {
    struct inet_sock **out;
    u32 n, max, skip;
};

/* Adds a list's sockets after the first b->skip; counts those down. */
static void add_list(struct batch *b, struct list *l)
{
    struct inet_sock *i;

    list_for_each(i, l, port_link)
    {
        if (b->n == b->max)
            return;
        if (b->skip) {
            b->skip--;
            continue;
        }
        socket_get(&i->s);
        b->out[b->n++] = i;
    }
}

/* *cursor: port number << 32 | place at that port. */
u32 port_some(u16 type, u64 *cursor, struct inet_sock **out, u32 max)
{
    struct table *t = table_of(type);
    struct batch b = {.out = out, .max = max};
    u64 number = *cursor >> 32;
    u32 place = (u32)*cursor;

    lock(&t->lock);
    for (; number < 65536; number++, place = 0) {
        struct port *p = is_used(t, (u32)number) ? *slot_of(t, (u16)number) : NULL;
        u32 before = b.n;

        if (!p)
            continue;
        b.skip = place;
        add_list(&b, &p->owners);
        add_list(&b, &p->shared);
        if (b.n == max) {
            place += b.n - before;
            break;
        }
    }
    unlock(&t->lock);
    *cursor = number * (1ULL << 32) + place;
    return b.n;
}
