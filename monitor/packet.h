/* Messages with descriptors in them, over Unix sockets that keep their bounds (unix(7),
 * SCM_RIGHTS). */
#ifndef BAILEY_MONITOR_PACKET_H
#define BAILEY_MONITOR_PACKET_H

#include <stddef.h>
#include <sys/types.h>

#define PACKET_FDS_MAX 253 /* the kernel's SCM_MAX_FD */

struct sockaddr_un;

struct packet {
    void *data;
    size_t size; /* bytes, or room for so many */
    int *fds;
    size_t count;             /* descriptors, or room for so many, at most PACKET_FDS_MAX */
    struct sockaddr_un *name; /* whom it goes to or comes from; NULL: who is connected */
};

/* As sendmsg(2): -1 with errno, and never SIGPIPE.  The descriptors stay the caller's. */
ssize_t packet_send(int socket, const struct packet *p, int flags);

/* As recvmsg(2), but bytes or descriptors that have no room are an error (EMSGSIZE).  p->count is
 * how many descriptors came, also then: they are the caller's, and close-on-exec. */
ssize_t packet_receive(int socket, struct packet *p, int flags);

#endif
