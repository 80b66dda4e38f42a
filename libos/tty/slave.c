/* The slave side of a pseudo terminal: what programs take for a terminal.
 *
 * f->private is the pty, with a reference of the file's own: the file may have been opened
 * on /dev/tty.
 */
#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "freeze.h"
#include "lib.h"
#include "pty.h"

/* ---- opening and closing ------------------------------------------------------------------ */

long pty_slave_attach(struct file *f, struct pty *p)
{
    long rc = 0;

    lock(&p->lock);
    if (p->hungup || p->locked)
        rc = -EIO;
    else if (p->exclusive && !capable(21 /* CAP_SYS_ADMIN */))
        rc = -EBUSY;
    if (!rc) {
        p->slaves++;
        p->slave_closed = false;
    }
    unlock(&p->lock);
    if (rc)
        return rc;
    pty_get(p);
    f->private = p;
    f->ops = &pty_slave_fops;
    pty_wake(&p->master_wait, 0);
    return 0;
}

static long slave_open(struct file *f)
{
    struct pty *p = f->inode->private;
    long rc = pty_slave_attach(f, p);

    if (!rc && !(f->flags & O_NOCTTY) && (f->fmode & FMODE_READ) && !READ_ONCE(p->session))
        pty_control(p, false); /* a session leader without a terminal gets this one */
    return rc;
}

static void slave_release(struct file *f)
{
    struct pty *p = f->private;
    bool last;

    lock(&p->lock);
    last = --p->slaves == 0;
    if (last) {
        p->slave_closed = true;
        p->exclusive = false;
    }
    unlock(&p->lock);
    if (last)
        pty_wake(&p->master_wait, 0);
    pty_put(p);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Moves what is there; *end: the read is complete.  Bytes or -errno. */
static long move_input(struct pty *p, struct uio *u, bool *end)
{
    u8 buf[CHUNK];
    size_t n, done = 0;
    bool had_room;

    do {
        size_t want = MIN(u->left, sizeof(buf));

        lock(&p->lock);
        had_room = pty_input_room(p);
        n = pty_take(p, buf, want, end);
        if (n == u->left && !*end)
            pty_take(p, buf + n, 0, end);
        unlock(&p->lock);
        if (n && !had_room)
            pty_wake(&p->master_wait, POLLOUT | POLLWRNORM);
        if (uio_copy_out(u, buf, n) < n)
            return done ? (long)done : -EFAULT;
        done += n;
    } while (n && u->left && !*end);
    return (long)done;
}

/* How long to wait for more: nothing of a line, VMIN and VTIME otherwise. */
struct patience {
    size_t min;
    u64 first, between; /* ns; 0: don't wait, HOST_FOREVER */
};

static struct patience patience_of(struct pty *p)
{
    struct patience w = {1, HOST_FOREVER, HOST_FOREVER};
    u64 time = p->modes.c_cc[VTIME] * 100000000ULL;

    if (pty_lflag(p, ICANON))
        return w;
    if (p->modes.c_cc[VMIN]) {
        w.min = p->modes.c_cc[VMIN];
        if (time)
            w.between = time;
    } else {
        w.first = time;
    }
    return w;
}

/* Waits for input; 0 or what the read returns when it has nothing. */
static long wait_input(struct file *f, u32 seq, u64 deadline)
{
    struct pty *p = f->private;

    if (READ_ONCE(p->hungup))
        return -EIO;
    if (!deadline)
        return -ETIMEDOUT;
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    return thread_sleep(seq, deadline);
}

/* `before` bytes came before a save. */
static long read_input(struct file *f, struct uio *u, size_t before)
{
    struct pty *p = f->private;
    size_t done = before;
    u64 deadline = 0;
    bool end = false;
    long rc = 0;

    for (bool first = true; !rc; first = false) {
        u32 seq = thread_sleep_begin();
        struct patience w;
        long n;

        lock(&p->lock);
        w = patience_of(p);
        unlock(&p->lock);
        n = move_input(p, u, &end);
        if (n < 0)
            return done ? (long)done : n;
        done += (size_t)n;
        if (end || !u->left || done >= w.min)
            break;
        if (first && w.first != HOST_FOREVER)
            deadline = w.first ? deadline_in(w.first) : 0;
        else if (n || first)
            deadline = done ? deadline_from_now(w.between) : HOST_FOREVER;
        rc = wait_input(f, seq, deadline);
    }
    if (rc == -EINTR && done)
        return freeze_partial(before, (long)(done - before), u->left);
    if (done || rc == -ETIMEDOUT)
        return (long)done;
    return rc == -EINTR ? -ERESTARTSYS : rc;
}

static long slave_read(struct file *f, struct uio *u, u64 *pos)
{
    struct pty *p = f->private;
    size_t before = freeze_moved();
    struct waiter w;
    long rc;

    uio_advance(u, MIN(before, u->left));
    if (READ_ONCE(p->hungup))
        return before || !call_again(current()) ? (long)before : -EIO;
    rc = pty_background(p, SIGTTIN);
    if (rc || !u->left)
        return rc;
    waiter_init(&w);
    w.events = POLLIN;
    waitq_add(&p->slave_wait, &w);
    rc = read_input(f, u, before);
    waitq_remove(&w);
    return rc;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Writes n bytes, waiting as often as it takes; those written, the reason for less in *rc. */
static size_t put_output(struct file *f, const u8 *buf, size_t n, long *rc)
{
    struct pty *p = f->private;
    size_t done = 0;

    for (;;) {
        u32 seq = thread_sleep_begin();
        size_t some = 0;

        lock(&p->lock);
        if (p->hungup)
            *rc = -EIO;
        else
            some = pty_output(p, buf + done, n - done);
        unlock(&p->lock);
        if (some)
            pty_wake(&p->master_wait, POLLIN | POLLRDNORM);
        done += some;
        if (*rc || done == n)
            return done;
        *rc = f->flags & O_NONBLOCK ? -EAGAIN : thread_sleep(seq, HOST_FOREVER);
        if (*rc)
            return done;
    }
}

static long slave_write(struct file *f, struct uio *u, u64 *pos)
{
    struct pty *p = f->private;
    long rc = 0;

    if (READ_ONCE(p->hungup))
        return -EIO;
    if (pty_lflag(p, TOSTOP))
        rc = pty_background(p, SIGTTOU);
    if (rc)
        return rc;
    return pty_write(f, u, &p->slave_wait, put_output);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static u32 slave_poll(struct file *f, struct poll_table *pt)
{
    struct pty *p = f->private;
    u32 mask = 0;

    poll_wait(pt, &p->slave_wait);
    lock(&p->lock);
    if (pty_readable(p, true))
        mask |= POLLIN | POLLRDNORM;
    if (pty_output_room(p))
        mask |= POLLOUT | POLLWRNORM;
    if (p->hungup)
        mask |= POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    unlock(&p->lock);
    return mask;
}

static long slave_ioctl(struct file *f, u32 cmd, uptr arg)
{
    struct pty *p = f->private;

    if (READ_ONCE(p->hungup))
        return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
    return pty_ioctl(f, p, false, cmd, arg);
}

const struct file_ops pty_slave_fops = {
    .open = slave_open,
    .release = slave_release,
    .read = slave_read,
    .write = slave_write,
    .poll = slave_poll,
    .ioctl = slave_ioctl,
};
