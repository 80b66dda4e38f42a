/* Operations on a TCP socket of the sandbox that it has no system call for.
 *
 * The monitor keeps no connection: 10,000 of them cost it nothing.  For each operation the
 * sandbox lends the socket through a SEQPACKET pair, and it is closed again afterwards.  What
 * comes may be any descriptor the sandbox has; only TCP sockets are acted upon.
 */
#include "net.h"
#include "../monitor/packet.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

/* Never read, because only the last ever lent counts as of now. */
static int lent = -1;

long net_lend(struct answer *a)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    if (lent >= 0)
        close(lent);
    lent = ends[0];
    a->fd = ends[1];
    return 0;
}

bool net_is_tcp(int fd)
{
    int domain = 0, protocol = 0;
    socklen_t size = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
           (domain == AF_INET || domain == AF_INET6) && protocol == IPPROTO_TCP;
}

ssize_t net_take(int socket, void *data, size_t size, struct sockaddr_un *from, int *fd)
{
    struct packet p = {data, size, fd, 1, from};
    ssize_t n = packet_receive(socket, &p, MSG_DONTWAIT);

    if (n >= 0 && p.count == 1)
        return n;
    if (n >= 0)
        return -EBADF;
    if (p.count)
        close(*fd);
    return -errno;
}

static int take_lent(void) /* the next socket lent */
{
    char byte;
    int fd = -1;

    if (lent < 0 || net_take(lent, &byte, 1, NULL, &fd) < 0)
        return -EBADF;
    if (net_is_tcp(fd))
        return fd;
    close(fd);
    return -ENOTSOCK;
}

/* A lingering close would sleep in whoever closes last, which may be the monitor: only the
 * abortive form (c = 0) is there. */
static int set_option(int fd, uint64_t what, int value)
{
    static const struct {
        int level, name;
    } settable[] = {
        {SOL_SOCKET, SO_KEEPALIVE},      {SOL_SOCKET, SO_SNDBUF},      {SOL_SOCKET, SO_RCVBUF},
        {IPPROTO_TCP, TCP_KEEPIDLE},     {IPPROTO_TCP, TCP_KEEPINTVL}, {IPPROTO_TCP, TCP_KEEPCNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT},
    };
    const struct linger reset = {value == 0, 0};
    int level = (int)(what >> 32), name = (int)(what & 0xffffffff);

    if (level == SOL_SOCKET && name == SO_LINGER)
        return setsockopt(fd, level, name, &reset, sizeof(reset));
    for (size_t i = 0; i < sizeof(settable) / sizeof(settable[0]); i++)
        if (settable[i].level == level && settable[i].name == name)
            return setsockopt(fd, level, name, &value, sizeof(value));
    errno = ENOPROTOOPT;
    return -1;
}

static long tell_info(struct net_reply *reply, int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return -errno;
    reply->size = size < sizeof(reply->data) ? size : sizeof(reply->data);
    memcpy(reply->data, &info, reply->size);
    return reply->size;
}

static long tell_name(struct answer *answer, int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    struct host_address a;

    if (getsockname(fd, (struct sockaddr *)&name, &size) < 0 || !address_from_host(&name, &a))
        return -EINVAL;
    answer_address(answer, &a);
    return 0;
}

static long result(int rc) { return rc < 0 ? -errno : 0; }

static long operate(const struct net_request *q, struct answer *a, int fd)
{
    switch (q->a) {
    case HOST_SOCKET_SHUTDOWN:
        return q->b > SHUT_RDWR ? -EINVAL : result(shutdown(fd, (int)q->b));
    case HOST_SOCKET_SET:
        return result(set_option(fd, q->b, (int)q->c));
    case HOST_SOCKET_INFO:
        return tell_info(a->reply, fd);
    case HOST_SOCKET_NAME:
        return tell_name(a, fd);
    default:
        return -EINVAL;
    }
}

long net_lent(const struct net_request *q, struct answer *a)
{
    int fd = take_lent();
    long rc = fd < 0 ? fd : operate(q, a, fd);

    if (fd >= 0)
        close(fd);
    return rc;
}
