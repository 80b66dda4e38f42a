/* Ports and options of TCP sockets: who may bind what, what getsockopt answers. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/sendfile.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "ipv6.h"

union name {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static union name name4(unsigned ip, int port)
{
    return (union name){
        .v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)}};
}

static int port_of(int s)
{
    union name n;
    socklen_t len = sizeof(n);

    getsockname(s, &n.sa, &len);
    return ntohs(n.v4.sin_port);
}

static int try_bind(int s, unsigned ip, int port)
{
    union name n = name4(ip, port);

    return bind(s, &n.sa, sizeof(n.v4));
}

static int tcp(void) { return socket(AF_INET, SOCK_STREAM, 0); }

static void on(int s, int name)
{
    int one = 1;

    CHECK(setsockopt(s, SOL_SOCKET, name, &one, sizeof(one)) == 0);
}

static int get(int s, int level, int name)
{
    int v = -12345;
    socklen_t len = sizeof(v);

    return getsockopt(s, level, name, &v, &len) ? -errno : v;
}

static int set(int s, int level, int name, int v)
{
    return setsockopt(s, level, name, &v, sizeof(v)) ? -errno : 0;
}

static void ports(void)
{
    int a = tcp(), b = tcp(), c = tcp(), six = socket(AF_INET6, SOCK_STREAM, 0), port;
    union name any6 = {.v6 = {.sin6_family = AF_INET6}};

    CHECK(try_bind(a, INADDR_ANY, 0) == 0);
    port = port_of(a);
    CHECK_ERR(try_bind(b, INADDR_LOOPBACK, port), EADDRINUSE);
    any6.v6.sin6_port = htons(port);
    CHECK_ERR(bind(six, &any6.sa, sizeof(any6.v6)), EADDRINUSE);
    CHECK(set(six, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0);
    CHECK(bind(six, &any6.sa, sizeof(any6.v6)) == 0);
    on(a, SO_REUSEADDR);
    on(b, SO_REUSEADDR);
    CHECK(try_bind(b, INADDR_LOOPBACK, port) == 0);
    CHECK(listen(a, 1) == 0);
    on(c, SO_REUSEADDR);
    CHECK_ERR(try_bind(c, INADDR_LOOPBACK, port), EADDRINUSE);
    CHECK_ERR(listen(b, 1), EADDRINUSE);
    close(a);
    CHECK(listen(b, 1) == 0);
    close(b);
    close(c);
    close(six);
    a = tcp();
    CHECK_ERR(try_bind(a, 0x08080808, 0), EADDRNOTAVAIL);
    CHECK(try_bind(a, 0x7f010203, 0) == 0); /* all of 127.0.0.0/8 */
    b = tcp();
    CHECK(try_bind(b, 0x7f010204, port_of(a)) == 0);
    close(a);
    close(b);
}

static void group(void)
{
    int s[3], got[3] = {0}, port = 0, c;

    for (int i = 0; i < 3; i++) {
        s[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        on(s[i], SO_REUSEPORT);
        CHECK(try_bind(s[i], INADDR_LOOPBACK, port) == 0 && listen(s[i], 64) == 0);
        port = port_of(s[i]);
    }
    for (int i = 0; i < 60; i++) {
        union name n = name4(INADDR_LOOPBACK, port);
        c = tcp();
        CHECK(connect(c, &n.sa, sizeof(n.v4)) == 0);
        for (int k = 0; k < 3; k++) {
            int t = accept(s[k], NULL, NULL);
            got[k] += t >= 0;
            if (t >= 0)
                close(t);
        }
        close(c);
    }
    CHECK(got[0] + got[1] + got[2] == 60 && got[0] && got[1] && got[2]);
    for (int i = 0; i < 3; i++)
        close(s[i]);
}

/* A backlog of 0 holds one connection; the next waits until there is room. */
static void backlog(void)
{
    int l = tcp(), a = tcp(), b = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), t;

    CHECK(try_bind(l, INADDR_LOOPBACK, 0) == 0 && listen(l, 0) == 0);
    union name n = name4(INADDR_LOOPBACK, port_of(l));
    CHECK(connect(a, &n.sa, sizeof(n.v4)) == 0);
    CHECK_ERR(connect(b, &n.sa, sizeof(n.v4)), EINPROGRESS);
    struct pollfd p = {b, POLLOUT, 0};
    CHECK(poll(&p, 1, 30) == 0);
    CHECK_ERR(connect(b, &n.sa, sizeof(n.v4)), EALREADY);
    t = accept(l, NULL, NULL);
    CHECK(t >= 0);
    CHECK(poll(&p, 1, 5000) == 1 && p.revents == POLLOUT);
    close(t);
    t = accept(l, NULL, NULL);
    CHECK(t >= 0);
    close(t);
    close(a);
    close(b);
    close(l);
}

