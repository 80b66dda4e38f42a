/* Pipes: a ring of pages between readers and writers.
 *
 * A write of up to PIPE_BUF bytes goes into one page (the last one if it fits behind what
 * is there, else a new one), so it is atomic; longer writes fill pages as they come
 * free.  Capacity is counted in pages, as in Linux, so programs that measure it get
 * the same numbers.  Pages are allocated at the write and freed when read empty.
 *
 * Locking: pipe->lock protects the ring and the counts and is held over copies from
 * and to the program (a faulting copy takes no pipe lock).  Readers and writers sleep
 * without it, exclusively: a change wakes one, who passes the wake on if there is more.
 * Waiters queue before they look at the ring under the lock, so a waker that changed
 * the ring under the lock sees them on the queue.
 */
#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/stat.h>

#include "ipc.h"
#include "lib.h"
#include "pipe.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "usercopy.h"

#define CAP_SYS_RESOURCE_ 24

struct pipe *pipe_new(void)
{
    struct pipe *p = kzalloc(sizeof(*p));

    if (!p)
        return NULL;
    p->ring = kzalloc(PIPE_DEFAULT_SLOTS * sizeof(*p->ring));
    if (!p->ring) {
        kfree(p);
        return NULL;
    }
    p->slots = PIPE_DEFAULT_SLOTS;
    lock_init(&p->lock);
    waitq_init(&p->read_wait);
    waitq_init(&p->write_wait);
    return p;
}

void pipe_free(struct pipe *p)
{
    for (; p->tail != p->head; p->tail++)
        kpages_free(pipe_slot(p, p->tail)->page, PAGE_SIZE);
    for (u32 i = 0; i < ARRAY_SIZE(p->spare); i++)
        if (p->spare[i])
            kpages_free(p->spare[i], PAGE_SIZE);
    kfree(p->ring);
    kfree(p);
}

struct pipe *file_pipe(struct file *f) { return f->ops == &fifo_fops ? f->private : NULL; }

u8 *pipe_page_get(struct pipe *p)
{
    for (u32 i = 0; i < ARRAY_SIZE(p->spare); i++) {
        u8 *page = p->spare[i];

        if (page) {
            p->spare[i] = NULL;
            return page;
        }
    }
    return kpages_alloc(PAGE_SIZE);
}

void pipe_page_put(struct pipe *p, u8 *page)
{
    for (u32 i = 0; i < ARRAY_SIZE(p->spare); i++) {
        if (!p->spare[i]) {
            p->spare[i] = page;
            return;
        }
    }
    kpages_free(page, PAGE_SIZE);
}

/* ---- waking and waiting ---------------------------------------------------- */

static void wake_one(struct waitq *q, u32 key)
{
    if (READ_ONCE(q->waiters.next) != &q->waiters)
        waitq_wake(q, key, 1);
}

void pipe_wake_readers(struct pipe *p) { wake_one(&p->read_wait, POLLIN | POLLRDNORM); }
void pipe_wake_writers(struct pipe *p) { wake_one(&p->write_wait, POLLOUT | POLLWRNORM); }

static bool readable(struct pipe *p) { return !pipe_empty(p) || !READ_ONCE(p->writers); }
static bool writable(struct pipe *p) { return !pipe_full(p) || !READ_ONCE(p->readers); }

static long wait_exclusive(struct pipe *p, struct waitq *q, bool (*ready)(struct pipe *))
{
    struct waiter w;
    long rc = 0;

    waiter_init(&w);
    w.flags = WAITER_EXCLUSIVE;
    waitq_add(q, &w);
    for (;;) {
        u32 seq = thread_sleep_begin();

        lock(&p->lock); /* orders the look against a waker's change */
        bool now = ready(p);
        unlock(&p->lock);
        if (now || rc)
            break;
        rc = thread_sleep(seq, HOST_FOREVER);
    }
    waitq_remove(&w);
    if (rc && ready(p))
        return 0;
    return rc ? -ERESTARTSYS : 0;
}

long pipe_wait_readable(struct pipe *p, bool nonblock)
{
    if (nonblock)
        return readable(p) ? 0 : -EAGAIN;
    return wait_exclusive(p, &p->read_wait, readable);
}

long pipe_wait_writable(struct pipe *p, bool nonblock)
{
    if (nonblock)
        return writable(p) ? 0 : -EAGAIN;
    return wait_exclusive(p, &p->write_wait, writable);
}

/* ---- reading ---------------------------------------------------------------- */

/* Takes what fits from the oldest buffer; false when the read is complete or failed. */
static bool read_buffer(struct pipe *p, struct uio *u, long *done)
{
    struct pipe_buf *b = pipe_slot(p, p->tail);
    size_t n = MIN(u->left, b->len);

    if (uio_copy_out(u, b->page + b->offset, n) < n) {
        if (!*done)
            *done = -EFAULT;
        return false;
    }
    *done += (long)n;
    b->offset += n;
    b->len -= n;
    bool packet = b->flags & PIPE_PACKET;
    if (b->len == 0 || packet) {
        pipe_page_put(p, b->page);
        p->tail++;
    }
    return u->left && !packet;
}

