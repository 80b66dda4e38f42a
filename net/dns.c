/* The resolver: queries of the sandbox, allowed or refused by name.
 *
 * Nothing of a query but its name and type goes on to the host's servers: it is written
 * anew, so that a query can carry nothing else out.  Each has a socket (and so a port) of
 * its own, connected to the server, and a number of its own; an answer has to repeat both
 * and the question.  What it says about an allowed name is pinned: those addresses, and no
 * others, are what the name means to the rules.  A server is asked the way the client asks, by
 * datagram or by TCP, so that a truncated answer is asked for again as a whole.  Nothing here
 * waits or keeps time: a client that gets no answer asks again, and then the next server is
 * tried.
 */
#include "net.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "dns_message.h"

#define QUERIES_MAX 64
#define ANSWER_MAX  4096
#define STREAM_MAX  (2 + 65535) /* a length, and as much */

struct query {
    struct net_watch watch;
    int fd; /* -1: free */
    unsigned server;
    uint64_t client, age;
    uint16_t id;     /* towards the server */
    bool sent;       /* over a stream */
    uint8_t *buffer; /* STREAM_MAX, over a stream: what has come */
    size_t got;
    struct dns_question question;
};

static struct query queries[QUERIES_MAX];
static bool queries_ready;
static uint64_t clock_of_ages;

static bool by_stream(const struct query *q) { return q->client & DNS_STREAM; }

static void answer(uint64_t client, const void *message, size_t n)
{
    struct host_datagram from = {
        .address = {{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 53}, 53, 0}};
    struct relay *to = relay_find(client);

    if (client & DNS_STREAM)
        dns_stream_give(client, message, n);
    else if (to)
        relay_give(to, &from, message, n);
}

/* An answer without records, or with one address. */
static void answer_code(uint64_t client, const struct dns_question *q, int code, uint32_t v4)
{
    uint8_t message[DNS_QUESTION_MAX + 32];

    answer(client, message, dns_make_answer(message, q, code, v4));
}

static void query_end(struct query *q)
{
    if (q->fd >= 0)
        close(q->fd);
    q->fd = -1;
    free(q->buffer);
    q->buffer = NULL;
}

/* ---- towards the servers --------------------------------------------------------------- */

static void from_server(struct service *s, struct net_watch *w, uint32_t events);
static void from_server_stream(struct service *s, struct net_watch *w, uint32_t events);

/* Connected or on the way: what is asked goes out when it is there. */
static int ask_stream(struct service *s, struct query *q)
{
    q->sent = false;
    q->got = 0;
    q->buffer = malloc(STREAM_MAX);
    q->watch.ready = from_server_stream;
    return q->buffer ? net_watch(s, q->fd, EPOLLIN | EPOLLOUT | EPOLLET, &q->watch) : -ENOMEM;
}

static int ask_datagram(struct service *s, struct query *q)
{
    uint8_t message[DNS_QUESTION_MAX + 32];
    size_t n = dns_make_query(message, &q->question, q->id);

    q->watch.ready = from_server;
    if (send(q->fd, message, n, 0) < 0)
        return -EIO;
    return net_watch(s, q->fd, EPOLLIN, &q->watch);
}

static int ask(struct service *s, struct query *q)
{
    const struct net_server *server = &s->config->servers[q->server];
    struct host_address a = {.port = server->port};
    struct sockaddr_storage name;
    const int type = by_stream(q) ? SOCK_STREAM : SOCK_DGRAM;

    memcpy(a.ip, server->ip, 16);
    socklen_t size = address_to_host(&a, AF_UNSPEC, &name);
    if (getrandom(&q->id, sizeof(q->id), 0) != sizeof(q->id))
        return -EIO;
    q->fd = socket(name.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->fd < 0)
        return -errno;
    if (connect(q->fd, (struct sockaddr *)&name, size) < 0 && errno != EINPROGRESS)
        return -EIO;
    return by_stream(q) ? ask_stream(s, q) : ask_datagram(s, q);
}

/* The next server, if there is one that was not asked. */
static void ask_next(struct service *s, struct query *q)
{
    for (query_end(q); ++q->server < s->config->server_count; query_end(q))
        if (ask(s, q) == 0)
            return;
    answer_code(q->client, &q->question, DNS_SERVFAIL, 0);
}

struct pinning {
    struct service *s;
    const char *name;
};

