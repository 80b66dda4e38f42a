/* UDP over the loopback: connected and not, errors, control messages, groups. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "ipv6.h"

union name {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t loopback(union name *n, int family, int port)
{
    memset(n, 0, sizeof(*n));
    if (family == AF_INET) {
        n->v4 = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_port = htons(port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        return sizeof(n->v4);
    }
    n->v6 = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
    return sizeof(n->v6);
}

static int port_of(int s)
{
    union name n;
    socklen_t len = sizeof(n);

    getsockname(s, &n.sa, &len);
    return ntohs(n.v4.sin_port);
}

static int bound(int family)
{
    union name n;
    int s = socket(family, SOCK_DGRAM, 0);

    CHECK(bind(s, &n.sa, loopback(&n, family, 0)) == 0 && port_of(s) != 0);
    return s;
}

static void plain(int family)
{
    int a = bound(family), b = bound(family), n;
    union name to, from;
    socklen_t len = loopback(&to, family, port_of(b)), got = sizeof(from);
    char buf[16];

    CHECK_ERR(send(a, "x", 1, 0), EDESTADDRREQ);
    CHECK_ERR(recv(b, buf, 16, MSG_DONTWAIT), EAGAIN);
    CHECK(sendto(a, "hello", 5, 0, &to.sa, len) == 5);
    CHECK(sendto(a, "", 0, 0, &to.sa, len) == 0);
    CHECK(sendto(a, "long message", 12, 0, &to.sa, len) == 12);
    CHECK(ioctl(b, FIONREAD, &n) == 0 && n == 5);
    CHECK(recvfrom(b, buf, 16, MSG_PEEK, &from.sa, &got) == 5);
    got = sizeof(from);
    CHECK(recvfrom(b, buf, 16, 0, &from.sa, &got) == 5 && !memcmp(buf, "hello", 5));
    loopback(&to, family, port_of(a));
    CHECK(got == len && !memcmp(&from, &to, len));
    CHECK(recv(b, buf, 16, 0) == 0);
    CHECK(recv(b, buf, 4, MSG_TRUNC) == 12 && !memcmp(buf, "long", 4));
    CHECK_ERR(recv(b, buf, 4, MSG_DONTWAIT), EAGAIN);
    CHECK_ERR(listen(b, 1), EOPNOTSUPP);
    CHECK_ERR(accept(b, NULL, NULL), EOPNOTSUPP);
    CHECK_ERR(shutdown(b, SHUT_RD), ENOTCONN);
    close(a);
    close(b);
}

static void connected(int family)
{
    int a = socket(family, SOCK_DGRAM, 0), b = bound(family), c = bound(family), err;
    union name to;
    socklen_t len = loopback(&to, family, port_of(b)), l = sizeof(err);
    char buf[16];

    CHECK(connect(a, &to.sa, len) == 0);
    CHECK(port_of(a) != 0);
    CHECK(send(a, "one", 3, 0) == 3 && recv(b, buf, 16, 0) == 3);
    /* Only the peer is heard. */
    loopback(&to, family, port_of(a));
    CHECK(sendto(c, "stranger", 8, 0, &to.sa, len) == 8);
    CHECK(sendto(b, "peer", 4, 0, &to.sa, len) == 4);
    CHECK(recv(a, buf, 16, 0) == 4 && recv(a, buf, 16, MSG_DONTWAIT) == -1);
    /* Nobody there any more. */
    close(b);
    CHECK(send(a, "x", 1, 0) == 1);
    CHECK_ERR(send(a, "x", 1, 0), ECONNREFUSED);
    CHECK(send(a, "x", 1, 0) == 1);
    CHECK_ERR(recv(a, buf, 16, 0), ECONNREFUSED);
    CHECK(send(a, "x", 1, 0) == 1);
    struct pollfd p = {a, POLLIN, 0};
    CHECK(poll(&p, 1, 20000) == 1 && p.revents == POLLERR);
    CHECK(getsockopt(a, SOL_SOCKET, SO_ERROR, &err, &l) == 0 && err == ECONNREFUSED);
    to.sa.sa_family = AF_UNSPEC;
    CHECK(connect(a, &to.sa, len) == 0);
    CHECK_ERR(send(a, "x", 1, 0), EDESTADDRREQ);
    loopback(&to, family, port_of(c));
    CHECK(connect(c, &to.sa, len) == 0); /* to itself */
    CHECK(send(c, "me", 2, 0) == 2 && recv(c, buf, 16, 0) == 2);
    CHECK(shutdown(c, SHUT_RDWR) == 0 && recv(c, buf, 16, 0) == 0);
    CHECK_ERR(send(c, "x", 1, MSG_NOSIGNAL), EPIPE);
    close(a);
    close(c);
}

