/* Addresses and rules.
 *
 * Every address is looked at in one form: 16 bytes, IPv4 mapped, and where an IPv6 address
 * carries an IPv4 one (NAT64, 6to4) that one counts as well.  Some addresses mean
 * something on the host that "everything" does not: its loopback, link-local ones (where
 * clouds keep credentials), multicast.  A rule has to name those itself.
 */
#include "net.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define PINS_MAX 1024

struct network {
    uint8_t ip[16];
    unsigned length;
};
#define V4(a, b, c, d, n)                                                                          \
    {                                                                                              \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (n)                           \
    }

/* Not part of "everything". */
static const struct network special[] = {
    V4(0, 0, 0, 0, 8),
    V4(127, 0, 0, 0, 8),
    V4(169, 254, 0, 0, 16),
    V4(224, 0, 0, 0, 3),   /* multicast, reserved, broadcast */
    V4(198, 18, 0, 0, 15), /* named networks */
    V4(192, 0, 0, 0, 24),
    V4(100, 100, 100, 200, 32),     /* a cloud's metadata */
    {{0xfd, 0x00, 0x0e, 0xc2}, 32}, /* another's */
    {{0xfe, 0x80}, 10},
    {{0xff}, 8},
    {{0x01}, 64}, /* discard; HOST_LOOPBACK_6 is in it */
    {{0}, 96},    /* ::, ::1 and a form of IPv4 nobody uses */
};
static const struct network loopbacks[] = {
    V4(192, 0, 0, 8, 32),
    {{0x01, [15] = 8}, 128},
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct pin {
    uint8_t ip[16];
    uint32_t rule; /* the first one of that name, + 1 */
} pins[PINS_MAX];
static unsigned next_pin;

static bool within(const uint8_t *ip, const uint8_t *network, unsigned length)
{
    unsigned bytes = length / 8, bits = length % 8;

    return memcmp(ip, network, bytes) == 0 &&
           (!bits || (ip[bytes] ^ network[bytes]) >> (8 - bits) == 0);
}

bool address_is_v4(const uint8_t ip[16])
{
    return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)ip);
}

uint32_t address_v4(const uint8_t ip[16])
{
    return address_is_v4(ip)
               ? (uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 | (uint32_t)ip[14] << 8 | ip[15]
               : 0;
}

static void set_v4(uint8_t *ip, const void *v4)
{
    memset(ip, 0, 10);
    memset(ip + 10, 0xff, 2);
    memcpy(ip + 12, v4, 4);
}

bool address_parse(const char *text, struct host_address *a)
{
    char ip[INET6_ADDRSTRLEN + 8];
    const char *colon = strrchr(text, ':');
    uint8_t v4[4];
    char *end;

    if (!colon || (size_t)(colon - text) >= sizeof(ip) || colon[1] < '0' || colon[1] > '9')
        return false;
    memcpy(ip, text, (size_t)(colon - text));
    ip[colon - text] = 0;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end || port > UINT16_MAX)
        return false;
    *a = (struct host_address){.port = (uint16_t)port};
    if (inet_pton(AF_INET, ip, v4) == 1) {
        set_v4(a->ip, v4);
        return true;
    }
    return inet_pton(AF_INET6, ip, a->ip) == 1;
}

/* The host's own loopback goes by another name inside, where 127.0.0.1 is the sandbox's. */
socklen_t address_to_host(const struct host_address *a, int family, struct sockaddr_storage *to)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)to;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
    struct in6_addr ip;

    memset(to, 0, sizeof(*to));
    memcpy(&ip, a->ip, 16);
    if (within(a->ip, loopbacks[0].ip, 128))
        set_v4(ip.s6_addr, "\x7f\0\0\1");
    if (within(a->ip, loopbacks[1].ip, 128))
        ip = in6addr_loopback;
    if (IN6_IS_ADDR_V4MAPPED(&ip) && family != AF_INET6) {
        *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&v4->sin_addr, ip.s6_addr + 12, 4);
        return sizeof(*v4);
    }
    *v6 = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_addr = ip};
    return sizeof(*v6);
}

