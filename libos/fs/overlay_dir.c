/* Directories of the overlay: what is named where.
 *
 * A name is looked for in the directory's own table first.  An entry with an inode is the
 * answer, one without (a whiteout) says that the lower name is hidden; no entry: the lower
 * directory decides.  Changing a lower file's attributes or data makes no entry; only
 * names made, moved or removed do.
 *
 * Listing: entries of the table first, then the lower names that the table says nothing
 * about, at positions from LOWER_POS in the order of the lower layer.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "dcache.h"
#include "fs.h"
#include "lib.h"
#include "overlay.h"

#define LOWER_POS (1LL << 40)

static struct name_table *names_of(const struct inode *dir) { return &tmpfs_node(dir)->names; }

/* ---- looking up ------------------------------------------------------------------ */

struct dentry *lower_child(struct dentry *lower, const char *name, size_t len)
{
    u32 hash = hash_name(name, len);
    struct dentry *d = dcache_find(lower, name, len, hash);
    if (!d) {
        lock(&lower->inode->lock);
        d = lookup_child_locked(lower, name, len, hash);
        unlock(&lower->inode->lock);
    }
    if (IS_ERR(d))
        return PTR_ERR(d) == -ENOENT ? NULL : d;
    if (d->inode)
        return d;
    dentry_put(d);
    return NULL;
}

struct dentry *overlay_lower_child(struct inode *dir, const char *name, size_t len)
{
    struct dentry *lower = overlay_node(dir)->lower;

    return lower ? lower_child(lower, name, len) : NULL;
}

static long overlay_lookup(struct inode *dir, struct dentry *d)
{
    struct name_entry *e = names_find(names_of(dir), d->name, d->name_len);
    if (e) {
        if (e->inode)
            dentry_instantiate(d, inode_get(e->inode));
        return 0;
    }
    struct dentry *l = overlay_lower_child(dir, d->name, d->name_len);
    if (!l || IS_ERR(l))
        return PTR_ERR(l);
    struct inode *i = overlay_inode(overlay_of(dir->super), l);
    dentry_put(l);
    if (!i)
        return -ENOMEM;
    dentry_instantiate(d, i);
    return 0;
}

/* ---- entries ----------------------------------------------------------------------- */

/* Makes the name lead to an inode. */
static long put_name(struct inode *dir, struct dentry *d, struct inode *i)
{
    struct name_entry *e = names_find(names_of(dir), d->name, d->name_len);
    if (e)
        names_replace(e, i);
    else if (!names_add(names_of(dir), d->name, d->name_len, i))
        return -ENOMEM;
    overlay_pin(dir);
    return 0;
}

/* Makes the name lead nowhere: no entry, or a whiteout over a lower name. */
static long hide_name(struct inode *dir, struct dentry *d)
{
    struct name_entry *e = names_find(names_of(dir), d->name, d->name_len);
    struct dentry *l = overlay_lower_child(dir, d->name, d->name_len);
    if (IS_ERR(l))
        return PTR_ERR(l);
    if (!l) {
        if (e)
            names_remove(names_of(dir), e);
        return 0;
    }
    dentry_put(l);
    return put_name(dir, d, NULL);
}

static bool is_empty(struct inode *dir)
{
    struct name_table *t = names_of(dir);
    struct name_entry *e;
    list_for_each(e, &t->order, order) if (e->inode) return false;
    struct dentry *lower = overlay_node(dir)->lower;
    struct lower_entry l;
    long rc = 0;
    for (u64 pos = 0; lower && (rc = lower_ops(lower->inode)->next(lower, &pos, &l)) > 0;)
        if (!names_find(t, l.name, l.len))
            return false;
    return rc == 0;
}

static void dir_changed(struct inode *dir, s64 now) { dir->mtime = dir->ctime = now; }

/* One name of i is gone. */
static void lost_name(struct inode *i, s64 now)
{
    i->ctime = now;
    if (S_ISDIR(i->mode))
        i->nlink = 0;
    else if (i->nlink)
        __atomic_sub_fetch(&i->nlink, 1, __ATOMIC_RELAXED);
    if (i->nlink)
        overlay_pin(i);
    else
        overlay_unpin(i);
}

