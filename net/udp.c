/* Datagrams: every one passes here, between a SEQPACKET pair and a UDP socket of the
 * monitor's, and is judged by where it goes or comes from.
 *
 * Going out: to where the rules allow, to the resolver, and from a published port to
 * whoever sent something to it.  Coming in: from where one might be sent to, and anything
 * at a published port.  What finds no room is dropped, as on any network.
 */
#include "net.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RELAYS_MAX   1024
#define DATAGRAM_MAX 65536
#define PEERS_MAX    256 /* remembered for a published port */
#define AT_ONCE      16  /* datagrams in one turn */
#define STALE_MAX    4096

struct relay {
    struct net_watch pair_watch, udp_watch;
    int pair, udp; /* udp -1: not needed yet */
    int family;    /* of udp */
    bool published;
    uint16_t port; /* where others on the named network reach it; 0: not */
    uint64_t number;
    struct host_address *peers; /* published: senders, the last ones */
    unsigned next_peer;
    struct relay *next;
};

static struct relay *relays;
static unsigned relay_count;
static uint64_t last_number;

/* One datagram on its way; there is one thread. */
static struct {
    struct host_datagram head;
    uint8_t data[DATAGRAM_MAX];
} packet;
_Static_assert(sizeof(struct host_datagram) == 24, "packed head");

struct relay *relay_find(uint64_t number)
{
    struct relay *relay = relays;

    while (relay && relay->number != number)
        relay = relay->next;
    return relay;
}

struct relay *relay_at(uint16_t port)
{
    struct relay *relay = relays;

    while (relay && relay->port != port)
        relay = relay->next;
    return relay;
}

static void relay_close(struct service *s, struct relay *relay)
{
    struct relay **at = &relays;

    while (*at != relay)
        at = &(*at)->next;
    *at = relay->next;
    relay_count--;
    close(relay->pair);
    if (relay->udp >= 0) { /* a published one goes on to exist: it has to be taken out */
        epoll_ctl(s->epoll, EPOLL_CTL_DEL, relay->udp, NULL);
        close(relay->udp);
    }
    free(relay->peers);
    free(relay);
}

