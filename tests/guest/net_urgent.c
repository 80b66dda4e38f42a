/* TCP's urgent data: MSG_OOB, SO_OOBINLINE, the mark, SIGURG, POLLPRI; and how much a send to
 * somebody who has gone swallows. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check.h"

static int a, b; /* the two ends */
static volatile int urgs;

static void on_urg(int sig) { urgs++; }

static void connect_two(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int l = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(bind(l, (void *)&in, len) == 0 && listen(l, 1) == 0);
    CHECK(getsockname(l, (void *)&in, &len) == 0);
    a = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(a, (void *)&in, len) == 0);
    b = accept(l, NULL, NULL);
    CHECK(b >= 0);
    close(l);
}

static void drop(void)
{
    close(a);
    close(b);
}

static int events(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLPRI, 0};

    poll(&p, 1, 100);
    return p.revents;
}

static int at_mark(int fd)
{
    int on = -1;

    CHECK(ioctl(fd, SIOCATMARK, &on) == 0);
    return on;
}

static int waiting(int fd)
{
    int n = -1;

    CHECK(ioctl(fd, FIONREAD, &n) == 0);
    return n;
}

/* What a read gives, as text. */
static const char *got(int fd, size_t n, int flags)
{
    static char buf[64];
    ssize_t rc = recv(fd, buf, n, flags | MSG_DONTWAIT);

    if (rc < 0)
        return errno == EINVAL ? "EINVAL" : errno == EAGAIN ? "EAGAIN" : "?";
    buf[rc] = 0;
    return buf;
}
#define GOT(fd, n, flags, text) CHECK(!strcmp(got(fd, n, flags), text))

static void apart(void)
{
    char c;
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    connect_two();
    GOT(b, 1, MSG_OOB, "EINVAL");
    CHECK(send(a, "abcX", 4, MSG_OOB) == 4 && send(a, "def", 3, 0) == 3);
    CHECK(events(b) == (POLLIN | POLLPRI) && !at_mark(b) && waiting(b) == 3);
    GOT(b, 10, MSG_PEEK | MSG_OOB, "X");
    GOT(b, 2, 0, "ab");
    GOT(b, 10, 0, "c"); /* not beyond the mark */
    CHECK(at_mark(b) && waiting(b) == 0 && events(b) == (POLLIN | POLLPRI));
    CHECK(recvmsg(b, &m, MSG_OOB) == 1 && c == 'X' && (m.msg_flags & MSG_OOB));
    GOT(b, 1, MSG_OOB, "EINVAL");
    CHECK(at_mark(b) && events(b) == POLLIN);
    GOT(b, 10, 0, "def");
    CHECK(!at_mark(b) && events(b) == 0);
    GOT(b, 1, MSG_OOB, "EINVAL");
    drop();
}

static void alone(void)
{
    struct epoll_event e = {.events = EPOLLPRI};
    int ep = epoll_create1(0);
    fd_set set;

    connect_two();
    epoll_ctl(ep, EPOLL_CTL_ADD, b, &e);
    CHECK(send(a, "X", 1, MSG_OOB) == 1);
    CHECK(events(b) == POLLPRI && at_mark(b));
    CHECK(epoll_wait(ep, &e, 1, 100) == 1 && e.events == EPOLLPRI);
    FD_ZERO(&set);
    FD_SET(b, &set);
    CHECK(select(b + 1, NULL, NULL, &set, &(struct timeval){0}) == 1 && FD_ISSET(b, &set));
    GOT(b, 10, MSG_OOB, "X");
    CHECK(events(b) == 0);
    /* a newer one counts, the older is data like any other */
    CHECK(send(a, "1", 1, 0) == 1 && send(a, "Y", 1, MSG_OOB) == 1 &&
          send(a, "Z", 1, MSG_OOB) == 1);
    GOT(b, 10, MSG_OOB, "Z");
    GOT(b, 10, MSG_PEEK, "1Y");
    GOT(b, 10, 0, "1Y");
    GOT(b, 10, 0, "EAGAIN");
    CHECK(send(a, "", 0, MSG_OOB) == 0 && events(b) == 0);
    close(ep);
    drop();
}

static void in_line(void)
{
    int on = 1;

    connect_two();
    CHECK(setsockopt(b, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == 0);
    CHECK(send(a, "abX", 3, MSG_OOB) == 3 && send(a, "cd", 2, 0) == 2);
    CHECK(waiting(b) == 5 && events(b) == (POLLIN | POLLPRI));
    GOT(b, 1, MSG_OOB, "EINVAL");
    GOT(b, 10, 0, "ab");
    CHECK(at_mark(b) && sockatmark(b) == 1);
    GOT(b, 10, 0, "Xcd");
    CHECK(!at_mark(b) && events(b) == 0);
    drop();
}

static void signals(void)
{
    signal(SIGURG, on_urg);
    connect_two();
    CHECK(send(a, "X", 1, MSG_OOB) == 1);
    usleep(20000);
    CHECK(urgs == 0);
    CHECK(fcntl(b, F_SETOWN, getpid()) == 0);
    CHECK(send(a, "Y", 1, MSG_OOB) == 1);
    for (int i = 0; !urgs && i < 30000; i++)
        usleep(1000);
    CHECK(urgs == 1);
    CHECK(send(a, "z", 1, 0) == 1);
    usleep(20000);
    CHECK(urgs == 1);
    drop();
}

static void gone(void)
{
    static char big[4 << 20];
    int size = 8192;

    signal(SIGPIPE, SIG_IGN);
    connect_two();
    CHECK(setsockopt(a, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
    close(b);
    usleep(20000);
    CHECK(send(a, big, sizeof(big), 0) < (ssize_t)sizeof(big));
    usleep(20000);
    CHECK_ERR(send(a, big, 1, 0), EPIPE);
    close(a);
}

int main(void)
{
    apart();
    alone();
    in_line();
    signals();
    gone();
    return check_result();
}
