/* Opening files: the semantics of open(2) behind any caller, file_open.
 *
 * The checks stand in Linux's order: what it is (ELOOP, ENOTDIR, EISDIR), rights, then
 * writers against running programs (ETXTBSY), then the file's own ->open, then O_TRUNC.
 * No lock is held over ->open: a FIFO waits there for its other end.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "dcache.h"
#include "fs.h"
#include "ipc.h"
#include "lib.h"

#define KEPT_FLAGS(f) ((f) & ~(u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC))

/* Rights asked for by an access mode; 3 asks for both and gets neither. */
static u32 wanted(u32 flags)
{
    static const u8 may[4] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

    return may[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static u32 fmode_of(u32 flags)
{
    static const u32 mode[4] = {FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0};

    return mode[flags & O_ACCMODE];
}

static long may_open(const struct path_s *p, u32 flags)
{
    struct inode *i = p->dentry->inode;
    u32 mask = wanted(flags), type = i->mode & S_IFMT;

    if (type == S_IFLNK)
        return -ELOOP;
    if ((flags & O_DIRECTORY) && type != S_IFDIR)
        return -ENOTDIR;
    if (type == S_IFDIR && ((mask & MAY_WRITE) || (flags & O_CREAT)))
        return -EISDIR;
    if ((type == S_IFCHR || type == S_IFBLK) && p->mnt && (p->mnt->flags & MS_NODEV))
        return -EACCES;
    if ((mask & MAY_WRITE) && type == S_IFREG && p->mnt && path_readonly(p))
        return -EROFS;
    long rc = inode_permission(i, mask);
    if (rc)
        return rc;
    if ((flags & O_NOATIME) && !inode_owner_or_capable(i))
        return -EPERM;
    return 0;
}

/* The operations of a file opened on i. */
static const struct file_ops *ops_of(struct inode *i)
{
    switch (i->mode & S_IFMT) {
    case S_IFIFO:
        return i->fops ? i->fops : &fifo_fops; /* its own: a host stream */
    case S_IFSOCK:
        return NULL;
    case S_IFCHR:
    case S_IFBLK:
        return i->fops ? i->fops : device_ops(i->mode, i->rdev);
    case 0: /* eventfd and the like cannot be opened again through /proc/self/fd */
        return i->fops && i->fops->open ? i->fops : NULL;
    default:
        return i->fops;
    }
}

static struct file *open_for_path_only(struct path_s *p, u32 flags)
{
    struct file *f = file_new();

    if (!f)
        return ERR_PTR(-ENOMEM);
    f->path = *p;
    p->dentry = NULL;
    f->inode = f->path.dentry->inode;
    f->flags = flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    f->fmode = FMODE_PATH;
    return f;
}

/* Makes the file and lets its file system in.  Takes over p's reference. */
static struct file *open_inode(struct path_s *p, u32 flags)
{
    struct inode *i = p->dentry->inode;
    struct file *f = file_new();
    long rc = -ENXIO;

    if (!f)
        return ERR_PTR(-ENOMEM);
    f->path = *p;
    p->dentry = NULL;
    f->inode = i;
    f->flags = KEPT_FLAGS(flags) | (flags & O_NOCTTY); /* terminals want to know */
    f->fmode = fmode_of(flags);
    f->ops = ops_of(i);
    if (!f->ops)
        goto fail;
    if (f->ops->llseek || S_ISREG(i->mode) || S_ISDIR(i->mode))
        f->fmode |= FMODE_SEEK;
    if (S_ISREG(i->mode) && (wanted(flags) & MAY_WRITE)) {
        rc = inode_get_write(i);
        if (rc)
            goto fail;
        f->fmode |= FMODE_WRITER;
    }
    if (f->ops->open) {
        rc = f->ops->open(f);
        if (rc)
            goto fail;
    }
    f->flags &= ~(u32)O_NOCTTY;
    return f;
fail:
    file_free(f);
    return ERR_PTR(rc);
}

/* The last part of every open: p is what was found, or was just made. */
static struct file *open_found(struct path_s *p, u32 flags, bool created)
{
    struct file *f;
    long rc;

    if (flags & O_PATH)
        return open_for_path_only(p, flags);
    if (!created) {
        rc = may_open(p, flags);
        if (rc)
            return ERR_PTR(rc);
    }
    if (!S_ISREG(p->dentry->inode->mode) || created)
        flags &= ~(u32)O_TRUNC;
    f = open_inode(p, flags);
    if (IS_ERR(f))
        return f;
    if (flags & O_TRUNC) {
        rc = do_truncate(&f->path, f, 0);
        if (rc) {
            file_put(f);
            return ERR_PTR(rc);
        }
    }
    if (unlikely(watched(f->path.dentry)))
        notify_child(f->path.dentry, IN_OPEN);
    return f;
}

/* ---- O_CREAT ---------------------------------------------------------------------- */

/* Creates the last component in w->path; 0, or 1 when it exists by now. */
static long create_last(struct walk *w, u32 mode, struct dentry **out)
{
    struct dentry *dir = w->path.dentry, *d;
    struct inode *i = dir->inode;
    long rc = 1;

    lock(&i->lock);
    d = lookup_child_locked(dir, w->last, w->last_len, w->last_hash);
    if (IS_ERR(d)) {
        unlock(&i->lock);
        return PTR_ERR(d);
    }
    *out = d;
    if (!d->inode) {
        rc = path_readonly(&w->path) ? -EROFS : may_create(i);
        if (rc == 0 && (dir->flags & DENTRY_DELETED))
            rc = -ENOENT;
        if (rc == 0)
            rc = i->ops->create ? i->ops->create(i, d, S_IFREG | mode) : -EACCES;
    }
    unlock(&i->lock);
    if (rc < 0)
        dentry_put(d);
    else if (rc == 0 && unlikely(!list_empty(&i->watches)))
        fsnotify(i, d, IN_CREATE, d->name, 0);
    return rc;
}

/* The final component of an open with O_CREAT.  1: a link put more to walk; 0: w->path is
 * the file, *created says whether it is new. */
static long create_or_find(struct walk *w, u32 flags, u32 mode, bool *created)
{
    struct dentry *d;
    bool jumped;
    long rc = 1;

    if (w->kind != LAST_NORMAL)
        return flags & O_EXCL ? -EEXIST : -EISDIR;
    if (w->slash)
        return -EISDIR;
    d = lookup_child(w->path.dentry, w->last, w->last_len, w->last_hash);
    if (IS_ERR(d))
        return PTR_ERR(d);
    if (!d->inode) {
        dentry_put(d);
        rc = create_last(w, mode, &d);
        if (rc < 0)
            return rc;
    }
    *created = rc == 0;
    if (!*created && (flags & O_EXCL)) {
        dentry_put(d);
        return -EEXIST;
    }
    if (!S_ISLNK(d->inode->mode))
        return walk_into(w, d);
    rc = -ELOOP;
    if (!(flags & O_NOFOLLOW))
        rc = walk_link(w, d, &jumped);
    dentry_put(d);
    return rc ? rc : !jumped;
}

static struct file *open_create(int dirfd, const char *name, u32 flags, u32 mode, u32 lookup)
{
    struct walk w;
    bool created = false;
    struct file *f = NULL;
    long rc = walk_begin(&w, dirfd, name, lookup);

    mode &= 07777 & ~current_fs()->umask;
    while (rc == 0) {
        rc = walk_parent(&w);
        if (rc)
            break;
        rc = create_or_find(&w, flags, mode, &created);
        if (rc <= 0)
            break;
        rc = 0;
    }
    if (rc == 0)
        f = open_found(&w.path, flags, created);
    walk_end(&w);
    return rc ? ERR_PTR(rc) : f;
}

/* ---- O_TMPFILE -------------------------------------------------------------------- */

/* A file without a name: its dentry hangs on the directory but is in no table. */
static struct file *open_unnamed(struct path_s *dir, u32 flags, u32 mode)
{
    struct inode *di = dir->dentry->inode, *i;
    char name[24];
    long rc;

    if (path_readonly(dir))
        return ERR_PTR(-EROFS);
    rc = inode_permission(di, MAY_WRITE | MAY_EXEC);
    if (rc)
        return ERR_PTR(rc);
    if (!di->ops->tmpfile)
        return ERR_PTR(-EOPNOTSUPP);
    i = di->ops->tmpfile(di, S_IFREG | (mode & 07777 & ~current_fs()->umask));
    if (IS_ERR(i))
        return (struct file *)i;
    snprintf(name, sizeof(name), "#%lu", i->ino);
    struct dentry *d = dentry_alloc(dir->dentry, name, strlen(name));
    if (!d) {
        inode_put(i);
        return ERR_PTR(-ENOMEM);
    }
    d->flags |= DENTRY_DELETED;
    dentry_instantiate(d, i);
    if (!(flags & O_EXCL))
        __atomic_fetch_or(&i->flags, INODE_LINKABLE, __ATOMIC_RELAXED);
    struct path_s p = {dir->mnt, d};
    struct file *f = open_inode(&p, flags & ~(u32)O_DIRECTORY);
    path_put(&p);
    return f;
}

/* ---- entry points ------------------------------------------------------------------ */

struct file *file_open(int dirfd, const char *name, u32 flags, u32 mode, u32 lookup)
{
    struct path_s p;
    struct file *f;

    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (flags & __O_TMPFILE) {
        if ((flags & O_TMPFILE) != O_TMPFILE || !(wanted(flags) & MAY_WRITE) || (flags & O_CREAT))
            return ERR_PTR(-EINVAL);
    } else if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
        return ERR_PTR(-EINVAL);
    }
    if (flags & O_CREAT)
        return open_create(dirfd, name, flags, mode, lookup);
    if (!(flags & O_NOFOLLOW))
        lookup |= LOOKUP_FOLLOW;
    if (flags & O_DIRECTORY)
        lookup |= LOOKUP_DIRECTORY;
    bool read = !(flags & (O_ACCMODE | O_PATH | O_DIRECTORY | O_NOFOLLOW));
    long rc =
        read ? path_lookup_to_read(dirfd, name, lookup, &p) : path_lookup(dirfd, name, lookup, &p);
    if (rc)
        return ERR_PTR(rc);
    if (flags & __O_TMPFILE)
        f = open_unnamed(&p, flags, mode);
    else
        f = open_found(&p, flags, false);
    path_put(&p);
    return f;
}

struct file *file_open_path(const struct path_s *place, u32 flags)
{
    struct path_s p = *place;

    path_get(&p);
    struct file *f = open_found(&p, flags, false);
    path_put(&p);
    return f;
}
