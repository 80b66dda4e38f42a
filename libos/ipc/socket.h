/* Sockets: what all families share.  ipc/socket.c
 *
 * A family fills struct proto_ops; socket.c, sockmsg.c and sockopt.c do what the system calls
 * have in common: descriptors, copying of names and headers, options of SOL_SOCKET.
 */
#ifndef LIBOS_IPC_SOCKET_H
#define LIBOS_IPC_SOCKET_H

#include <linux/socket.h>

#include "thread.h"
#include "vfs.h"

/* <linux/socket.h> of the UAPI has only the storage; the numbers are Linux's. */
enum {
    SOCK_STREAM = 1,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_RDM,
    SOCK_SEQPACKET,
    SOCK_DCCP,
    SOCK_PACKET = 10
};
#define SOCK_TYPE_MASK   0xf
#define AF_UNSPEC        0
#define AF_UNIX          1
#define AF_INET          2
#define AF_INET6         10
#define AF_NETLINK       16
#define AF_MAX           46
#define SOL_SOCKET       1
#define SCM_RIGHTS       1
#define SCM_CREDENTIALS  2
#define MSG_OOB          1u
#define MSG_PEEK         2u
#define MSG_DONTROUTE    4u
#define MSG_CTRUNC       8u
#define MSG_TRUNC        0x20u
#define MSG_DONTWAIT     0x40u
#define MSG_EOR          0x80u
#define MSG_WAITALL      0x100u
#define MSG_ERRQUEUE     0x2000u
#define MSG_NOSIGNAL     0x4000u
#define MSG_WAITFORONE   0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u
#define SHUT_READ        1u /* bits, one more than shutdown(2)'s numbers */
#define SHUT_WRITE       2u
#define SHUT_BOTH        3u
#define SOCKNAME_MAX     128u

struct socket;

struct sockcred { /* = struct ucred */
    s32 pid;
    u32 uid, gid;
};

/* One message on its way in or out, the same for read, recv and recvmsg. */
struct sockmsg {
    struct uio *data;
    u8 *name;           /* SOCKNAME_MAX bytes; NULL: not wanted */
    u32 name_len;       /* of the destination, or as filled in */
    uptr control;       /* program memory */
    size_t control_len; /* in: room; a receive takes off what it used */
    u32 flags;          /* MSG_* asked for */
    u32 out_flags;      /* MSG_* answered */
};

struct proto_ops {
    void (*release)(struct socket *s); /* the last descriptor is gone */
    void (*destroy)(struct socket *s); /* the last reference is gone */
    long (*bind)(struct socket *s, const u8 *name, u32 len);
    long (*connect)(struct socket *s, const u8 *name, u32 len, bool nonblock);
    long (*listen)(struct socket *s, int backlog);
    struct socket *(*accept)(struct socket *s, bool nonblock); /* or ERR_PTR */
    long (*pair)(struct socket *a, struct socket *b);
    long (*name)(struct socket *s, u8 *name, bool peer); /* length or -errno */
    long (*send)(struct socket *s, struct sockmsg *m);
    long (*receive)(struct socket *s, struct sockmsg *m);
    /* sendfile(2) without a copy between; pos NULL: the file's own.  May be NULL. */
    long (*send_file)(struct socket *s, struct file *in, u64 *pos, size_t n, u32 flags);
    long (*shutdown)(struct socket *s, u32 how);
    u32 (*poll)(struct socket *s, struct poll_table *pt);
    long (*ioctl)(struct socket *s, u32 cmd, uptr arg);
    /* Options of levels other than SOL_SOCKET; val and len are program memory. */
    long (*set_option)(struct socket *s, int level, int name, uptr val, u32 len);
    long (*get_option)(struct socket *s, int level, int name, uptr val, uptr len);
};

enum sock_state { SS_FREE, SS_LISTENING, SS_CONNECTED, SS_CLOSED, SS_CONNECTING };

struct sockopts {
    u32 sndbuf, rcvbuf;
    u64 send_timeout, receive_timeout; /* ns, 0: none */
    s32 receive_low;
    s32 linger_on, linger_seconds;
    u64 flags; /* bit n: option n of SOL_SOCKET is on */
    s32 priority, mark;
};

struct socket {
    u32 refs;
    struct lock lock; /* what the family says */
    u16 family, type;
    s32 protocol;
    enum sock_state state;
    u32 shutdown; /* SHUT_* */
    s32 error;    /* pending, for SO_ERROR and the next call; positive errno */
    const struct proto_ops *ops;
    struct waitq read_wait, write_wait;
    struct sockopts opt;
    struct sockcred peer_cred;
    u64 ino;           /* of its file, as /proc shows it; 0: none yet */
    u32 uid;           /* of who made it */
    struct file *file; /* its own, no reference; NULL when closed: under lock */
};

#define SOCK_SNDBUF_DEFAULT 212992u

void socket_init(struct socket *s, u16 family, u16 type, s32 protocol, const struct proto_ops *ops);
static inline void socket_get(struct socket *s) { ref_get(&s->refs); }
static inline void socket_put(struct socket *s)
{
    if (ref_put(&s->refs))
        s->ops->destroy(s);
}
static inline bool sockopt_on(const struct socket *s, int name) { return s->opt.flags >> name & 1; }

/* Takes the pending error: 0 or -errno. */
long socket_error(struct socket *s);
struct sockcred current_sockcred(void);
/* Deadline of a blocking call (once in a call: it may be the one of the call's first attempt),
 * and its error when a sleep ended with rc. */
u64 socket_deadline(u64 timeout);
long socket_sleep_error(long rc, u64 timeout, u64 deadline);

/* A new descriptor for s (takes over the reference, also on failure). */
long socket_install(struct socket *s, u32 flags);
/* The socket of a descriptor; *file holds it. */
long socket_lookup(int fd, struct file **file, struct socket **s);
/* A name of len bytes, as accept and recvfrom give it: cut to the room the program says. */
long socket_name_to_user(const u8 *name, long len, uptr addr, uptr addr_len);
struct socket *file_socket(struct file *f); /* or NULL */
/* sendfile(2) to a socket that can: bytes, -errno, or -ENOSYS where it has to be copied. */
long socket_send_file(struct file *out, struct file *in, u64 *pos, size_t n);

/* Control messages: cmsg.c */
struct cmsg { /* = struct cmsghdr */
    u64 len;
    s32 level, type;
};
/* Appends one to what the program gets; MSG_CTRUNC when there is no room. */
void cmsg_put(struct sockmsg *m, s32 level, s32 type, const void *data, size_t n);
void cmsg_used(struct sockmsg *m, size_t n); /* n bytes of control are filled */
/* The one at *at of what the program sends, its data in program memory at *data; moves *at
 * on.  1, 0 at the end, or -errno. */
long cmsg_next(const struct sockmsg *m, size_t *at, struct cmsg *c, uptr *data);

/* socket(2) of the families: the object or ERR_PTR. */
struct socket *unix_create(u16 type, int protocol);
struct socket *inet_create(u16 family, u16 type, int protocol);
struct socket *netlink_create(u16 type, int protocol);

long socket_option_set(struct socket *s, int name, uptr val, u32 len);
long socket_option_get(struct socket *s, int name, uptr val, uptr len);
/* An option's value for the program: as many bytes as it has room for, and how many. */
long socket_option_give(const void *from, u32 n, uptr val, uptr len);

#endif
