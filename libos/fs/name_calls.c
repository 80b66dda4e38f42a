/* Calls that make or remove one name: mkdir, mknod, symlink, link, unlink, rmdir. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/stat.h>

#include "fs.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

/* ---- making --------------------------------------------------------------------------- */

/* The name must be new: EEXIST goes before EROFS, and that before rights.  What isn't a
 * directory can't be named with a slash behind. */
static long new_name(struct name_target *n, int dirfd, const char *name, bool is_dir)
{
    long rc = name_begin(n, dirfd, name);

    if (rc)
        return rc;
    if (!n->d || n->d->inode)
        rc = -EEXIST;
    else if (n->walk.slash && !is_dir)
        rc = -ENOENT;
    else if (path_readonly(&n->walk.path))
        rc = -EROFS;
    if (rc)
        name_end(n);
    return rc;
}

static long name_to_make(struct name_target *n, int dirfd, const char *name, bool is_dir)
{
    long rc = new_name(n, dirfd, name, is_dir);

    if (rc)
        return rc;
    rc = may_create(n->walk.path.dentry->inode);
    if (rc)
        name_end(n);
    return rc;
}

static void made(struct name_target *n, u32 mask)
{
    struct inode *dir = n->walk.path.dentry->inode;

    if (unlikely(!list_empty(&dir->watches)))
        fsnotify(dir, n->d, IN_CREATE | mask, n->d->name, 0);
}

static u32 umask_now(void) { return current_fs()->umask; }

long sys_mkdirat(int dirfd, uptr name, u32 mode)
{
    struct user_path p;
    struct name_target n;
    long rc = user_path_get(&p, name);

    if (rc == 0)
        rc = name_to_make(&n, dirfd, p.text, true);
    if (rc)
        return rc;
    struct inode *dir = n.walk.path.dentry->inode;
    rc = -EPERM;
    if (dir->ops->mkdir)
        rc = dir->ops->mkdir(dir, n.d, S_IFDIR | (mode & 01777 & ~umask_now()));
    if (rc == 0)
        made(&n, IN_ISDIR);
    name_end(&n);
    return rc;
}

long sys_mkdir(uptr name, u32 mode) { return sys_mkdirat(AT_FDCWD, name, mode); }

static long make_node(struct inode *dir, struct dentry *d, u32 mode, u64 dev)
{
    if (S_ISREG(mode))
        return dir->ops->create ? dir->ops->create(dir, d, mode) : -EACCES;
    return dir->ops->mknod ? dir->ops->mknod(dir, d, mode, dev) : -EPERM;
}