long pipe_read_some(struct file *f, struct uio *u, bool nonblock)
{
    struct pipe *p = f->private;
    bool was_full = false, waited = false, more;
    long done = 0, rc;

    if (!u->left)
        return 0;
    lock(&p->lock);
    for (;;) {
        was_full |= pipe_full(p);
        more = true;
        while (more && !pipe_empty(p))
            more = read_buffer(p, u, &done);
        if (done || !more || !p->writers)
            break;
        unlock(&p->lock);
        rc = pipe_wait_readable(p, nonblock);
        if (rc)
            return rc;
        waited = true;
        lock(&p->lock);
    }
    /* Who took an exclusive wake passes it on; others must not: it would look like a new
     * event to an edge-triggered epoll. */
    bool left = waited && !pipe_empty(p), room = was_full && !pipe_full(p);
    unlock(&p->lock);
    if (room)
        pipe_wake_writers(p);
    if (left)
        pipe_wake_readers(p);
    return done;
}

long pipe_read(struct file *f, struct uio *u, u64 *pos)
{
    return pipe_read_some(f, u, f->flags & O_NONBLOCK);
}

/* ---- writing ---------------------------------------------------------------- */

/* Appends the odd bytes of a write to the last page where they fit as a whole. */
static long write_merge(struct pipe *p, struct uio *u)
{
    size_t n = u->left & (PAGE_SIZE - 1);
    struct pipe_buf *b = pipe_slot(p, p->head - 1);
    u32 end = b->offset + b->len;

    if (!n || pipe_empty(p) || (b->flags & PIPE_PACKET) || end + n > PAGE_SIZE)
        return 0;
    if (uio_copy_in(b->page + end, u, n) < n)
        return -EFAULT;
    b->len += n;
    return (long)n;
}

/* Fills one new page. */
static long write_page(struct pipe *p, struct uio *u, u32 flags)
{
    size_t n = MIN(u->left, PAGE_SIZE);
    u8 *page = pipe_page_get(p);

    if (!page)
        return -ENOMEM;
    if (uio_copy_in(page, u, n) < n) {
        pipe_page_put(p, page);
        return -EFAULT;
    }
    *pipe_slot(p, p->head) = (struct pipe_buf){page, 0, (u16)n, flags};
    p->head++;
    return (long)n;
}

/* Under p->lock: writes until done, full or failed; the bytes or -errno in *rc. */
static void write_some(struct file *f, struct pipe *p, struct uio *u, long *done, long *rc)
{
    u32 flags = f->flags & O_DIRECT ? PIPE_PACKET : 0;

    *rc = 0;
    while (u->left && !pipe_full(p)) {
        *rc = write_page(p, u, flags);
        if (*rc < 0)
            return;
        *done += *rc;
    }
}

long pipe_write_some(struct file *f, struct uio *u, bool nonblock)
{
    struct pipe *p = f->private;
    long done = 0, rc = 0;
    bool waited = false;

    if (!u->left)
        return 0;
    lock(&p->lock);
    if (p->readers && !(f->flags & O_DIRECT)) {
        rc = write_merge(p, u);
        done = MAX(rc, 0);
    }
    while (rc >= 0 && u->left) {
        if (!p->readers) {
            rc = -EPIPE;
            break;
        }
        write_some(f, p, u, &done, &rc);
        if (rc < 0 || !u->left)
            break;
        unlock(&p->lock);
        pipe_wake_readers(p);
        rc = pipe_wait_writable(p, nonblock);
        waited = true;
        lock(&p->lock);
    }
    bool room = waited && !pipe_full(p);
    unlock(&p->lock);
    if (done)
        pipe_wake_readers(p);
    if (room)
        pipe_wake_writers(p);
    if (rc == -EPIPE)
        ipc_broken_pipe();
    return done ? done : rc;
}

long pipe_write(struct file *f, struct uio *u, u64 *pos)
{
    return pipe_write_some(f, u, f->flags & O_NONBLOCK);
}

/* ---- the rest of the file ----------------------------------------------------- */

u32 pipe_poll(struct file *f, struct poll_table *pt)
{
    struct pipe *p = f->private;
    u32 mask = 0;

    if (f->fmode & FMODE_READ)
        poll_wait(pt, &p->read_wait);
    if (f->fmode & FMODE_WRITE)
        poll_wait(pt, &p->write_wait);
    lock(&p->lock);
    if (f->fmode & FMODE_READ) {
        if (!pipe_empty(p))
            mask |= POLLIN | POLLRDNORM;
        /* f->pos: the writers a FIFO's non-blocking reader has not met yet (fifo.c). */
        if (!p->writers && f->pos != p->writer_count)
            mask |= POLLHUP;
    }
    if (f->fmode & FMODE_WRITE) {
        if (!pipe_full(p))
            mask |= POLLOUT | POLLWRNORM;
        if (!p->readers)
            mask |= POLLERR;
    }
    unlock(&p->lock);
    return mask;
}

