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

void inet_listing(struct textbuf *b, u16 type, u16 family)
{
    struct inet_sock *i;
    u64 cursor = 0;
    u32 n = 0;

    while (!b->full && (i = port_nth(type, &cursor)) != NULL) {
        if (i->s.family == family && (type == SOCK_DGRAM || inet_state(i) != 7 /* TCP_CLOSE */))
            put_row(b, i, n++);
        socket_put(&i->s);
    }
}

u32 inet_count(u16 type, u16 family)
{
    struct inet_sock *i;
    u64 cursor = 0;
    u32 n = 0;

    while ((i = port_nth(type, &cursor)) != NULL) {
        n += i->s.family == family;
        socket_put(&i->s);
    }
    return n;
}
