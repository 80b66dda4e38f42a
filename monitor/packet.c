#include "packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(PACKET_FDS_MAX * sizeof(int))];
};

static struct msghdr header_for(const struct packet *p, struct iovec *iov, union control *control)
{
    const socklen_t name = p->name ? sizeof(*p->name) : 0;

    *iov = (struct iovec){p->data, p->size};
    /* Not CMSG_SPACE, which may have room for one more. */
    return (struct msghdr){p->name, name, iov, 1, control, CMSG_LEN(p->count * sizeof(int)), 0};
}

ssize_t packet_send(int socket, const struct packet *p, int flags)
{
    union control control;
    struct iovec iov;
    struct msghdr m = header_for(p, &iov, &control);

    control.header = (struct cmsghdr){m.msg_controllen, SOL_SOCKET, SCM_RIGHTS};
    if (p->count)
        memcpy(CMSG_DATA(&control.header), p->fds, p->count * sizeof(int));
    return sendmsg(socket, &m, flags | MSG_NOSIGNAL);
}

ssize_t packet_receive(int socket, struct packet *p, int flags)
{
    union control control;
    struct iovec iov;
    struct msghdr m = header_for(p, &iov, &control);
    ssize_t n = recvmsg(socket, &m, flags | MSG_CMSG_CLOEXEC);
    struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

    p->count = 0;
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
        p->count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(p->fds, CMSG_DATA(h), p->count * sizeof(int));
    }
    if (n < 0 || !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return n;
    errno = EMSGSIZE;
    return -1;
}
