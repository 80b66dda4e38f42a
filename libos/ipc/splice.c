/* sendfile(2), copy_file_range(2), splice(2), tee(2), vmsplice(2): arguments and errors.
 * The moving is in transfer*.c. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "ipc.h"
#include "lib.h"
#include "socket.h"
#include "syscalls_gen.h"
#include "transfer.h"
#include "usercopy.h"

#define SPLICE_MOVE     1u
#define SPLICE_NONBLOCK 2u
#define SPLICE_MORE     4u
#define SPLICE_GIFT     8u
#define SPLICE_ALL      15u

/* Two descriptors and two optional offsets, as most of these calls take. */
struct ends {
    struct file *in, *out;
    u64 in_pos, out_pos;
    uptr in_user, out_user; /* where offsets came from and go back to; 0: own position */
};

static long ends_get(struct ends *e, int in, int out)
{
    e->in = fd_get_io(in);
    e->out = e->in ? fd_get_io(out) : NULL;
    if (e->out)
        return 0;
    if (e->in)
        file_put(e->in);
    return -EBADF;
}

static void ends_put(struct ends *e)
{
    file_put(e->in);
    file_put(e->out);
}

static long offset_get(uptr user, u64 *pos)
{
    if (!user)
        return 0;
    if (copy_from_user(pos, user, sizeof(*pos)))
        return -EFAULT;
    return (s64)*pos < 0 ? -EINVAL : 0;
}

static long offsets_get(struct ends *e)
{
    long rc = offset_get(e->in_user, &e->in_pos);

    return rc ? rc : offset_get(e->out_user, &e->out_pos);
}

static long offsets_put(struct ends *e, long rc)
{
    if (rc > 0 && e->in_user && put_user(e->in_pos, e->in_user))
        return -EFAULT;
    if (rc > 0 && e->out_user && put_user(e->out_pos, e->out_user))
        return -EFAULT;
    return rc;
}

static u64 *in_position(struct ends *e) { return e->in_user ? &e->in_pos : NULL; }
static u64 *out_position(struct ends *e) { return e->out_user ? &e->out_pos : NULL; }

static bool seekable(struct file *f) { return f->fmode & FMODE_SEEK; }

/* ---- sendfile --------------------------------------------------------------------- */

static long sendfile_files(struct ends *e, size_t count)
{
    long rc;

    if (!(e->in->fmode & FMODE_READ) || !(e->out->fmode & FMODE_WRITE))
        return -EBADF;
    if (e->in_user && !seekable(e->in))
        return -ESPIPE;
    if (!seekable(e->in) || (e->out->flags & O_APPEND))
        return -EINVAL;
    if (!count)
        return 0;
    count = MIN(count, TRANSFER_MAX);
    rc = socket_send_file(e->out, e->in, in_position(e), count);
    return rc == -ENOSYS ? transfer(e->in, in_position(e), e->out, NULL, count) : rc;
}

long sys_sendfile(int out, int in, uptr offset, size_t count)
{
    struct ends e = {.in_user = offset};
    long rc = offset_get(offset, &e.in_pos);

    if (rc)
        return rc;
    rc = ends_get(&e, in, out);
    if (rc)
        return rc;
    rc = offsets_put(&e, sendfile_files(&e, count));
    ends_put(&e);
    return rc;
}

/* ---- copy_file_range --------------------------------------------------------------- */

static bool is_kind(struct file *f, u32 kind) { return (f->inode->mode & S_IFMT) == kind; }

static bool overlap(struct ends *e, size_t len)
{
    u64 a = e->in_user ? e->in_pos : e->in->pos, b = e->out_user ? e->out_pos : e->out->pos;

    return e->in->inode == e->out->inode && a < b + len && b < a + len;
}

static long copy_range(struct ends *e, size_t len)
{
    if (is_kind(e->in, S_IFDIR) || is_kind(e->out, S_IFDIR))
        return -EISDIR;
    if (!is_kind(e->in, S_IFREG) || !is_kind(e->out, S_IFREG))
        return -EINVAL;
    if (!(e->in->fmode & FMODE_READ) || !(e->out->fmode & FMODE_WRITE) ||
        (e->out->flags & O_APPEND))
        return -EBADF;
    if (e->in->inode->super != e->out->inode->super)
        return -EXDEV;
    if (e->in_pos + len < e->in_pos || e->out_pos + len < e->out_pos)
        return -EOVERFLOW;
    if (overlap(e, len))
        return -EINVAL;
    if (!len)
        return 0;
    return transfer(e->in, in_position(e), e->out, out_position(e), MIN(len, TRANSFER_MAX));
}

