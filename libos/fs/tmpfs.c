/* tmpfs: a file system wholly in the segment and the page pool.
 *
 * A directory's names are entries of a table (names.c) that hold references on the inodes
 * they lead to; dentries on top are only a cache.  An inode lives while a name, a dentry or
 * an open file holds it and frees its pages when evicted.
 *
 * Locking: names under the directory's inode lock, held by the caller; link counts are
 * atomic because one file's names may lie in several directories; setattr and the xattr
 * operations take the inode's lock themselves.
 */
#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "carry.h"
#include "lib.h"
#include "thread.h"
#include "overlay.h"
#include "tmpfs.h"

static const struct inode_ops tmpfs_inode_ops, tmpfs_dir_inode_ops;

struct tmpfs_super {
    struct super super;
    struct filemem_quota quota;
};

/* ---- inodes ----------------------------------------------------------------- */

void tmpfs_node_init(struct inode *i, struct tmpfs_node *n, struct filemem_quota *quota)
{
    i->private = n;
    i->nlink = 1;
    i->blksize = PAGE_SIZE;
    if (S_ISDIR(i->mode)) {
        names_init(&n->names);
        i->nlink = 2;
        i->size = DIR_SIZE;
    } else if (S_ISREG(i->mode)) {
        filemem_init(&n->mem);
        n->mem.quota = quota;
    }
}

void tmpfs_node_free(struct inode *i, struct tmpfs_node *n)
{
    if (S_ISDIR(i->mode))
        names_free(&n->names);
    else if (S_ISREG(i->mode))
        filemem_free(&n->mem);
    else if (S_ISLNK(i->mode))
        kfree(n->target);
    xattrs_free(&n->xattrs);
}

static struct inode *tmpfs_inode_new(struct super *s, struct inode *dir, u32 mode)
{
    struct tmpfs_node *n = kzalloc(sizeof(*n));
    struct inode *i = n ? inode_new(s, mode) : NULL;
    if (!i) {
        kfree(n);
        return NULL;
    }
    if (dir)
        inode_init_owner(i, dir, mode);
    tmpfs_node_init(i, n, &container_of(s, struct tmpfs_super, super)->quota);
    i->ops = &tmpfs_inode_ops;
    if (S_ISDIR(mode)) {
        i->ops = &tmpfs_dir_inode_ops;
        i->fops = &tmpfs_dir_ops;
    } else if (S_ISREG(mode)) {
        i->fops = &tmpfs_file_ops;
    }
    return i;
}

static void tmpfs_evict(struct inode *i)
{
    struct tmpfs_node *n = tmpfs_node(i);
    if (!n)
        return;
    tmpfs_node_free(i, n);
    kfree(n);
    i->private = NULL;
}

/* ---- attributes --------------------------------------------------------------- */

static long tmpfs_getattr(struct dentry *d, struct inode *i, struct kstat *st)
{
    inode_getattr(i, st);
    if (S_ISREG(i->mode))
        st->blocks = tmpfs_node(i)->mem.pages * 8; /* mappings add pages unseen */
    return 0;
}

long tmpfs_set_size(struct inode *i, u64 size)
{
    struct tmpfs_node *n = tmpfs_node(i);
    if (size > SIZE_LIMIT)
        return -EFBIG;
    if (size < i->size ? i->seals & F_SEAL_SHRINK : size > i->size && (i->seals & F_SEAL_GROW))
        return -EPERM;
    u64 old = i->size;
    WRITE_ONCE(i->size, size);
    if (size < old) {
        mm_file_shrunk(&n->mem);
        filemem_truncate(&n->mem, size);
    }
    i->blocks = n->mem.pages * 8;
    i->mtime = now_real();
    return 0;
}

long tmpfs_setattr(struct dentry *d, struct inode *i, const struct setattr *a)
{
    struct setattr rest = *a;
    long rc = 0;
    rest.mask &= ~ATTR_SIZE;
    if ((a->mask & ATTR_MODE) && (i->seals & F_SEAL_EXEC) && ((i->mode ^ a->mode) & 0111))
        return -EPERM;
    if (a->mask & ATTR_SIZE) {
        lock(&i->lock);
        rc = i->size && (i->flags & INODE_SIZED_ONCE) ? -EINVAL : tmpfs_set_size(i, a->size);
        unlock(&i->lock);
    }
    return rc ? rc : inode_setattr(i, &rest);
}

static long tmpfs_getxattr(struct inode *i, struct dentry *d, const char *name, void *buf, size_t n)
{
    return xattrs_get(i, &tmpfs_node(i)->xattrs, name, buf, n);
}

static long tmpfs_setxattr(struct inode *i, struct dentry *d, const char *name, const void *buf,
                           size_t n, int flags)
{
    return xattrs_set(i, &tmpfs_node(i)->xattrs, name, buf, n, flags);
}

