/* The overlay: an in-memory upper layer over a read-only one (lower.h).
 *
 * There is no second file system above: an overlay inode is an in-memory inode (tmpfs.h)
 * that may have a lower dentry.  What was never changed is made from the lower inode at
 * look-up and forgotten with its last dentry.  The first change of attributes, data or
 * names pins it: one more reference, held by overlay->pinned, until its last name is gone.
 * The lower inode points (weakly) at its overlay inode, so look-ups by any name or after
 * any renaming of directories above find the same one: inode numbers and hard links stay,
 * and a renamed lower directory simply keeps its lower dentry.
 *
 * Locking: names under the directory's inode lock; overlay->lock for the weak pointers and
 * pinning, with nothing but allocation below it.  Lower directories are locked inside upper
 * ones.  Nobody changes the lower layer, so its inodes and listings are read freely.
 */
#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "lib.h"
#include "overlay.h"
#include "thread.h"

static const struct inode_ops overlay_inode_ops;

#define FIRST_INO (1ULL << 48) /* above what host file systems use */

/* ---- inodes ------------------------------------------------------------------- */

static void set_ops(struct inode *i)
{
    i->ops = &overlay_inode_ops;
    if (S_ISDIR(i->mode)) {
        i->ops = &overlay_dir_inode_ops;
        i->fops = &overlay_dir_ops;
    } else if (S_ISREG(i->mode)) {
        i->fops = &overlay_file_ops;
    }
}

static struct inode *inode_with_node(struct overlay *o, u32 mode)
{
    struct overlay_node *n = kzalloc(sizeof(*n));
    struct inode *i = n ? inode_new(&o->super, mode) : NULL;
    if (!i) {
        kfree(n);
        return NULL;
    }
    n->inode = i;
    list_init(&n->link);
    tmpfs_node_init(i, &n->base, &o->quota);
    set_ops(i);
    return i;
}

struct inode *overlay_inode_new(struct inode *dir, u32 mode)
{
    struct inode *i = inode_with_node(overlay_of(dir->super), mode);
    if (i)
        inode_init_owner(i, dir, mode);
    return i;
}

static void take_lower(struct inode *i, struct dentry *lower)
{
    const struct inode *l = lower->inode;
    overlay_node(i)->lower = dentry_get(lower);
    overlay_node(i)->in_lower = S_ISREG(l->mode);
    i->ino = l->ino;
    i->mode = l->mode;
    i->uid = l->uid;
    i->gid = l->gid;
    i->nlink = l->nlink;
    i->size = l->size;
    i->blocks = l->blocks;
    i->blksize = l->blksize;
    i->rdev = l->rdev;
    i->atime = l->atime;
    i->mtime = l->mtime;
    i->ctime = l->ctime;
    i->btime = l->btime;
}

struct inode *overlay_inode(struct overlay *o, struct dentry *lower)
{
    struct lower_node *l = lower_node(lower->inode);
    lock(&o->lock);
    struct inode *i = l->upper;
    if (!i || !ref_get_unless_zero(&i->refs)) {
        i = inode_with_node(o, lower->inode->mode);
        if (i) {
            take_lower(i, lower);
            l->upper = i;
        }
    }
    unlock(&o->lock);
    return i;
}

void overlay_evict(struct inode *i)
{
    struct overlay *o = overlay_of(i->super);
    struct overlay_node *n = overlay_node(i);
    if (n->lower) {
        lock(&o->lock);
        if (lower_node(n->lower->inode)->upper == i)
            lower_node(n->lower->inode)->upper = NULL;
        unlock(&o->lock);
    }
    tmpfs_node_free(i, &n->base);
    if (n->lower)
        dentry_put(n->lower);
    kfree(n);
    i->private = NULL;
}

void overlay_pin(struct inode *i)
{
    struct overlay *o = overlay_of(i->super);
    struct overlay_node *n = overlay_node(i);
    if (!n->lower || READ_ONCE(n->pinned))
        return;
    lock(&o->lock);
    if (!n->pinned && i->nlink) {
        n->pinned = true;
        inode_get(i);
        list_add_tail(&o->pinned, &n->link);
    }
    unlock(&o->lock);
}

void overlay_unpin(struct inode *i)
{
    struct overlay *o = overlay_of(i->super);
    struct overlay_node *n = overlay_node(i);
    lock(&o->lock);
    bool was = n->pinned;
    n->pinned = false;
    list_del(&n->link);
    unlock(&o->lock);
    if (was)
        inode_put(i);
}

/* ---- attributes --------------------------------------------------------------- */

long overlay_getattr(struct dentry *d, struct inode *i, struct kstat *st)
{
    inode_getattr(i, st);
    if (S_ISREG(i->mode) && !data_in_lower(i))
        st->blocks = overlay_node(i)->base.mem.pages * 8;
    return 0;
}

long overlay_setattr(struct dentry *d, struct inode *i, const struct setattr *a)
{
    if (a->mask & ATTR_SIZE) {
        long rc = overlay_copy_up(i, a->size);
        if (rc)
            return rc;
    }
    overlay_pin(i);
    return tmpfs_setattr(d, i, a);
}

/* The lower layer that still has i's attributes; NULL: they are in memory. */
static const struct lower_ops *lower_xattrs(struct inode *i)
{
    const struct overlay_node *n = overlay_node(i);

    if (!n->lower || __atomic_load_n(&n->own_xattrs, __ATOMIC_ACQUIRE))
        return NULL;
    return lower_ops(n->lower->inode)->xattr_get ? lower_ops(n->lower->inode) : NULL;
}

