/* The epoll object.  ipc/epoll.c has the structure and its locking. */
#ifndef LIBOS_IPC_EPOLL_H
#define LIBOS_IPC_EPOLL_H

#include <linux/eventpoll.h>

#include "vfs.h"

/* Bits of events that are not readiness. */
#define EPOLL_PRIVATE   (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EPOLL_MAX_NESTS 4

struct epitem;

struct ep_entry { /* the item on one queue of its file */
    struct waiter w;
    struct epitem *item;
    struct ep_entry *next; /* beyond the two inside the item */
};

struct epitem {
    struct epoll *ep;
    struct file *file; /* no reference: the item dies with the file */
    s32 fd;
    u32 events; /* wanted, with EPOLL_PRIVATE bits; under ready_lock */
    u64 data;
    struct list ready;     /* ep->ready or a collector's list; to itself: on none */
    struct list file_link; /* file->epolls */
    struct epitem *next;   /* hash chain */
    u32 used;              /* of entries */
    struct ep_entry entries[2];
    struct ep_entry *more;
};

struct epoll {
    struct lock lock;       /* items, collecting */
    struct lock ready_lock; /* ready list, item->events; a leaf under queue locks */
    struct list ready;
    struct waitq wait;      /* epoll_wait */
    struct waitq poll_wait; /* poll, or an epoll watching this one */
    struct file *file;
    struct epitem **hash;
    u32 buckets, count;
};

/* Orders removal of epolls against files that go away, and changes of the nesting. */
extern struct lock epoll_graph_lock;

bool file_is_epoll(struct file *f);

/* Under ep->lock. */
struct epitem *epitem_find(struct epoll *ep, struct file *f, int fd);
long epitem_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev);
void epitem_modify(struct epitem *item, const struct epoll_event *ev);
void epitem_remove(struct epitem *item);
u32 epitem_poll(struct epitem *item); /* ready and wanted */

/* Puts the item on the ready list (if it isn't) and wakes who waits. */
void epoll_ready(struct epitem *item);
void epoll_wake(struct epoll *ep);

/* Would ep watching `target` make a loop or nest too deep?  Under epoll_graph_lock. */
bool epoll_would_loop(struct epoll *ep, struct epoll *target);

/* Moves up to max events of ready items to the program: how many, or -EFAULT.  Under no
 * lock.  max 0: only says whether there are any (1 or 0). */
long epoll_collect(struct epoll *ep, uptr events, u32 max);

#endif