static long tmpfs_listxattr(struct inode *i, struct dentry *d, char *buf, size_t n)
{
    return xattrs_list(i, &tmpfs_node(i)->xattrs, buf, n);
}

static long tmpfs_removexattr(struct inode *i, struct dentry *d, const char *name)
{
    return xattrs_remove(i, &tmpfs_node(i)->xattrs, name);
}

static long tmpfs_readlink(struct dentry *d, char *buf, size_t len)
{
    struct inode *i = d->inode;
    size_t n = MIN(i->size, len - 1);
    memcpy(buf, tmpfs_node(i)->target, n);
    buf[n] = 0;
    return n;
}

/* ---- names -------------------------------------------------------------------- */

static struct name_table *names_of(const struct inode *dir) { return &tmpfs_node(dir)->names; }

static void dir_changed(struct inode *dir, s64 now) { dir->mtime = dir->ctime = now; }

static long tmpfs_lookup(struct inode *dir, struct dentry *d)
{
    struct name_entry *e = names_find(names_of(dir), d->name, d->name_len);
    if (e)
        dentry_instantiate(d, inode_get(e->inode));
    return 0;
}

/* Names the new inode (NULL: out of memory) and hands its reference to d. */
static long add_new(struct inode *dir, struct dentry *d, struct inode *i)
{
    if (!i)
        return -ENOMEM;
    if (dir->nlink == 0 || !names_add(names_of(dir), d->name, d->name_len, i)) {
        inode_put(i);
        return dir->nlink == 0 ? -ENOENT : -ENOMEM;
    }
    if (S_ISDIR(i->mode))
        dir->nlink++;
    dir_changed(dir, i->ctime);
    dentry_instantiate(d, i);
    return 0;
}

static long tmpfs_mknod(struct inode *dir, struct dentry *d, u32 mode, u64 rdev)
{
    struct inode *i = tmpfs_inode_new(dir->super, dir, mode);
    if (i)
        i->rdev = rdev;
    return add_new(dir, d, i);
}

static long tmpfs_create(struct inode *dir, struct dentry *d, u32 mode)
{
    return tmpfs_mknod(dir, d, S_IFREG | (mode & 07777), 0);
}

static long tmpfs_mkdir(struct inode *dir, struct dentry *d, u32 mode)
{
    return tmpfs_mknod(dir, d, S_IFDIR | (mode & 07777), 0);
}

static long tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target)
{
    struct inode *i = tmpfs_inode_new(dir->super, dir, S_IFLNK | 0777);
    if (i) {
        i->size = strlen(target);
        tmpfs_node(i)->target = kstrdup(target);
        if (!tmpfs_node(i)->target) {
            i->size = 0;
            inode_put(i);
            i = NULL;
        }
    }
    return add_new(dir, d, i);
}

static long tmpfs_link(struct inode *dir, struct dentry *d, struct inode *i, struct dentry *old)
{
    if (dir->nlink == 0)
        return -ENOENT;
    if (!names_add(names_of(dir), d->name, d->name_len, i))
        return -ENOMEM;
    __atomic_add_fetch(&i->nlink, 1, __ATOMIC_RELAXED);
    i->ctime = now_real();
    dir_changed(dir, i->ctime);
    dentry_instantiate(d, inode_get(i));
    return 0;
}

/* One name of i is gone. */
static void lost_name(struct inode *i, s64 now)
{
    i->ctime = now;
    if (S_ISDIR(i->mode))
        i->nlink = 0;
    else
        __atomic_sub_fetch(&i->nlink, 1, __ATOMIC_RELAXED);
}

static long remove_name(struct inode *dir, struct dentry *d)
{
    struct name_entry *e = names_find(names_of(dir), d->name, d->name_len);
    s64 now = now_real();
    if (!e)
        return -ENOENT;
    if (S_ISDIR(e->inode->mode))
        dir->nlink--;
    lost_name(e->inode, now);
    dir_changed(dir, now);
    names_remove(names_of(dir), e);
    return 0;
}

static long tmpfs_rmdir(struct inode *dir, struct dentry *d)
{
    return names_of(d->inode)->count ? -ENOTEMPTY : remove_name(dir, d);
}

static void moved_dir(struct inode *from, struct inode *to, const struct inode *what)
{
    if (S_ISDIR(what->mode) && from != to) {
        from->nlink--;
        to->nlink++;
    }
}

static void exchange(struct inode *odir, struct name_entry *oe, struct inode *ndir,
                     struct name_entry *ne)
{
    struct inode *a = oe->inode, *b = ne->inode;
    oe->inode = b;
    ne->inode = a;
    moved_dir(odir, ndir, a);
    moved_dir(ndir, odir, b);
    a->ctime = b->ctime = now_real();
}

