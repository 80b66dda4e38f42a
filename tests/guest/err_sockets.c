/* What the calls on sockets say of descriptors that are none, bad addresses, memory, options and
 * states, when there is nothing yet, and when a signal comes first. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "ticking.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)

static struct sockaddr_in loopback = {.sin_family = AF_INET};
static socklen_t len = sizeof(loopback);
static char buf[64];

static int stream(void) { return socket(AF_INET, SOCK_STREAM, 0); }

/* No socket at all: closed, or a file. */
static void no_socket(int fd, int error)
{
    struct msghdr msg = {0};
    struct mmsghdr many = {.msg_hdr = msg};
    int one = 1;

    CHECK_ERR(CALL(bind, fd, &loopback, len), error);
    CHECK_ERR(CALL(connect, fd, &loopback, len), error);
    CHECK_ERR(CALL(listen, fd, 1), error);
    CHECK_ERR(CALL(accept, fd, NULL, NULL), error);
    CHECK_ERR(CALL(accept4, fd, NULL, NULL, 0), error);
    CHECK_ERR(CALL(getsockname, fd, &loopback, &len), error);
    CHECK_ERR(CALL(getpeername, fd, &loopback, &len), error);
    CHECK_ERR(CALL(getsockopt, fd, SOL_SOCKET, SO_TYPE, &one, &len), error);
    CHECK_ERR(CALL(setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &one, 4), error);
    CHECK_ERR(CALL(shutdown, fd, SHUT_RD), error);
    CHECK_ERR(CALL(sendto, fd, "x", 1, 0, NULL, 0), error);
    CHECK_ERR(CALL(recvfrom, fd, buf, 1, 0, NULL, NULL), error);
    CHECK_ERR(CALL(sendmsg, fd, &msg, 0), error);
    CHECK_ERR(CALL(recvmsg, fd, &msg, 0), error);
    CHECK_ERR(CALL(sendmmsg, fd, &many, 1, 0), error);
    CHECK_ERR(CALL(recvmmsg, fd, &many, 1, 0, NULL), error);
}