static void pin(void *context, const uint8_t ip[16])
{
    struct pinning *p = context;

    net_pin(p->s, p->name, ip);
}

/* An answer to the question, for the client; the query has ended. */
static void pass_on(struct service *s, struct query *q, uint8_t *message, size_t n)
{
    struct pinning pinning = {s, q->question.name};

    if (!dns_addresses(message, n, pin, &pinning)) {
        answer_code(q->client, &q->question, DNS_SERVFAIL, 0);
        return;
    }
    dns_restore(message, &q->question);
    answer(q->client, message, n);
}

static void from_server(struct service *s, struct net_watch *w, uint32_t events)
{
    struct query *q = (struct query *)w;
    static uint8_t message[ANSWER_MAX];
    ssize_t n = recv(q->fd, message, sizeof(message), MSG_DONTWAIT);

    (void)events;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0) {
        ask_next(s, q);
        return;
    }
    if (!dns_is_answer(message, (size_t)n, &q->question, q->id))
        return; /* from whoever guessed the port; the true one may still come */
    query_end(q);
    pass_on(s, q, message, (size_t)n);
}

static size_t length_at(const uint8_t *p) { return (size_t)p[0] << 8 | p[1]; }

static bool send_stream(struct query *q)
{
    uint8_t message[2 + DNS_QUESTION_MAX + 32];
    size_t n = dns_make_query(message + 2, &q->question, q->id);

    message[0] = (uint8_t)(n >> 8);
    message[1] = (uint8_t)n;
    q->sent = true;
    return send(q->fd, message, n + 2, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(n + 2);
}

/* 1: all of the answer is there; 0: not yet; -1: it will not come. */
static int fill(struct query *q)
{
    while (q->got < 2 || q->got < 2 + length_at(q->buffer)) {
        ssize_t n = recv(q->fd, q->buffer + q->got, STREAM_MAX - q->got, MSG_DONTWAIT);
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? 0 : -1;
        q->got += (size_t)n;
    }
    return 1;
}

static void from_server_stream(struct service *s, struct net_watch *w, uint32_t events)
{
    struct query *q = (struct query *)w;
    bool failed = events & EPOLLERR || (!q->sent && events & EPOLLOUT && !send_stream(q));
    int there = failed ? -1 : q->sent ? fill(q) : 0;

    if (there == 0)
        return;
    size_t n = there < 0 ? 0 : length_at(q->buffer);
    if (there < 0 || !dns_is_answer(q->buffer + 2, n, &q->question, q->id)) {
        ask_next(s, q);
        return;
    }
    uint8_t *message = q->buffer;
    q->buffer = NULL;
    query_end(q);
    pass_on(s, q, message + 2, n);
    free(message);
}

/* ---- from the sandbox ------------------------------------------------------------------- */

/* A place for a query: that of the same one asked before, a free one, the oldest. */
static struct query *find_place(uint64_t client, const struct dns_question *q, bool *again)
{
    struct query *best = &queries[0];

    for (int i = 0; i < QUERIES_MAX; i++) {
        struct query *p = &queries[i];
        if (!queries_ready)
            p->fd = -1;
        if (p->client == client && p->question.id == q->id && !strcmp(p->question.name, q->name) &&
            p->question.type == q->type && p->fd >= 0) {
            *again = true;
            return p;
        }
        if (best->fd >= 0 && (p->fd < 0 || p->age < best->age))
            best = p;
    }
    queries_ready = true;
    return best;
}

void dns_query(struct service *s, uint64_t client, const uint8_t *message, size_t n)
{
    struct dns_question question;
    bool again = false;
    int code = dns_parse_query(message, n, &question);

    if (code < 0)
        return;
    if (code == 0 && named_member(s, question.name)) {
        answer_code(client, &question, 0,
                    question.type == DNS_A ? named_address(question.name) : 0);
        return;
    }
    if (code == 0 && !net_name_allowed(s, question.name))
        code = DNS_REFUSED;
    else if (code == 0 && s->config->server_count == 0)
        code = DNS_SERVFAIL;
    if (code) {
        answer_code(client, &question, code, 0);
        return;
    }
    struct query *q = find_place(client, &question, &again);
    unsigned server = again ? (q->server + 1) % (unsigned)s->config->server_count : 0;
    query_end(q);
    q->client = client;
    q->age = ++clock_of_ages;
    q->question = question;
    q->server = server;
    if (ask(s, q) < 0)
        ask_next(s, q);
}
