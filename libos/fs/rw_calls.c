/* read, write, pread64, pwrite64, readv, writev, preadv, pwritev, preadv2, pwritev2. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include "fs.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define MAX_RW    0x7ffff000UL /* Linux never moves more in one call */
#define FAST_IOV  8
#define RWF_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)

typedef long mover(struct file *f, struct uio *u, u64 *pos);

static long one_buffer(int fd, uptr buf, size_t n, u64 *pos, mover *move)
{
    struct file *f = fd_get(fd);
    struct iov v;
    struct uio u;
    long rc = -EFAULT;

    if (unlikely(!f))
        return -EBADF;
    if (pos && !f->ops)
        rc = -EBADF; /* O_PATH */
    else if (pos && !f->ops->llseek)
        rc = -ESPIPE;
    else if (likely(user_range_ok(buf, n)) || !(f->fmode & (FMODE_READ | FMODE_WRITE))) {
        uio_init(&u, &v, buf, MIN(n, MAX_RW), false);
        rc = move(f, &u, pos);
    }
    file_put(f);
    return rc;
}

long sys_read(int fd, uptr buf, size_t n) { return one_buffer(fd, buf, n, NULL, file_read); }
long sys_write(int fd, uptr buf, size_t n) { return one_buffer(fd, buf, n, NULL, file_write); }

/* Offsets are signed 64-bit numbers; nothing may move past the largest. */
static long check_offset(s64 off, size_t n)
{
    if (off < 0)
        return -EINVAL;
    return (u64)off + MIN(n, MAX_RW) > (u64)INT64_MAX ? -EOVERFLOW : 0;
}

static long at_offset(int fd, uptr buf, size_t n, s64 off, mover *move)
{
    u64 pos = (u64)off;
    long rc = check_offset(off, n);

    return unlikely(rc) ? (off < 0 ? -EINVAL : rc) : one_buffer(fd, buf, n, &pos, move);
}

long sys_pread64(int fd, uptr buf, size_t n, s64 off)
{
    return at_offset(fd, buf, n, off, file_read);
}

long sys_pwrite64(int fd, uptr buf, size_t n, s64 off)
{
    return at_offset(fd, buf, n, off, file_write);
}

/* ---- vectors ---------------------------------------------------------------------- */

long uio_import(struct uio *u, uptr iov, u64 n, struct iov *fast, struct iov **out)
{
    struct iov *v = fast;
    size_t total = 0;
    long rc = -EFAULT;

    if (n > UIO_MAXIOV)
        return -EINVAL;
    if (n > FAST_IOV) {
        v = kmalloc(n * sizeof(*v));
        if (!v)
            return -ENOMEM;
    }
    if (copy_from_user(v, iov, n * sizeof(*v)))
        goto fail;
    for (u64 k = 0; k < n; k++) {
        rc = -EINVAL;
        if ((s64)v[k].len < 0)
            goto fail;
        rc = -EFAULT;
        if (!user_range_ok(v[k].base, v[k].len))
            goto fail;
        if (v[k].len > MAX_RW - total)
            v[k].len = MAX_RW - total;
        total += v[k].len;
    }
    *u = (struct uio){.iov = v, .n = (int)n, .kernel = false, .left = total};
    *out = v;
    return 0;
fail:
    if (v != fast)
        kfree(v);
    return rc;
}

static long vector(int fd, uptr iov, u64 n, u64 *pos, mover *move)
{
    struct iov fast[FAST_IOV], *v = fast;
    struct file *f = fd_get(fd);
    struct uio u;
    long rc;

    if (!f)
        return -EBADF;
    u32 need = move == file_read ? FMODE_READ : FMODE_WRITE;
    if (pos && f->ops && !f->ops->llseek)
        rc = -ESPIPE;
    else if (!(f->fmode & need))
        rc = -EBADF;
    else
        rc = uio_import(&u, iov, n, fast, &v);
    if (rc == 0) {
        if (n)
            rc = move(f, &u, pos);
        if (v != fast)
            kfree(v);
    }
    file_put(f);
    return rc;
}