static long node_allowed(u32 *mode)
{
    switch (*mode & S_IFMT) {
    case 0:
        *mode |= S_IFREG;
        return 0;
    case S_IFREG:
    case S_IFIFO:
    case S_IFSOCK:
        return 0;
    case S_IFCHR:
    case S_IFBLK:
        return capable(CAP_MKNOD) ? 0 : -EPERM;
    case S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

long path_mknod(int dirfd, const char *name, u32 mode, u64 dev, struct path_s *out)
{
    struct name_target n;
    long rc = name_to_make(&n, dirfd, name, false);

    if (rc)
        return rc;
    rc = make_node(n.walk.path.dentry->inode, n.d, mode & ~umask_now(), dev);
    if (rc == 0) {
        made(&n, 0);
        if (out) {
            out->mnt = n.walk.path.mnt;
            out->dentry = dentry_get(n.d);
        }
    }
    name_end(&n);
    return rc;
}

long sys_mknodat(int dirfd, uptr name, u32 mode, unsigned int dev)
{
    struct user_path p;
    long rc = node_allowed(&mode);

    if (rc == 0)
        rc = user_path_get(&p, name);
    if (rc)
        return rc;
    return path_mknod(dirfd, p.text, mode, S_ISCHR(mode) || S_ISBLK(mode) ? dev : 0, NULL);
}

long sys_mknod(uptr name, u32 mode, unsigned int dev)
{
    return sys_mknodat(AT_FDCWD, name, mode, dev);
}

static long symlink_at(const char *target, int dirfd, uptr name)
{
    struct user_path p;
    struct name_target n;
    long rc = user_path_get(&p, name);

    if (rc == 0)
        rc = name_to_make(&n, dirfd, p.text, false);
    if (rc)
        return rc;
    struct inode *dir = n.walk.path.dentry->inode;
    rc = dir->ops->symlink ? dir->ops->symlink(dir, n.d, target) : -EPERM;
    if (rc == 0)
        made(&n, 0);
    name_end(&n);
    return rc;
}

long sys_symlinkat(uptr target, int dirfd, uptr name)
{
    char *text = kmalloc(PATH_MAX_);
    long rc;

    if (!text)
        return -ENOMEM;
    rc = strncpy_from_user(text, target, PATH_MAX_);
    if (rc == 0)
        rc = -ENOENT;
    else if (rc > 0)
        rc = symlink_at(text, dirfd, name);
    kfree(text);
    return rc;
}

long sys_symlink(uptr target, uptr name) { return sys_symlinkat(target, AT_FDCWD, name); }

/* As with fs.protected_hardlinks = 1: others' files only if they could be read and written
 * and lend no rights. */
static bool safe_to_link(struct inode *i)
{
    if (inode_owner_or_capable(i))
        return true;
    if (!S_ISREG(i->mode) || (i->mode & S_ISUID) ||
        (i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        return false;
    return inode_permission(i, MAY_READ | MAY_WRITE) == 0;
}

static long link_inode(struct name_target *n, struct path_s *old)
{
    struct inode *dir = n->walk.path.dentry->inode, *i = old->dentry->inode;
    long rc;

    if (old->mnt != n->walk.path.mnt || i->super != dir->super)
        return -EXDEV;
    if (!safe_to_link(i))
        return -EPERM;
    rc = may_create(dir);
    if (rc)
        return rc;
    if (!dir->ops->link || S_ISDIR(i->mode))
        return -EPERM;
    if (i->nlink == 0 && !(i->flags & INODE_LINKABLE))
        return -ENOENT;
    rc = dir->ops->link(dir, n->d, i, old->dentry);
    if (rc == 0 && unlikely(!list_empty(&i->watches)))
        fsnotify(i, old->dentry, IN_ATTRIB, NULL, 0);
    return rc;
}

static long link_at(struct path_s *old, int dirfd, uptr name)
{
    struct user_path p;
    struct name_target n;
    long rc = user_path_get(&p, name);

    if (rc == 0)
        rc = new_name(&n, dirfd, p.text, false);
    if (rc)
        return rc;
    rc = link_inode(&n, old);
    if (rc == 0)
        made(&n, 0);
    name_end(&n);
    return rc;
}

long sys_linkat(int olddirfd, uptr oldname, int newdirfd, uptr newname, int flags)
{
    struct path_s old;
    u32 lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;

    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_EMPTY_PATH) {
        if (!capable(CAP_DAC_READ_SEARCH))
            return -ENOENT;
        lookup |= LOOKUP_EMPTY;
    }
    long rc = path_lookup_user(olddirfd, oldname, lookup, &old);
    if (rc)
        return rc;
    rc = link_at(&old, newdirfd, newname);
    path_put(&old);
    return rc;
}

long sys_link(uptr oldname, uptr newname)
{
    return sys_linkat(AT_FDCWD, oldname, AT_FDCWD, newname, 0);
}

/* ---- removing --------------------------------------------------------------------------- */

/* The dentry is out of the tree; tells watchers.  `i` is kept alive by d. */
static void removed(struct inode *dir, struct dentry *d, u32 isdir)
{
    struct inode *i = d->inode;

    d->flags |= DENTRY_DELETED;
    dentry_unhash(d);
    if (unlikely(!isdir && !list_empty(&i->watches)))
        fsnotify(i, d, IN_ATTRIB, NULL, 0); /* one name less */
    /* If somebody else still uses it, dentry_put tells later. */
    if (unlikely(!i->nlink && !list_empty(&i->watches)) && READ_ONCE(d->refs) == 1)
        fsnotify(i, d, IN_DELETE_SELF, NULL, 0);
    if (unlikely(!list_empty(&dir->watches)))
        fsnotify(dir, d, IN_DELETE | isdir, d->name, 0);
}

static long remove_dir(struct name_target *n)
{
    struct inode *dir = n->walk.path.dentry->inode;
    struct dentry *d = n->d;
    long rc = path_readonly(&n->walk.path) ? -EROFS : may_delete(dir, d, true);

    if (rc)
        return rc;
    if (d->mounts)
        return -EBUSY;
    if (!dir->ops->rmdir)
        return -EPERM;
    lock(&d->inode->lock);
    rc = dir->ops->rmdir(dir, d);
    if (rc == 0)
        dentry_forget_children(d);
    unlock(&d->inode->lock);
    if (rc == 0)
        removed(dir, d, IN_ISDIR);
    return rc;
}

static long rmdir_at(int dirfd, uptr name)
{
    static const signed char answer[] = {
        [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY, [LAST_ROOT] = -EBUSY};
    struct user_path p;
    struct name_target n;
    long rc = user_path_get(&p, name);

    if (rc == 0)
        rc = name_begin(&n, dirfd, p.text);
    if (rc)
        return rc;
    rc = n.d ? remove_dir(&n) : answer[n.walk.kind];
    name_end(&n);
    return rc;
}

static long remove_file(struct name_target *n)
{
    struct inode *dir = n->walk.path.dentry->inode;
    struct dentry *d = n->d;
    long rc;

    if (path_readonly(&n->walk.path))
        return -EROFS;
    if (n->walk.slash)
        return !d->inode ? -ENOENT : S_ISDIR(d->inode->mode) ? -EISDIR : -ENOTDIR;
    rc = may_delete(dir, d, false);
    if (rc)
        return rc;
    if (d->mounts)
        return -EBUSY;
    rc = dir->ops->unlink ? dir->ops->unlink(dir, d) : -EPERM;
    if (rc == 0)
        removed(dir, d, 0);
    return rc;
}

static long unlink_at(int dirfd, uptr name)
{
    struct user_path p;
    struct name_target n;
    long rc = user_path_get(&p, name);

    if (rc == 0)
        rc = name_begin(&n, dirfd, p.text);
    if (rc)
        return rc;
    rc = n.d ? remove_file(&n) : -EISDIR;
    name_end(&n);
    return rc;
}

long sys_unlinkat(int dirfd, uptr name, int flags)
{
    if (flags & ~AT_REMOVEDIR)
        return -EINVAL;
    return flags & AT_REMOVEDIR ? rmdir_at(dirfd, name) : unlink_at(dirfd, name);
}

long sys_unlink(uptr name) { return unlink_at(AT_FDCWD, name); }
long sys_rmdir(uptr name) { return rmdir_at(AT_FDCWD, name); }
