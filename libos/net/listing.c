/* The sockets of the sandbox as /proc/net lists them. */
#include "inet.h"
#include "lib.h"

static void put_ip(struct textbuf *b, const struct inet_sock *i, const struct inet_addr *a)
{
    u32 word[4];

    memcpy(word, a->ip, sizeof(word));
    if (i->s.family == AF_INET)
        text_add(b, "%08X:%04X", word[3], a->port);
    else
        text_add(b, "%08X%08X%08X%08X:%04X", word[0], word[1], word[2], word[3], a->port);
}

static void put_row(struct textbuf *b, struct inet_sock *i, u32 n)
{
    bool tcp = i->s.type == SOCK_STREAM;
    size_t start = b->len, width = i->s.family == AF_INET6 ? 0 : tcp ? 149 : 127;
    u32 in, out;

    inet_queues(i, &in, &out);
    if (i->s.state == SS_LISTENING)
        out = 0; /* the limit of the backlog is not shown here */
    text_add(b, tcp ? "%4u: " : "%5u: ", n);
    put_ip(b, i, &i->local);
    text_add(b, " ");
    put_ip(b, i, &i->remote);
    text_add(b, " %02X %08X:%08X 00:00000000 00000000 %5u        0 %lu 1 0000000000000000",
             inet_state(i), out, in, i->s.uid, i->s.ino);
    text_add(b, tcp ? " 100 0 0 10 0" : " 0");
    while (!b->full && b->len - start < width)
        text_add(b, " ");
    text_add(b, "\n");
}

static bool is_listed(const struct inet_sock *i, u16 family)
{
    return i->s.family == family && (i->s.type == SOCK_DGRAM || inet_state(i) != 7 /* TCP_CLOSE */);
}

void inet_listing(struct textbuf *b, u16 type, u16 family)
{
    struct inet_sock *some[PORT_SOME];
    u64 cursor = 0;
    u32 rows = 0, n;

    while ((n = port_some(type, &cursor, some, PORT_SOME)) != 0) {
        for (u32 k = 0; k < n; k++) {
            if (!b->full && is_listed(some[k], family))
                put_row(b, some[k], rows++);
            socket_put(&some[k]->s);
        }
        if (b->full)
            break;
    }
}

u32 inet_count(u16 type, u16 family)
{
    struct inet_sock *some[PORT_SOME];
    u64 cursor = 0;
    u32 count = 0, n;

    while ((n = port_some(type, &cursor, some, PORT_SOME)) != 0) {
        for (u32 k = 0; k < n; k++) {
            count += some[k]->s.family == family;
            socket_put(&some[k]->s);
        }
    }
    return count;
}
