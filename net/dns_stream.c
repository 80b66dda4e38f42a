/* Clients of the resolver that come by TCP: messages, each behind its length.
 *
 * What such a connection is inside is one end of a Unix stream pair, which is as good to read
 * and write as a TCP socket and needs no port of the host.  Descriptors sent into it are
 * dropped, since nobody receives them.  Queries are looked at as those by datagram are; a client
 * that sends something else, or does not read its answers, is disconnected.
 */
#include "net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#define STREAMS_MAX 64
#define QUERY_MAX   512
#define PORT_FIRST  32768 /* what the client's end is called */

struct stream {
    struct net_watch watch; /* first */
    int fd;
    uint64_t number;
    size_t got;
    uint8_t in[2 + QUERY_MAX];
    struct stream *next;
};

static struct stream *streams;
static unsigned stream_count;
static uint64_t last_number = DNS_STREAM;

static void stream_close(struct stream *stream)
{
    struct stream **at = &streams;

    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    stream_count--;
    close(stream->fd);
    free(stream);
}

void dns_stream_give(uint64_t number, const void *message, size_t n)
{
    struct stream *stream = streams;
    uint8_t length[2] = {(uint8_t)(n >> 8), (uint8_t)n};
    struct iovec iov[2] = {{length, 2}, {(void *)message, n}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};

    while (stream && stream->number != number)
        stream = stream->next;
    /* Its event closes it: who calls may be in the middle of one. */
    if (stream &&
        sendmsg(stream->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(sizeof(length) + n))
        shutdown(stream->fd, SHUT_RDWR);
}

/* The whole messages that are there; false if there can be none. */
static bool take_queries(struct service *s, struct stream *stream)
{
    while (stream->got >= 2) {
        size_t n = (size_t)stream->in[0] << 8 | stream->in[1];
        if (n > QUERY_MAX)
            return false;
        if (stream->got < 2 + n)
            break;
        dns_query(s, stream->number, stream->in + 2, n);
        stream->got -= 2 + n;
        memmove(stream->in, stream->in + 2 + n, stream->got);
    }
    return true;
}

static void from_client(struct service *s, struct net_watch *w, uint32_t events)
{
    struct stream *stream = (struct stream *)w;
    ssize_t n =
        recv(stream->fd, stream->in + stream->got, sizeof(stream->in) - stream->got, MSG_DONTWAIT);

    (void)events;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0)
        stream->got += (size_t)n;
    if (n <= 0 || !take_queries(s, stream))
        stream_close(stream);
}

long dns_stream_open(struct service *s, struct answer *a)
{
    struct host_address own = {{[10] = 0xff, [11] = 0xff, 127, [15] = 1}, 0, 0};
    struct stream *stream;
    int ends[2];

    if (stream_count >= STREAMS_MAX)
        return -ECONNREFUSED;
    stream = calloc(1, sizeof(*stream));
    if (!stream || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
        free(stream);
        return -ENOBUFS;
    }
    stream->watch.ready = from_client;
    stream->fd = ends[0];
    stream->number = ++last_number;
    stream->next = streams;
    streams = stream;
    stream_count++;
    if (net_watch(s, ends[0], EPOLLIN, &stream->watch) < 0) {
        close(ends[1]);
        stream_close(stream);
        return -ENOBUFS;
    }
    own.port = (uint16_t)(PORT_FIRST + stream->number % 28000);
    answer_address(a, &own);
    a->fd = ends[1];
    return 0;
}
