/* TCP between sockets of the sandbox.  net/tcp.c has the structure and locking. */
#ifndef LIBOS_NET_TCP_H
#define LIBOS_NET_TCP_H

#include "inet.h"
#include "stream.h"

struct tcp_sock {
    struct inet_sock i;    /* i.s.lock: everything below but where said */
    struct tcp_sock *peer; /* reference; set once, stays until both ends are closed */
    struct stream in;      /* what the peer has sent */
    struct lock send_lock; /* one sender at a time; held over copies */
    struct lock receive_lock;
    u64 copied;    /* bytes of the stream that were read, */
    u64 urgent_at; /* and the place of the urgent one, if there is any: */
    u16 urgent;    /* 0: none, or URGENT_READY and the byte, or URGENT_READ */
    bool closed;   /* its descriptor is gone */
    bool fin;      /* the peer sends no more: its end of the stream was orderly */
    bool nospace;  /* its sender found no room: atomic, cleared by who wakes it */
    bool async;    /* connect(2) has left the connection to itself */
    bool failed;   /* and it came to nothing */
    u64 born;      /* ns, for TCP_INFO */
    /* listening */
    struct list backlog; /* inet_sock.pending, references */
    u32 waiting, max_backlog;
    struct list connecting; /* tcp_sock.connect_link, references: no room in the backlog */
    /* connecting */
    struct list connect_link;
    struct tcp_sock *listener; /* reference */
};

#define URGENT_READY       0x100
#define URGENT_READ        0x200

#define TCP_SNDBUF_DEFAULT 16384u
#define TCP_RCVBUF_DEFAULT 131072u
#define TCP_AUTO_BUFFER                                                                            \
    131072u /* of either side, until the program sets a size: more would only wait in caches */

static inline struct tcp_sock *to_tcp(struct socket *s) { return (struct tcp_sock *)s; }
static inline void tcp_put(struct tcp_sock *t) { socket_put(&t->i.s); }

extern const struct proto_ops tcp_ops;

void tcp_lock_two(struct tcp_sock *a, struct tcp_sock *b);
void tcp_unlock_two(struct tcp_sock *a, struct tcp_sock *b);
void tcp_wake(struct tcp_sock *t); /* everybody: its state has changed */

/* How many bytes may wait for `to`. */
u32 tcp_window(const struct tcp_sock *from, const struct tcp_sock *to);
bool tcp_writable(const struct tcp_sock *t);
/* The connection is broken for t: error unless it had the end of the stream. */
void tcp_break(struct tcp_sock *t);

long tcp_connect(struct socket *s, const u8 *name, u32 len, bool nonblock);
long tcp_listen(struct socket *s, int backlog);
struct socket *tcp_accept(struct socket *s, bool nonblock);
/* Stops listening: connections not accepted are reset, those waiting refused. */
void tcp_unlisten(struct tcp_sock *t);
void tcp_connect_cancel(struct tcp_sock *t);

long tcp_send(struct socket *s, struct sockmsg *m);
long tcp_send_file(struct socket *s, struct file *in, u64 *pos, size_t n, u32 flags);
long tcp_receive(struct socket *s, struct sockmsg *m);

/* Urgent data: urgent.c */
/* The last of the bytes in t's queue becomes the urgent one; under t's lock. */
void tcp_urgent_mark(struct tcp_sock *t, u8 byte);
void tcp_urgent_tell(struct tcp_sock *t); /* SIGURG and POLLPRI; without locks */
long tcp_urgent_receive(struct tcp_sock *t, struct sockmsg *m);
/* The receiver stands `at` bytes into the queue and could take n; under t's lock.  How many it may
 * take: up to the urgent byte.  0: it stands before it. */
u32 tcp_urgent_limit(const struct tcp_sock *t, u32 at, u32 n);
/* As above: the next byte is the urgent one, which is not for ordinary reads. */
bool tcp_urgent_hole(const struct tcp_sock *t, u32 at);
void tcp_urgent_passed(struct tcp_sock *t); /* after reading; under t's lock */
s32 tcp_readable_bytes(struct tcp_sock *t); /* for FIONREAD */

/* Closes t's end: what release does, for connections without a descriptor too. */
void tcp_close(struct tcp_sock *t, bool reset);

#endif
