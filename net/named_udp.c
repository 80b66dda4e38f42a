/* Datagrams between members of a named network.
 *
 * Two members that have something to say to each other share a link, a SEQPACKET pair between
 * their services: the one that sends first makes it and passes one end to the other's name.
 * Whose name a link came from, the kernel says, so no member can speak for another.  The
 * sandboxes hold no end of it: what goes over it is one struct host_datagram and the data,
 * looked at on both sides.  A full link loses datagrams, as a network does.
 */
#include "net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LINKS_MAX 256
#define AT_ONCE   16

struct link {
    struct net_watch watch; /* first */
    int fd;
    uint32_t member; /* its address */
    struct link *next;
};

static struct link *links;
static unsigned link_count;
static struct net_watch offers;

static struct {
    struct host_datagram head;
    uint8_t data[65536];
} packet; /* came over a link */

static void link_close(struct link *link)
{
    struct link **at = &links;

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    link_count--;
    close(link->fd);
    free(link);
}

/* ---- what comes ----------------------------------------------------------------------- */

/* To whoever has the port; the answer if nobody does is that of a host on a network. */
static void came(struct link *link, size_t n)
{
    struct host_datagram *head = &packet.head;
    const uint16_t to = head->address.port, from = head->address.own;
    const uint32_t ip = htonl(link->member);
    struct relay *relay = to ? relay_at(to) : NULL;

    head->error = head->error ? ECONNREFUSED : 0;
    if (relay) {
        head->address = (struct host_address){{[10] = 0xff, [11] = 0xff}, from, to};
        memcpy(head->address.ip + 12, &ip, 4);
        relay_give(relay, head, packet.data, head->error ? 0 : n);
    } else if (!head->error) {
        head->error = ECONNREFUSED;
        head->address.port = from;
        head->address.own = to;
        send(link->fd, head, sizeof(*head), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void on_packet(struct service *s, struct net_watch *w, uint32_t events)
{
    struct link *link = (struct link *)w;

    (void)s;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        ssize_t n = recv(link->fd, &packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            link_close(link);
            return;
        }
        if ((size_t)n >= sizeof(packet.head) && (size_t)n <= sizeof(packet))
            came(link, (size_t)n - sizeof(packet.head));
    }
}

/* ---- links ----------------------------------------------------------------------------- */

/* Takes the descriptor over. */
static struct link *link_new(struct service *s, int fd, uint32_t member)
{
    struct link *link = link_count < LINKS_MAX ? calloc(1, sizeof(*link)) : NULL;

    if (!link) {
        close(fd);
        return NULL;
    }
    *link = (struct link){.watch.ready = on_packet, .fd = fd, .member = member, .next = links};
    links = link;
    link_count++;
    if (net_watch(s, fd, EPOLLIN, &link->watch) == 0)
        return link;
    link_close(link);
    return NULL;
}

static bool is_pair(int fd)
{
    int domain = 0, type = 0;
    socklen_t size = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && domain == AF_UNIX &&
           type == SOCK_SEQPACKET;
}

static void on_offer(struct service *s, struct net_watch *w, uint32_t events)
{
    struct sockaddr_un from = {.sun_family = AF_UNSPEC};
    char byte;
    int fd;

    (void)w;
    (void)events;
    if (net_take(named_presence(), &byte, 1, &from, &fd) < 0)
        return;
    from.sun_path[sizeof(from.sun_path) - 1] = 0;
    const char *name = strrchr(from.sun_path, '/');
    if (name && !strchr(name, ':') && is_pair(fd))
        link_new(s, fd, named_address(name + 1));
    else
        close(fd);
}

void named_links(struct service *s)
{
    offers.ready = on_offer;
    if (named_presence() >= 0)
        net_watch(s, named_presence(), EPOLLIN, &offers);
}

static struct link *link_to(struct service *s, uint32_t member, int *error)
{
    char name[NAMED_MAX + 1];
    struct link *link = links;
    int ends[2];

    while (link && link->member != member)
        link = link->next;
    if (link)
        return link;
    *error = named_find(member, name);
    if (*error < 0)
        return NULL;
    *error = -ENOBUFS;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return NULL;
    link = link_new(s, ends[0], member);
    if (link && (*error = named_pass(name, "", 1, ends[1])) < 0) {
        link_close(link);
        link = NULL;
    }
    close(ends[1]);
    return link;
}

int named_send(struct service *s, struct host_datagram *head, size_t n)
{
    const uint32_t member = address_v4(head->address.ip);

    if (!head->address.own)
        return -EINVAL; /* bound to the loopback */
    head->error = 0;
    for (int i = 0; i < 2; i++) {
        int error = 0;
        struct link *link = link_to(s, member, &error);
        if (!link)
            return error == -ECONNREFUSED ? -EHOSTUNREACH : error;
        if (send(link->fd, head, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno == EAGAIN)
            return 0;
        link_close(link); /* of one that has gone; there may be another by that name */
    }
    return -EHOSTUNREACH;
}