static bool send_in(struct relay *relay, size_t n)
{
    return send(relay->pair, &packet, sizeof(packet.head) + n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

bool relay_give(struct relay *relay, const struct host_datagram *from, const void *data, size_t n)
{
    if (n > sizeof(packet.data))
        return false;
    packet.head = *from;
    memcpy(packet.data, data, n);
    return send_in(relay, n);
}

static bool is_peer(const struct relay *relay, const struct host_address *a)
{
    for (unsigned i = 0; relay->peers && i < PEERS_MAX; i++)
        if (!memcmp(relay->peers[i].ip, a->ip, 16) && relay->peers[i].port == a->port)
            return true;
    return false;
}

/* ---- from the host -------------------------------------------------------------------- */

/* An answer of the network ("nobody listens there") to something sent before. */
static void take_error(struct relay *relay)
{
    char control[512];
    struct sockaddr_storage name;
    struct iovec iov = {packet.data, sizeof(packet.data)};
    struct msghdr m = {&name, sizeof(name), &iov, 1, control, sizeof(control), 0};

    if (recvmsg(relay->udp, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0 ||
        !address_from_host(&name, &packet.head.address))
        return;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        struct sock_extended_err e;
        if (c->cmsg_len < CMSG_LEN(sizeof(e)))
            continue;
        memcpy(&e, CMSG_DATA(c), sizeof(e));
        packet.head.error = (int32_t)e.ee_errno;
        send_in(relay, 0);
    }
}

static void from_host(struct service *s, struct net_watch *w, uint32_t events)
{
    struct relay *relay = (struct relay *)((char *)w - offsetof(struct relay, udp_watch));
    struct sockaddr_storage name;

    if (events & EPOLLERR)
        take_error(relay);
    for (int i = 0; i < AT_ONCE; i++) {
        socklen_t size = sizeof(name);
        ssize_t n = recvfrom(relay->udp, packet.data, sizeof(packet.data), MSG_DONTWAIT,
                             (struct sockaddr *)&name, &size);
        if (n < 0)
            break;
        if (!address_from_host(&name, &packet.head.address))
            continue;
        packet.head.error = 0;
        if (relay->published && !is_peer(relay, &packet.head.address))
            relay->peers[relay->next_peer++ % PEERS_MAX] = packet.head.address;
        if (relay->published || net_allowed(s, &packet.head.address))
            send_in(relay, (size_t)n);
    }
}

static int watch_udp(struct service *s, struct relay *relay)
{
    int on = 1;

    setsockopt(relay->udp, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    setsockopt(relay->udp, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
    relay->udp_watch.ready = from_host;
    return net_watch(s, relay->udp, EPOLLIN, &relay->udp_watch);
}

static int open_socket(struct service *s, struct relay *relay)
{
    if (relay->udp >= 0)
        return 0;
    relay->udp = socket(relay->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return relay->udp < 0 ? -errno : watch_udp(s, relay);
}

/* ---- from the sandbox ------------------------------------------------------------------ */

static int send_out(struct service *s, struct relay *relay, size_t n)
{
    const struct host_address *to = &packet.head.address;
    struct sockaddr_storage name;
    int rc;

    if (named_address_is(s, to))
        return named_send(s, &packet.head, sizeof(packet.head) + n);
    if (!(relay->published && is_peer(relay, to)) && !net_allowed(s, to))
        return -EACCES;
    if ((rc = open_socket(s, relay)) < 0)
        return rc;
    socklen_t size = address_to_host(to, relay->family, &name);
    if (name.ss_family != relay->family)
        return -ENETUNREACH;
    /* An error left by an earlier datagram comes first, once. */
    for (int i = 0; i < 2; i++) {
        rc = sendto(relay->udp, packet.data, n, MSG_DONTWAIT, (struct sockaddr *)&name, size) < 0
                 ? -errno
                 : 0;
        if (rc != -ECONNREFUSED && rc != -EHOSTUNREACH)
            break;
    }
    return rc == -EAGAIN ? 0 : rc;
}

static void out(struct service *s, struct relay *relay, size_t n)
{
    relay->port = packet.head.address.own;
    if (!packet.head.address.port)
        return;
    if (address_v4(packet.head.address.ip) == HOST_RESOLVER) {
        if (packet.head.address.port == 53)
            dns_query(s, relay->number, packet.data, n);
        return;
    }
    packet.head.error = -send_out(s, relay, n);
    if (packet.head.error)
        send_in(relay, 0);
}

static void from_sandbox(struct service *s, struct net_watch *w, uint32_t events)
{
    struct relay *relay = (struct relay *)((char *)w - offsetof(struct relay, pair_watch));

    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        ssize_t n = recv(relay->pair, &packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            relay_close(s, relay);
            return;
        }
        if ((size_t)n >= sizeof(packet.head) && (size_t)n <= sizeof(packet))
            out(s, relay, (size_t)n - sizeof(packet.head));
    }
}

/* ---- opening ------------------------------------------------------------------------------ */

static int set_up(struct service *s, struct relay *relay, int published)
{
    if (published >= 0) {
        relay->peers = calloc(PEERS_MAX, sizeof(*relay->peers));
        relay->udp = dup(s->port_fds[published]);
        if (!relay->peers || relay->udp < 0)
            return -ENOMEM;
        relay->family = address_is_v4(s->ports[published].ip) ? AF_INET : AF_INET6;
        for (int i = 0; i < STALE_MAX; i++) /* what came before anybody listened */
            if (recv(relay->udp, packet.data, 1, MSG_DONTWAIT | MSG_TRUNC) < 0)
                break;
        int rc = watch_udp(s, relay);
        if (rc < 0)
            return rc;
    }
    relay->pair_watch.ready = from_sandbox;
    return net_watch(s, relay->pair, EPOLLIN, &relay->pair_watch);
}

long relay_open(struct service *s, struct answer *a, int family, int published)
{
    int ends[2];

    if (relay_count >= RELAYS_MAX)
        return -ENFILE;
    struct relay *relay = calloc(1, sizeof(*relay));
    if (!relay)
        return -ENOMEM;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
        free(relay);
        return -errno;
    }
    relay->pair = ends[0];
    relay->udp = -1;
    relay->family = family;
    relay->published = published >= 0;
    relay->number = ++last_number;
    relay->next = relays;
    relays = relay;
    relay_count++;
    int rc = set_up(s, relay, published);
    if (rc < 0) {
        close(ends[1]);
        relay_close(s, relay);
        return rc;
    }
    a->fd = ends[1];
    return 0;
}
