/* TCP over the loopback: connecting, half-close, resets, errors, in both families. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "ipv6.h"

union name {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
static int pipes;

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
    return ntohs(n.sa.sa_family == AF_INET ? n.v4.sin_port : n.v6.sin6_port);
}

static int listener(int family, int backlog)
{
    union name n;
    int s = socket(family, SOCK_STREAM, 0);

    CHECK(bind(s, &n.sa, loopback(&n, family, 0)) == 0);
    CHECK(listen(s, backlog) == 0);
    return s;
}

static void make_pair(int family, int fd[2])
{
    union name n;
    int l = listener(family, 5);

    fd[0] = socket(family, SOCK_STREAM, 0);
    CHECK(connect(fd[0], &n.sa, loopback(&n, family, port_of(l))) == 0);
    fd[1] = accept(l, NULL, NULL);
    CHECK(fd[1] >= 0);
    close(l);
}

static void drop_pair(int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

static int events(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};

    poll(&p, 1, 0);
    return p.revents;
}

/* What the other side has done comes a moment later. */
static void await(int fd, short event)
{
    for (int i = 0; i < 3000 && !(events(fd) & event); i++)
        usleep(10000);
}

static void on_pipe(int sig) { pipes++; }

static void names(int family)
{
    union name a, b, c;
    socklen_t la = sizeof(a), lb = sizeof(b), lc = sizeof(c);
    int l = listener(family, 1), s = socket(family, SOCK_STREAM, 0), t;

    CHECK_ERR(getpeername(s, &a.sa, &la), ENOTCONN);
    CHECK(connect(s, &a.sa, loopback(&a, family, port_of(l))) == 0);
    t = accept(l, &c.sa, &lc);
    la = sizeof(a);
    CHECK(getsockname(s, &a.sa, &la) == 0 && getpeername(t, &b.sa, &lb) == 0);
    CHECK(la == lb && !memcmp(&a, &b, la));
    CHECK(la == lc && !memcmp(&a, &c, la));
    la = lb = sizeof(a);
    CHECK(getsockname(t, &a.sa, &la) == 0 && getpeername(s, &b.sa, &lb) == 0);
    CHECK(la == lb && !memcmp(&a, &b, la));
    CHECK(la == (family == AF_INET ? sizeof(a.v4) : sizeof(a.v6)));
    CHECK_ERR(connect(s, &a.sa, loopback(&a, family, port_of(l))), EISCONN);
    close(s);
    close(t);
    close(l);
}

static void refused(int family)
{
    union name n;
    int l = listener(family, 1), port = port_of(l), s = socket(family, SOCK_STREAM, 0), err;
    socklen_t len = sizeof(err);

    close(l);
    CHECK_ERR(connect(s, &n.sa, loopback(&n, family, port)), ECONNREFUSED);
    CHECK(events(s) == (POLLOUT | POLLHUP));
    CHECK_ERR(connect(s, &n.sa, loopback(&n, family, port)), ECONNREFUSED);
    fcntl(s, F_SETFL, O_NONBLOCK);
    CHECK_ERR(connect(s, &n.sa, loopback(&n, family, port)), EINPROGRESS);
    struct pollfd p = {s, POLLOUT, 0};
    CHECK(poll(&p, 1, 20000) == 1 && p.revents == (POLLOUT | POLLERR | POLLHUP));
    CHECK(getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == ECONNREFUSED);
    CHECK(getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0);
    close(s);
}

static void nonblocking(int family)
{
    union name n;
    int l = listener(family, 1), s = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0), err = -1;
    socklen_t len = sizeof(err);
    char c;

    CHECK_ERR(connect(s, &n.sa, loopback(&n, family, port_of(l))), EINPROGRESS);
    struct pollfd p = {s, POLLOUT, 0};
    CHECK(poll(&p, 1, 20000) == 1 && p.revents == POLLOUT);
    CHECK(getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0);
    CHECK(connect(s, &n.sa, loopback(&n, family, port_of(l))) == 0);
    CHECK_ERR(connect(s, &n.sa, loopback(&n, family, port_of(l))), EISCONN);
    CHECK_ERR(read(s, &c, 1), EAGAIN);
    fcntl(l, F_SETFL, O_NONBLOCK);
    int t = accept4(l, NULL, NULL, SOCK_NONBLOCK);
    CHECK(t >= 0);
    CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
    CHECK(fcntl(t, F_GETFL) & O_NONBLOCK);
    close(s);
    close(t);
    close(l);
}