static void options(void)
{
    static const struct {
        int level, name, value, answer;
    } list[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 5, 1},
        {SOL_SOCKET, SO_REUSEADDR, 1, 1},
        {SOL_SOCKET, SO_OOBINLINE, 1, 1},
        {SOL_SOCKET, SO_PRIORITY, 4, 4},
        {SOL_SOCKET, SO_SNDBUF, 20000, 40000},
        {SOL_SOCKET, SO_RCVBUF, 20000, 40000},
        {SOL_SOCKET, SO_RCVLOWAT, 10, 10},
        {SOL_SOCKET, SO_BROADCAST, 1, 1},
        {IPPROTO_TCP, TCP_NODELAY, 7, 1},
        {IPPROTO_TCP, TCP_CORK, 1, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60, 60},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10, 10},
        {IPPROTO_TCP, TCP_KEEPCNT, 3, 3},
        {IPPROTO_TCP, TCP_SYNCNT, 4, 4},
        {IPPROTO_TCP, TCP_LINGER2, 30, 30},
        {IPPROTO_TCP, TCP_DEFER_ACCEPT, 5, 7},
        {IPPROTO_TCP, TCP_QUICKACK, 0, 0},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, 5000},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384, 16384},
        {IPPROTO_IP, IP_TOS, 0x10, 0x10},
        {IPPROTO_IP, IP_TTL, 33, 33},
        {IPPROTO_IP, IP_RECVTOS, 1, 1},
        {IPPROTO_IP, IP_FREEBIND, 1, 1},
        {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, 1},
        {IPPROTO_IP, IP_MTU_DISCOVER, 2, 2},
    };
    int s = tcp();

    for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
        int rc = set(s, list[i].level, list[i].name, list[i].value);
        int v = get(s, list[i].level, list[i].name);
        if (rc || v != list[i].answer)
            printf("option %d/%d: %d, %d\n", list[i].level, list[i].name, rc, v);
    }
    CHECK(set(s, IPPROTO_TCP, TCP_KEEPIDLE, 0) == -EINVAL);
    CHECK(set(s, IPPROTO_TCP, TCP_MAXSEG, 10) == -EINVAL);
    CHECK(set(s, IPPROTO_IP, IP_TTL, 256) == -EINVAL);
    CHECK(set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1) == -ENOPROTOOPT);
    CHECK(set(s, IPPROTO_TCP, 200, 1) == -ENOPROTOOPT);
    CHECK(set(s, 250, 1, 1) == -ENOPROTOOPT);
    CHECK(get(s, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
    CHECK(get(s, SOL_SOCKET, SO_DOMAIN) == AF_INET);
    CHECK(get(s, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
    CHECK(get(s, SOL_SOCKET, SO_ACCEPTCONN) == 0);
    CHECK_ERR(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &s, 2), EINVAL);
    close(s);
}

static void others(void)
{
    struct tcp_info info = {0};
    struct linger linger = {1, 20};
    char name[16] = "";
    socklen_t len = sizeof(info), nlen = sizeof(name), llen = sizeof(linger);
    int l = tcp(), s = tcp(), t = -1;

    CHECK(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == TCP_CLOSE);
    CHECK(try_bind(l, INADDR_LOOPBACK, 0) == 0 && listen(l, 3) == 0);
    CHECK(get(l, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    union name n = name4(INADDR_LOOPBACK, port_of(l));
    CHECK(set(l, IPPROTO_TCP, TCP_NODELAY, 1) == 0);
    CHECK(connect(s, &n.sa, sizeof(n.v4)) == 0 && (t = accept(l, NULL, NULL)) >= 0);
    CHECK(get(t, IPPROTO_TCP, TCP_NODELAY) == 1); /* handed down */
    CHECK(get(t, IPPROTO_TCP, TCP_MAXSEG) > 1000);
    CHECK(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    CHECK(info.tcpi_state == TCP_ESTABLISHED && info.tcpi_snd_mss > 1000);
    CHECK(shutdown(s, SHUT_WR) == 0);
    CHECK(getsockopt(t, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    CHECK(info.tcpi_state == TCP_CLOSE_WAIT);
    CHECK(getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &nlen) == 0 && name[0]);
    CHECK(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8) == -1 && errno == ENOENT);
    CHECK(setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, llen) == 0);
    CHECK(getsockopt(s, SOL_SOCKET, SO_LINGER, &linger, &llen) == 0 && linger.l_linger == 20);
    close(s);
    close(t);
    close(l);
}

static void kinds(void)
{
    CHECK_ERR(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
    CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    CHECK_ERR(socket(AF_INET, 77, 0), EINVAL);
    CHECK_ERR(socket(AF_INET6, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
    CHECK_ERR(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
    int fd[2];
    CHECK_ERR(socketpair(AF_INET, SOCK_STREAM, 0, fd), EOPNOTSUPP);
}

/* sendfile and splice into a connection. */
static void files(void)
{
    static char buf[300000], back[300000];
    int l = tcp(), s = tcp(), t = -1, p[2], f = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);
    off_t at = 100;
    size_t got = 0;
    ssize_t n;

    for (size_t i = 0; i < sizeof(buf); i++)
        buf[i] = (char)(i * 7 + i / 251);
    CHECK(write(f, buf, sizeof(buf)) == sizeof(buf));
    CHECK(try_bind(l, INADDR_LOOPBACK, 0) == 0 && listen(l, 3) == 0);
    union name name = name4(INADDR_LOOPBACK, port_of(l));
    CHECK(connect(s, &name.sa, sizeof(name.v4)) == 0 && (t = accept(l, NULL, NULL)) >= 0);
    if (fork() == 0) {
        close(t);
        while (at < (off_t)sizeof(buf) && (n = sendfile(s, f, &at, sizeof(buf) - at)) > 0)
            ;
        _exit(at != sizeof(buf) || pipe(p) || write(p[1], "tail", 4) != 4 ||
              splice(p[0], NULL, s, NULL, 4, 0) != 4);
    }
    close(s);
    while ((n = read(t, back + got, sizeof(back) - got)) > 0)
        got += n;
    CHECK(got == sizeof(buf) - 100 + 4);
    CHECK(!memcmp(back, buf + 100, sizeof(buf) - 100) && !memcmp(back + got - 4, "tail", 4));
    close(t);
    close(l);
    close(f);
    unlink("data");
}

int main(void)
{
    need_ipv6();
    ports();
    group();
    backlog();
    options();
    others();
    kinds();
    files();
    return check_result();
}
