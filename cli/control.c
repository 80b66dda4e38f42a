/* The client's side of the control socket; see control.h. */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "complain.h"
#include "monitor/packet.h"

#define PATIENCE_S 10
#define RETRY_MS   5

static int try_to_connect(const struct entry *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {PATIENCE_S, 0};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), error;

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control", e->dir);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int control_reach(const struct entry *e)
{
    for (int left = PATIENCE_S * 1000 / RETRY_MS;; left--) {
        int fd = try_to_connect(e);
        if (fd >= 0)
            return fd;
        if (errno != ENOENT && errno != ECONNREFUSED) {
            complain_errno(e->name, errno, NULL);
            return -1;
        }
        if (!entry_lives(e))
            return CONTROL_ENDED;
        if (!left)
            break;
        usleep(RETRY_MS * 1000); /* it is just starting, or just ending */
    }
    complain(e->name, "is it stopped?", "the sandbox does not answer");
    return -1;
}

int control_connect(const struct entry *e)
{
    int fd = control_reach(e);

    if (fd != CONTROL_ENDED)
        return fd;
    complain(e->name, "bailey ps -a lists them", "the sandbox is not running");
    return -1;
}

int control_send(int fd, enum manage_op op, uint64_t a, uint64_t b, const int *fds, int count)
{
    struct manage_request r = {MANAGE_VERSION, op, a, b};
    const struct packet p = {&r, sizeof(r), (int *)fds, (size_t)count, NULL};

    return packet_send(fd, &p, 0) == sizeof(r) ? 0 : -1;
}

int control_receive(int fd, struct manage_answer *answer, int timeout_ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    int ready;

    do
        ready = poll(&p, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return 0;
    return recv(fd, answer, sizeof(*answer), 0) == sizeof(*answer) ? 1 : -1;
}

int64_t control_ask(int fd, enum manage_op op, uint64_t a, uint64_t b, const int *fds, int count)
{
    struct manage_answer answer;

    if (control_send(fd, op, a, b, fds, count) < 0)
        return -EPIPE;
    int got = control_receive(fd, &answer, PATIENCE_S * 1000);
    if (got <= 0 || answer.kind != MANAGE_DONE)
        return got == 0 ? -ETIMEDOUT : -EPIPE;
    return answer.value;
}