static void half_close(int family)
{
    char buf[16];
    int fd[2];

    make_pair(family, fd);
    CHECK(write(fd[0], "question", 8) == 8);
    CHECK(shutdown(fd[0], SHUT_WR) == 0);
    CHECK_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK(events(fd[1]) == (POLLIN | POLLOUT | POLLRDHUP));
    CHECK(read(fd[1], buf, 16) == 8 && read(fd[1], buf, 16) == 0 && read(fd[1], buf, 16) == 0);
    CHECK(write(fd[1], "answer", 6) == 6);
    CHECK(read(fd[0], buf, 16) == 6);
    CHECK(events(fd[0]) == POLLOUT);
    close(fd[1]);
    CHECK(read(fd[0], buf, 16) == 0);
    CHECK(events(fd[0]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
    close(fd[0]);
}

/* The peer is gone: the first write is still taken, the answer is a reset. */
static void peer_gone(int family)
{
    char buf[16];
    int fd[2];

    make_pair(family, fd);
    close(fd[1]);
    CHECK(read(fd[0], buf, 16) == 0);
    CHECK(write(fd[0], "x", 1) == 1);
    await(fd[0], POLLERR);
    pipes = 0;
    CHECK_ERR(write(fd[0], "x", 1), EPIPE);
    CHECK(pipes == 1);
    CHECK_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK(pipes == 1);
    CHECK(read(fd[0], buf, 16) == 0);
    close(fd[0]);
}

/* Closed with unread data, or with SO_LINGER 0: a reset. */
static void reset(int family, int by_linger)
{
    struct linger linger = {1, 0};
    char buf[16];
    int fd[2], err;
    socklen_t len = sizeof(err);

    make_pair(family, fd);
    CHECK(write(fd[1], "seen", 4) == 4);
    if (by_linger)
        CHECK(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    else
        CHECK(write(fd[0], "unread", 6) == 6);
    close(fd[1]);
    await(fd[0], POLLERR);
    CHECK(events(fd[0]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR));
    if (by_linger) {
        CHECK(read(fd[0], buf, 16) == 4);
        CHECK_ERR(read(fd[0], buf, 16), ECONNRESET);
    } else {
        CHECK(getsockopt(fd[0], SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == ECONNRESET);
        CHECK(read(fd[0], buf, 16) == 4);
    }
    CHECK(read(fd[0], buf, 16) == 0);
    CHECK_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(fd[0]);
}

static void flags(int family)
{
    char buf[16];
    int fd[2], n;

    make_pair(family, fd);
    CHECK(send(fd[0], "abcdefgh", 8, MSG_MORE) == 8);
    CHECK(send(fd[0], "ij", 2, 0) == 2);
    CHECK(recv(fd[1], buf, 10, MSG_PEEK | MSG_WAITALL) == 10);
    CHECK(ioctl(fd[1], FIONREAD, &n) == 0 && n == 10);
    CHECK(recv(fd[1], buf, 4, MSG_WAITALL) == 4 && !memcmp(buf, "abcd", 4));
    CHECK(recv(fd[1], buf, 2, MSG_PEEK) == 2 && !memcmp(buf, "ef", 2));
    CHECK(recv(fd[1], NULL, 3, MSG_TRUNC) == 3);
    CHECK(recv(fd[1], buf, 16, 0) == 3 && !memcmp(buf, "hij", 3));
    CHECK_ERR(recv(fd[1], buf, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_ERR(recv(fd[1], buf, 1, MSG_OOB), EINVAL);
    drop_pair(fd);
}

static void timeouts(int family)
{
    struct timeval tv = {0, 20000}, none = {0, 0};
    static char big[65536];
    int fd[2], l = listener(family, 1), n;
    ssize_t rc;

    make_pair(family, fd);
    CHECK(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    CHECK_ERR(read(fd[0], big, 1), EAGAIN);
    CHECK(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)) == 0);
    CHECK(setsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
    for (n = 0; n < 1000 && write(fd[0], big, sizeof(big)) == sizeof(big);)
        n++;
    CHECK(n > 1 && n < 1000);
    /* Where much else runs the other end makes room late. */
    do
        for (rc = 0; n < 2000 && (rc = write(fd[0], big, sizeof(big))) > 0;)
            n++;
    while (rc < 0 && errno == EAGAIN && n++ < 2000 && events(fd[0]) & POLLOUT);
    CHECK(rc == -1 && errno == EAGAIN);
    CHECK(!(events(fd[0]) & POLLOUT));
    CHECK(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
    close(l);
    drop_pair(fd);
}

static void misuse(int family)
{
    union name n;
    socklen_t len = loopback(&n, family, 0);
    int s = socket(family, SOCK_STREAM, 0), l;
    char c;

    CHECK_ERR(accept(s, NULL, NULL), EINVAL);
    CHECK_ERR(read(s, &c, 1), ENOTCONN);
    CHECK_ERR(send(s, "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_ERR(shutdown(s, SHUT_WR), ENOTCONN);
    CHECK_ERR(bind(s, &n.sa, len - 8), EINVAL);
    n.sa.sa_family = AF_UNIX;
    CHECK_ERR(bind(s, &n.sa, len), family == AF_INET ? EAFNOSUPPORT : EAFNOSUPPORT);
    CHECK_ERR(connect(s, &n.sa, len), EAFNOSUPPORT);
    loopback(&n, family, 0);
    CHECK(bind(s, &n.sa, len) == 0);
    CHECK_ERR(bind(s, &n.sa, len), EINVAL);
    close(s);
    s = socket(family, SOCK_STREAM, 0);
    CHECK(listen(s, 1) == 0 && port_of(s) != 0);
    CHECK_ERR(read(s, &c, 1), ENOTCONN);
    CHECK(events(s) == 0);
    CHECK(shutdown(s, SHUT_RD) == 0);
    CHECK_ERR(accept(s, NULL, NULL), EINVAL);
    close(s);
    l = listener(family, 1);
    CHECK(listen(l, 2) == 0);
    CHECK_ERR(connect(l, &n.sa, loopback(&n, family, port_of(l))), EISCONN);
    close(l);
}

/* A listener goes: who is in its backlog is reset, who waits for room refused. */
static void listener_gone(int family)
{
    union name n;
    int l = listener(family, 1), s = socket(family, SOCK_STREAM, 0);
    char c;

    CHECK(connect(s, &n.sa, loopback(&n, family, port_of(l))) == 0);
    close(l);
    CHECK_ERR(read(s, &c, 1), ECONNRESET);
    close(s);
}

static unsigned sum(const char *p, size_t n, unsigned s)
{
    while (n--)
        s = s * 31 + (unsigned char)*p++;
    return s;
}

/* Megabytes there and back between two processes. */
static void bulk(int family)
{
    static char buf[50000];
    int fd[2], status;
    unsigned there = 0, back = 0;
    size_t total = 0;
    ssize_t n;

    make_pair(family, fd);
    pid_t child = fork();
    if (!child) {
        close(fd[0]);
        while ((n = read(fd[1], buf, 7777)) > 0)
            for (ssize_t done = 0; done < n;)
                done += write(fd[1], buf + done, n - done);
        _exit(n != 0);
    }
    close(fd[1]);
    pid_t writer = fork();
    if (!writer) {
        for (int i = 0; i < 200; i++) {
            memset(buf, i, sizeof(buf));
            if (write(fd[0], buf, sizeof(buf)) != sizeof(buf))
                _exit(1);
        }
        shutdown(fd[0], SHUT_WR);
        _exit(0);
    }
    for (int i = 0; i < 200; i++) {
        memset(buf, i, sizeof(buf));
        there = sum(buf, sizeof(buf), there);
    }
    while ((n = read(fd[0], buf, sizeof(buf))) > 0) {
        back = sum(buf, n, back);
        total += n;
    }
    CHECK(n == 0 && total == 200 * sizeof(buf) && there == back);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(waitpid(writer, &status, 0) == writer && status == 0);
    close(fd[0]);
}

int main(void)
{
    need_ipv6();
    struct sigaction sa = {.sa_handler = on_pipe};

    sigaction(SIGPIPE, &sa, NULL);
    for (int i = 0; i < 2; i++) {
        int family = i ? AF_INET6 : AF_INET;

        names(family);
        refused(family);
        nonblocking(family);
        half_close(family);
        peer_gone(family);
        reset(family, 0);
        reset(family, 1);
        flags(family);
        timeouts(family);
        misuse(family);
        listener_gone(family);
        bulk(family);
    }
    return check_result();
}
