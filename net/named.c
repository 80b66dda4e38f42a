/* Named networks: sandboxes of one user that reach each other by name.
 *
 * A network is a directory that only this user can enter.  A member holds the socket NAME
 * in it, and NAME:PORT for each TCP port somebody inside listens on.  To connect, a
 * monitor makes a TCP connection with itself over the host's loopback, keeps one end for
 * its own sandbox and sends the other to that socket.  So the sandboxes share a
 * connection and nothing else; unlike a Unix socket it cannot carry descriptors.
 * Datagrams go from service to service (named_udp.c).
 * Addresses are made of the names, so that every member knows the same ones.
 */
#include "net.h"
#include "../monitor/packet.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#define DOORS_MAX 1024
#define STRANGERS 8   /* others who connect to a port that is ours for a moment */
#define PAIR_MS   100 /* at most, on a loaded machine */

/* Somebody inside listens on a port. */
struct door {
    struct net_watch visit, closing;
    int socket; /* visitors come here */
    int pair;   /* and go in there */
    struct door *next;
    char name[NAMED_MAX + 8];
};

static int directory = -1, presence = -1;
static struct door *doors;
static unsigned door_count;

struct visit {
    struct host_address from;
};

uint32_t named_address(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return HOST_NAMED + 1 + (hash ^ hash >> 16) % (~HOST_NAMED_MASK - 1);
}

static struct sockaddr_un path_of(const char *name)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};

    snprintf(path.sun_path, sizeof(path.sun_path), "/proc/self/fd/%d/%.80s", directory, name);
    return path;
}

