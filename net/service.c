/* The service's process: requests of the monitor, and connections out. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 32 /* then control calls have their turn */

int net_watch(struct service *s, int fd, uint32_t events, struct net_watch *w)
{
    struct epoll_event event = {events, {.ptr = w}};

    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* One at a time: what one does may free another. */
static void events(struct service *s)
{
    struct epoll_event event;

    for (int i = 0; i < EVENTS_AT_ONCE && epoll_wait(s->epoll, &event, 1, 0) == 1; i++) {
        struct net_watch *w = event.data.ptr;
        w->ready(s, w, event.events);
    }
}

/* ---- connections out --------------------------------------------------------------- */

void answer_address(struct answer *a, const struct host_address *address)
{
    memcpy(a->reply->data, address, sizeof(*address));
    a->reply->size = sizeof(*address);
}

static void answer_own_name(struct answer *answer, int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    struct host_address a;

    if (getsockname(fd, (struct sockaddr *)&name, &size) == 0 && address_from_host(&name, &a))
        answer_address(answer, &a);
}

static long open_tcp(struct service *s, struct answer *answer, const char *text, unsigned unused)
{
    struct host_address a;
    struct sockaddr_storage name;
    int on = 1;

    if (!address_parse(text, &a))
        return -EINVAL;
    if (named_address_is(s, &a))
        return named_connect(s, answer, &a);
    if (address_v4(a.ip) == HOST_RESOLVER)
        return a.port == 53 ? dns_stream_open(s, answer) : -ECONNREFUSED;
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
    answer_own_name(answer, fd);
    answer->fd = fd;
    return 0;
}

/* ---- by URI -------------------------------------------------------------------------- */

static long open_udp(struct service *s, struct answer *a, const char *family, unsigned unused)
{
    if (strcmp(family, "4") != 0 && strcmp(family, "6") != 0)
        return -EINVAL;
    return relay_open(s, a, *family == '4' ? AF_INET : AF_INET6, -1);
}

static long open_named(struct service *s, struct answer *a, const char *number, unsigned unused)
{
    char *end;
    unsigned long port = strtoul(number, &end, 10);

    return *end || !port || port > UINT16_MAX ? -EINVAL : named_listen(s, a, (uint16_t)port);
}

static long open_lending(struct service *s, struct answer *a, const char *rest, unsigned unused)
{
    return *rest ? -EINVAL : net_lend(a);
}

static const struct {
    const char *scheme;
    long (*open)(struct service *s, struct answer *a, const char *rest, unsigned backlog);
} schemes[] = {{"tcp:", open_tcp},
               {"udp:", open_udp},
               {"publish:", port_open},
               {"named:", open_named},
               {"sockets:", open_lending}};

static long net_open(struct service *s, const struct net_request *q, struct answer *a)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i].scheme);
        if (strncmp(q->uri, schemes[i].scheme, n) == 0)
            return schemes[i].open(s, a, q->uri + n, (unsigned)q->a);
    }
    return -EINVAL;
}

/* ---- requests -------------------------------------------------------------------------- */

static void send_reply(const struct service *s, const struct answer *a)
{
    struct iovec iov = {a->reply, sizeof(*a->reply)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct msghdr m = {NULL, 0, &iov, 1, NULL, 0, 0};

    if (a->fd >= 0) {
        memcpy(CMSG_DATA(&control.header), &a->fd, sizeof(a->fd));
        m.msg_control = &control;
        m.msg_controllen = sizeof(control);
    }
    sendmsg(s->requests, &m, MSG_NOSIGNAL);
}

/* False when the monitor has gone. */
static bool serve(struct service *s)
{
    struct net_reply reply = {.size = 0};
    struct answer a = {&reply, -1};
    struct net_request q;
    ssize_t n = recv(s->requests, &q, sizeof(q), 0);

    if (n != sizeof(q))
        return n < 0 && errno == EINTR;
    q.uri[sizeof(q.uri) - 1] = 0;
    reply.result = q.kind == NET_OPEN ? net_open(s, &q, &a) : net_lent(&q, &a);
    if (reply.result < 0) {
        a.fd = -1;
        reply.size = 0;
    }
    send_reply(s, &a);
    if (a.fd >= 0)
        close(a.fd);
    return true;
}

/* ---- the process ----------------------------------------------------------------------- */

static struct service service; /* there is one */

static _Noreturn void run(struct service *s)
{
    struct pollfd fds[2] = {{s->requests, POLLIN, 0}, {s->epoll, POLLIN, 0}};

    named_links(s);

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents && !serve(s))
            break;
        if (fds[1].revents)
            events(s);
    }
    named_end(s->config);
    _exit(0);
}

/* Lives as long as the monitor: signals of the terminal are for that. */
static _Noreturn void child(struct service *s)
{
    struct rlimit limit;
    sigset_t all;

    setsid();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGPIPE, SIG_IGN);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (net_walls(s->config, named_directory()) == 0)
        run(s);
    _exit(1);
}

static void forget(struct service *s)
{
    for (size_t i = 0; i < s->config->port_count; i++)
        if (s->port_fds[i] >= 0)
            close(s->port_fds[i]);
    if (s->epoll >= 0)
        close(s->epoll);
    if (s->config->named)
        named_leave();
}

static int start(struct service *s, struct net_config *c, struct net_service *started)
{
    int ends[2];

    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0)
        return -errno;
    for (size_t i = 0; i < c->port_count; i++) {
        started->bad_port = (int)i;
        int rc = port_hold(s, &c->ports[i], i);
        if (rc < 0)
            return rc;
    }
    started->bad_port = -1;
    int rc = c->named ? named_start(c) : 0;
    if (rc < 0)
        return rc;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    s->requests = ends[1];
    started->pid = fork();
    if (started->pid == 0) {
        close(ends[0]);
        child(s);
    }
    close(ends[1]);
    if (started->pid > 0)
        started->socket = ends[0];
    else
        close(ends[0]);
    return started->pid < 0 ? -EAGAIN : 0;
}

int net_service_start(struct net_config *c, struct net_service *started)
{
    struct service *s = &service;

    *started = (struct net_service){.socket = -1, .bad_port = -1};
    if (!c->rule_count && !c->port_count && !c->named)
        return 0;
    *s = (struct service){.config = c, .epoll = -1, .requests = -1};
    memset(s->port_fds, -1, sizeof(s->port_fds));
    int rc = start(s, c, started);
    if (rc < 0 && c->named)
        named_end(c);
    forget(s);
    return rc;
}

void net_service_end(struct net_service *started)
{
    if (started->socket < 0)
        return;
    close(started->socket);
    started->socket = -1;
    while (waitpid(started->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