/* ---- operations --------------------------------------------------------------------- */

/* Names the new inode (NULL: out of memory) and hands its reference to d. */
static long add_new(struct inode *dir, struct dentry *d, struct inode *i)
{
    if (!i)
        return -ENOMEM;
    long rc = dir->nlink == 0 ? -ENOENT : put_name(dir, d, i);
    if (rc) {
        inode_put(i);
        return rc;
    }
    if (S_ISDIR(i->mode))
        dir->nlink++;
    dir_changed(dir, i->ctime);
    dentry_instantiate(d, i);
    return 0;
}

static long overlay_mknod(struct inode *dir, struct dentry *d, u32 mode, u64 rdev)
{
    struct inode *i = overlay_inode_new(dir, mode);
    if (i)
        i->rdev = rdev;
    return add_new(dir, d, i);
}

static long overlay_create(struct inode *dir, struct dentry *d, u32 mode)
{
    return overlay_mknod(dir, d, S_IFREG | (mode & 07777), 0);
}

static long overlay_mkdir(struct inode *dir, struct dentry *d, u32 mode)
{
    return overlay_mknod(dir, d, S_IFDIR | (mode & 07777), 0);
}

static long overlay_symlink(struct inode *dir, struct dentry *d, const char *target)
{
    struct inode *i = overlay_inode_new(dir, S_IFLNK | 0777);
    if (i) {
        i->size = strlen(target);
        tmpfs_node(i)->target = kstrdup(target);
        if (!tmpfs_node(i)->target) {
            inode_put(i);
            i = NULL;
        }
    }
    return add_new(dir, d, i);
}

static long overlay_link(struct inode *dir, struct dentry *d, struct inode *i, struct dentry *old)
{
    long rc = dir->nlink == 0 ? -ENOENT : put_name(dir, d, i);
    if (rc)
        return rc;
    __atomic_add_fetch(&i->nlink, 1, __ATOMIC_RELAXED);
    overlay_pin(i);
    i->ctime = now_real();
    dir_changed(dir, i->ctime);
    dentry_instantiate(d, inode_get(i));
    return 0;
}

static long overlay_unlink(struct inode *dir, struct dentry *d)
{
    bool is_dir = S_ISDIR(d->inode->mode);
    long rc = hide_name(dir, d);
    if (rc)
        return rc;
    s64 now = now_real();
    if (is_dir)
        dir->nlink--;
    overlay_pin(dir);
    dir_changed(dir, now);
    lost_name(d->inode, now);
    return 0;
}

static long overlay_rmdir(struct inode *dir, struct dentry *d)
{
    return is_empty(d->inode) ? overlay_unlink(dir, d) : -ENOTEMPTY;
}

static void moved_dir(struct inode *from, struct inode *to, const struct inode *what)
{
    if (S_ISDIR(what->mode) && from != to) {
        from->nlink--;
        to->nlink++;
    }
}

static long exchange(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd)
{
    struct inode *a = od->inode, *b = nd->inode;
    long rc = put_name(odir, od, a); /* make room on both sides before anything changes */
    if (!rc)
        rc = put_name(ndir, nd, b);
    if (rc)
        return rc;
    put_name(odir, od, b);
    put_name(ndir, nd, a);
    moved_dir(odir, ndir, a);
    moved_dir(ndir, odir, b);
    overlay_pin(a);
    overlay_pin(b);
    a->ctime = b->ctime = now_real();
    return 0;
}

/* What the name of d led to before, after a failed move. */
static void put_back(struct inode *dir, struct dentry *d)
{
    if (d->inode)
        put_name(dir, d, d->inode);
    else
        hide_name(dir, d);
}