static long tmpfs_rename(struct inode *odir, struct dentry *od, struct inode *ndir,
                         struct dentry *nd, u32 flags)
{
    struct name_entry *oe = names_find(names_of(odir), od->name, od->name_len);
    struct name_entry *ne = names_find(names_of(ndir), nd->name, nd->name_len);
    s64 now = now_real();

    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    if (!oe || (!ne && (flags & RENAME_EXCHANGE)) || ndir->nlink == 0)
        return -ENOENT;
    if (ne && (flags & RENAME_NOREPLACE))
        return -EEXIST;
    struct inode *what = oe->inode;
    if (flags & RENAME_EXCHANGE) {
        exchange(odir, oe, ndir, ne);
    } else if (ne) {
        if (ne->inode == what)
            return 0;
        if (S_ISDIR(ne->inode->mode)) {
            if (names_of(ne->inode)->count)
                return -ENOTEMPTY;
            ndir->nlink--;
        }
        moved_dir(odir, ndir, what);
        lost_name(ne->inode, now);
        names_replace(ne, what);
        names_remove(names_of(odir), oe);
    } else {
        if (!names_add(names_of(ndir), nd->name, nd->name_len, what))
            return -ENOMEM;
        moved_dir(odir, ndir, what);
        names_remove(names_of(odir), oe);
    }
    what->ctime = now;
    dir_changed(odir, now);
    dir_changed(ndir, now);
    return 0;
}

static struct inode *tmpfs_tmpfile(struct inode *dir, u32 mode)
{
    struct inode *i = tmpfs_inode_new(dir->super, dir, S_IFREG | (mode & 07777));
    if (!i)
        return ERR_PTR(-ENOMEM);
    i->nlink = 0;
    return i;
}

static const struct inode_ops tmpfs_inode_ops = {
    .readlink = tmpfs_readlink,
    .getattr = tmpfs_getattr,
    .setattr = tmpfs_setattr,
    .getxattr = tmpfs_getxattr,
    .setxattr = tmpfs_setxattr,
    .listxattr = tmpfs_listxattr,
    .removexattr = tmpfs_removexattr,
    .evict = tmpfs_evict,
};

static const struct inode_ops tmpfs_dir_inode_ops = {
    .lookup = tmpfs_lookup,
    .create = tmpfs_create,
    .mknod = tmpfs_mknod,
    .mkdir = tmpfs_mkdir,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .unlink = remove_name,
    .rmdir = tmpfs_rmdir,
    .rename = tmpfs_rename,
    .tmpfile = tmpfs_tmpfile,
    .getattr = tmpfs_getattr,
    .setattr = tmpfs_setattr,
    .getxattr = tmpfs_getxattr,
    .setxattr = tmpfs_setxattr,
    .listxattr = tmpfs_listxattr,
    .removexattr = tmpfs_removexattr,
    .evict = tmpfs_evict,
};

/* ---- the file system ------------------------------------------------------------ */

static long tmpfs_statfs(struct super *s, void *buf)
{
    statfs_of_quota(&container_of(s, struct tmpfs_super, super)->quota, buf);
    return 0;
}

struct super *tmpfs_new(u64 dev_hint, u32 root_mode)
{
    struct tmpfs_super *t = kzalloc(sizeof(*t));
    if (!t)
        return NULL;
    t->super.type = "tmpfs";
    t->super.dev = dev_hint ? dev_hint : super_new_dev();
    t->super.magic = TMPFS_MAGIC;
    t->super.next_ino = 1;
    t->super.statfs = tmpfs_statfs;
    /* As Linux: half of the memory there is. */
    u64 memory = boot()->memory_limit ? boot()->memory_limit : boot()->memory_total;
    t->quota.max = memory / 2 / PAGE_SIZE;
    struct inode *root = tmpfs_inode_new(&t->super, NULL, S_IFDIR | root_mode);
    if (root)
        t->super.root = dentry_make_root(&t->super, root);
    if (!t->super.root) {
        kfree(t);
        return NULL;
    }
    return &t->super;
}

void tmpfs_unlimited(struct super *s) { container_of(s, struct tmpfs_super, super)->quota.max = 0; }

/* Lower files of an overlay have their pages elsewhere until they are copied up. */
struct filemem *inode_filemem(struct inode *i)
{
    if (!i || !S_ISREG(i->mode))
        return NULL;
    if (i->fops == &tmpfs_file_ops || (i->fops == &overlay_file_ops && !data_in_lower(i)))
        return &tmpfs_node(i)->mem;
    if (i->super && i->super->lower_ops && carry_counts(i))
        return lower_node(i)->carried;
    return NULL;
}
