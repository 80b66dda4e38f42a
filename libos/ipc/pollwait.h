/* Waiting for several files at once: what poll, select and epoll share.  ipc/pollwait.c */
#ifndef LIBOS_IPC_POLLWAIT_H
#define LIBOS_IPC_POLLWAIT_H

#include <linux/poll.h>

#include "ktime.h"
#include "signal.h"
#include "thread.h"
#include "vfs.h"

/* What a file without ->poll answers. */
#define POLL_DEFAULT (POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM)

static inline u32 file_poll(struct file *f, struct poll_table *pt)
{
    return f->ops->poll ? f->ops->poll(f, pt) : POLL_DEFAULT;
}

/* One queue a poller waits on.  Holds the file, whose queue it is. */
struct poll_entry {
    struct waiter w;
    struct file *file;
};

#define POLL_INLINE 8

struct poll_chunk {
    struct poll_chunk *next;
    u32 used, size;
    struct poll_entry entries[];
};

/* The queues of one waiting call, for the current thread. */
struct pollwait {
    struct poll_table pt;
    struct file *file; /* being asked */
    struct poll_chunk *more;
    u32 used;
    long error; /* -ENOMEM */
    struct poll_entry entries[POLL_INLINE];
};

void pollwait_init(struct pollwait *pw);
void pollwait_done(struct pollwait *pw);
/* Mask of f; queues on it for `events` if wait. */
u32 pollwait_ask(struct pollwait *pw, struct file *f, u32 events, bool wait);

/* Scans until it counts something or fails, the deadline comes (0) or a signal does
 * (-EINTR).  scan(arg, pw, wait): number of ready files or -errno; wait: queue too. */
long pollwait_run(long (*scan)(void *arg, struct pollwait *pw, bool wait), void *arg, u64 deadline);

/* ---- time and signal masks of these calls (polltime.c) ---------------------- */

/* Deadline of a relative timeout; *immediate when it is 0. */
u64 poll_deadline(u64 ns);

/* The same of a timespec at `timeout`; none means for ever.  -EFAULT, -EINVAL. */
long poll_deadline_user(uptr timeout, u64 *deadline);
#define POLL_NOW 0ULL /* deadline meaning "don't wait" */

/* A call that takes up where it was interrupted: the deadline it had, else `fresh`. */
u64 restart_deadline(u32 nr, u64 fresh);
long restart_later(u32 nr, u64 deadline); /* -ERESTART_RESTARTBLOCK */

/* Sets the mask given to ppoll, pselect, epoll_pwait for the length of the call; 0: none. */
long sigmask_enter(uptr mask, size_t size);
/* Puts the old one back, unless rc says that a signal is to be delivered under it. */
void sigmask_leave(long rc);

#endif
