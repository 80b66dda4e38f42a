/* dup, dup2, dup3, close_range, fcntl, ioctl. */
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "fs.h"
#include "ipc.h"
#include "syscalls_gen.h"
#include "usercopy.h"

long sys_dup(int fd)
{
    struct file *f = fd_get(fd);

    if (!f)
        return -EBADF;
    long rc = fd_install(f, 0, false);
    if (rc < 0)
        file_put(f);
    return rc;
}

static long dup_to(int fd, int to, bool cloexec)
{
    struct file *f = fd_get(fd);

    if (!f)
        return -EBADF;
    long rc = fd_install_at(f, to, cloexec);
    if (rc < 0)
        file_put(f);
    return rc;
}

long sys_dup2(int fd, int to)
{
    if (fd != to)
        return dup_to(fd, to, false);
    struct file *f = fd_get(fd);
    if (!f)
        return -EBADF;
    file_put(f);
    return fd;
}

long sys_dup3(int fd, int to, int flags)
{
    if ((flags & ~O_CLOEXEC) || fd == to)
        return -EINVAL;
    return dup_to(fd, to, flags & O_CLOEXEC);
}

long sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
    long rc = 0;

    if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || first > last)
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE)
        rc = files_unshare();
    if (rc)
        return rc;
    if (flags & CLOSE_RANGE_CLOEXEC)
        fd_cloexec_range(first, last);
    else
        fd_close_range(first, last);
    return 0;
}

/* ---- fcntl ---------------------------------------------------------------------------- */

static long dup_from(struct file *f, u64 min, bool cloexec)
{
    if (min >= current()->proc->rlimits[RLIMIT_NOFILE][0] || min > 1048576)
        return -EINVAL;
    long rc = fd_install(file_get(f), (u32)min, cloexec);
    if (rc < 0)
        file_put(f);
    return rc;
}

#define SETTABLE (O_APPEND | O_NONBLOCK | O_NDELAY | O_DIRECT | O_NOATIME | FASYNC)

