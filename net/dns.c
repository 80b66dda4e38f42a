/* The resolver: queries of the sandbox, allowed or refused by name.
 *
 * Nothing of a query but its name and type goes on to the host's servers: it is written
 * anew, so that a query can carry nothing else out.  Each has a socket (and so a port) of
 * its own, connected to the server, and a number of its own; an answer has to repeat both
 * and the question.  What it says about an allowed name is pinned: those addresses, and no
 * others, are what the name means to the rules.  Nothing here waits or keeps time: a
 * client that gets no answer asks again, and then the next server is tried.
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

struct query {
    struct net_watch watch;
    int fd; /* -1: free */
    unsigned server;
    uint64_t relay, age;
    uint16_t id; /* towards the server */
    bool edns;
    struct dns_question question;
};

static struct query queries[QUERIES_MAX];
static bool queries_ready;
static uint64_t clock_of_ages;

static void answer(uint64_t relay, const void *message, size_t n)
{
    struct host_datagram from = {
        .address = {{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 53}, 53, 0}};
    struct relay *to = relay_find(relay);

    if (to)
        relay_give(to, &from, message, n);
}

/* An answer without records, or with one address. */
static void answer_code(uint64_t relay, const struct dns_question *q, int code, uint32_t v4)
{
    uint8_t message[DNS_QUESTION_MAX + 32];

    answer(relay, message, dns_make_answer(message, q, code, v4));
}

static void query_end(struct query *q)
{
    if (q->fd >= 0)
        close(q->fd);
    q->fd = -1;
}

/* ---- towards the servers --------------------------------------------------------------- */

static void from_server(struct service *s, struct net_watch *w, uint32_t events);

static int ask(struct service *s, struct query *q)
{
    const struct net_server *server = &s->config->servers[q->server];
    struct host_address a = {.port = server->port};
    struct sockaddr_storage name;
    uint8_t message[DNS_QUESTION_MAX + 32];

    memcpy(a.ip, server->ip, 16);
    socklen_t size = address_to_host(&a, AF_UNSPEC, &name);
    if (getrandom(&q->id, sizeof(q->id), 0) != sizeof(q->id))
        return -EIO;
    q->fd = socket(name.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->fd < 0)
        return -errno;
    q->watch.ready = from_server;
    size_t n = dns_make_query(message, &q->question, q->id);
    if (connect(q->fd, (struct sockaddr *)&name, size) < 0 || send(q->fd, message, n, 0) < 0 ||
        net_watch(s, q->fd, EPOLLIN, &q->watch) < 0)
        return -EIO;
    return 0;
}

/* The next server, if there is one that was not asked. */
static void ask_next(struct service *s, struct query *q)
{
    for (query_end(q); ++q->server < s->config->server_count; query_end(q))
        if (ask(s, q) == 0)
            return;
    answer_code(q->relay, &q->question, DNS_SERVFAIL, 0);
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

static void from_server(struct service *s, struct net_watch *w, uint32_t events)
{
    struct query *q = (struct query *)w;
    struct pinning pinning = {s, q->question.name};
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
    if (!dns_addresses(message, (size_t)n, pin, &pinning)) {
        answer_code(q->relay, &q->question, DNS_SERVFAIL, 0);
        return;
    }
    dns_restore(message, &q->question);
    answer(q->relay, message, (size_t)n);
}

/* ---- from the sandbox ------------------------------------------------------------------- */

/* A place for a query: that of the same one asked before, a free one, the oldest. */
static struct query *find_place(uint64_t relay, const struct dns_question *q, bool *again)
{
    struct query *best = &queries[0];

    for (int i = 0; i < QUERIES_MAX; i++) {
        struct query *p = &queries[i];
        if (!queries_ready)
            p->fd = -1;
        if (p->relay == relay && p->question.id == q->id && !strcmp(p->question.name, q->name) &&
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

void dns_query(struct service *s, struct relay *from, const uint8_t *message, size_t n)
{
    uint64_t relay = relay_number(from);
    struct dns_question question;
    bool again = false;
    int code = dns_parse_query(message, n, &question);

    if (code < 0)
        return;
    if (code == 0 && named_member(s, question.name)) {
        answer_code(relay, &question, 0, question.type == DNS_A ? named_address(question.name) : 0);
        return;
    }
    if (code == 0 && !net_name_allowed(s, question.name))
        code = DNS_REFUSED;
    else if (code == 0 && s->config->server_count == 0)
        code = DNS_SERVFAIL;
    if (code) {
        answer_code(relay, &question, code, 0);
        return;
    }
    struct query *q = find_place(relay, &question, &again);
    unsigned server = again ? (q->server + 1) % (unsigned)s->config->server_count : 0;
    query_end(q);
    q->relay = relay;
    q->age = ++clock_of_ages;
    q->question = question;
    q->server = server;
    if (ask(s, q) < 0)
        ask_next(s, q);
}
