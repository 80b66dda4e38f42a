/* Serving control calls: what the dispatcher and the handlers share. */
#ifndef BAILEY_MONITOR_SERVE_H
#define BAILEY_MONITOR_SERVE_H

#include "../abi/layout.h"
#include "../abi/message.h"
#include "sandbox.h"

#define MALFORMED (-4095L) /* a handler's result: end the sandbox */
#define NO_ANSWER (-4094L) /* the sandbox was saved and ends: who asks hears nothing more */

/* One request, copied out of the segment.  Handlers read and write `data` only. */
struct request {
    uint64_t length; /* of the message */
    uint64_t a4, a5, a6;
    int pid;        /* host thread that asks */
    uint64_t reply; /* bytes of data to write back */
    uint64_t room;  /* bytes of the slot's buffer from the message's start */
    int send_fd;    /* descriptor to hand over, or -1; closed by the dispatcher */
    bool keep_fd;   /* ... or kept by the monitor under the handle it gets */
    union {
        uint8_t data[SLOT_MESSAGE_SIZE];
        struct message_open open;
        struct message_control control;
        struct message_attributes_get get;
        struct message_attributes_set set;
        struct message_list list;
        struct message_make make;
        struct message_rename rename;
        struct message_remove remove;
    };
};
extern struct request serve_request; /* the one that is being served */

typedef long handler(struct sandbox *s, struct request *r);
handler serve_open, serve_control, serve_attributes_get, serve_attributes_set, serve_list,
    serve_make, serve_rename, serve_remove, serve_random, serve_report, serve_thread_interrupt,
    serve_freeze_ready;

/* A resume: opens what the saved boot_info lists as if the inside had asked, tells it there, and
 * gives the descriptors, at most BOOT_OPENED_MAX, to fds: how many. */
size_t serve_opened(struct sandbox *s, int *fds);

/* CPU time of a host process, or -ESRCH. */
int64_t process_cpu_ns(pid_t pid);

/* An unreaped child of ours in the sandbox's process group. */
bool process_is_ours(const struct sandbox *s, int pid);

/* The string at `offset` of the message, whose NUL lies within it; NULL if malformed.
 * *next, if given, is the offset after it. */
const char *request_string(const struct request *r, size_t offset, size_t *next);

/* Monitor-side copies of writable handles (handles.c). */
int handle_find(int handle);         /* descriptor or -EBADF */
int handle_keep(int handle, int fd); /* takes fd; -ENFILE when there are too many */
void handle_forget(int handle);
bool handle_room(void);

/* host: streams (hostinfo.c): a descriptor with a copy of the text, or -errno. */
int hostinfo_open(const char *name);

/* The network (net.c): streams and operations on lent sockets. */
bool net_uri(const char *uri);
long net_open(struct sandbox *s, struct request *r, const char *uri);
long net_control(struct sandbox *s, struct request *r);

void attr_from_statx(struct host_attr *attr, const void *statx);
/* The forms MESSAGE_WALK and _WALK_OPEN of attributes_get (serve_walk.c); uri lies in the message.
 */
long serve_walk(struct sandbox *s, struct request *r, const char *uri);

#endif