/* Takes all attributes over, before the first change. */
static long own_xattrs(struct inode *i)
{
    const struct lower_ops *ops = lower_xattrs(i);
    char *name = ops ? kmalloc(XATTR_NAME_ROOM + XATTR_SIZE_MAX) : NULL;
    long rc = !ops || name ? 0 : -ENOMEM;

    if (!name)
        return rc;
    lock(&i->lock);
    for (u32 n = 0; lower_xattrs(i); n++) {
        char *value = name + XATTR_NAME_ROOM;
        rc = ops->xattr_name(lower_inode(i), n, name);
        if (rc <= 0) {
            __atomic_store_n(&overlay_node(i)->own_xattrs, true, __ATOMIC_RELEASE);
            break;
        }
        rc = ops->xattr_get(lower_inode(i), name, value, XATTR_SIZE_MAX);
        if (rc >= 0)
            rc = xattrs_put(&overlay_node(i)->base.xattrs, name, value, rc);
        if (rc)
            break;
    }
    unlock(&i->lock);
    kfree(name);
    return rc < 0 ? rc : 0;
}

long overlay_getxattr(struct inode *i, struct dentry *d, const char *name, void *buf, size_t n)
{
    const struct lower_ops *lower = lower_xattrs(i);
    if (lower) {
        long rc = xattr_permission(i, name, false);
        return rc ? rc : lower->xattr_get(lower_inode(i), name, buf, n);
    }
    return xattrs_get(i, &overlay_node(i)->base.xattrs, name, buf, n);
}

long overlay_setxattr(struct inode *i, struct dentry *d, const char *name, const void *buf,
                      size_t n, int flags)
{
    long rc = own_xattrs(i);
    if (rc)
        return rc;
    overlay_pin(i);
    return xattrs_set(i, &overlay_node(i)->base.xattrs, name, buf, n, flags);
}

static long list_lower_xattrs(const struct lower_ops *lower, struct inode *i, char *buf, size_t n)
{
    char name[XATTR_NAME_ROOM];
    size_t used = 0;
    long rc;

    for (u32 k = 0; (rc = lower->xattr_name(i, k, name)) > 0; k++) {
        size_t len = strlen(name) + 1;
        if (!xattr_listed(name))
            continue;
        if (n && used + len <= n)
            memcpy(buf + used, name, len);
        used += len;
    }
    if (rc < 0)
        return rc;
    return n && used > n ? -ERANGE : (long)used;
}

long overlay_listxattr(struct inode *i, struct dentry *d, char *buf, size_t n)
{
    const struct lower_ops *lower = lower_xattrs(i);
    if (lower)
        return list_lower_xattrs(lower, lower_inode(i), buf, n);
    return xattrs_list(i, &overlay_node(i)->base.xattrs, buf, n);
}

long overlay_removexattr(struct inode *i, struct dentry *d, const char *name)
{
    long rc = own_xattrs(i);
    if (rc)
        return rc;
    overlay_pin(i);
    return xattrs_remove(i, &overlay_node(i)->base.xattrs, name);
}

long overlay_xattr(struct inode *i, u32 n, char *name, void *value, size_t room)
{
    const struct lower_ops *lower = lower_xattrs(i);
    const char *own_name;
    const void *own;
    size_t size;

    if (lower) {
        long rc = lower->xattr_name(lower_inode(i), n, name);
        if (rc <= 0)
            return rc ? rc : -ENODATA;
        return lower->xattr_get(lower_inode(i), name, value, room);
    }
    if (!xattrs_nth(&overlay_node(i)->base.xattrs, n, &own_name, &own, &size))
        return -ENODATA;
    strlcpy(name, own_name, XATTR_NAME_ROOM);
    memcpy(value, own, MIN(size, room));
    return (long)size;
}

static long overlay_readlink(struct dentry *d, char *buf, size_t len)
{
    struct overlay_node *n = overlay_node(d->inode);
    if (n->lower)
        return n->lower->inode->ops->readlink(n->lower, buf, len);
    size_t size = MIN(d->inode->size, len - 1);
    memcpy(buf, n->base.target, size);
    buf[size] = 0;
    return size;
}

static const struct inode_ops overlay_inode_ops = {
    .readlink = overlay_readlink,
    .getattr = overlay_getattr,
    .setattr = overlay_setattr,
    .getxattr = overlay_getxattr,
    .setxattr = overlay_setxattr,
    .listxattr = overlay_listxattr,
    .removexattr = overlay_removexattr,
    .evict = overlay_evict,
};

/* ---- the file system ------------------------------------------------------------ */

static long overlay_statfs(struct super *s, void *buf)
{
    struct statfs *st = buf;

    statfs_of_quota(&overlay_of(s)->quota, st);
    if (st->f_bfree == st->f_blocks) { /* somebody's root directory is somewhere */
        st->f_bfree--;
        st->f_bavail--;
    }
    return 0;
}

struct super *overlay_new(struct super *lower)
{
    struct overlay *o = kzalloc(sizeof(*o));
    if (!o)
        return NULL;
    list_init(&o->pinned);
    o->super.type = "overlay";
    o->super.dev = super_new_dev();
    o->super.magic = OVERLAYFS_SUPER_MAGIC;
    o->super.next_ino = FIRST_INO;
    o->super.statfs = overlay_statfs;
    o->super.private = lower;
    u64 memory = boot()->memory_limit ? boot()->memory_limit : boot()->memory_total;
    o->quota.max = memory / 2 / PAGE_SIZE;
    struct inode *root = overlay_inode(o, lower->root);
    if (root) {
        overlay_pin(root);
        o->super.root = dentry_make_root(&o->super, root);
    }
    if (!o->super.root) {
        kfree(o);
        return NULL;
    }
    return &o->super;
}
