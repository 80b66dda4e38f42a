/* Open files of the overlay, and copying up.
 *
 * Reading an unchanged file goes through the lower layer, writing through memory.  The first write,
 * truncation or shared mapping of a file open for writing copies the data up (not the open itself:
 * O_TRUNC follows it).  Files opened for reading before that see the new data from then on;
 * mappings made before keep the lower pages, as with overlayfs.
 *
 * Locking: copying up holds the inode's lock; `in_lower` is cleared last, with release
 * order, so readers that still see it set read the same bytes below.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "lib.h"
#include "overlay.h"

#define COPY_CHUNK 0x40000UL

static bool is_zero(const char *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Whole chunks of zeros stay holes. */
static long copy_data(struct inode *i, struct inode *l, u64 size, char *chunk)
{
    struct filemem *fm = &overlay_node(i)->base.mem;
    for (u64 off = 0; off < size;) {
        struct uio u;
        struct iov iov;
        uio_init(&u, &iov, (uptr)chunk, MIN(COPY_CHUNK, size - off), true);
        long n = lower_ops(l)->read(l, &u, off);
        if (n <= 0)
            return n;
        if (!is_zero(chunk, n)) {
            uio_init(&u, &iov, (uptr)chunk, n, true);
            long done = filemem_write(fm, &u, off, n);
            if (done != n)
                return done < 0 ? done : -ENOSPC;
        }
        off += n;
    }
    return 0;
}

static long copy_up_locked(struct inode *i, u64 want)
{
    struct overlay_node *n = overlay_node(i);
    struct inode *l = lower_inode(i);
    u64 size = MIN(i->size, want);
    long rc = 0;

    if (size) {
        char *chunk = kpages_alloc(COPY_CHUNK);
        rc = chunk ? lower_ops(l)->open(n->lower) : -ENOMEM;
        if (!rc) {
            rc = copy_data(i, l, size, chunk);
            lower_ops(l)->close(l);
        }
        if (chunk)
            kpages_free(chunk, COPY_CHUNK);
    }
    if (rc) {
        filemem_truncate(&n->base.mem, 0);
        return rc;
    }
    WRITE_ONCE(i->size, size);
    i->blocks = n->base.mem.pages * 8;
    __atomic_store_n(&n->in_lower, false, __ATOMIC_RELEASE);
    return 0;
}

long overlay_copy_up(struct inode *i, u64 want)
{
    long rc = 0;
    if (!S_ISREG(i->mode) || !data_in_lower(i))
        return 0;
    lock(&i->lock);
    if (data_in_lower(i))
        rc = copy_up_locked(i, want);
    unlock(&i->lock);
    if (!rc)
        overlay_pin(i);
    return rc == -EINTR ? -ERESTARTSYS : rc;
}

/* The lower handle is got now, whatever the mode: a file that cannot be read must fail
 * here, not at the first write.  f->private says that the file counts as a user of the lower inode.
 */
static long overlay_open(struct file *f)
{
    struct inode *i = f->inode;
    if (!data_in_lower(i))
        return 0;
    long rc = lower_ops(lower_inode(i))->open(overlay_node(i)->lower);
    if (!rc)
        f->private = f;
    return rc;
}

static void overlay_release(struct file *f)
{
    struct inode *l = f->private ? lower_inode(f->inode) : NULL;
    if (l)
        lower_ops(l)->close(l);
}

static long overlay_read(struct file *f, struct uio *u, u64 *pos)
{
    if (!data_in_lower(f->inode))
        return tmpfs_file_ops.read(f, u, pos);
    struct inode *l = lower_inode(f->inode);
    long n = lower_ops(l)->read(l, u, *pos);
    if (n > 0)
        *pos += n;
    return n;
}

static s64 overlay_llseek(struct file *f, s64 off, int whence)
{
    if (!data_in_lower(f->inode) || (whence != SEEK_DATA && whence != SEEK_HOLE))
        return tmpfs_file_ops.llseek(f, off, whence);
    struct inode *l = lower_inode(f->inode);
    off = lower_ops(l)->seek(l, off, whence, READ_ONCE(f->inode->size));
    if (off >= 0)
        f->pos = off;
    return off;
}

static long overlay_mmap(struct file *f, struct mapping_request *r)
{
    struct inode *i = f->inode;
    long rc = -ENODEV;

    r->inode = i;
    if (data_in_lower(i) && !(r->shared && (f->fmode & FMODE_WRITE)))
        rc = lower_ops(lower_inode(i))->map(lower_inode(i), r);
    if (rc != -ENODEV)
        return rc;
    rc = overlay_copy_up(i, ~0ULL);
    return rc ? rc : tmpfs_file_ops.mmap(f, r);
}

static long overlay_write(struct file *f, struct uio *u, u64 *pos)
{
    long rc = overlay_copy_up(f->inode, ~0ULL);
    return rc ? rc : tmpfs_file_ops.write(f, u, pos);
}

static long overlay_fsync(struct file *f, bool data_only) { return 0; }

static long overlay_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
    long rc = overlay_copy_up(f->inode, ~0ULL);
    return rc ? rc : tmpfs_file_ops.fallocate(f, mode, off, len);
}

const struct file_ops overlay_file_ops = {
    .open = overlay_open,
    .release = overlay_release,
    .read = overlay_read,
    .write = overlay_write,
    .llseek = overlay_llseek,
    .mmap = overlay_mmap,
    .fsync = overlay_fsync,
    .fallocate = overlay_fallocate,
};
