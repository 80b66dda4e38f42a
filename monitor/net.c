/* The network's start and end, and the streams it opens.
 *
 * A published port is bound before the program starts, so that "in use" is said at once,
 * and held by a socket that never listens: as long as the program doesn't, connections are
 * refused as they would be without a sandbox.  Each listen(2) of the program gets a socket
 * of its own on the same address.
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "place.h"

#define EVENTS_AT_ONCE 32 /* then control calls have their turn */
#define BACKLOG_MAX    4096

int net_watch(struct sandbox *s, int fd, uint32_t events, struct net_watch *w)
{
    struct epoll_event event = {events, {.ptr = w}};

    return epoll_ctl(s->net_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* One at a time: what one does may free another. */
void net_ready(struct sandbox *s)
{
    struct epoll_event event;

    for (int i = 0; i < EVENTS_AT_ONCE && epoll_wait(s->net_fd, &event, 1, 0) == 1; i++) {
        struct net_watch *w = event.data.ptr;
        w->ready(s, w, event.events);
    }
}

/* ---- published ports ------------------------------------------------------------- */

/* A socket bound to a published port's address; or -errno. */
static int bind_port(const struct host_address *a, bool udp)
{
    struct sockaddr_storage name;
    socklen_t size = address_to_host(a, AF_UNSPEC, &name);
    int type = udp ? SOCK_DGRAM : SOCK_STREAM, on = 1;
    int fd = socket(name.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (!udp)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (name.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&name, size) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* SO_REUSEADDR lets two be bound that do not listen; another's listening socket it does
 * not, but only listen(2) itself tells of one that came later. */
static int hold_port(struct sandbox *s, size_t i)
{
    const struct net_port *p = &s->config->net.ports[i];
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    char text[INET6_ADDRSTRLEN] = "";

    memcpy(s->ports[i].ip, p->ip, 16);
    s->ports[i].port = p->host_port;
    s->port_fds[i] = bind_port(&s->ports[i], p->udp);
    uint32_t v4 = htonl(address_v4(p->ip));
    bool is_v4 = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)p->ip);
    inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? (const void *)&v4 : p->ip, text, sizeof(text));
    if (s->port_fds[i] < 0) {
        error_set(s->err, -s->port_fds[i], "port %u at %s", p->host_port, text);
        return error_hint(s->err, s->port_fds[i] == -EACCES
                                      ? "low ports need root: publish on 1024 or above"
                                  : s->port_fds[i] == -EADDRINUSE
                                      ? "choose another port of the host, or leave it out"
                                      : "-p publishes at addresses of this host");
    }
    if (getsockname(s->port_fds[i], (struct sockaddr *)&name, &size) == 0)
        address_from_host(&name, &s->ports[i]);
    memcpy(s->ports[i].ip, p->ip, 16);
    if (!p->host_port && !s->config->quiet)
        say("port %u%s is published at %s port %u", p->port, p->udp ? "/udp" : "", text,
            s->ports[i].port);
    return 0;
}

/* The program listens: a socket of its own for it. */
static int listen_port(struct sandbox *s, size_t i, unsigned backlog)
{
    int on = 1, fd = bind_port(&s->ports[i], false);

    if (fd < 0)
        return fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (listen(fd, backlog > BACKLOG_MAX ? BACKLOG_MAX : (int)backlog) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static long open_port(struct sandbox *s, struct request *r, const char *number)
{
    char *end;
    unsigned long i = strtoul(number, &end, 10);

    if (*end || end == number || i >= s->config->net.port_count)
        return -ENOENT;
    if (s->config->net.ports[i].udp)
        return relay_open(s, r, AF_UNSPEC, (int)i);
    r->send_fd = listen_port(s, i, r->open.mode);
    return r->send_fd;
}

/* ---- connections out --------------------------------------------------------------- */

static void reply_local_name(struct request *r, int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    struct host_address a;

    memset(&r->open.attr, 0, sizeof(r->open.attr));
    if (getsockname(fd, (struct sockaddr *)&name, &size) == 0 && address_from_host(&name, &a)) {
        memcpy(&r->open.attr.ino, a.ip, 8);
        memcpy(&r->open.attr.dev, a.ip + 8, 8);
        r->open.attr.rdev = a.port;
    }
    r->reply = sizeof(r->open);
}

static long open_tcp(struct sandbox *s, struct request *r, const char *text)
{
    struct host_address a;
    struct sockaddr_storage name;
    int on = 1;

    if (!address_parse(text, &a))
        return -EINVAL;
    if (s->config->net.named && (address_v4(a.ip) & HOST_NAMED_MASK) == HOST_NAMED)
        return named_connect(s, r, &a);
    if (!net_allowed(s, &a))
        return -EACCES;
    socklen_t size = address_to_host(&a, AF_UNSPEC, &name);
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&name, size) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        return -error;
    }
    reply_local_name(r, fd);
    r->send_fd = fd;
    return 0;
}

/* ---- by URI -------------------------------------------------------------------------- */

static long open_udp(struct sandbox *s, struct request *r, const char *family)
{
    if (strcmp(family, "4") != 0 && strcmp(family, "6") != 0)
        return -EINVAL;
    return relay_open(s, r, *family == '4' ? AF_INET : AF_INET6, -1);
}

static long open_named(struct sandbox *s, struct request *r, const char *number)
{
    char *end;
    unsigned long port = strtoul(number, &end, 10);

    return *end || !port || port > UINT16_MAX ? -EINVAL : named_listen(s, r, (uint16_t)port);
}

static const struct {
    const char *scheme;
    long (*open)(struct sandbox *s, struct request *r, const char *rest);
} schemes[] = {{"tcp:", open_tcp},
               {"udp:", open_udp},
               {"publish:", open_port},
               {"named:", open_named},
               {"sockets:", net_lend}};
#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

static size_t scheme_of(const char *uri)
{
    size_t i = 0;

    while (i < SCHEMES && strncmp(uri, schemes[i].scheme, strlen(schemes[i].scheme)) != 0)
        i++;
    return i;
}

bool net_uri(const char *uri) { return scheme_of(uri) < SCHEMES; }

long net_open(struct sandbox *s, struct request *r, const char *uri)
{
    size_t i = scheme_of(uri);

    place_identity(false);
    if (s->net_fd < 0)
        return -ENETUNREACH;
    long rc = schemes[i].open(s, r, uri + strlen(schemes[i].scheme));
    if (rc < 0)
        r->send_fd = -1;
    return rc < 0 ? rc : 0;
}

/* ---- start and end --------------------------------------------------------------------- */

int net_start(struct sandbox *s)
{
    const struct net_config *n = &s->config->net;

    memset(s->port_fds, -1, sizeof(s->port_fds));
    if (!n->rule_count && !n->port_count && !n->named)
        return 0;
    s->net_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->net_fd < 0)
        return error_set(s->err, errno, "the network's events");
    if (n->port_count > MONITOR_PORTS_MAX)
        return error_set(s->err, 0, "more than %d published ports", MONITOR_PORTS_MAX);
    for (size_t i = 0; i < n->port_count; i++)
        if (hold_port(s, i) < 0)
            return -1;
    return n->named ? named_start(s) : 0;
}

void net_boot(const struct sandbox *s, struct boot_info *b)
{
    const struct net_config *n = &s->config->net;

    b->nports = (uint32_t)n->port_count;
    for (size_t i = 0; i < n->port_count; i++)
        b->ports[i] =
            (struct boot_port){n->ports[i].port, n->ports[i].udp,
                               address_v4(n->ports[i].ip) == 0 && n->ports[i].ip[10] == 0};
    if (n->rule_count)
        b->net_flags |= BOOT_NET_OUT;
    if (n->named) {
        b->net_flags |= BOOT_NET_NAMED;
        b->net_address = named_address(n->named);
    }
    if (n->rule_count || n->named)
        b->net_flags |= BOOT_NET_RESOLVER;
}

void net_end(struct sandbox *s)
{
    if (s->net_fd < 0)
        return;
    if (s->config->net.named)
        named_end(s);
    relay_end(s);
    for (size_t i = 0; i < s->config->net.port_count; i++)
        if (s->port_fds[i] >= 0)
            close(s->port_fds[i]);
    close(s->net_fd);
}