static long move(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd)
{
    struct inode *what = od->inode, *victim = nd->inode;
    if (victim && S_ISDIR(victim->mode) && !is_empty(victim))
        return -ENOTEMPTY;
    long rc = put_name(ndir, nd, what);
    if (rc)
        return rc;
    rc = hide_name(odir, od);
    if (rc) {
        put_back(ndir, nd);
        return rc;
    }
    overlay_pin(odir);
    overlay_pin(what);
    what->ctime = now_real();
    moved_dir(odir, ndir, what);
    if (victim) {
        if (S_ISDIR(victim->mode))
            ndir->nlink--;
        lost_name(victim, what->ctime);
    }
    return 0;
}

static long overlay_rename(struct inode *odir, struct dentry *od, struct inode *ndir,
                           struct dentry *nd, u32 flags)
{
    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    if (ndir->nlink == 0 || (!nd->inode && (flags & RENAME_EXCHANGE)))
        return -ENOENT;
    if (nd->inode && (flags & RENAME_NOREPLACE))
        return -EEXIST;
    if (od->inode == nd->inode)
        return 0;
    long rc = flags & RENAME_EXCHANGE ? exchange(odir, od, ndir, nd) : move(odir, od, ndir, nd);
    if (rc)
        return rc;
    s64 now = now_real();
    dir_changed(odir, now);
    dir_changed(ndir, now);
    return 0;
}

static struct inode *overlay_tmpfile(struct inode *dir, u32 mode)
{
    struct inode *i = overlay_inode_new(dir, S_IFREG | (mode & 07777));
    if (!i)
        return ERR_PTR(-ENOMEM);
    i->nlink = 0;
    return i;
}

const struct inode_ops overlay_dir_inode_ops = {
    .lookup = overlay_lookup,
    .create = overlay_create,
    .mknod = overlay_mknod,
    .mkdir = overlay_mkdir,
    .symlink = overlay_symlink,
    .link = overlay_link,
    .unlink = overlay_unlink,
    .rmdir = overlay_rmdir,
    .rename = overlay_rename,
    .tmpfile = overlay_tmpfile,
    .getattr = overlay_getattr,
    .setattr = overlay_setattr,
    .getxattr = overlay_getxattr,
    .setxattr = overlay_setxattr,
    .listxattr = overlay_listxattr,
    .removexattr = overlay_removexattr,
    .evict = overlay_evict,
};

/* ---- listing ------------------------------------------------------------------------- */

static bool list_own(struct file *f, struct dir_emit *e)
{
    struct name_table *t = names_of(f->inode);
    for (struct name_entry *n = names_from(t, f->pos); n; n = names_next(t, n)) {
        f->pos = n->cookie;
        if (n->inode && !e->emit(e, n->name, n->len, n->inode->ino, (n->inode->mode & S_IFMT) >> 12,
                                 n->cookie + 1))
            return false;
        f->pos = n->cookie + 1;
    }
    return true;
}

static long list_lower(struct file *f, struct dir_emit *e)
{
    struct dentry *lower = overlay_node(f->inode)->lower;
    u64 pos = f->pos - LOWER_POS;
    struct lower_entry l;
    long rc;

    while ((rc = lower_ops(lower->inode)->next(lower, &pos, &l)) > 0) {
        if (!names_find(names_of(f->inode), l.name, l.len) &&
            !e->emit(e, l.name, l.len, l.ino, l.type, LOWER_POS + (s64)pos))
            return 0;
        f->pos = LOWER_POS + pos;
    }
    return rc;
}

static long overlay_readdir(struct file *f, struct dir_emit *e)
{
    struct inode *i = f->inode;
    long rc = 0;

    if (!dir_emit_dots(f, e))
        return 0;
    lock(&i->lock);
    if (f->pos >= LOWER_POS || list_own(f, e)) {
        f->pos = MAX(f->pos, (u64)LOWER_POS);
        if (overlay_node(i)->lower)
            rc = list_lower(f, e);
    }
    unlock(&i->lock);
    return rc;
}

static long overlay_dir_fsync(struct file *f, bool data_only) { return 0; }

const struct file_ops overlay_dir_ops = {
    .llseek = file_seek_endless,
    .readdir = overlay_readdir,
    .fsync = overlay_dir_fsync,
};
