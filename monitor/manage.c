/* The control socket of a running sandbox: one request a packet, served in the loop.
 *
 * Clients are the sandbox's own user or root, asked of the kernel when they connect.  They
 * are not trusted further than that with the loop's time: their number is bounded, nothing
 * waits for them, and one that does not take its answers is dropped.
 */
#include "manage.h"
#include "packet.h"
#include "save.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 64

struct client {
    int fd;       /* -1: free */
    uint32_t use; /* how often this place has been used: tells successors apart */
    bool waits;
};

static struct client clients[CLIENTS_MAX];
static int listener = -1;

uint64_t manage_client_id(const struct client *c)
{
    return (uint64_t)c->use << 32 | (uint32_t)(c - clients);
}

struct client *manage_client(uint64_t id)
{
    struct client *c = &clients[(uint32_t)id % CLIENTS_MAX];
    struct pollfd gone = {c->fd, 0, 0};

    return c->fd >= 0 && c->use == id >> 32 && poll(&gone, 1, 0) == 0 ? c : NULL;
}

static void drop(struct client *c)
{
    close(c->fd);
    c->fd = -1;
}

void manage_answer(struct client *c, enum manage_kind kind, int64_t value)
{
    const struct manage_answer answer = {kind, 0, value};

    if (c->fd >= 0 && send(c->fd, &answer, sizeof(answer), MSG_DONTWAIT) != sizeof(answer))
        shutdown(c->fd, SHUT_RDWR); /* it goes when the loop comes by */
}

/* ---- requests ------------------------------------------------------------------------ */

static int64_t serve_wait(struct sandbox *s, struct client *c, const struct manage_request *r,
                          int *fds, int count)
{
    c->waits = true;
    return 0;
}

/* Answered by save.c. */
static int64_t serve_save(struct sandbox *s, struct client *c, const struct manage_request *r,
                          int *fds, int count)
{
    if (count < 1 || count > 2 || r->a > (MANAGE_SAVE_KEEP | MANAGE_SAVE_CARRY))
        return -EINVAL;
    int rc = save_start(s, fds[0], count > 1 ? fds[1] : -1, (unsigned)r->a, manage_client_id(c));
    if (rc < 0)
        return rc;
    fds[0] = -1;
    if (count > 1)
        fds[1] = -1;
    return MANAGE_LATER;
}

static manage_handler *const handlers[MANAGE_OPS] = {
    [MANAGE_WAIT] = serve_wait,        [MANAGE_SIGNAL] = jobs_program_signal,
    [MANAGE_JOB] = jobs_begin,         [MANAGE_JOB_SIGNAL] = jobs_signal,
    [MANAGE_JOB_WINDOW] = jobs_window, [MANAGE_SAVE] = serve_save,
};

/* ---- connections ---------------------------------------------------------------------- */

static void serve(struct sandbox *s, struct client *c)
{
    struct manage_request r;
    int fds[MANAGE_FDS_MAX];
    struct packet p = {&r, sizeof(r), fds, MANAGE_FDS_MAX, NULL};
    int64_t result = -ENOSYS;
    bool whole = packet_receive(c->fd, &p, MSG_DONTWAIT) == sizeof(r);
    int count = (int)p.count;

    if (whole && r.version != MANAGE_VERSION)
        result = -EPROTO;
    else if (whole && r.op < MANAGE_OPS && handlers[r.op])
        result = handlers[r.op](s, c, &r, fds, count);
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (!whole) {
        jobs_client_gone(s, manage_client_id(c));
        drop(c);
    } else if (result != MANAGE_LATER)
        manage_answer(c, MANAGE_DONE, result);
}

static bool may_ask(int fd)
{
    struct ucred who;
    socklen_t size = sizeof(who);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
           (who.uid == 0 || who.uid == getuid());
}

static void accept_client(struct sandbox *s)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    for (uint32_t i = 0; fd >= 0 && may_ask(fd) && i < CLIENTS_MAX; i++) {
        struct epoll_event event = {EPOLLIN, {.u32 = i}};
        if (clients[i].fd >= 0)
            continue;
        if (epoll_ctl(s->manage_fd, EPOLL_CTL_ADD, fd, &event) < 0)
            break;
        clients[i] = (struct client){.fd = fd, .use = clients[i].use + 1};
        return;
    }
    if (fd >= 0)
        close(fd);
}

void manage_start(struct sandbox *s, int socket)
{
    struct epoll_event event = {EPOLLIN, {.u32 = CLIENTS_MAX}};

    if (socket < 0)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++)
        clients[i].fd = -1;
    listener = socket;
    s->manage_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->manage_fd < 0 || epoll_ctl(s->manage_fd, EPOLL_CTL_ADD, socket, &event) < 0)
        manage_end(s);
}

/* One event at a time: the sandbox's calls come first. */
void manage_serve(struct sandbox *s)
{
    struct epoll_event event;

    if (epoll_wait(s->manage_fd, &event, 1, 0) != 1)
        return;
    if (event.data.u32 == CLIENTS_MAX)
        accept_client(s);
    else if (clients[event.data.u32].fd >= 0)
        serve(s, &clients[event.data.u32]);
}

void manage_end(struct sandbox *s)
{
    if (listener < 0)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i].fd >= 0 && clients[i].waits)
            manage_answer(&clients[i], MANAGE_EXITED, s->exit_code);
        if (clients[i].fd >= 0)
            drop(&clients[i]);
    }
    close(listener);
    if (s->manage_fd >= 0)
        close(s->manage_fd);
    listener = s->manage_fd = -1;
}
