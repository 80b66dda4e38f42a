/* The master side of a pseudo terminal: who writes there is the keyboard, who reads is the
 * screen.  Opening /dev/ptmx makes a new pair.
 */
#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "lib.h"
#include "pty.h"

static long ptmx_open(struct file *f)
{
    struct pty *p = pty_new();

    if (IS_ERR(p))
        return PTR_ERR(p);
    f->private = p; /* with pty_new's reference */
    f->ops = &pty_master_fops;
    return 0;
}

static void master_release(struct file *f)
{
    struct pty *p = f->private;

    lock(&p->lock);
    p->hungup = true;
    unlock(&p->lock);
    pty_hangup(p);
    pty_wake(&p->slave_wait, 0);
    pty_put(p);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* In packet mode, each read begins with a byte that says what follows. */
static size_t take_packet(struct pty *p, u8 *buf, size_t n)
{
    if (p->packet_status) {
        buf[0] = p->packet_status;
        p->packet_status = 0;
        return 1;
    }
    if (p->out_head == p->out_tail)
        return 0;
    buf[0] = TIOCPKT_DATA;
    return 1 + pty_output_take(p, buf + 1, n - 1);
}

/* Moves what is there.  Bytes, 0: nothing, or -errno. */
static long move_output(struct pty *p, struct uio *u)
{
    u8 buf[CHUNK];
    size_t n, done = 0;

    do {
        size_t want = MIN(u->left, sizeof(buf));

        lock(&p->lock);
        n = p->packet && !done ? take_packet(p, buf, want) : pty_output_take(p, buf, want);
        unlock(&p->lock);
        if (n)
            pty_wake(&p->slave_wait, POLLOUT | POLLWRNORM);
        if (uio_copy_out(u, buf, n) < n)
            return done ? (long)done : -EFAULT;
        done += n;
    } while (n == sizeof(buf) && u->left);
    return (long)done;
}

static long master_read(struct file *f, struct uio *u, u64 *pos)
{
    struct pty *p = f->private;
    struct waiter w;
    long n = 0, rc = 0;

    if (!u->left)
        return 0;
    waiter_init(&w);
    w.events = POLLIN;
    waitq_add(&p->master_wait, &w);
    for (;;) {
        u32 seq = thread_sleep_begin();
        bool closed = READ_ONCE(p->slave_closed);

        n = move_output(p, u);
        if (n || rc)
            break;
        if (closed)
            rc = -EIO;
        else
            rc = f->flags & O_NONBLOCK ? -EAGAIN : thread_sleep(seq, HOST_FOREVER);
        if (rc == -EIO || rc == -EAGAIN)
            break;
    }
    waitq_remove(&w);
    return n ? n : rc == -EINTR ? -ERESTARTSYS : rc;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Types as many characters as there is room for, up to one that means a signal. */
static size_t type(struct pty *p, const u8 *buf, size_t n)
{
    size_t i = 0;
    int sig = 0;

    lock(&p->lock);
    while (!sig && i < n && pty_input_room(p))
        sig = pty_input(p, buf[i++]);
    bool shown = p->out_head != p->out_tail || p->packet_status;
    unlock(&p->lock);
    if (sig)
        pty_signal(p, sig);
    if (i)
        pty_wake(&p->slave_wait, 0);
    if (i && shown)
        pty_wake(&p->master_wait, POLLIN | POLLRDNORM);
    return i;
}

static size_t type_all(struct file *f, const u8 *buf, size_t n, long *rc)
{
    struct pty *p = f->private;
    size_t done = 0;

    while (done < n && !*rc) {
        u32 seq = thread_sleep_begin();
        size_t some = type(p, buf + done, n - done);

        done += some;
        if (!some)
            *rc = f->flags & O_NONBLOCK ? -EAGAIN : thread_sleep(seq, HOST_FOREVER);
    }
    return done;
}

static long master_write(struct file *f, struct uio *u, u64 *pos)
{
    struct pty *p = f->private;

    return pty_write(f, u, &p->master_wait, type_all);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static u32 master_poll(struct file *f, struct poll_table *pt)
{
    struct pty *p = f->private;
    u32 mask = 0;

    poll_wait(pt, &p->master_wait);
    lock(&p->lock);
    if (p->out_head != p->out_tail)
        mask |= POLLIN | POLLRDNORM;
    if (p->packet && p->packet_status)
        mask |= POLLPRI | POLLIN | POLLRDNORM;
    if (pty_input_room(p))
        mask |= POLLOUT | POLLWRNORM;
    if (p->slave_closed)
        mask |= POLLHUP;
    unlock(&p->lock);
    return mask;
}

static long master_ioctl(struct file *f, u32 cmd, uptr arg)
{
    return pty_ioctl(f, f->private, true, cmd, arg);
}

const struct file_ops ptmx_fops = {.open = ptmx_open};

const struct file_ops pty_master_fops = {
    .release = master_release,
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .ioctl = master_ioctl,
};
