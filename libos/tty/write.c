/* What writing to either end of a pseudo terminal has in common. */
#include <linux/errno.h>
#include <linux/poll.h>

#include "lib.h"
#include "pty.h"

long pty_write(struct file *f, struct uio *u, struct waitq *q,
               size_t (*put)(struct file *f, const u8 *buf, size_t n, long *rc))
{
    struct waiter w;
    u8 buf[CHUNK];
    size_t done = 0;
    long rc = 0;

    waiter_init(&w);
    w.events = POLLOUT;
    waitq_add(q, &w);
    while (u->left && !rc) {
        size_t want = MIN(u->left, sizeof(buf)), n = uio_copy_in(buf, u, want);

        done += put(f, buf, n, &rc);
        if (!rc && n < want)
            rc = -EFAULT;
    }
    waitq_remove(&w);
    if (done)
        return (long)done;
    return rc == -EINTR ? -ERESTARTSYS : rc;
}
