/* Space and safety of data: fallocate, fsync and its kin, hints. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/falloc.h>
#include <linux/fadvise.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "fs.h"
#include "syscalls_gen.h"

#define KNOWN_MODES                                                                                \
    (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |                       \
     FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE)

static long fallocate_mode(u32 mode)
{
    if (mode & ~(u32)KNOWN_MODES)
        return -EOPNOTSUPP;
    if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) ==
        (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        return -EOPNOTSUPP;
    if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
        return -EOPNOTSUPP;
    if ((mode & FALLOC_FL_COLLAPSE_RANGE) && (mode & ~(u32)FALLOC_FL_COLLAPSE_RANGE))
        return -EINVAL;
    if ((mode & FALLOC_FL_INSERT_RANGE) && (mode & ~(u32)FALLOC_FL_INSERT_RANGE))
        return -EINVAL;
    return 0;
}

static long fallocate_file(struct file *f, u32 mode, s64 off, s64 len)
{
    u32 type = f->inode->mode & S_IFMT;
    u64 max = current()->proc->rlimits[RLIMIT_FSIZE][0];
    s64 end;
    long rc;

    if (off < 0 || len <= 0)
        return -EINVAL;
    rc = fallocate_mode(mode);
    if (rc)
        return rc;
    if (!(f->fmode & FMODE_WRITE))
        return -EBADF;
    if (type == S_IFIFO)
        return -ESPIPE;
    if (type == S_IFDIR)
        return -EISDIR;
    if (type != S_IFREG && type != S_IFBLK)
        return -ENODEV;
    if (__builtin_add_overflow(off, len, &end))
        return -EFBIG;
    if (!f->ops->fallocate)
        return -EOPNOTSUPP;
    if (!(mode & FALLOC_FL_KEEP_SIZE) && (u64)end > max && (u64)end > f->inode->size) {
        signal_thread(current(), SIGXFSZ, NULL);
        return -EFBIG;
    }
    file_remove_privs(f);
    rc = f->ops->fallocate(f, mode, (u64)off, (u64)len);
    if (rc == 0 && unlikely(watched(f->path.dentry)))
        notify_child(f->path.dentry, IN_MODIFY);
    return rc;
}

long sys_fallocate(int fd, int mode, s64 off, s64 len)
{
    struct file *f = fd_get_io(fd);

    if (!f)
        return -EBADF;
    long rc = fallocate_file(f, (u32)mode, off, len);
    file_put(f);
    return rc;
}

/* ---- sync ------------------------------------------------------------------------------- */

static long sync_fd(int fd, bool data_only)
{
    struct file *f = fd_get_io(fd);
    long rc = -EINVAL;

    if (!f)
        return -EBADF;
    if (f->ops->fsync)
        rc = f->ops->fsync(f, data_only);
    file_put(f);
    return rc;
}

long sys_fsync(int fd) { return sync_fd(fd, false); }
long sys_fdatasync(int fd) { return sync_fd(fd, true); }

long sys_syncfs(int fd)
{
    struct file *f = fd_get_io(fd);
    long rc = 0;

    if (!f)
        return -EBADF;
    struct super *s = f->path.dentry->super;
    if (s->sync)
        rc = s->sync(s);
    file_put(f);
    return rc;
}

long sys_sync(void)
{
    struct mount *m;

    lock(&mount_lock);
    list_for_each(m, &mount_list, all)
    {
        if (m->super->sync && m->root == m->super->root)
            m->super->sync(m->super);
    }
    unlock(&mount_lock);
    return 0;
}

long sys_sync_file_range(int fd, s64 off, s64 len, unsigned int flags)
{
    struct file *f;
    long rc = -ESPIPE;

    if (flags & ~(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER))
        return -EINVAL;
    if (off < 0 || len < 0 || len > 0x7fffffffffffffffLL - off)
        return -EINVAL;
    f = fd_get_io(fd);
    if (!f)
        return -EBADF;
    u32 type = f->inode->mode & S_IFMT;
    if (type == S_IFREG || type == S_IFBLK || type == S_IFDIR || type == S_IFLNK)
        rc = (flags & SYNC_FILE_RANGE_WAIT_AFTER) && f->ops->fsync ? f->ops->fsync(f, true) : 0;
    file_put(f);
    return rc;
}

/* ---- hints: nothing to do, but wrong ones are told so --------------------------------------- */

long sys_fadvise64(int fd, s64 off, s64 len, int advice)
{
    struct file *f = fd_get_io(fd);
    long rc = 0;

    if (!f)
        return -EBADF;
    if (S_ISFIFO(f->inode->mode))
        rc = -ESPIPE;
    else if (len < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE)
        rc = -EINVAL;
    file_put(f);
    return rc;
}

long sys_readahead(int fd, s64 off, size_t n)
{
    struct file *f = fd_get_io(fd);
    long rc = 0;

    if (!f)
        return -EBADF;
    if (!(f->fmode & FMODE_READ))
        rc = -EBADF;
    else if (!S_ISREG(f->inode->mode) && !S_ISBLK(f->inode->mode))
        rc = -EINVAL;
    file_put(f);
    return rc;
}
