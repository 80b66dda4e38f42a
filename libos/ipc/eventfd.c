/* eventfd: a counter to wait on.
 *
 * Every write wakes the readers' queue, also when the counter was not zero: programs with an
 * edge-triggered epoll on it count on an event per write.
 *
 * Locking: ev->lock protects the counter; not held over copies.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "ipc.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "vfs.h"

/* Older headers of the kernel don't have linux/eventfd.h. */
#define EFD_SEMAPHORE 1
#define EFD_CLOEXEC   O_CLOEXEC
#define EFD_NONBLOCK  O_NONBLOCK

#define COUNT_MAX     (~0ULL)

static const struct file_ops eventfd_fops;

struct eventfd {
    struct lock lock;
    bool semaphore;
    u64 count;
    struct waitq wait;
};

static bool take(struct eventfd *ev, u64 *value)
{
    bool ok;

    lock(&ev->lock);
    ok = ev->count > 0;
    if (ok) {
        *value = ev->semaphore ? 1 : ev->count;
        ev->count -= *value;
    }
    unlock(&ev->lock);
    return ok;
}

static bool give(struct eventfd *ev, u64 value)
{
    bool ok;

    lock(&ev->lock);
    ok = COUNT_MAX - ev->count > value;
    if (ok)
        ev->count += value;
    unlock(&ev->lock);
    return ok;
}

static long eventfd_read(struct file *f, struct uio *u, u64 *pos)
{
    struct eventfd *ev = f->private;
    u64 value;

    if (u->left < sizeof(value))
        return -EINVAL;
    if (!take(ev, &value)) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event(&ev->wait, take(ev, &value), HOST_FOREVER))
            return -ERESTARTSYS;
    }
    waitq_wake_all(&ev->wait, POLLOUT);
    return uio_copy_out(u, &value, sizeof(value)) == sizeof(value) ? (long)sizeof(value) : -EFAULT;
}

static long eventfd_write(struct file *f, struct uio *u, u64 *pos)
{
    struct eventfd *ev = f->private;
    u64 value;

    if (u->left < sizeof(value))
        return -EINVAL;
    if (uio_copy_in(&value, u, sizeof(value)) != sizeof(value))
        return -EFAULT;
    if (value == COUNT_MAX)
        return -EINVAL;
    if (!give(ev, value)) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event(&ev->wait, give(ev, value), HOST_FOREVER))
            return -ERESTARTSYS;
    }
    waitq_wake_all(&ev->wait, POLLIN);
    return sizeof(value);
}

bool eventfd_is(struct file *f) { return f->ops == &eventfd_fops; }

void eventfd_signal(struct file *f)
{
    struct eventfd *ev = f->private;

    give(ev, 1);
    waitq_wake_all(&ev->wait, POLLIN);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
    struct eventfd *ev = f->private;
    u64 count;

    poll_wait(pt, &ev->wait);
    lock(&ev->lock);
    count = ev->count;
    unlock(&ev->lock);
    return (count > 0 ? POLLIN : 0) | (count == COUNT_MAX ? POLLERR : 0) |
           (count < COUNT_MAX - 1 ? POLLOUT : 0);
}

static void eventfd_release(struct file *f) { kfree(f->private); }

static void eventfd_fdinfo(struct file *f, struct textbuf *b)
{
    struct eventfd *ev = f->private;

    text_add(b, "eventfd-count: %16lx\neventfd-id: 0\neventfd-semaphore: %d\n",
             READ_ONCE(ev->count), ev->semaphore);
}

static const struct file_ops eventfd_fops = {
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .release = eventfd_release,
    .fdinfo = eventfd_fdinfo,
};

long sys_eventfd2(unsigned int count, int flags)
{
    struct eventfd *ev;
    struct file *f;
    long fd;

    if (flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
        return -EINVAL;
    ev = kzalloc(sizeof(*ev));
    if (!ev)
        return -ENOMEM;
    lock_init(&ev->lock);
    waitq_init(&ev->wait);
    ev->count = count;
    ev->semaphore = flags & EFD_SEMAPHORE;
    f = file_anon("anon_inode:[eventfd]", &eventfd_fops, ev, O_RDWR | (flags & EFD_NONBLOCK));
    if (IS_ERR(f)) {
        kfree(ev);
        return PTR_ERR(f);
    }
    fd = fd_install(f, 0, flags & EFD_CLOEXEC);
    if (fd < 0)
        file_put(f);
    return fd;
}

long sys_eventfd(unsigned int count) { return sys_eventfd2(count, 0); }