long pipe_ioctl(struct file *f, u32 cmd, uptr arg)
{
    struct pipe *p = f->private;
    s32 bytes = 0;

    if (cmd != FIONREAD)
        return -ENOTTY;
    lock(&p->lock);
    for (u32 i = p->tail; i != p->head; i++)
        bytes += pipe_slot(p, i)->len;
    unlock(&p->lock);
    return put_user(bytes, arg);
}

static long resize(struct pipe *p, u32 slots)
{
    struct pipe_buf *ring = kmalloc(slots * sizeof(*ring));
    u32 used, old_slots = p->slots;

    if (!ring)
        return -ENOMEM;
    lock(&p->lock);
    used = p->head - p->tail;
    if (slots < used) {
        unlock(&p->lock);
        kfree(ring);
        return -EBUSY;
    }
    for (u32 i = 0; i < used; i++)
        ring[i] = *pipe_slot(p, p->tail + i);
    struct pipe_buf *old = p->ring;
    p->ring = ring;
    p->slots = slots;
    p->tail = 0;
    p->head = used;
    unlock(&p->lock);
    kfree(old);
    if (slots > old_slots)
        waitq_wake_all(&p->write_wait, POLLOUT | POLLWRNORM);
    return 0;
}

long pipe_set_size(struct file *f, u32 size)
{
    struct pipe *p = file_pipe(f);
    u32 slots = 1;
    long rc;

    if (!p)
        return -EBADF;
    if (size > 1u << 31)
        return -EINVAL;
    while ((u64)slots * PAGE_SIZE < size)
        slots *= 2;
    if (slots > p->slots && slots > PIPE_MAX_SIZE / PAGE_SIZE && !capable(CAP_SYS_RESOURCE_))
        return -EPERM;
    if (slots > 1u << 16)
        return -ENOMEM;
    rc = resize(p, slots);
    return rc ? rc : (long)(slots * PAGE_SIZE);
}

long pipe_get_size(struct file *f)
{
    struct pipe *p = file_pipe(f);

    return p ? (long)(p->slots * PAGE_SIZE) : -EBADF;
}

/* ---- pipe(2) ------------------------------------------------------------------ */

static struct file *make_read_end(struct pipe *p, u32 flags)
{
    struct file *f = file_anon("pipe:", &fifo_fops, p, O_RDONLY | (flags & O_NONBLOCK));

    if (IS_ERR(f)) {
        pipe_free(p);
        return f;
    }
    f->inode->mode = S_IFIFO | 0600;
    f->inode->uid = current()->cred.fsuid;
    f->inode->gid = current()->cred.fsgid;
    f->inode->fops = &fifo_fops;
    f->inode->flags |= INODE_PIPE;
    f->inode->ipc = p;
    p->readers = p->reader_count = p->files = 1;
    return f;
}

/* Both ends share one inode, as fstat shows. */
static struct file *make_write_end(struct file *read_end, u32 flags)
{
    struct pipe *p = read_end->private;
    struct file *f = file_anon_on(read_end->inode, "pipe:", &fifo_fops, p,
                                  O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)));

    if (IS_ERR(f))
        return f;
    p->writers = p->writer_count = 1;
    p->files++;
    return f;
}

static long install_ends(struct file *end[2], uptr fds, bool cloexec)
{
    s32 fd[2];
    long rc = fd_install(end[0], 0, cloexec);

    if (rc < 0) {
        file_put(end[0]);
        file_put(end[1]);
        return rc;
    }
    fd[0] = (s32)rc;
    rc = fd_install(end[1], 0, cloexec);
    if (rc < 0) {
        fd_close(fd[0]);
        file_put(end[1]);
        return rc;
    }
    fd[1] = (s32)rc;
    rc = copy_to_user(fds, fd, sizeof(fd));
    if (rc) {
        fd_close(fd[0]);
        fd_close(fd[1]);
    }
    return rc;
}

long sys_pipe2(uptr fds, int flags)
{
    struct file *end[2];
    struct pipe *p;

    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL;
    p = pipe_new();
    if (!p)
        return -ENFILE;
    end[0] = make_read_end(p, (u32)flags);
    if (IS_ERR(end[0]))
        return PTR_ERR(end[0]);
    end[1] = make_write_end(end[0], (u32)flags);
    if (IS_ERR(end[1])) {
        file_put(end[0]);
        return PTR_ERR(end[1]);
    }
    return install_ends(end, fds, flags & O_CLOEXEC);
}

long sys_pipe(uptr fds) { return sys_pipe2(fds, 0); }