long sys_copy_file_range(int in, uptr in_off, int out, uptr out_off, size_t len, unsigned int flags)
{
    struct ends e = {.in_user = in_off, .out_user = out_off};
    long rc = ends_get(&e, in, out);

    if (rc)
        return rc;
    rc = offsets_get(&e);
    if (!rc && flags)
        rc = -EINVAL;
    if (!rc)
        rc = offsets_put(&e, copy_range(&e, len));
    ends_put(&e);
    return rc;
}

/* ---- splice ------------------------------------------------------------------------ */

static bool nonblocking(struct file *f, u32 flags)
{
    return (flags & SPLICE_NONBLOCK) || (f->flags & O_NONBLOCK);
}

static long splice_files(struct ends *e, size_t len, u32 flags)
{
    struct pipe *from = file_pipe(e->in), *to = file_pipe(e->out);

    if (!(e->in->fmode & FMODE_READ) || !(e->out->fmode & FMODE_WRITE))
        return -EBADF;
    if ((from && e->in_user) || (to && e->out_user))
        return -ESPIPE;
    if (from && to)
        return from == to ? -EINVAL
                          : transfer_pipes(from, to,
                                           nonblocking(e->in, flags) || nonblocking(e->out, flags),
                                           len, false);
    if (from) {
        if ((e->out_user && !seekable(e->out)) || (e->out->flags & O_APPEND))
            return -EINVAL;
        return transfer_from_pipe(from, nonblocking(e->in, flags), e->out, out_position(e), len);
    }
    if (to) {
        if (e->in_user && !seekable(e->in))
            return -EINVAL;
        return transfer_to_pipe(e->in, in_position(e), to, nonblocking(e->out, flags), len);
    }
    return -EINVAL;
}

long sys_splice(int in, uptr in_off, int out, uptr out_off, size_t len, unsigned int flags)
{
    struct ends e = {.in_user = in_off, .out_user = out_off};
    long rc;

    if (!len)
        return 0;
    if (flags & ~SPLICE_ALL)
        return -EINVAL;
    rc = ends_get(&e, in, out);
    if (rc)
        return rc;
    if ((file_pipe(e.in) && in_off) || (file_pipe(e.out) && out_off))
        rc = -ESPIPE;
    if (!rc)
        rc = offsets_get(&e);
    if (!rc)
        rc = offsets_put(&e, splice_files(&e, MIN(len, TRANSFER_MAX), flags));
    ends_put(&e);
    return rc;
}

long sys_tee(int in, int out, size_t len, unsigned int flags)
{
    struct ends e = {0};
    long rc;

    if (flags & ~SPLICE_ALL)
        return -EINVAL;
    if (!len)
        return 0;
    rc = ends_get(&e, in, out);
    if (rc)
        return rc;
    struct pipe *from = file_pipe(e.in), *to = file_pipe(e.out);
    if (!(e.in->fmode & FMODE_READ) || !(e.out->fmode & FMODE_WRITE))
        rc = -EBADF;
    else if (!from || !to || from == to)
        rc = -EINVAL;
    else
        rc = transfer_pipes(from, to, nonblocking(e.in, flags) || nonblocking(e.out, flags),
                            MIN(len, TRANSFER_MAX), true);
    ends_put(&e);
    return rc;
}

/* ---- vmsplice ------------------------------------------------------------------------ */

static long vmsplice_file(struct file *f, struct pipe *p, struct uio *u, u32 flags)
{
    bool nonblock = nonblocking(f, flags);
    long rc = 0;

    if (!(f->fmode & FMODE_WRITE))
        return pipe_read_some(f, u, nonblock);
    /* Sleeps for room once, then takes what fits. */
    if (READ_ONCE(p->readers))
        rc = pipe_wait_writable(p, nonblock);
    return rc ? rc : pipe_write_some(f, u, true);
}

long sys_vmsplice(int fd, uptr iov, size_t n, unsigned int flags)
{
    struct iov fast[8], *v = fast;
    struct file *f;
    struct uio u;
    long rc;

    if (flags & ~SPLICE_ALL)
        return -EINVAL;
    f = fd_get_io(fd);
    if (!f)
        return -EBADF;
    struct pipe *p = file_pipe(f);
    rc = p ? uio_import(&u, iov, n, fast, &v) : -EBADF;
    if (rc >= 0 && p) {
        rc = u.left ? vmsplice_file(f, p, &u, flags) : 0;
        if (v != fast)
            kfree(v);
    }
    file_put(f);
    return rc;
}
