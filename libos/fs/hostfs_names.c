/* Names of a hostfs that are made, moved and removed: creat, mkdir, link, unlink, rename ...
 *
 * The host does it first; then what is known of the directories and files is old.  The caller
 * holds the locks of the directories; hostfs.c tells of the others.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "hostfs.h"
#include "lib.h"

/* Our own change made the kept attributes old. */
static void changed(struct inode *i) { hostfs_node(i)->checked_ns = 0; }

/* One name of i is gone.  The host may give its number to a new file at once. */
static void lost_name(struct inode *i)
{
    changed(i);
    i->nlink = S_ISDIR(i->mode) || i->nlink == 0 ? 0 : i->nlink - 1;
    if (i->nlink == 0)
        hostfs_node(i)->dead = true;
}

static long look_at_new(struct inode *dir, struct dentry *d, const char *uri)
{
    struct host_attr a;
    changed(dir);
    long rc = host_attributes_get(uri, -1, &a);
    return rc < 0 ? rc : hostfs_found(d, &a, NULL);
}

long hostfs_create(struct inode *dir, struct dentry *d, u32 mode)
{
    char buf[URI_MAX], *uri = hostfs_uri(d, buf);
    struct host_attr a;
    if (IS_ERR(uri))
        return PTR_ERR(uri);
    long h = host_open(uri, O_CREAT | O_EXCL | O_RDWR, mode & 07777, &a);
    if (h < 0)
        return h;
    changed(dir);
    long rc = hostfs_found(d, &a, NULL);
    if (rc)
        host_close(h);
    else
        hostfs_adopt(d->inode, h);
    return rc;
}

static long make(struct inode *dir, struct dentry *d, int kind, u32 mode, const char *target)
{
    char buf[URI_MAX], *uri = hostfs_uri(d, buf);
    if (IS_ERR(uri))
        return PTR_ERR(uri);
    long rc = host_make(uri, kind, mode & 07777, target);
    return rc < 0 ? rc : look_at_new(dir, d, uri);
}

long hostfs_mkdir(struct inode *dir, struct dentry *d, u32 mode)
{
    return make(dir, d, HOST_MAKE_DIR, mode, "");
}

long hostfs_symlink(struct inode *dir, struct dentry *d, const char *target)
{
    return make(dir, d, HOST_MAKE_SYMLINK, 0777, target);
}

long hostfs_mknod(struct inode *dir, struct dentry *d, u32 mode, u64 rdev)
{
    if (S_ISFIFO(mode))
        return make(dir, d, HOST_MAKE_FIFO, mode, "");
    if (S_ISSOCK(mode))
        return make(dir, d, HOST_MAKE_SOCKET, mode, "");
    return S_ISREG(mode) ? hostfs_create(dir, d, mode) : -EPERM;
}

long hostfs_link(struct inode *dir, struct dentry *d, struct inode *i, struct dentry *old)
{
    char *buf = kmalloc(URI_MAX), *target;
    if (!buf)
        return -ENOMEM;
    target = old ? hostfs_uri(old, buf) : ERR_PTR(-ENOENT);
    long rc = IS_ERR(target) ? PTR_ERR(target) : make(dir, d, HOST_MAKE_LINK, 0, target);
    kfree(buf);
    return rc;
}

static long remove_name(struct inode *dir, struct dentry *d, bool is_dir)
{
    char buf[URI_MAX], *uri = hostfs_uri(d, buf);
    struct inode *i = d->inode;
    if (IS_ERR(uri))
        return PTR_ERR(uri);
    long rc = host_remove(uri, is_dir);
    if (rc < 0)
        return rc;
    changed(dir);
    lost_name(i);
    return 0;
}

long hostfs_unlink(struct inode *dir, struct dentry *d) { return remove_name(dir, d, false); }

long hostfs_rmdir(struct inode *dir, struct dentry *d) { return remove_name(dir, d, true); }

long hostfs_rename(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
                   u32 flags)
{
    char *buf = kmalloc(2 * URI_MAX);
    if (!buf)
        return -ENOMEM;
    char *from = hostfs_uri(od, buf), *to = hostfs_uri(nd, buf + URI_MAX);
    long rc;
    if (IS_ERR(from) || IS_ERR(to))
        rc = -ENAMETOOLONG;
    else
        rc = host_rename(from, to, flags);
    kfree(buf);
    if (rc < 0)
        return rc;
    changed(odir);
    changed(ndir);
    changed(od->inode);
    if (nd->inode && !(flags & RENAME_EXCHANGE))
        lost_name(nd->inode);
    return 0;
}
