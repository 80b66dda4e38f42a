/* Files over host streams: standard input, output and error as the sandbox got them.
 *
 * Three kinds, by what the stream is:
 *   file      regular file or block device: read and written at the host's own position
 *             (HOST_AT_POSITION), which the outside may share, as it does natively;
 *   stream    pipe, socket, FIFO: tried without sleeping (HOST_NOWAIT); if the host would
 *             block, the thread sleeps in the library OS, where signals and saves reach it;
 *   waited    terminal, or a stream whose host driver knows no HOST_NOWAIT: first wait
 *             until the host says ready, then move a piece small enough not to block.
 * O_NONBLOCK inside is kept inside: the host's description may be shared with others.
 *
 * Locking: struct hostio is constant after creation but for single words; the host
 * orders the data.  Blocking waits hold no lock.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/stat.h>

#include "hostio.h"
#include "ipc.h"
#include "lib.h"
#include "mm.h"
#include "thread.h"
#include "usercopy.h"

/* What a ready "waited" stream takes without blocking: a pipe that polls writable has a
 * free page; a terminal moves 2 KB at a time. */
#define PIPE_PIECE 4096u
#define TTY_PIECE  2048u

static bool buffers_ok(const struct uio *u)
{
    if (u->kernel)
        return true;
    for (int i = 0; i < u->n; i++)
        if (!user_range_ok(u->iov[i].base, u->iov[i].len))
            return false;
    return true;
}

/* One host call for as much of u as `limit` allows. */
static long move_once(struct hostio *h, struct uio *u, bool write, size_t limit, u64 pos, int flags)
{
    struct host_iovec first = {(void *)u->iov[0].base, u->iov[0].len};
    const struct host_iovec *v = (const struct host_iovec *)u->iov;
    int n = MIN(u->n, 1024);

    if (h->gone)
        return write ? -EIO : 0;
    uio_settle(u);
    _Static_assert(sizeof(struct host_iovec) == sizeof(struct iov), "iov layout");
    if (first.len > limit || (u->n == 1 && first.len > u->left)) {
        first.len = MIN(limit, u->left);
        v = &first;
        n = 1;
    } else if (u->left > limit) {
        v = &first;
        n = 1;
    }
    return write ? host_write(h->poll.handle, v, n, pos, flags)
                 : host_read(h->poll.handle, v, n, pos, flags);
}

static void skip_empty(struct uio *u)
{
    while (u->n > 1 && u->iov[0].len == 0) {
        u->iov++;
        u->n--;
    }
}

/* Tries to move without sleeping; -EAGAIN if the host isn't ready. */
static long move_now(struct hostio *h, struct uio *u, bool write)
{
    u32 want = write ? POLLOUT : POLLIN;
    bool tty = h->type == HOST_TTY || h->type == HOST_CHAR;
    size_t piece = tty && write ? TTY_PIECE : write ? PIPE_PIECE : ~0UL;
    long rc;

    if (!READ_ONCE(h->waited)) {
        rc = move_once(h, u, write, ~0UL, HOST_AT_POSITION, HOST_NOWAIT);
        if (rc != -EOPNOTSUPP)
            return rc;
        WRITE_ONCE(h->waited, true);
    }
    if (!h->poll.always && !h->gone && !hostpoll_probe(&h->poll, want))
        return -EAGAIN;
    if (h->poll.always)
        piece = ~0UL;
    return move_once(h, u, write, piece, HOST_AT_POSITION, 0);
}

/* Sleeps until a move may succeed: moves are tried by the caller between queueing and
 * sleeping, as wait.h shows. */
static long stream_move(struct file *f, struct uio *u, bool write)
{
    struct hostio *h = f->private;
    size_t done = 0;
    struct waiter w;
    long rc = 0;
    bool queued = false;

    while (u->left) {
        u32 seq = thread_sleep_begin();

        skip_empty(u);
        rc = move_now(h, u, write);
        if (rc > 0) {
            uio_advance(u, (size_t)rc);
            done += (size_t)rc;
            if (!write)
                break;
            continue;
        }
        if (rc != -EAGAIN || (f->flags & O_NONBLOCK))
            break;
        if (!queued) {
            waiter_init(&w);
            w.events = (write ? POLLOUT : POLLIN) | POLLERR | POLLHUP;
            waitq_add(&h->poll.wait, &w);
            queued = true;
            continue; /* once more, now that a wake can't be missed */
        }
        rc = hostpoll_arm(&h->poll, write ? POLLOUT : POLLIN);
        if (!rc)
            rc = hostpoll_sleep(seq, HOST_FOREVER);
        if (rc)
            break;
    }
    if (queued)
        waitq_remove(&w);
    if (done)
        return (long)done;
    if (rc == -EPIPE && write)
        return ipc_broken_pipe();
    return rc == -EINTR ? -ERESTARTSYS : rc;
}