/* A datagram socket by that name: the descriptor or -errno. */
static int bind_name(const char *name)
{
    struct sockaddr_un path = path_of(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&path, sizeof(path)) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* Does a living monitor hold that name? */
static bool is_held(const char *name)
{
    struct sockaddr_un path = path_of(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool held = connect(fd, (struct sockaddr *)&path, sizeof(path)) == 0;

    close(fd);
    return held;
}

/* Calls f for every name in the directory until it returns true. */
static bool each_name(bool (*f)(const char *name, void *context), void *context)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool found = false;

    for (struct dirent *e; dir && !found && (e = readdir(dir));)
        found = e->d_name[0] != '.' && f(e->d_name, context);
    if (dir)
        closedir(dir);
    return found;
}

/* What a member that died left behind. */
static bool sweep(const char *name, void *context)
{
    size_t n = strlen(context);

    if (!strncmp(name, context, n) && (!name[n] || name[n] == ':') && !is_held(name))
        unlinkat(directory, name, 0);
    return false;
}

static bool clashes(const char *name, void *context)
{
    return !strchr(name, ':') && strcmp(name, context) != 0 &&
           named_address(name) == named_address(context) && is_held(name);
}

int named_start(const struct net_config *c)
{
    directory = open(c->named_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    each_name(sweep, (void *)c->named);
    presence = bind_name(c->named);
    if (presence >= 0 && each_name(clashes, (void *)c->named)) {
        named_end(c);
        return -EEXIST;
    }
    return presence < 0 ? presence : 0;
}

static void close_door(struct door *door)
{
    struct door **at = &doors;

    while (*at != door)
        at = &(*at)->next;
    *at = door->next;
    door_count--;
    unlinkat(directory, door->name, 0);
    close(door->socket);
    close(door->pair);
    free(door);
}

int named_directory(void) { return directory; }

void named_leave(void)
{
    if (presence >= 0)
        close(presence);
    if (directory >= 0)
        close(directory);
    directory = presence = -1;
}

void named_end(const struct net_config *c)
{
    if (directory < 0)
        return;
    while (doors)
        close_door(doors);
    if (presence >= 0) {
        close(presence);
        presence = -1;
        each_name(sweep, (void *)c->named);
    }
    named_leave();
}

bool named_member(const struct service *s, const char *name)
{
    return s->config->named && *name && strlen(name) <= NAMED_MAX && !strpbrk(name, "/:") &&
           *name != '.' && is_held(name);
}

/* ---- connecting ----------------------------------------------------------------------- */

static bool same_end(int a, int b) /* is the peer of a the local name of b? */
{
    struct sockaddr_in x = {0}, y = {0};
    socklen_t n = sizeof(x), m = sizeof(y);

    return getpeername(a, (struct sockaddr *)&x, &n) == 0 &&
           getsockname(b, (struct sockaddr *)&y, &m) == 0 && x.sin_port == y.sin_port &&
           x.sin_addr.s_addr == y.sin_addr.s_addr;
}

static int accept_own(int listener, int connecting)
{
    struct pollfd p = {listener, POLLIN, 0};

    for (int i = 0; i < STRANGERS && poll(&p, 1, PAIR_MS) == 1; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && same_end(fd, connecting))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -ETIMEDOUT;
}

/* Two ends of a TCP connection over the loopback: 0 or -errno. */
static int tcp_pair(int ends[2])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ends[1] = -EMFILE;
    if (listener >= 0 && ends[0] >= 0 && bind(listener, (struct sockaddr *)&name, size) == 0 &&
        listen(listener, STRANGERS) == 0 &&
        getsockname(listener, (struct sockaddr *)&name, &size) == 0 &&
        (connect(ends[0], (struct sockaddr *)&name, size) == 0 || errno == EINPROGRESS))
        ends[1] = accept_own(listener, ends[0]);
    if (listener >= 0)
        close(listener);
    if (ends[1] < 0 && ends[0] >= 0)
        close(ends[0]);
    for (int i = 0; i < 2 && ends[1] >= 0; i++)
        setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return ends[1] < 0 ? ends[1] : 0;
}

/* To a name or (NULL) the connected end. */
static int pass(int socket, const char *name, const void *data, size_t size, int fd)
{
    struct sockaddr_un path = path_of(name ? name : "");
    struct packet p = {(void *)data, size, &fd, 1, name ? &path : NULL};

    return packet_send(socket, &p, MSG_DONTWAIT) < 0 ? -errno : 0;
}

int named_pass(const char *name, const void *data, size_t size, int fd)
{
    return pass(presence, name, data, size, fd);
}

int named_presence(void) { return presence; }

bool named_address_is(const struct service *s, const struct host_address *a)
{
    return s->config->named && (address_v4(a->ip) & HOST_NAMED_MASK) == HOST_NAMED;
}

struct search {
    uint32_t address;
    char name[NAMED_MAX + 1];
};

static bool has_address(const char *name, void *context)
{
    struct search *search = context;

    if (strchr(name, ':') || strlen(name) > NAMED_MAX || named_address(name) != search->address)
        return false;
    strcpy(search->name, name);
    return is_held(name);
}

int named_find(uint32_t address, char name[NAMED_MAX + 1])
{
    struct search search = {.address = address};

    if (!each_name(has_address, &search))
        return -EHOSTUNREACH;
    strcpy(name, search.name);
    return 0;
}

long named_connect(struct service *s, struct answer *answer, const struct host_address *a)
{
    char member[NAMED_MAX + 1], door[NAMED_MAX + 8];
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    struct visit visit;
    int ends[2] = {-1, -1};

    int rc = named_find(address_v4(a->ip), member);
    if (rc == 0)
        rc = tcp_pair(ends);
    if (rc < 0)
        return rc;
    getsockname(ends[0], (struct sockaddr *)&name, &size);
    address_from_host(&name, &visit.from);
    uint32_t own = htonl(named_address(s->config->named));
    memcpy(visit.from.ip + 12, &own, 4);
    snprintf(door, sizeof(door), "%s:%u", member, a->port);
    rc = named_pass(door, &visit, sizeof(visit), ends[1]);
    close(ends[1]);
    if (rc < 0) {
        close(ends[0]);
        return rc == -EAGAIN ? -ETIMEDOUT : -ECONNREFUSED;
    }
    answer_address(answer, &visit.from);
    answer->fd = ends[0];
    return 0;
}

/* ---- being visited ---------------------------------------------------------------------- */

static void on_closing(struct service *s, struct net_watch *w, uint32_t events)
{
    (void)s;
    (void)events;
    close_door((struct door *)((char *)w - offsetof(struct door, closing)));
}

static void on_visit(struct service *s, struct net_watch *w, uint32_t events)
{
    struct door *door = (struct door *)((char *)w - offsetof(struct door, visit));
    struct visit visit;
    int fd;

    (void)s;
    (void)events;
    ssize_t n = net_take(door->socket, &visit, sizeof(visit), NULL, &fd);
    if (n < 0)
        return;
    if (n == sizeof(visit) && net_is_tcp(fd))
        pass(door->pair, NULL, &visit.from, sizeof(visit.from), fd);
    close(fd); /* not taken by a full queue: reset */
}

long named_listen(struct service *s, struct answer *answer, uint16_t port)
{
    int ends[2];

    if (!s->config->named || door_count >= DOORS_MAX)
        return -ENFILE;
    struct door *door = calloc(1, sizeof(*door));
    if (!door)
        return -ENOMEM;
    snprintf(door->name, sizeof(door->name), "%s:%u", s->config->named, port);
    door->socket = bind_name(door->name);
    if (door->socket < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
        int error = door->socket < 0 ? door->socket : -errno;
        if (door->socket >= 0)
            close(door->socket);
        free(door);
        return error;
    }
    door_count++;
    door->next = doors;
    doors = door;
    door->pair = ends[0];
    door->visit.ready = on_visit;
    door->closing.ready = on_closing;
    /* Nothing is read from inside: the other end's closing shows as EPOLLRDHUP. */
    if (net_watch(s, door->socket, EPOLLIN, &door->visit) < 0 ||
        net_watch(s, door->pair, EPOLLRDHUP, &door->closing) < 0) {
        close(ends[1]);
        close_door(door);
        return -ENOMEM;
    }
    answer->fd = ends[1];
    return 0;
}