static void ports(int family)
{
    int a = bound(family), b = socket(family, SOCK_DGRAM, 0), one = 1;
    union name n;
    socklen_t len = loopback(&n, family, port_of(a));

    CHECK_ERR(bind(b, &n.sa, len), EADDRINUSE);
    CHECK(setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
    CHECK_ERR(bind(b, &n.sa, len), EADDRINUSE);
    CHECK(setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
    CHECK(bind(b, &n.sa, len) == 0);
    close(a);
    close(b);
    /* What comes for a port of a group is spread over its members. */
    int s[4], heard[4] = {0}, from = bound(family), port = 0;
    for (int i = 0; i < 4; i++) {
        s[i] = socket(family, SOCK_DGRAM, 0);
        setsockopt(s[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
        CHECK(bind(s[i], &n.sa, loopback(&n, family, port)) == 0);
        port = port_of(s[i]);
    }
    for (int i = 0; i < 64; i++) {
        close(from);
        from = bound(family);
        CHECK(sendto(from, "x", 1, 0, &n.sa, loopback(&n, family, port)) == 1);
        for (int k = 0; k < 4; k++)
            if (recv(s[k], &one, 1, MSG_DONTWAIT) == 1)
                heard[k]++;
    }
    CHECK(heard[0] + heard[1] + heard[2] + heard[3] == 64);
    CHECK(heard[0] && heard[1] && heard[2] && heard[3]);
    for (int i = 0; i < 4; i++)
        close(s[i]);
    close(from);
}

static void mapped(void)
{
    int six = socket(AF_INET6, SOCK_DGRAM, 0), four = bound(AF_INET), only, one = 1;
    union name n = {.v6 = {.sin6_family = AF_INET6}};
    socklen_t len = sizeof(n);
    char buf[16], text[64];

    CHECK(bind(six, &n.sa, sizeof(n.v6)) == 0);
    int port = port_of(six);
    CHECK(sendto(four, "4", 1, 0, &n.sa, loopback(&n, AF_INET, port)) == 1);
    CHECK(recvfrom(six, buf, 16, 0, &n.sa, &len) == 1 && len == sizeof(n.v6));
    CHECK(!strcmp(inet_ntop(AF_INET6, &n.v6.sin6_addr, text, 64), "::ffff:127.0.0.1"));
    CHECK(sendto(six, "back", 4, 0, &n.sa, len) == 4);
    len = sizeof(n);
    CHECK(recvfrom(four, buf, 16, 0, &n.sa, &len) == 4 && len == sizeof(n.v4));
    CHECK(n.v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && ntohs(n.v4.sin_port) == port);
    only = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_ERR(bind(only, &n.sa, loopback(&n, AF_INET, port)), EADDRINUSE);
    close(six);
    six = socket(AF_INET6, SOCK_DGRAM, 0);
    CHECK(setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0);
    n.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    CHECK(bind(six, &n.sa, sizeof(n.v6)) == 0);
    CHECK_ERR(setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), EINVAL);
    CHECK(bind(only, &n.sa, loopback(&n, AF_INET, port)) == 0);
    close(six);
    close(four);
    close(only);
}

static void control(int family)
{
    int a = bound(family), b = bound(family), one = 1;
    union name n;
    char buf[16], space[256];
    struct iovec v = {buf, sizeof(buf)};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    int info = 0, hops = 0, stamp = 0;

    if (family == AF_INET) {
        CHECK(setsockopt(b, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) == 0);
        CHECK(setsockopt(b, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one)) == 0);
    } else {
        CHECK(setsockopt(b, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one)) == 0);
        CHECK(setsockopt(b, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &one, sizeof(one)) == 0);
    }
    CHECK(setsockopt(b, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one)) == 0);
    CHECK(sendto(a, "x", 1, 0, &n.sa, loopback(&n, family, port_of(b))) == 1);
    CHECK(recvmsg(b, &m, 0) == 1 && !(m.msg_flags & MSG_CTRUNC));
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo *i = (void *)CMSG_DATA(c);
            info = i->ipi_ifindex == 1 && i->ipi_addr.s_addr == htonl(INADDR_LOOPBACK) &&
                   i->ipi_spec_dst.s_addr == htonl(INADDR_LOOPBACK);
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo *i = (void *)CMSG_DATA(c);
            info = i->ipi6_ifindex == 1 &&
                   !memcmp(&i->ipi6_addr, &in6addr_loopback, sizeof(in6addr_loopback));
        }
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
            hops = *(int *)CMSG_DATA(c) == 64;
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMP)
            stamp = ((struct timeval *)CMSG_DATA(c))->tv_sec > 1000000000;
    }
    CHECK(info && hops && stamp);
    m.msg_controllen = 8;
    CHECK(sendto(a, "x", 1, 0, &n.sa, loopback(&n, family, port_of(b))) == 1);
    CHECK(recvmsg(b, &m, 0) == 1 && (m.msg_flags & MSG_CTRUNC));
    close(a);
    close(b);
}

