/* chmod, chown, truncate and their families. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "fs.h"
#include "syscalls_gen.h"
#include "usercopy.h"

/* ---- mode --------------------------------------------------------------------------- */

static long change_mode(struct path_s *p, u32 mode)
{
    struct inode *i = p->dentry->inode;
    struct setattr a = {.mask = ATTR_MODE, .mode = mode & 07777};

    if (p->mnt && path_readonly(p))
        return -EROFS;
    if (!inode_owner_or_capable(i))
        return -EPERM;
    if (S_ISLNK(i->mode))
        return -EOPNOTSUPP;
    if ((a.mode & S_ISGID) && !cred_in_group(i->gid) && !capable(CAP_FSETID))
        a.mode &= ~(u32)S_ISGID;
    return dentry_setattr(p->dentry, &a);
}

long sys_fchmod(int fd, u32 mode)
{
    struct file *f = fd_get_io(fd);

    if (!f)
        return -EBADF;
    long rc = change_mode(&f->path, mode);
    file_put(f);
    return rc;
}

static long chmod_at(int dirfd, uptr name, u32 mode, u32 lookup)
{
    struct path_s p;
    long rc = path_lookup_user(dirfd, name, lookup, &p);

    if (rc)
        return rc;
    rc = change_mode(&p, mode);
    path_put(&p);
    return rc;
}

long sys_fchmodat(int dirfd, uptr name, u32 mode)
{
    return chmod_at(dirfd, name, mode, LOOKUP_FOLLOW);
}

long sys_chmod(uptr name, u32 mode) { return chmod_at(AT_FDCWD, name, mode, LOOKUP_FOLLOW); }

long sys_fchmodat2(int dirfd, uptr name, u32 mode, u32 flags)
{
    if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return chmod_at(dirfd, name, mode,
                    (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
                        (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0));
}

/* ---- owner -------------------------------------------------------------------------- */

static bool may_chown(struct inode *i, u32 uid, u32 gid)
{
    bool owner = current()->cred.fsuid == i->uid;

    if (capable(CAP_CHOWN))
        return true;
    if (uid != ~0u && (!owner || uid != i->uid))
        return false;
    return gid == ~0u || (owner && (gid == i->gid || cred_in_group(gid)));
}

static long change_owner(struct path_s *p, u32 uid, u32 gid)
{
    struct inode *i = p->dentry->inode;
    struct setattr a = {.uid = uid, .gid = gid};

    if (p->mnt && path_readonly(p))
        return -EROFS;
    if (!may_chown(i, uid, gid))
        return -EPERM;
    if (uid != ~0u)
        a.mask |= ATTR_UID;
    if (gid != ~0u)
        a.mask |= ATTR_GID;
    privs_to_drop(i, &a); /* even when nothing else changes, and for root too */
    return dentry_setattr(p->dentry, &a);
}

long sys_fchownat(int dirfd, uptr name, unsigned int uid, unsigned int gid, int flags)
{
    struct path_s p;
    u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_EMPTY_PATH)
        lookup |= LOOKUP_EMPTY;
    long rc = path_lookup_user(dirfd, name, lookup, &p);
    if (rc)
        return rc;
    rc = change_owner(&p, uid, gid);
    path_put(&p);
    return rc;
}

long sys_chown(uptr name, unsigned int uid, unsigned int gid)
{
    return sys_fchownat(AT_FDCWD, name, uid, gid, 0);
}

long sys_lchown(uptr name, unsigned int uid, unsigned int gid)
{
    return sys_fchownat(AT_FDCWD, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, unsigned int uid, unsigned int gid)
{
    struct file *f = fd_get_io(fd);

    if (!f)
        return -EBADF;
    long rc = change_owner(&f->path, uid, gid);
    file_put(f);
    return rc;
}

/* ---- size --------------------------------------------------------------------------- */

static long truncate_path(struct path_s *p, s64 size)
{
    struct inode *i = p->dentry->inode;
    long rc;

    if (S_ISDIR(i->mode))
        return -EISDIR;
    if (!S_ISREG(i->mode))
        return -EINVAL;
    rc = inode_permission(i, MAY_WRITE);
    if (rc == 0 && path_readonly(p))
        rc = -EROFS;
    return rc ? rc : do_truncate(p, NULL, (u64)size);
}

long sys_truncate(uptr name, s64 size)
{
    struct path_s p;
    long rc;

    if (size < 0)
        return -EINVAL;
    rc = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW, &p);
    if (rc)
        return rc;
    rc = truncate_path(&p, size);
    path_put(&p);
    return rc;
}

long sys_ftruncate(int fd, s64 size)
{
    struct file *f;
    long rc;

    if (size < 0)
        return -EINVAL;
    f = fd_get_io(fd);
    if (!f)
        return -EBADF;
    if (!S_ISREG(f->inode->mode) || !(f->fmode & FMODE_WRITE))
        rc = -EINVAL;
    else
        rc = do_truncate(&f->path, f, (u64)size);
    file_put(f);
    return rc;
}
