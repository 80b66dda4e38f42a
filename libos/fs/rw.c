/* Moving data between files and memory: the checks and side effects common to read(2),
 * write(2) and everything built on them. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/mount.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "freeze.h"
#include "fs.h"
#include "usercopy.h"

#define DAY_NS (86400LL * (s64)NSEC)

/* relatime: atime moves when it isn't after the last change, or is a day old. */
void inode_touch_atime(struct inode *i)
{
    if (i->flags & INODE_NOATIME)
        return;
    if (i->atime > i->mtime && i->atime > i->ctime &&
        (s64)host_time(HOST_CLOCK_REALTIME_COARSE) - i->atime < DAY_NS)
        return;
    WRITE_ONCE(i->atime, (s64)now_real());
}

void file_accessed(struct file *f)
{
    const struct mount *m = f->path.mnt;

    if (!m || (f->flags & O_NOATIME) || (m->flags & (MS_RDONLY | MS_NOATIME)) ||
        (m->super->flags & SUPER_NOATIME))
        return;
    if (S_ISDIR(f->inode->mode) && (m->flags & MS_NODIRATIME))
        return;
    inode_touch_atime(f->inode);
}

void file_remove_privs(struct file *f)
{
    u32 mode = f->inode->mode, kill = 0;

    if (likely(!(mode & (S_ISUID | S_ISGID))) || !S_ISREG(mode))
        return;
    if (mode & S_ISUID)
        kill |= S_ISUID;
    if ((mode & S_ISGID) && (mode & S_IXGRP))
        kill |= S_ISGID;
    if (!kill || capable(CAP_FSETID))
        return;
    struct setattr a = {.mask = ATTR_MODE | ATTR_FORCE, .mode = (mode & ~kill) & 07777};
    dentry_setattr(f->path.dentry, &a);
}

/* Shortens a write to what RLIMIT_FSIZE leaves. */
static long within_limit(struct file *f, struct uio *u, const u64 *pos)
{
    u64 max = current()->proc->rlimits[RLIMIT_FSIZE][0];

    if (likely(max == ~0ULL) || !S_ISREG(f->inode->mode))
        return 0;
    u64 at = f->flags & O_APPEND ? f->inode->size : *pos;
    if (at >= max) {
        signal_thread(current(), SIGXFSZ, NULL);
        return -EFBIG;
    }
    if (u->left > max - at)
        u->left = max - at;
    return 0;
}

static long read_at(struct file *f, struct uio *u, u64 *pos) { return f->ops->read(f, u, pos); }

static long write_at(struct file *f, struct uio *u, u64 *pos)
{
    if (u->left == 0 && S_ISREG(f->inode->mode))
        return 0;
    long rc = within_limit(f, u, pos);

    return rc ? rc : f->ops->write(f, u, pos);
}

/* Positions are kept in order by pos_lock; what has none (pipes, terminals) may sleep in
 * here and takes no lock. */
static long at_position(struct file *f, struct uio *u,
                        long (*move)(struct file *, struct uio *, u64 *))
{
    u64 none = 0;
    long rc;

    if (!(f->fmode & FMODE_SEEK))
        return move(f, u, &none);
    lock(&f->pos_lock);
    rc = move(f, u, &f->pos);
    unlock(&f->pos_lock);
    return rc;
}

long file_read(struct file *f, struct uio *u, u64 *pos)
{
    long rc;

    if (!(f->fmode & FMODE_READ))
        return -EBADF;
    if (unlikely(!f->ops->read))
        return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
    rc = pos ? read_at(f, u, pos) : at_position(f, u, read_at);
    if (rc > 0) {
        file_accessed(f);
        if (unlikely(watched(f->path.dentry)))
            notify_child(f->path.dentry, IN_ACCESS);
    }
    return rc;
}

/* Writes of programs to pipes, sockets and terminals. */
static long write_stream(struct file *f, struct uio *u)
{
    size_t before = freeze_moved();
    u64 none = 0;

    uio_advance(u, MIN(before, u->left));
    return freeze_partial(before, write_at(f, u, &none), u->left);
}

long file_write(struct file *f, struct uio *u, u64 *pos)
{
    long rc;

    if (!(f->fmode & FMODE_WRITE))
        return -EBADF;
    if (unlikely(!f->ops->write))
        return -EINVAL;
    file_remove_privs(f);
    if (!pos && !u->kernel && !(f->fmode & FMODE_SEEK) && !(f->flags & O_NONBLOCK))
        rc = write_stream(f, u);
    else
        rc = pos ? write_at(f, u, pos) : at_position(f, u, write_at);
    if (rc <= 0)
        return rc;
    if (unlikely(f->flags & (O_DSYNC | __O_SYNC)) && f->ops->fsync) {
        long err = f->ops->fsync(f, !(f->flags & __O_SYNC));
        if (err < 0)
            return err;
    }
    if (unlikely(watched(f->path.dentry)))
        notify_child(f->path.dentry, IN_MODIFY);
    return rc;
}

long kernel_read(struct file *f, void *buf, size_t n, u64 pos)
{
    struct iov v;
    struct uio u;

    if (!f->ops || !f->ops->read)
        return -EINVAL;
    uio_init(&u, &v, (uptr)buf, n, true);
    return f->ops->read(f, &u, &pos);
}
