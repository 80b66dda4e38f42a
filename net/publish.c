/* Published ports.
 *
 * A port is bound before the program starts, so that "in use" is said at once, and held by a
 * socket that never listens: as long as the program doesn't, connections are refused as they
 * would be without a sandbox.  Each listen(2) of the program gets a socket of its own on the
 * same address.
 *
 * SO_REUSEADDR is needed to bind a port whose old connections linger, and lets any number of
 * sockets be bound that all say it and don't listen.  So who holds a port says it while it
 * binds and while a listener joins it, and not in between: then nobody else gets in.  The kernel
 * looks at that only if one socket was bound to the port without it, which `turnstile` does,
 * at an address nobody uses.
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG_MAX 4096
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static void share(int fd, int on) { setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); }

/* A socket bound to this address; or -errno. */
static int bind_port(const struct host_address *a, bool udp, bool shared)
{
    struct sockaddr_storage name;
    socklen_t size = address_to_host(a, AF_UNSPEC, &name);
    int type = udp ? SOCK_DGRAM : SOCK_STREAM, on = 1;
    int fd = socket(name.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    share(fd, shared);
    if (name.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (name.ss_family == AF_INET6 && !shared)
        setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&name, size) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* See above; -EADDRINUSE: somebody else has the port at every address. */
static int turnstile(const struct host_address *a)
{
    struct host_address unused = {{[10] = 0xff, [11] = 0xff, 127, 77, 66, 55}, a->port, 0};

    if (!address_is_v4(a->ip))
        unused = (struct host_address){{1, [15] = 77}, a->port, 0};
    int fd = bind_port(&unused, false, false);
    if (fd >= 0)
        share(fd, true);
    return fd;
}

static int bind_alone(const struct host_address *a)
{
    int gate = a->port ? turnstile(a) : -1;
    int fd = gate == -EADDRINUSE ? gate : bind_port(a, false, a->port != 0);

    if (fd >= 0)
        share(fd, false);
    if (gate >= 0)
        close(gate);
    return fd;
}

int port_hold(struct service *s, struct net_port *p, size_t i)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    struct host_address *a = &s->ports[i];

    memset(&name, 0, sizeof(name));
    memcpy(a->ip, p->ip, 16);
    a->port = p->host_port;
    s->port_fds[i] = p->udp ? bind_port(a, true, false) : bind_alone(a);
    if (s->port_fds[i] < 0)
        return s->port_fds[i];
    if (getsockname(s->port_fds[i], (struct sockaddr *)&name, &size) < 0)
        return -errno;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&name;
    p->host_port = a->port = ntohs(v4->sin_port); /* at the same place for IPv6 */
    return 0;
}

static int listener(const struct host_address *a, unsigned backlog)
{
    int on = 1, fd = bind_port(a, false, true);

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

/* The program listens: a socket of its own for it. */
static int listen_port(struct service *s, size_t i, unsigned backlog)
{
    share(s->port_fds[i], true);
    int fd = listener(&s->ports[i], backlog);
    share(s->port_fds[i], false);
    return fd;
}

long port_open(struct service *s, struct answer *a, const char *number, unsigned backlog)
{
    char *end;
    unsigned long i = strtoul(number, &end, 10);

    if (*end || end == number || i >= s->config->port_count)
        return -ENOENT;
    if (s->config->ports[i].udp)
        return relay_open(s, a, AF_UNSPEC, (int)i);
    a->fd = listen_port(s, i, backlog);
    return a->fd;
}