long sys_readv(int fd, uptr iov, size_t n) { return vector(fd, iov, n, NULL, file_read); }
long sys_writev(int fd, uptr iov, size_t n) { return vector(fd, iov, n, NULL, file_write); }

static long vector_at(int fd, uptr iov, size_t n, s64 off, mover *move)
{
    u64 pos = (u64)off;

    return off < 0 ? -EINVAL : vector(fd, iov, n, &pos, move);
}

/* The offset is split over two registers for the sake of 32-bit systems; here the low
 * one has it all. */
long sys_preadv(int fd, uptr iov, size_t n, s64 off, long high)
{
    return vector_at(fd, iov, n, off, file_read);
}

long sys_pwritev(int fd, uptr iov, size_t n, s64 off, long high)
{
    return vector_at(fd, iov, n, off, file_write);
}

/* Flags a file cannot honour are refused, as Linux does; memory never makes one wait. */
long rwf_check(struct file *f, int flags)
{
    if (flags & ~RWF_KNOWN)
        return -EOPNOTSUPP;
    if ((flags & RWF_NOWAIT) && !S_ISREG(f->inode->mode) && !(f->flags & O_NONBLOCK))
        return -EOPNOTSUPP;
    return 0;
}

static long check_rwf(int fd, int flags)
{
    struct file *f;
    long rc;

    if (flags & ~RWF_KNOWN)
        return -EOPNOTSUPP;
    if (!(flags & RWF_NOWAIT))
        return 0;
    f = fd_get_io(fd);
    if (!f)
        return -EBADF;
    rc = rwf_check(f, flags);
    file_put(f);
    return rc;
}

long sys_preadv2(int fd, uptr iov, size_t n, s64 off, long high, int flags)
{
    long rc = check_rwf(fd, flags);

    if (rc)
        return rc;
    return off == -1 ? vector(fd, iov, n, NULL, file_read) : vector_at(fd, iov, n, off, file_read);
}

long rwf_sync(struct file *f, int flags)
{
    if (!(flags & (RWF_DSYNC | RWF_SYNC)) || !f->ops || !f->ops->fsync)
        return 0;
    return f->ops->fsync(f, !(flags & RWF_SYNC));
}

static long sync_after(int fd, int flags)
{
    struct file *f = fd_get_io(fd);
    long rc = f ? rwf_sync(f, flags) : 0;

    if (f)
        file_put(f);
    return rc;
}

long rwf_end(struct file *f, s64 *off)
{
    struct kstat st;
    long rc = path_getattr(&f->path, &st);

    if (rc == 0 && S_ISREG(f->inode->mode))
        *off = (s64)st.size;
    return rc;
}

static long end_of_file(int fd, s64 *off)
{
    struct file *f = fd_get_io(fd);

    if (!f)
        return -EBADF;
    long rc = rwf_end(f, off);
    file_put(f);
    return rc;
}

long sys_pwritev2(int fd, uptr iov, size_t n, s64 off, long high, int flags)
{
    long rc = check_rwf(fd, flags);

    if (rc)
        return rc;
    if (flags & RWF_APPEND) {
        rc = end_of_file(fd, &off);
        if (rc)
            return rc;
    }
    rc = off == -1 ? vector(fd, iov, n, NULL, file_write) : vector_at(fd, iov, n, off, file_write);
    if (rc > 0 && (flags & (RWF_DSYNC | RWF_SYNC))) {
        long err = sync_after(fd, flags);
        return err < 0 ? err : rc;
    }
    return rc;
}

long sys_lseek(int fd, s64 off, unsigned int whence)
{
    struct file *f = fd_get_io(fd);
    s64 rc = -EINVAL;

    if (!f)
        return -EBADF;
    if (!f->ops->llseek) {
        rc = -ESPIPE;
    } else if (whence <= SEEK_HOLE) {
        lock(&f->pos_lock);
        rc = f->ops->llseek(f, off, (int)whence);
        unlock(&f->pos_lock);
    }
    file_put(f);
    return rc;
}