static long positioned_move(struct file *f, struct uio *u, u64 *pos, bool write);

static long stream_read(struct file *f, struct uio *u, u64 *pos)
{
    struct hostio *h = f->private;
    long rc = h->type == HOST_TTY ? terminal_background(SIGTTIN) : 0;

    if (h->positioned)
        return positioned_move(f, u, pos, false);
    if (rc)
        return rc;
    return buffers_ok(u) ? stream_move(f, u, false) : -EFAULT;
}

static long stream_write(struct file *f, struct uio *u, u64 *pos)
{
    struct hostio *h = f->private;

    if (h->positioned)
        return positioned_move(f, u, pos, true);
    return buffers_ok(u) ? stream_move(f, u, true) : -EFAULT;
}

static u32 stream_poll(struct file *f, struct poll_table *pt)
{
    struct hostio *h = f->private;
    u32 all = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLPRI | POLLRDHUP;
    u32 mask;

    if (h->gone)
        return (all & ~(u32)POLLPRI) | POLLHUP;
    poll_wait(pt, &h->poll.wait);
    mask = hostpoll_probe(&h->poll, all);
    if (pt && pt->queue && !h->poll.always)
        hostpoll_arm(&h->poll, pt->events ? pt->events : all);
    return mask;
}

/* ---- regular files -------------------------------------------------------- */

/* After a resume a stream may be of another kind than when it was opened. */
static bool positioned(const struct file *f) { return ((struct hostio *)f->private)->positioned; }

static long positioned_move(struct file *f, struct uio *u, u64 *pos, bool write)
{
    struct hostio *h = f->private;
    bool shared_position = pos == &f->pos;
    int flags = write && (f->flags & O_APPEND) ? HOST_APPEND : 0;
    size_t done = 0;
    long rc = 0;

    if (!buffers_ok(u))
        return -EFAULT;
    while (u->left) {
        skip_empty(u);
        rc = move_once(h, u, write, ~0UL, shared_position ? HOST_AT_POSITION : *pos, flags);
        if (rc <= 0)
            break;
        uio_advance(u, (size_t)rc);
        done += (size_t)rc;
        *pos += (u64)rc;
        if (!write)
            break;
    }
    if (done)
        return (long)done;
    return rc == -EINTR ? -ERESTARTSYS : rc == -EPIPE ? ipc_broken_pipe() : rc;
}

static long positioned_read(struct file *f, struct uio *u, u64 *pos)
{
    return positioned(f) ? positioned_move(f, u, pos, false) : stream_read(f, u, pos);
}

static long positioned_write(struct file *f, struct uio *u, u64 *pos)
{
    return positioned(f) ? positioned_move(f, u, pos, true) : stream_write(f, u, pos);
}

static s64 positioned_llseek(struct file *f, s64 off, int whence)
{
    struct hostio *h = f->private;
    long rc = host_control(h->poll.handle, HOST_SEEK, (u64)off, (u64)whence, 0, NULL, 0);

    if (rc >= 0)
        f->pos = (u64)rc;
    return rc;
}

static long positioned_mmap(struct file *f, struct mapping_request *r)
{
    struct hostio *h = f->private;

    r->kind = VMA_HOST;
    r->handle = h->poll.handle;
    return 0;
}

static long positioned_fsync(struct file *f, bool data_only)
{
    struct hostio *h = f->private;

    return host_control(h->poll.handle, HOST_SYNC, data_only, 0, 0, NULL, 0);
}

static long positioned_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
    struct hostio *h = f->private;

    return host_control(h->poll.handle, HOST_ALLOCATE, mode, off, len, NULL, 0);
}

static int positioned_host_handle(struct file *f)
{
    struct hostio *h = f->private;

    return h->poll.handle;
}

static const struct file_ops hostio_file_ops;

