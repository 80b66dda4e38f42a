/* Addresses: what is the sandbox's own, and the forms programs know them in.
 *
 * Locking: the list of further own addresses only grows; `count` is stored after them.
 */
#include <linux/errno.h>

#include "inet.h"
#include "lib.h"

#define OWN_MAX 16

const u8 inet_v4_any[16] = {[10] = 0xff, [11] = 0xff};
const u8 inet_v6_any[16];
const u8 inet_v4_loopback[16] = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1};
const u8 inet_v6_loopback[16] = {[15] = 1};

static struct {
    struct lock lock;
    u32 count;
    u8 ip[OWN_MAX][16];
} own;

bool inet_same(const struct inet_addr *a, const struct inet_addr *b)
{
    return a->port == b->port && !memcmp(a->ip, b->ip, sizeof(a->ip));
}

bool inet_is_v4(const u8 ip[16]) { return !memcmp(ip, inet_v4_any, 12); }

bool inet_is_any(const u8 ip[16])
{
    return !memcmp(ip, inet_v6_any, 16) || !memcmp(ip, inet_v4_any, 16);
}

bool inet_is_loopback(const u8 ip[16])
{
    return inet_is_v4(ip) ? ip[12] == 127 : !memcmp(ip, inet_v6_loopback, 16);
}

bool inet_is_multicast(const u8 ip[16])
{
    return inet_is_v4(ip) ? (ip[12] & 0xf0) == 0xe0 : ip[0] == 0xff;
}

bool inet_is_broadcast(const u8 ip[16])
{
    static const u8 all[4] = {255, 255, 255, 255}, lo[4] = {127, 255, 255, 255};

    return inet_is_v4(ip) && (!memcmp(ip + 12, all, 4) || !memcmp(ip + 12, lo, 4));
}

bool inet_is_own(const u8 ip[16])
{
    static const u8 resolver[4] = {127, 0, 0, 53};

    if (inet_is_loopback(ip))
        return !inet_resolver || !inet_is_v4(ip) || memcmp(ip + 12, resolver, 4) != 0;
    for (u32 i = 0; i < __atomic_load_n(&own.count, __ATOMIC_ACQUIRE); i++)
        if (!memcmp(own.ip[i], ip, 16))
            return true;
    return false;
}

long inet_own_add(const u8 ip[16])
{
    long rc = 0;

    if (inet_is_own(ip))
        return 0;
    lock(&own.lock);
    if (own.count < OWN_MAX) {
        memcpy(own.ip[own.count], ip, 16);
        __atomic_store_n(&own.count, own.count + 1, __ATOMIC_RELEASE);
    } else {
        rc = -ENOSPC;
    }
    unlock(&own.lock);
    return rc;
}

bool inet_own_nth(u32 n, u8 ip[16])
{
    if (n >= __atomic_load_n(&own.count, __ATOMIC_ACQUIRE))
        return false;
    memcpy(ip, own.ip[n], 16);
    return true;
}

static u16 family_of(const u8 *name) { return *(const u16 *)name; }

long inet_addr_get(const struct socket *s, const u8 *name, u32 len, struct inet_addr *a)
{
    *a = (struct inet_addr){0};
    if (len < (s->family == AF_INET ? 16u : 24u))
        return -EINVAL;
    if (family_of(name) != s->family)
        return -EAFNOSUPPORT;
    a->port = (u16)(name[2] << 8 | name[3]);
    if (s->family == AF_INET) {
        memcpy(a->ip, inet_v4_any, 12);
        memcpy(a->ip + 12, name + 4, 4);
        return 0;
    }
    memcpy(a->ip, name + 8, 16);
    if (len >= 28)
        memcpy(&a->scope, name + 24, 4);
    return 0;
}

u32 inet_addr_put(const struct socket *s, const struct inet_addr *a, u8 *name)
{
    u32 len = s->family == AF_INET ? 16 : 28;

    memset(name, 0, len);
    *(u16 *)name = s->family;
    name[2] = (u8)(a->port >> 8);
    name[3] = (u8)a->port;
    if (s->family == AF_INET) {
        memcpy(name + 4, a->ip + 12, 4);
    } else {
        memcpy(name + 8, a->ip, 16);
        memcpy(name + 24, &a->scope, 4);
    }
    return len;
}

void inet_route(const struct inet_sock *i, struct inet_addr *to, struct inet_addr *from)
{
    bool v4;

    *from = i->local;
    if (inet_is_any(to->ip)) {
        v4 = inet_is_v4(to->ip) || inet_is_v4(i->local.ip);
        if (!inet_is_any(i->local.ip))
            memcpy(to->ip, i->local.ip, 16);
        else
            memcpy(to->ip, v4 ? inet_v4_loopback : inet_v6_loopback, 16);
    }
    if (!inet_is_any(from->ip))
        return;
    v4 = inet_is_v4(to->ip);
    if (inet_is_own(to->ip) && !inet_is_loopback(to->ip))
        memcpy(from->ip, to->ip, 16);
    else
        memcpy(from->ip, v4 ? inet_v4_loopback : inet_v6_loopback, 16);
}