static long set_flags(struct file *f, int fd, u32 flags)
{
    long rc;

    if ((flags & O_NOATIME) && !(f->flags & O_NOATIME) && !inode_owner_or_capable(f->inode))
        return -EPERM;
    if ((flags ^ READ_ONCE(f->flags)) & FASYNC) {
        rc = file_set_async(f, fd, flags & FASYNC);
        if (rc)
            return rc;
    }
    u32 old = READ_ONCE(f->flags), new;
    do {
        new = (flags & SETTABLE) | (old & ~(u32)SETTABLE);
    } while (!__atomic_compare_exchange_n(&f->flags, &old, new, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    return 0;
}

#define ALL_SEALS                                                                                  \
    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC_)
#define F_SEAL_EXEC_ 0x20

static long add_seals(struct file *f, u32 seals)
{
    struct inode *i = f->inode;
    long rc = 0;

    if (!(f->fmode & FMODE_WRITE))
        return -EPERM;
    if (seals & ~(u32)ALL_SEALS)
        return -EINVAL;
    if (!(i->flags & INODE_SEALABLE))
        return -EINVAL;
    lock(&i->lock);
    if (i->seals & F_SEAL_SEAL)
        rc = -EPERM;
    else if ((seals & F_SEAL_WRITE) && !(i->seals & F_SEAL_WRITE) && i->mapped_shared > 0)
        rc = -EBUSY;
    else
        i->seals |= seals;
    unlock(&i->lock);
    return rc;
}

/* There are no leases to be had, so none can be given back. */
static long set_lease(struct file *f, u64 type)
{
    if (current()->cred.fsuid != f->inode->uid && !capable(CAP_LEASE))
        return -EACCES;
    return S_ISREG(f->inode->mode) && type == F_UNLCK ? -EAGAIN : -EINVAL;
}

/* Commands that work on O_PATH descriptors too. */
static long fcntl_any(struct file *f, int fd, u32 cmd, u64 arg)
{
    switch (cmd) {
    case F_DUPFD:
        return dup_from(f, arg, false);
    case F_DUPFD_CLOEXEC:
        return dup_from(f, arg, true);
    case F_GETFD:
        return fd_get_cloexec(fd);
    case F_SETFD:
        return fd_set_cloexec(fd, arg & FD_CLOEXEC);
    case F_GETFL:
        return f->flags;
    default:
        return -EBADF;
    }
}

static long fcntl_io(struct file *f, int fd, u32 cmd, u64 arg)
{
    switch (cmd) {
    case F_SETFL:
        return set_flags(f, fd, (u32)arg);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return fcntl_lock(f, cmd, arg);
    case F_SETOWN:
    case F_GETOWN:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
        return file_owner_call(f, cmd, arg);
    case F_GETSIG:
        return f->owner.sig;
    case F_SETSIG:
        if (arg > 64)
            return -EINVAL;
        f->owner.sig = (s32)arg;
        return 0;
    case F_GETLEASE:
        return F_UNLCK;
    case F_SETLEASE:
        return set_lease(f, arg);
    case F_NOTIFY:
        return file_notify(f, fd, (u32)arg);
    case F_SETPIPE_SZ:
        return pipe_set_size(f, (u32)arg);
    case F_GETPIPE_SZ:
        return pipe_get_size(f);
    case F_ADD_SEALS:
        return add_seals(f, (u32)arg);
    case F_GET_SEALS:
        return f->inode->flags & INODE_SEALABLE ? (long)f->inode->seals : -EINVAL;
    default:
        return -EINVAL;
    }
}

long sys_fcntl(int fd, unsigned int cmd, u64 arg)
{
    struct file *f = fd_get(fd);
    long rc;

    if (!f)
        return -EBADF;
    rc = fcntl_any(f, fd, cmd, arg);
    if (rc == -EBADF && !(f->fmode & FMODE_PATH))
        rc = fcntl_io(f, fd, cmd, arg);
    file_put(f);
    return rc;
}

/* ---- ioctl ---------------------------------------------------------------------------- */

static long set_flag(struct file *f, u32 flag, uptr arg)
{
    s32 on;

    if (get_user(on, arg))
        return -EFAULT;
    if (on)
        __atomic_fetch_or(&f->flags, flag, __ATOMIC_ACQ_REL);
    else
        __atomic_fetch_and(&f->flags, ~flag, __ATOMIC_ACQ_REL);
    return 0;
}

static long set_async(struct file *f, int fd, uptr arg)
{
    s32 on;
    long rc;

    if (get_user(on, arg))
        return -EFAULT;
    if (!f->ops->poll)
        return -ENOTTY;
    rc = file_set_async(f, fd, on);
    return rc ? rc : set_flag(f, FASYNC, arg);
}

static long bytes_left(struct file *f, uptr arg)
{
    struct kstat st;
    long rc = path_getattr(&f->path, &st);

    if (rc)
        return rc;
    s64 left = (s64)st.size - (s64)f->pos;
    return put_user((s32)MAX(left, (s64)0), arg);
}

long sys_ioctl(int fd, unsigned int cmd, u64 arg)
{
    struct file *f = fd_get_io(fd);
    long rc;

    if (!f)
        return -EBADF;
    switch (cmd) {
    case FIOCLEX:
        rc = fd_set_cloexec(fd, true);
        break;
    case FIONCLEX:
        rc = fd_set_cloexec(fd, false);
        break;
    case FIONBIO:
        rc = set_flag(f, O_NONBLOCK, arg);
        break;
    case FIOASYNC:
        rc = set_async(f, fd, arg);
        break;
    case FIOQSIZE:
        rc = -ENOTTY;
        break;
    case FIONREAD:
        if (S_ISREG(f->inode->mode)) {
            rc = bytes_left(f, arg);
            break;
        }
        __attribute__((fallthrough));
    default:
        rc = f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
    }
    file_put(f);
    return rc;
}