/* Standard streams in use, for a resume. */
static struct hostio *standard[3];
static struct lock owned_lock; /* a leaf */
static struct list owned_streams = {&owned_streams, &owned_streams};

/* ---- life time and attributes ---------------------------------------------- */

/* The stream belongs to the inode, so that /dev/stdin can be opened again. */
static long hostio_open(struct file *f)
{
    f->private = f->inode->private;
    if (f->ops == &hostio_file_ops)
        f->fmode |= FMODE_SEEK;
    return 0;
}

static void hostio_evict(struct inode *i)
{
    struct hostio *h = i->private;

    i->private = NULL;
    if (!h)
        return;
    for (int n = 0; n < 3; n++)
        if (standard[n] == h)
            standard[n] = NULL;
    hostpoll_destroy(&h->poll);
    /* A standard handle stays: its number means this stream to the monitor, which keeps the
     * stream open as well, so nobody outside would notice. */
    if (h->owned) {
        lock(&owned_lock);
        list_del(&h->owned_link);
        unlock(&owned_lock);
        host_close(h->poll.handle);
    }
    kfree(h);
}

/* "/dev/pts/3" from the device number; other terminals go by "/dev/console". */
static const char *tty_name(const struct boot_stream *s, char *buf, size_t size)
{
    u32 major = (u32)(s->rdev >> 8) & 0xfff;

    if (major < 136 || major > 143)
        return "/dev/console";
    snprintf(buf, size, "/dev/pts/%u", (u32)(s->rdev & 0xff) + 256 * (major - 136));
    return buf;
}

/* A terminal is what /dev says it is: ttyname(3) compares the two. */
static bool tty_getattr(struct hostio *h, struct kstat *st)
{
    char name[32];
    struct path_s p;

    if (path_lookup(AT_FDCWD, tty_name(&h->boot, name, sizeof(name)), 0, &p))
        return false;
    long rc = path_getattr(&p, st);
    path_put(&p);
    return rc == 0;
}

static long hostio_getattr(struct dentry *d, struct inode *i, struct kstat *st)
{
    struct hostio *h = i->private;
    struct host_attr a;
    if (h->type == HOST_TTY && tty_getattr(h, st))
        return 0;
    long rc = host_attributes_get(NULL, h->poll.handle, &a);

    if (rc) { /* what was told at the start */
        st->ino = h->boot.ino;
        st->dev = h->boot.dev;
        st->rdev = h->boot.rdev;
        st->mode = h->boot.mode;
        st->nlink = 1;
        return 0;
    }
    *st = (struct kstat){.ino = a.ino,
                         .dev = a.dev,
                         .rdev = a.rdev,
                         .size = a.size,
                         .blocks = a.blocks,
                         .atime = a.atime,
                         .mtime = a.mtime,
                         .ctime = a.ctime,
                         .btime = a.btime,
                         .mode = a.mode,
                         .nlink = a.nlink,
                         .uid = a.uid,
                         .gid = a.gid,
                         .blksize = a.blksize};
    return 0;
}

static long hostio_setattr(struct dentry *d, struct inode *i, const struct setattr *s)
{
    struct hostio *h = i->private;
    struct host_attr a = {
        .mode = s->mode, .uid = s->uid, .gid = s->gid, .atime = s->atime, .mtime = s->mtime};
    u32 mask = s->mask & (ATTR_MODE | ATTR_UID | ATTR_GID); /* = HOST_SET_* */
    long rc = 0;

    _Static_assert(ATTR_MODE == HOST_SET_MODE && ATTR_GID == HOST_SET_GID, "attribute bits");
    if (s->mask & ATTR_ATIME)
        mask |= HOST_SET_ATIME;
    if (s->mask & ATTR_MTIME)
        mask |= HOST_SET_MTIME;
    if (s->mask & ATTR_SIZE)
        rc = host_control(h->poll.handle, HOST_TRUNCATE, s->size, 0, 0, NULL, 0);
    if (!rc && mask)
        rc = host_attributes_set(NULL, h->poll.handle, mask, &a);
    return rc;
}

static long always_permitted(struct inode *i, u32 mask) { return 0; }

static const struct inode_ops hostio_inode_ops = {
    .getattr = hostio_getattr,
    .setattr = hostio_setattr,
    .permission = always_permitted,
    .evict = hostio_evict,
};

