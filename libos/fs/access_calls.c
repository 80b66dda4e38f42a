/* access, faccessat, faccessat2, readlink, readlinkat. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "fs.h"
#include "syscalls_gen.h"
#include "usercopy.h"

static long check_access(int dirfd, uptr name, u32 mode, u32 lookup)
{
    struct path_s p;
    long rc = path_lookup_user(dirfd, name, lookup, &p);

    if (rc)
        return rc;
    struct inode *i = p.dentry->inode;
    if ((mode & MAY_EXEC) && S_ISREG(i->mode) && p.mnt && (p.mnt->flags & MS_NOEXEC))
        rc = -EACCES;
    if (rc == 0 && mode)
        rc = inode_permission(i, mode);
    if (rc == 0 && (mode & MAY_WRITE) && path_readonly(&p) &&
        (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)))
        rc = -EROFS;
    path_put(&p);
    return rc;
}

/* The question is asked for the real user: credentials are this thread's own and nobody
 * else acts on them, so they are simply changed for the time of the look-up. */
static long as_real_user(int dirfd, uptr name, u32 mode, u32 lookup)
{
    struct cred *c = &current()->cred;
    u32 fsuid = c->fsuid, fsgid = c->fsgid;
    u64 caps = c->cap_effective;

    c->fsuid = c->uid;
    c->fsgid = c->gid;
    c->cap_effective = c->uid == 0 ? c->cap_permitted : 0;
    long rc = check_access(dirfd, name, mode, lookup);
    c->fsuid = fsuid;
    c->fsgid = fsgid;
    c->cap_effective = caps;
    return rc;
}

long sys_faccessat2(int dirfd, uptr name, u32 mode, int flags)
{
    u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;

    if (mode & ~7u)
        return -EINVAL;
    if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_EMPTY_PATH)
        lookup |= LOOKUP_EMPTY;
    if (flags & AT_EACCESS)
        return check_access(dirfd, name, mode, lookup);
    return as_real_user(dirfd, name, mode, lookup);
}

long sys_faccessat(int dirfd, uptr name, u32 mode) { return sys_faccessat2(dirfd, name, mode, 0); }
long sys_access(uptr name, u32 mode) { return sys_faccessat2(AT_FDCWD, name, mode, 0); }

/* ---- links -------------------------------------------------------------------------- */

static long read_link(struct path_s *p, uptr out, size_t n)
{
    struct inode *i = p->dentry->inode;
    char *buf;
    long rc;

    if (!S_ISLNK(i->mode) || !i->ops->readlink)
        return -EINVAL;
    buf = kmalloc(PATH_MAX_);
    if (!buf)
        return -ENOMEM;
    rc = i->ops->readlink(p->dentry, buf, PATH_MAX_);
    if (rc >= 0) {
        rc = MIN(rc, (long)n);
        if (p->mnt && !(p->mnt->flags & (MS_RDONLY | MS_NOATIME)) &&
            !(p->mnt->super->flags & SUPER_NOATIME))
            inode_touch_atime(i);
        if (copy_to_user(out, buf, (size_t)rc))
            rc = -EFAULT;
    }
    kfree(buf);
    return rc;
}

/* An empty name means dirfd itself, opened with O_PATH | O_NOFOLLOW. */
long sys_readlinkat(int dirfd, uptr name, uptr out, int n)
{
    struct user_path text;
    struct path_s p;
    long rc;

    if (n <= 0)
        return -EINVAL;
    rc = user_path_get(&text, name);
    if (rc)
        return rc;
    rc = path_lookup(dirfd, text.text, dirfd == AT_FDCWD ? 0 : LOOKUP_EMPTY, &p);
    if (rc)
        return rc;
    rc = read_link(&p, out, (size_t)n);
    if (rc == -EINVAL && !text.text[0])
        rc = -ENOENT;
    path_put(&p);
    return rc;
}

long sys_readlink(uptr name, uptr out, int n) { return sys_readlinkat(AT_FDCWD, name, out, n); }
