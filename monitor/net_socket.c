/* Operations on a TCP socket of the sandbox that it has no system call for.
 *
 * The monitor keeps no connection: 10,000 of them cost it nothing.  For each operation the
 * sandbox lends the socket through a SEQPACKET pair, and it is closed again afterwards.  What
 * comes may be any descriptor the sandbox has; only TCP sockets are acted upon.
 */
#include "net.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

/* Never read, because only the last ever lent counts as of now. */
static int lent = -1;

long net_lend(struct sandbox *s, struct request *r, const char *rest)
{
    int ends[2];

    if (*rest)
        return -EINVAL;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    if (lent >= 0)
        close(lent);
    lent = ends[0];
    r->send_fd = ends[1];
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

/* The next socket lent; room for one descriptor, so the kernel drops any others. */
static int take_lent(void)
{
    char byte;
    struct iovec iov = {&byte, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = {NULL, 0, &iov, 1, &control, sizeof(control), 0};
    int fd = -1;

    if (lent < 0 || recvmsg(lent, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
        return -EBADF;
    struct cmsghdr *header = CMSG_FIRSTHDR(&m);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return -EBADF;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
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

static long tell_info(struct request *r, int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return -errno;
    size = size < r->control.size ? size : r->control.size;
    memcpy(r->control.data, &info, size);
    r->reply = sizeof(r->control) + size;
    return size;
}

static long tell_name(struct request *r, int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    struct host_address a;

    if (r->control.size < sizeof(a) || getsockname(fd, (struct sockaddr *)&name, &size) < 0 ||
        !address_from_host(&name, &a))
        return -EINVAL;
    memcpy(r->control.data, &a, sizeof(a));
    r->reply = sizeof(r->control) + sizeof(a);
    return 0;
}

long net_control(struct request *r)
{
    int fd = take_lent(), rc = 0;

    if (fd < 0)
        return fd;
    switch (r->control.a) {
    case HOST_SOCKET_SHUTDOWN:
        rc = r->control.b > SHUT_RDWR ? (errno = EINVAL, -1) : shutdown(fd, (int)r->control.b);
        break;
    case HOST_SOCKET_SET:
        rc = set_option(fd, r->control.b, (int)r->control.c);
        break;
    default:
        break;
    }
    long result = rc < 0 ? -errno : 0;
    if (r->control.a == HOST_SOCKET_INFO)
        result = tell_info(r, fd);
    else if (r->control.a == HOST_SOCKET_NAME)
        result = tell_name(r, fd);
    else if (r->control.a > HOST_SOCKET_NAME)
        result = -EINVAL;
    close(fd);
    return result;
}