static const struct file_ops hostio_file_ops = {
    .open = hostio_open,
    .read = positioned_read,
    .write = positioned_write,
    .llseek = positioned_llseek,
    .mmap = positioned_mmap,
    .fsync = positioned_fsync,
    .fallocate = positioned_fallocate,
    .host_handle = positioned_host_handle,
    .ioctl = hostio_ioctl,
};

static const struct file_ops hostio_stream_ops = {
    .open = hostio_open,
    .read = stream_read,
    .write = stream_write,
    .poll = stream_poll,
    .ioctl = hostio_ioctl,
};

void hostio_own(struct file *f)
{
    struct hostio *h = f->inode->private;

    h->owned = true;
    lock(&owned_lock);
    list_add(&owned_streams, &h->owned_link);
    unlock(&owned_lock);
}

/* Alone.  Handles of before mean other streams now, or nothing. */
void hostio_forget(void)
{
    struct hostio *h, *next;

    list_for_each_safe(h, next, &owned_streams, owned_link)
    {
        list_del(&h->owned_link);
        h->owned = false;
        h->gone = true;
        hostpoll_destroy(&h->poll);
        h->poll.handle = -1;
        h->poll.armed = 0;
        waitq_wake_all(&h->poll.wait, 0);
    }
}

bool hostio_is_tty(struct file *f)
{
    struct hostio *h = f->inode->private;

    return f->ops == &hostio_stream_ops && h->type == HOST_TTY;
}

static const char *name_of(const struct boot_stream *s, char *buf, size_t size)
{
    switch (s->type) {
    case HOST_FIFO:
        return "pipe:";
    case HOST_SOCKET:
        return "socket:";
    case HOST_TTY:
        return tty_name(s, buf, size);
    case HOST_CHAR:
        return s->rdev == 0x103 ? "/dev/null" : "/dev/char";
    default:
        return "file:";
    }
}

static void remember(struct hostio *h)
{
    for (int n = 0; n < 3; n++)
        if (boot()->stdio[n].handle == h->poll.handle)
            standard[n] = h;
}

struct file *hostio_file_new(const struct boot_stream *s)
{
    bool positioned = s->type == HOST_FILE || s->type == HOST_BLOCK || s->type == HOST_DIR;
    const struct file_ops *ops = positioned ? &hostio_file_ops : &hostio_stream_ops;
    struct hostio *h = kzalloc(sizeof(*h));
    struct file *f;
    char name[32];

    if (!h || hostpoll_init(&h->poll, s->handle)) {
        kfree(h);
        return ERR_PTR(-ENOMEM);
    }
    if (s->type == HOST_CHAR) { /* /dev/null and its like can't be waited for */
        hostpoll_probe(&h->poll, POLLIN);
        if (h->poll.always) {
            ops = &hostio_file_ops;
            positioned = true;
        }
    }
    h->boot = *s;
    h->type = s->type;
    h->positioned = positioned;
    h->waited = s->type == HOST_TTY || s->type == HOST_CHAR;
    f = file_anon(name_of(s, name, sizeof(name)), ops, h, s->flags);
    if (IS_ERR(f)) {
        hostpoll_destroy(&h->poll);
        kfree(h);
        return f;
    }
    if (positioned)
        f->fmode |= FMODE_SEEK;
    f->inode->mode = s->mode;
    f->inode->ino = s->ino;
    f->inode->rdev = s->rdev;
    f->inode->ops = &hostio_inode_ops;
    f->inode->fops = ops;
    f->inode->private = h;
    remember(h);
    return f;
}

/* The new run's streams take the place of the old ones. */
void hostio_resume(void)
{
    struct hostio *terminal = NULL;

    for (int n = 0; n < 3; n++) {
        struct hostio *h = standard[n];
        const struct boot_stream *s = &boot()->stdio[n];

        if (!h)
            continue;
        h->boot = *s;
        h->type = s->type;
        h->waited = s->type == HOST_TTY || s->type == HOST_CHAR;
        h->positioned = s->type == HOST_FILE || s->type == HOST_BLOCK || s->type == HOST_DIR;
        if (s->type == HOST_CHAR) {
            hostpoll_probe(&h->poll, POLLIN);
            h->positioned = h->poll.always;
        }
        if (s->type == HOST_TTY && !terminal)
            terminal = h;
    }
    if (terminal)
        hosttty_resume(terminal);
}