bool address_from_host(const struct sockaddr_storage *from, struct host_address *a)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

    *a = (struct host_address){.port = 0};
    if (from->ss_family == AF_INET) {
        set_v4(a->ip, &v4->sin_addr);
        a->port = ntohs(v4->sin_port);
    } else if (from->ss_family == AF_INET6) {
        memcpy(a->ip, &v6->sin6_addr, 16);
        a->port = ntohs(v6->sin6_port);
    } else {
        return false;
    }
    if (address_is_v4(a->ip) && a->ip[12] == 127)
        memcpy(a->ip, loopbacks[0].ip, 16);
    else if (memcmp(a->ip, &in6addr_loopback, 16) == 0)
        memcpy(a->ip, loopbacks[1].ip, 16);
    return true;
}

/* ---- rules -------------------------------------------------------------------------- */

static const struct network *special_of(const uint8_t *ip)
{
    for (size_t i = 0; i < COUNT(special); i++)
        if (within(ip, special[i].ip, special[i].length))
            return &special[i];
    return NULL;
}

static bool is_pinned(const uint8_t *ip, const struct net_config *n, const struct net_rule *rule)
{
    for (size_t i = 0; i < PINS_MAX; i++)
        if (pins[i].rule && !memcmp(pins[i].ip, ip, 16) &&
            !strcmp(n->rules[pins[i].rule - 1].name, rule->name))
            return true;
    return false;
}

static bool is_host_loopback(const uint8_t *ip)
{
    return within(ip, loopbacks[0].ip, 128) || within(ip, loopbacks[1].ip, 128);
}

static bool rule_allows(const struct net_config *n, const struct net_rule *rule, const uint8_t *ip)
{
    const struct network *own = special_of(ip);

    switch (rule->kind) {
    case NET_RULE_LOOPBACK:
        return is_host_loopback(ip);
    case NET_RULE_NAME:
        return !own && is_pinned(ip, n, rule);
    default:
        return within(ip, rule->ip, rule->length) && (!own || rule->length >= own->length) &&
               !is_host_loopback(ip);
    }
}

/* These never leave by an address rule, whatever it says: they are the sandbox's own. */
static bool never(const uint8_t *ip)
{
    return memcmp(ip, &in6addr_loopback, 16) == 0 || memcmp(ip, &in6addr_any, 16) == 0 ||
           (address_is_v4(ip) && (ip[12] == 127 || ip[12] == 0));
}

static bool ip_allowed(const struct service *s, const uint8_t *ip, uint16_t port)
{
    const struct net_config *n = s->config;

    if (never(ip))
        return false;
    for (size_t i = 0; i < n->rule_count; i++)
        if ((!n->rules[i].port || n->rules[i].port == port) && rule_allows(n, &n->rules[i], ip))
            return true;
    return false;
}

bool net_allowed(const struct service *s, const struct host_address *a)
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b}, six_to_four[2] = {0x20, 0x02};
    uint8_t v4[16];

    if (!a->port || !ip_allowed(s, a->ip, a->port))
        return false;
    if (within(a->ip, nat64, 96))
        set_v4(v4, a->ip + 12);
    else if (within(a->ip, six_to_four, 16))
        set_v4(v4, a->ip + 2);
    else
        return true;
    return ip_allowed(s, v4, a->port);
}

/* ---- names ----------------------------------------------------------------------------- */

bool net_name_allowed(const struct service *s, const char *name)
{
    const struct net_config *n = s->config;

    for (size_t i = 0; i < n->rule_count; i++) {
        const struct net_rule *rule = &n->rules[i];
        if ((rule->kind == NET_RULE_ADDRESS && rule->length == 0) ||
            (rule->kind == NET_RULE_NAME && !strcmp(rule->name, name)))
            return true;
    }
    return false;
}

/* What was pinned longest ago goes first when there are too many. */
void net_pin(const struct service *s, const char *name, const uint8_t ip[16])
{
    const struct net_config *n = s->config;
    size_t i = 0;

    while (i < n->rule_count &&
           (n->rules[i].kind != NET_RULE_NAME || strcmp(n->rules[i].name, name) != 0))
        i++;
    if (i == n->rule_count || special_of(ip) || is_pinned(ip, n, &n->rules[i]))
        return;
    memcpy(pins[next_pin].ip, ip, 16);
    pins[next_pin].rule = (uint32_t)i + 1;
    next_pin = (next_pin + 1) % PINS_MAX;
}
