/* The network, as far as the monitor has to do with it: it passes requests of the sandbox
 * on to the network service and what the service opened to the sandbox. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_protocol.h"
#include "packet.h"
#include "serve.h"

static const char *const schemes[] = {"tcp:", "udp:", "publish:", "named:", "sockets:"};

bool net_uri(const char *uri)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncmp(uri, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

/* The reply's result; a descriptor that comes along goes to r->send_fd.  The service
 * answers at once, or it is broken and the sandbox ends. */
static long ask(struct sandbox *s, struct request *r, const struct net_request *q,
                struct net_reply *reply)
{
    struct packet p = {reply, sizeof(*reply), &r->send_fd, 1, NULL};
    const int service = s->config->net_service;

    if (service < 0)
        return -ENETUNREACH;
    if (send(service, q, sizeof(*q), MSG_NOSIGNAL) != sizeof(*q) ||
        packet_receive(service, &p, 0) != sizeof(*reply) || reply->size > sizeof(reply->data)) {
        sandbox_fail(s, "the network service does not answer");
        return -EIO;
    }
    return reply->result < -4000 ? -EIO : reply->result;
}

long net_open(struct sandbox *s, struct request *r, const char *uri)
{
    struct net_request q = {.kind = NET_OPEN, .a = r->open.mode};
    struct net_reply reply;
    struct host_address a;

    if (strlen(uri) >= sizeof(q.uri))
        return -EINVAL;
    strcpy(q.uri, uri);
    long rc = ask(s, r, &q, &reply);
    if (rc < 0 || reply.size < sizeof(a))
        return rc;
    memcpy(&a, reply.data, sizeof(a));
    memset(&r->open.attr, 0, sizeof(r->open.attr));
    memcpy(&r->open.attr.ino, a.ip, 8);
    memcpy(&r->open.attr.dev, a.ip + 8, 8);
    r->open.attr.rdev = a.port;
    r->reply = sizeof(r->open);
    return rc;
}

long net_control(struct sandbox *s, struct request *r)
{
    struct message_control *m = &r->control;
    struct net_request q = {.kind = NET_LENT, .a = m->a, .b = m->b, .c = m->c};
    struct net_reply reply;
    long rc = ask(s, r, &q, &reply);

    if (rc < 0)
        return rc;
    size_t size = reply.size < m->size ? reply.size : m->size;
    memcpy(m->data, reply.data, size);
    r->reply = sizeof(*m) + size;
    return rc;
}
