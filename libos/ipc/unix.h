/* AF_UNIX sockets.  ipc/unix.c has the structure and its locking. */
#ifndef LIBOS_IPC_UNIX_H
#define LIBOS_IPC_UNIX_H

#include "socket.h"

#define SCM_MAX_FD 253u

/* A name, shared by the socket that bound it and those it accepted. */
struct unix_addr {
    u32 refs;
    u32 len;    /* of the whole sockaddr */
    u8 bytes[]; /* family, then path or abstract name */
};

struct unix_sock;

/* What travels besides data. */
struct unix_extra {
    struct sockcred cred;
    bool cred_given; /* by SCM_CREDENTIALS, not just the sender's own */
    u32 nfiles;
    struct file **files; /* references */
};

struct unix_msg {
    struct list link;
    struct unix_sock *owner; /* sender: reference; its `sent` is charged */
    struct unix_extra extra;
    bool piece; /* is PIECE_SIZE bytes, from there */
    u32 charge;
    u32 len, used; /* bytes, bytes read (stream) */
    u8 data[];
};

struct unix_sock {
    struct socket s;        /* lock: everything below but where said */
    struct unix_sock *peer; /* reference; stays when the peer is gone */
    struct unix_addr *addr;
    struct list queue;        /* struct unix_msg */
    u32 queued;               /* messages */
    u32 bytes;                /* unread bytes */
    u32 sent;                 /* charges of messages on their way: atomic */
    struct lock receive_lock; /* one receiver at a time; held over copies */
    /* listening */
    struct list backlog; /* unix_sock.pending, references */
    u32 waiting, max_backlog;
    struct list pending;
    bool dead;
    /* bound names, under unix_names' lock */
    struct unix_sock *next_bound; /* hash chain of abstract names */
    struct path_s path;
    struct list all; /* under the lock of that list */
};

static inline struct unix_sock *to_unix(struct socket *s) { return (struct unix_sock *)s; }
static inline void unix_put(struct unix_sock *u) { socket_put(&u->s); }

struct unix_sock *unix_new(u16 type);
void unix_lock_two(struct unix_sock *a, struct unix_sock *b);
void unix_unlock_two(struct unix_sock *a, struct unix_sock *b);
struct unix_sock *unix_peer(struct unix_sock *u); /* with a reference, or NULL */
/* /proc/net/unix: a line for each socket.  unix_list.c */
void unix_listing(struct textbuf *b);
void unix_list_add(struct unix_sock *u);
void unix_list_remove(struct unix_sock *u);
/* Names: unix_name.c */
long unix_bind(struct socket *s, const u8 *name, u32 len);
/* The socket a name belongs to: a reference or ERR_PTR. */
struct unix_sock *unix_find(const u8 *name, u32 len, u16 type);
void unix_unbind(struct unix_sock *u);
void unix_addr_put(struct unix_addr *a);

/* Messages: unix_msg.c (queueing), unix_stream.c, unix_dgram.c */
struct unix_msg *unix_msg_new(struct unix_sock *sender, size_t len, struct uio *from);
void unix_msg_free(struct unix_msg *m);
void unix_purge(struct unix_sock *u);
void unix_enqueue(struct unix_sock *to, struct unix_msg *m);   /* to locked */
void unix_dequeue(struct unix_sock *from, struct unix_msg *m); /* from locked */
bool unix_writable(struct unix_sock *u);
/* Sleeps until the sender may have more on its way: 0 or -errno. */
long unix_wait_room(struct unix_sock *u, u32 flags, u64 deadline);
long unix_stream_send(struct socket *s, struct sockmsg *m);
long unix_stream_receive(struct socket *s, struct sockmsg *m);
long unix_dgram_send(struct socket *s, struct sockmsg *m);
long unix_dgram_receive(struct socket *s, struct sockmsg *m);
bool unix_queue_full(struct unix_sock *to, struct unix_sock *from);
extern struct waitq unix_dgram_room; /* a full datagram queue has room again */
void unix_sender_name(const struct unix_msg *msg, struct sockmsg *m);

/* Control messages: unix_scm.c */
long unix_scm_send(struct sockmsg *m, struct unix_extra *x);
void unix_scm_receive(struct unix_sock *u, struct sockmsg *m, const struct unix_extra *x);
void unix_extra_drop(struct unix_extra *x);
bool unix_same_sender(const struct unix_extra *a, const struct unix_extra *b);

#endif
