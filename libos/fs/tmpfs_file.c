/* Open files of in-memory inodes: reading, writing, seeking, listing, mapping.
 *
 * A write holds the inode's lock; a read takes no lock but filemem's shared one and sees
 * the size as it is then.  Sizes only shrink under the inode's lock, after the pages are
 * gone, so a read that races with truncation sees old data or zeros, as on Linux.
 */
#include <linux/errno.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "lib.h"
#include "tmpfs.h"

void inode_touch(struct inode *i) { i->mtime = i->ctime = now_real(); }

static long tmpfs_read(struct file *f, struct uio *u, u64 *pos)
{
    u64 size = READ_ONCE(f->inode->size);
    if (*pos >= size || u->left == 0)
        return 0;
    long n = filemem_read(&tmpfs_node(f->inode)->mem, u, *pos, MIN(u->left, size - *pos));
    if (n > 0)
        *pos += n;
    return n;
}

static long write_locked(struct file *f, struct uio *u, u64 *pos)
{
    struct inode *i = f->inode;
    struct tmpfs_node *node = tmpfs_node(i);
    u64 at = f->flags & O_APPEND ? i->size : *pos;
    long n = u->left;

    if (at >= SIZE_LIMIT)
        return -EFBIG;
    n = MIN((u64)n, SIZE_LIMIT - at);
    if (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    if (at + n > i->size && (i->seals & F_SEAL_GROW)) {
        if (at >= i->size)
            return -EPERM;
        n = i->size - at;
    }
    n = filemem_write(&node->mem, u, at, n);
    if (n <= 0)
        return n;
    *pos = at + n;
    if (*pos > i->size)
        WRITE_ONCE(i->size, *pos);
    i->blocks = node->mem.pages * 8;
    inode_touch(i);
    return n;
}

static long tmpfs_write(struct file *f, struct uio *u, u64 *pos)
{
    if (u->left == 0)
        return 0;
    lock(&f->inode->lock);
    long n = write_locked(f, u, pos);
    unlock(&f->inode->lock);
    return n;
}

static s64 tmpfs_llseek(struct file *f, s64 off, int whence)
{
    u64 size = READ_ONCE(f->inode->size);
    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        if (__builtin_add_overflow(off, (s64)f->pos, &off))
            return -EOVERFLOW;
        break;
    case SEEK_END:
        if (__builtin_add_overflow(off, (s64)size, &off))
            return -EOVERFLOW;
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        if (off < 0)
            return -ENXIO;
        off = filemem_seek(&tmpfs_node(f->inode)->mem, off, size, whence == SEEK_DATA);
        if (off < 0)
            return off;
        break;
    default:
        return -EINVAL;
    }
    if (off < 0)
        return -EINVAL;
    f->pos = off;
    return off;
}

static long tmpfs_mmap(struct file *f, struct mapping_request *r)
{
    u32 seals = f->inode->seals;
    if (r->shared && (r->prot & PROT_WRITE) && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
        return -EPERM;
    r->kind = VMA_POOL;
    r->inode = f->inode;
    r->handle = -1;
    return 0;
}

static long tmpfs_fsync(struct file *f, bool data_only) { return 0; }

static long punch(struct inode *i, u64 off, u64 len)
{
    if (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    filemem_punch(&tmpfs_node(i)->mem, off, len);
    return 0;
}

static long allocate(struct inode *i, u32 mode, u64 off, u64 len)
{
    u64 end = off + len;
    bool grows = !(mode & FALLOC_FL_KEEP_SIZE) && end > i->size;

    if (grows && (i->seals & F_SEAL_GROW))
        return -EPERM;
    long rc = filemem_allocate(&tmpfs_node(i)->mem, off, len);
    if (!rc && grows)
        WRITE_ONCE(i->size, end);
    return rc;
}

static long tmpfs_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
    struct inode *i = f->inode;
    long rc;
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
        return -EOPNOTSUPP;
    if (mode == FALLOC_FL_PUNCH_HOLE)
        return -EOPNOTSUPP;
    lock(&i->lock);
    if (mode & FALLOC_FL_PUNCH_HOLE)
        rc = punch(i, off, len);
    else
        rc = allocate(i, mode, off, len);
    i->blocks = tmpfs_node(i)->mem.pages * 8;
    if (!rc)
        inode_touch(i);
    unlock(&i->lock);
    return rc;
}

const struct file_ops tmpfs_file_ops = {
    .read = tmpfs_read,
    .write = tmpfs_write,
    .llseek = tmpfs_llseek,
    .mmap = tmpfs_mmap,
    .fsync = tmpfs_fsync,
    .fallocate = tmpfs_fallocate,
};

/* ---- directories ------------------------------------------------------------ */

static long tmpfs_readdir(struct file *f, struct dir_emit *e)
{
    struct inode *i = f->inode;
    struct name_table *t = &tmpfs_node(i)->names;

    if (!dir_emit_dots(f, e))
        return 0;
    lock(&i->lock);
    for (struct name_entry *n = names_from(t, f->pos); n; n = names_next(t, n)) {
        u8 type = (n->inode->mode & S_IFMT) >> 12;
        f->pos = n->cookie;
        if (!e->emit(e, n->name, n->len, n->inode->ino, type, n->cookie + 1))
            goto out;
        f->pos = n->cookie + 1;
    }
out:
    unlock(&i->lock);
    return 0;
}

const struct file_ops tmpfs_dir_ops = {
    .llseek = file_seek_endless,
    .readdir = tmpfs_readdir,
    .fsync = tmpfs_fsync,
};
