/* Opening and closing pipes: FIFOs by name, and ends of pipe(2) through /proc/self/fd.
 *
 * The pipe hangs on inode->ipc while any file is open on it, counted in pipe->files
 * under the inode's lock; the last close frees it with what nobody read.  Who opens a
 * FIFO for one direction sleeps until somebody opens the other, recognised by the
 * count of opens so far, so that a partner that came and went again counts too.
 * An inode of pipe(2) (INODE_PIPE) never makes anybody wait.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "ipc.h"
#include "pipe.h"
#include "thread.h"

/* The inode's pipe, made at the first open; with one more file counted. */
static struct pipe *pipe_hold(struct inode *i)
{
    struct pipe *p;

    lock(&i->lock);
    p = i->ipc;
    if (!p)
        p = i->ipc = pipe_new();
    if (p)
        p->files++;
    unlock(&i->lock);
    return p;
}

static void pipe_drop(struct inode *i, struct pipe *p)
{
    bool last;

    lock(&i->lock);
    last = --p->files == 0;
    if (last)
        i->ipc = NULL;
    unlock(&i->lock);
    if (last)
        pipe_free(p);
}

static void leave(struct file *f, struct pipe *p)
{
    bool alone;

    lock(&p->lock);
    if (f->fmode & FMODE_READ)
        p->readers--;
    if (f->fmode & FMODE_WRITE)
        p->writers--;
    alone = !p->readers != !p->writers;
    unlock(&p->lock);
    if (alone) {
        waitq_wake_all(&p->read_wait, 0);
        waitq_wake_all(&p->write_wait, 0);
    }
}

static bool count_changed(struct pipe *p, const u32 *count, u32 seen)
{
    bool changed;

    lock(&p->lock);
    changed = *count != seen;
    unlock(&p->lock);
    return changed;
}

/* Counts f as reader and writer; what it must wait for, or NULL. */
static u32 *join(struct file *f, struct pipe *p, bool waits, u32 *seen)
{
    u32 mode = f->fmode & (FMODE_READ | FMODE_WRITE);
    u32 *count = NULL;

    if (mode & FMODE_READ) {
        p->readers++;
        p->reader_count++;
    }
    if (mode & FMODE_WRITE) {
        p->writers++;
        p->writer_count++;
    }
    if (mode == FMODE_READ && !p->writers && waits) {
        if (f->flags & O_NONBLOCK)
            f->pos = p->writer_count; /* no POLLHUP until a writer has been there */
        else
            count = &p->writer_count;
    } else if (mode == FMODE_WRITE && !p->readers && waits) {
        count = &p->reader_count;
    }
    *seen = count ? *count : 0;
    return count;
}

static long fifo_open(struct file *f)
{
    bool is_pipe = f->inode->flags & INODE_PIPE, first;
    struct pipe *p = pipe_hold(f->inode);
    u32 *count, seen;
    long rc = 0;

    if (!p)
        return -ENOMEM;
    lock(&p->lock);
    if (!is_pipe && (f->fmode & (FMODE_READ | FMODE_WRITE)) == FMODE_WRITE &&
        (f->flags & O_NONBLOCK) && !p->readers) {
        unlock(&p->lock);
        pipe_drop(f->inode, p);
        return -ENXIO;
    }
    count = join(f, p, !is_pipe, &seen);
    first = p->readers == 1 || p->writers == 1;
    unlock(&p->lock);
    f->private = p;
    if (first)
        waitq_wake_all(&p->read_wait, 0);
    if (count)
        rc = wait_event(&p->read_wait, count_changed(p, count, seen), HOST_FOREVER);
    if (rc) {
        leave(f, p);
        pipe_drop(f->inode, p);
        return -ERESTARTSYS;
    }
    return 0;
}

static void fifo_release(struct file *f)
{
    struct pipe *p = f->private;

    leave(f, p);
    pipe_drop(f->inode, p);
}

const struct file_ops fifo_fops = {
    .open = fifo_open,
    .release = fifo_release,
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
};