static void making(void)
{
    int pair[2];

    CHECK_ERR(CALL(socket, 200, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERR(CALL(socket, -1, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERR(CALL(socket, AF_UNIX, 99, 0), EINVAL);
    CHECK_ERR(CALL(socket, AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    CHECK_ERR(CALL(socket, AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    CHECK_ERR(CALL(socket, AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
    CHECK_ERR(CALL(socket, AF_UNIX, SOCK_STREAM, 7), EPROTONOSUPPORT);
    CHECK_ERR(CALL(socket, AF_UNIX, SOCK_STREAM | 0x10, 0), EINVAL);
    CHECK_ERR(CALL(socketpair, AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP);
    CHECK_ERR(CALL(socketpair, 200, SOCK_STREAM, 0, pair), EAFNOSUPPORT);
    CHECK_ERR(CALL(socketpair, AF_UNIX, SOCK_STREAM, 7, pair), EPROTONOSUPPORT);
    CHECK_ERR(CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, BAD), EFAULT);
    CHECK_ERR(CALL(socketpair, AF_UNIX, SOCK_STREAM | 0x10, 0, pair), EINVAL);
}

static void naming(void)
{
    struct sockaddr_in none = {.sin_family = AF_INET, .sin_addr = {htonl(0x08080808)}};
    struct sockaddr_in low = {.sin_family = AF_INET, .sin_port = htons(1)};
    struct sockaddr_un unix_name = {.sun_family = AF_UNIX, .sun_path = "name"};
    int s = stream(), other = stream(), u = socket(AF_UNIX, SOCK_STREAM, 0), v;

    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_ERR(CALL(bind, s, BAD, len), EFAULT);
    CHECK_ERR(CALL(bind, s, &loopback, 3), EINVAL);
    CHECK_ERR(CALL(bind, s, &loopback, -1), EINVAL);
    CHECK_ERR(CALL(bind, s, &loopback, 1000), EINVAL);
    CHECK_ERR(CALL(bind, s, &unix_name, sizeof(unix_name)), EAFNOSUPPORT);
    CHECK_ERR(CALL(bind, s, &none, len), EADDRNOTAVAIL);
    CHECK_ERR(CALL(bind, u, &loopback, len), EINVAL);
    if (geteuid() && access("/proc/sys/net/ipv4/ip_unprivileged_port_start", R_OK))
        CHECK_ERR(CALL(bind, s, &low, len), EACCES);
    CHECK(CALL(bind, s, &loopback, len) == 0 && CALL(getsockname, s, &loopback, &len) == 0);
    CHECK_ERR(CALL(bind, s, &loopback, len), EINVAL);
    CHECK_ERR(CALL(bind, other, &loopback, len), EADDRINUSE);
    CHECK_ERR(CALL(getsockname, s, BAD, &len), EFAULT);
    CHECK_ERR(CALL(getsockname, s, &none, BAD), EFAULT);
    len = -1;
    CHECK_ERR(CALL(getsockname, s, &none, &len), EINVAL);
    len = sizeof(loopback);
    CHECK_ERR(CALL(getpeername, s, &none, &len), ENOTCONN);
    CHECK(CALL(bind, u, &unix_name, sizeof(unix_name)) == 0);
    strcpy(unix_name.sun_path, "name two");
    CHECK_ERR(CALL(bind, u, &unix_name, sizeof(unix_name)), EINVAL);
    strcpy(unix_name.sun_path, "name");
    v = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERR(CALL(bind, v, &unix_name, sizeof(unix_name)), EADDRINUSE);
    CHECK_ERR(CALL(connect, v, &unix_name, sizeof(unix_name)), ECONNREFUSED);
    close(v);
    v = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(listen(u, 1) == 0);
    CHECK_ERR(CALL(connect, v, &unix_name, sizeof(unix_name)), EPROTOTYPE);
    CHECK_ERR(CALL(sendto, v, "x", 1, 0, &unix_name, sizeof(unix_name)), EPROTOTYPE);
    CHECK_ERR(CALL(listen, v, 1), EOPNOTSUPP);
    CHECK_ERR(CALL(accept, v, NULL, NULL), EOPNOTSUPP);
    CHECK_ERR(CALL(sendto, v, "x", 1, 0, NULL, 0), ENOTCONN);
    close(other);
    close(u);
    close(v);
    close(s);
    unlink("name");
}

static void connecting(void)
{
    struct sockaddr_in to, nowhere = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct sockaddr unspecified = {.sa_family = 99};
    int l = stream(), s = stream(), a;

    nowhere.sin_addr.s_addr = htonl(INADDR_BROADCAST);
    CHECK(bind(l, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET}, len) == 0);
    CHECK(getsockname(l, (struct sockaddr *)&to, &len) == 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_ERR(CALL(connect, s, &to, len), ECONNREFUSED);
    CHECK_ERR(CALL(connect, s, BAD, len), EFAULT);
    CHECK_ERR(CALL(connect, s, &to, 1), EINVAL);
    CHECK_ERR(CALL(connect, s, &unspecified, sizeof(unspecified)), EAFNOSUPPORT);
    CHECK_ERR(CALL(connect, s, &nowhere, len), ENETUNREACH);
    CHECK_ERR(CALL(accept, l, NULL, NULL), EINVAL);
    CHECK(listen(l, 5) == 0);
    CHECK_ERR(CALL(accept4, l, NULL, NULL, 1), EINVAL);
    fcntl(l, F_SETFL, O_NONBLOCK);
    CHECK_ERR(CALL(accept, l, NULL, NULL), EAGAIN);
    close(s);
    s = stream();
    CHECK_ERR(CALL(sendto, s, "x", 1, MSG_NOSIGNAL, NULL, 0), EPIPE);
    CHECK_ERR(CALL(recvfrom, s, buf, 1, 0, NULL, NULL), ENOTCONN);
    CHECK_ERR(CALL(shutdown, s, SHUT_RD), ENOTCONN);
    CHECK(connect(s, (struct sockaddr *)&to, len) == 0);
    CHECK_ERR(CALL(connect, s, &to, len), EISCONN);
    CHECK_ERR(CALL(listen, s, 1), EINVAL);
    CHECK_ERR(CALL(accept, l, &to, BAD), EFAULT);
    close(s);
    s = stream();
    CHECK(connect(s, (struct sockaddr *)&to, len) == 0);
    a = accept(l, NULL, NULL);
    CHECK(a >= 0);
    CHECK_ERR(CALL(shutdown, a, 9), EINVAL);
    CHECK_ERR(CALL(recvfrom, a, buf, 1, MSG_DONTWAIT, NULL, NULL), EAGAIN);
    CHECK_ERR(CALL(recvfrom, a, buf, 1, MSG_OOB, NULL, NULL), EINVAL);
    CHECK(send(s, "hello", 5, 0) == 5);
    CHECK_ERR(CALL(recvfrom, a, BAD, 5, 0, NULL, NULL), EFAULT);
    CHECK_ERR(CALL(sendto, s, BAD, 5, 0, NULL, 0), EFAULT);
    CHECK_ERR(CALL(sendmsg, s, BAD, 0), EFAULT);
    CHECK_ERR(CALL(recvmsg, s, BAD, 0), EFAULT);
    CHECK(shutdown(s, SHUT_WR) == 0);
    CHECK_ERR(CALL(sendto, s, "x", 1, MSG_NOSIGNAL, NULL, 0), EPIPE);
    close(a);
    close(s);
    close(l);
}

static void datagrams(void)
{
    struct sockaddr_in to = loopback;
    struct msghdr msg = {0};
    struct iovec vec = {buf, 1};
    static char large[70000];
    int u = socket(AF_INET, SOCK_DGRAM, 0), w = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un none = {.sun_family = AF_UNIX, .sun_path = "none"};

    to.sin_port = htons(9);
    CHECK_ERR(CALL(sendto, u, "x", 1, 0, NULL, 0), EDESTADDRREQ);
    CHECK_ERR(CALL(write, u, "x", 1), EDESTADDRREQ);
    CHECK_ERR(CALL(sendto, u, "x", 1, 0, &to, 3), EINVAL);
    CHECK_ERR(CALL(sendto, u, "x", 1, 0, BAD, len), EFAULT);
    CHECK_ERR(CALL(sendto, u, large, sizeof(large), 0, &to, len), EMSGSIZE);
    CHECK_ERR(CALL(sendto, u, "x", 1, MSG_OOB, &to, len), EOPNOTSUPP);
    CHECK_ERR(CALL(recvfrom, u, buf, 1, MSG_DONTWAIT, NULL, NULL), EAGAIN);
    CHECK_ERR(CALL(listen, u, 1), EOPNOTSUPP);
    CHECK_ERR(CALL(accept, u, NULL, NULL), EOPNOTSUPP);
    to.sin_family = 99;
    CHECK_ERR(CALL(sendto, u, "x", 1, 0, &to, len), EAFNOSUPPORT);
    msg.msg_iov = &vec;
    msg.msg_iovlen = 1025;
    CHECK_ERR(CALL(sendmsg, u, &msg, 0), EMSGSIZE);
    CHECK_ERR(CALL(recvmsg, u, &msg, 0), EMSGSIZE);
    CHECK_ERR(CALL(sendto, w, "x", 1, 0, &none, sizeof(none)), ENOENT);
    CHECK_ERR(CALL(sendto, w, "x", 1, MSG_OOB, &none, sizeof(none)), EOPNOTSUPP);
    close(u);
    close(w);
}

/* Names of peers, bad forms of messages, connections that are there or were. */
static void peers(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET}, name;
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "peers"};
    static char control[1 << 20];
    struct mmsghdr many = {0};
    struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof(control)};
    struct timespec bad = {0, -1};
    int pair[2], l = stream(), s = stream(), a = -1, u = socket(AF_UNIX, SOCK_STREAM, 0), v;
    socklen_t n = -1, port = sizeof(to);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(l, (struct sockaddr *)&to, len) == 0 && listen(l, 5) == 0);
    CHECK(getsockname(l, (struct sockaddr *)&to, &port) == 0);
    CHECK(connect(s, (struct sockaddr *)&to, len) == 0 && (a = accept(l, NULL, NULL)) >= 0);
    CHECK_ERR(CALL(getpeername, s, &name, &n), EINVAL);
    n = sizeof(name);
    CHECK_ERR(CALL(getpeername, s, BAD, &n), EFAULT);
    CHECK_ERR(CALL(getpeername, s, &name, BAD), EFAULT);
    CHECK_ERR(CALL(recvmmsg, s, &many, 1, 0, &bad), EINVAL);
    CHECK_ERR(CALL(recvmmsg, s, BAD, 1, MSG_DONTWAIT, NULL), EFAULT);
    CHECK_ERR(CALL(sendmmsg, s, BAD, 1, 0), EFAULT);
    CHECK_ERR(CALL(sendmsg, s, &msg, 0), ENOBUFS);
    CHECK_ERR(CALL(sendmsg, pair[0], &msg, 0), ENOBUFS);
    CHECK_ERR(CALL(sendto, pair[0], "x", 1, 0, &un, sizeof(un)), EISCONN);
    /* Who goes without reading what came says so. */
    CHECK(send(s, "unread", 6, 0) == 6);
    CHECK(recv(a, buf, 1, MSG_PEEK) == 1);
    close(a);
    CHECK_ERR(CALL(sendto, s, "x", 1, MSG_NOSIGNAL, NULL, 0), ECONNRESET);
    CHECK_ERR(CALL(sendto, s, "x", 1, MSG_NOSIGNAL, NULL, 0), EPIPE);
    close(s);
    /* A Unix listener has no more room. */
    CHECK(bind(u, (struct sockaddr *)&un, sizeof(un)) == 0 && listen(u, 0) == 0);
    v = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(connect(v, (struct sockaddr *)&un, sizeof(un)) == 0);
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_ERR(CALL(connect, s, &un, sizeof(un)), EAGAIN);
    fcntl(s, F_SETFL, 0);
    ticking(1);
    CHECK_ERR(CALL(connect, s, &un, sizeof(un)), EINTR);
    ticking(0);
    unlink("peers");
    close(pair[0]);
    close(pair[1]);
    close(l);
    close(u);
    close(v);
    close(s);
}

/* An end that is connected already from the same port of ours. */
static void same_ends(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET}, from = {.sin_family = AF_INET};
    int l = stream(), s = stream(), t = stream(), on = 1;
    socklen_t n = sizeof(to);

    to.sin_addr.s_addr = from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(t, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    CHECK(bind(l, (struct sockaddr *)&to, n) == 0 && listen(l, 5) == 0);
    CHECK(getsockname(l, (struct sockaddr *)&to, &n) == 0);
    CHECK(bind(s, (struct sockaddr *)&from, n) == 0);
    CHECK(getsockname(s, (struct sockaddr *)&from, &n) == 0);
    CHECK(bind(t, (struct sockaddr *)&from, n) == 0);
    CHECK(connect(s, (struct sockaddr *)&to, n) == 0);
    CHECK_ERR(CALL(connect, t, &to, n), EADDRNOTAVAIL);
    close(l);
    close(s);
    close(t);
}

/* A listener that has no room lets no one in, until who waits gives up. */
static void no_answer(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int l = stream(), s = stream(), t = stream(), once = 1;
    socklen_t n = sizeof(to);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(l, (struct sockaddr *)&to, n) == 0 && listen(l, 0) == 0);
    CHECK(getsockname(l, (struct sockaddr *)&to, &n) == 0);
    CHECK(connect(s, (struct sockaddr *)&to, n) == 0);
    CHECK(setsockopt(t, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof(once)) == 0);
    CHECK_ERR(CALL(connect, t, &to, n), ETIMEDOUT);
    close(l);
    close(s);
    close(t);
}

static void options(void)
{
    int s = stream(), value = 1, negative = -1;
    socklen_t four = 4, short_len = -1;
    struct timeval bad = {0, 1000000};

    CHECK_ERR(CALL(setsockopt, s, SOL_SOCKET, 9999, &value, 4), ENOPROTOOPT);
    CHECK_ERR(CALL(getsockopt, s, SOL_SOCKET, 9999, &value, &four), ENOPROTOOPT);
    CHECK_ERR(CALL(setsockopt, s, 9999, 1, &value, 4), ENOPROTOOPT);
    CHECK_ERR(CALL(getsockopt, s, 9999, 1, &value, &four), EOPNOTSUPP);
    CHECK_ERR(CALL(setsockopt, s, IPPROTO_TCP, 9999, &value, 4), ENOPROTOOPT);
    CHECK_ERR(CALL(getsockopt, s, IPPROTO_TCP, 9999, &value, &four), ENOPROTOOPT);
    CHECK_ERR(CALL(setsockopt, s, IPPROTO_IP, 9999, &value, 4), ENOPROTOOPT);
    CHECK_ERR(CALL(getsockopt, s, IPPROTO_IP, 9999, &value, &four), ENOPROTOOPT);
    CHECK_ERR(CALL(setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &value, 2), EINVAL);
    CHECK_ERR(CALL(setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &value, -1), EINVAL);
    CHECK_ERR(CALL(setsockopt, s, SOL_SOCKET, SO_REUSEADDR, BAD, 4), EFAULT);
    CHECK_ERR(CALL(setsockopt, s, SOL_SOCKET, SO_TYPE, &value, 4), ENOPROTOOPT);
    CHECK_ERR(CALL(setsockopt, s, SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof(bad)), EDOM);
    CHECK_ERR(CALL(setsockopt, s, SOL_SOCKET, SO_RCVTIMEO, &bad, 4), EINVAL);
    CHECK_ERR(CALL(setsockopt, s, IPPROTO_TCP, TCP_KEEPIDLE, &negative, 4), EINVAL);
    CHECK_ERR(CALL(getsockopt, s, SOL_SOCKET, SO_TYPE, &value, BAD), EFAULT);
    CHECK_ERR(CALL(getsockopt, s, SOL_SOCKET, SO_TYPE, BAD, &four), EFAULT);
    CHECK_ERR(CALL(getsockopt, s, SOL_SOCKET, SO_TYPE, &value, &short_len), EINVAL);
    CHECK_ERR(CALL(ioctl, s, FIONREAD, BAD), EFAULT);
    close(s);
}

/* Each call that waits, when a signal comes that is handled without SA_RESTART. */
static void interrupted(void)
{
    struct iovec vec = {buf, 1};
    struct msghdr msg = {.msg_iov = &vec, .msg_iovlen = 1};
    struct mmsghdr many = {.msg_hdr = msg};
    int pair[2], l = stream(), u = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && listen(l, 1) == 0);
    ticking(1);
    CHECK_ERR(CALL(accept, l, NULL, NULL), EINTR);
    CHECK_ERR(CALL(recvfrom, pair[0], buf, 1, 0, NULL, NULL), EINTR);
    CHECK_ERR(CALL(recvmsg, pair[0], &msg, 0), EINTR);
    CHECK_ERR(CALL(recvmmsg, u, &many, 1, 0, NULL), EINTR);
    CHECK_ERR(CALL(recvfrom, u, buf, 1, 0, NULL, NULL), EINTR);
    CHECK_ERR(CALL(read, pair[0], buf, 1), EINTR);
    while (send(pair[0], buf, sizeof(buf), MSG_DONTWAIT) > 0)
        ;
    CHECK_ERR(CALL(sendto, pair[0], buf, 1, MSG_DONTWAIT, NULL, 0), EAGAIN);
    CHECK_ERR(CALL(sendto, pair[0], buf, sizeof(buf), 0, NULL, 0), EINTR);
    CHECK_ERR(CALL(write, pair[0], buf, sizeof(buf)), EINTR);
    ticking(0);
    close(pair[0]);
    close(pair[1]);
    close(l);
    close(u);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    no_socket(50, EBADF);
    no_socket(open("/dev/null", O_RDWR), ENOTSOCK);
    making();
    naming();
    connecting();
    datagrams();
    peers();
    same_ends();
    no_answer();
    options();
    interrupted();
    return check_result();
}