static void many(int family)
{
    int a = socket(family, SOCK_DGRAM, 0), b = bound(family);
    union name n;
    struct mmsghdr m[4];
    struct iovec v[4];
    char buf[4][8] = {"a", "bb", "ccc", "dddd"};
    struct timespec soon = {0, 20000000};

    CHECK(connect(a, &n.sa, loopback(&n, family, port_of(b))) == 0);
    memset(m, 0, sizeof(m));
    for (int i = 0; i < 4; i++) {
        v[i] = (struct iovec){buf[i], i + 1};
        m[i].msg_hdr.msg_iov = &v[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    CHECK(sendmmsg(a, m, 3, 0) == 3 && m[2].msg_len == 3);
    for (int i = 0; i < 4; i++)
        v[i].iov_len = 8;
    CHECK(recvmmsg(b, m, 4, MSG_WAITFORONE, NULL) == 3);
    CHECK(m[0].msg_len == 1 && m[1].msg_len == 2 && m[2].msg_len == 3);
    CHECK(send(a, "x", 1, 0) == 1);
    CHECK(recvmmsg(b, m, 1, 0, &soon) == 1);
    CHECK_ERR(recvmmsg(b, m, 1, MSG_DONTWAIT, &soon), EAGAIN);
    close(a);
    close(b);
}

/* Too much for the receiver is lost, not an error. */
static void overflow(int family)
{
    int a = socket(family, SOCK_DGRAM, 0), b = bound(family), size = 10000, n = 0;
    static char big[65536];
    union name to;

    CHECK(setsockopt(b, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
    CHECK(connect(a, &to.sa, loopback(&to, family, port_of(b))) == 0);
    for (int i = 0; i < 200; i++)
        CHECK(send(a, big, 1000, 0) == 1000);
    while (recv(b, big, sizeof(big), MSG_DONTWAIT) > 0)
        n++;
    CHECK(n >= 2 && n < 50);
    CHECK_ERR(send(a, big, family == AF_INET ? 65508 : 65528, 0), EMSGSIZE);
    close(a);
    close(b);
}

static void group(void)
{
    struct ip_mreq r = {.imr_multiaddr.s_addr = htonl(0xefff1234),
                        .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    union name n = {.v4 = {.sin_family = AF_INET}};
    char buf[16];

    CHECK(bind(b, &n.sa, sizeof(n.v4)) == 0);
    CHECK(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof(r)) == 0);
    CHECK_ERR(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof(r)), EADDRINUSE);
    CHECK(setsockopt(a, IPPROTO_IP, IP_MULTICAST_IF, &r.imr_interface, 4) == 0);
    n.v4.sin_port = htons(port_of(b));
    n.v4.sin_addr = r.imr_multiaddr;
    CHECK(sendto(a, "all", 3, 0, &n.sa, sizeof(n.v4)) == 3);
    struct pollfd p = {b, POLLIN, 0};
    CHECK(poll(&p, 1, 20000) == 1 && recv(b, buf, 16, 0) == 3);
    CHECK(setsockopt(b, IPPROTO_IP, IP_DROP_MEMBERSHIP, &r, sizeof(r)) == 0);
    CHECK_ERR(setsockopt(b, IPPROTO_IP, IP_DROP_MEMBERSHIP, &r, sizeof(r)), EADDRNOTAVAIL);
    n.v4.sin_addr.s_addr = htonl(INADDR_BROADCAST);
    CHECK_ERR(sendto(a, "all", 3, 0, &n.sa, sizeof(n.v4)), EACCES);
    close(a);
    close(b);
}

int main(void)
{
    need_ipv6();
    for (int i = 0; i < 2; i++) {
        int family = i ? AF_INET6 : AF_INET;

        plain(family);
        connected(family);
        ports(family);
        control(family);
        many(family);
        overflow(family);
    }
    mapped();
    group();
    return check_result();
}
