/* rename, renameat, renameat2.
 *
 * Locks: rename_mutex for renames between directories, so that the tree above them stays
 * still while it is asked who lies below whom; then both directories, an ancestor before
 * its descendant, else the lower address first; then a directory that is replaced.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/stat.h>

#include "fs.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "watch.h"

static struct lock rename_mutex;
static u32 last_cookie;

struct rename {
    struct walk from, to;
    struct dentry *odir, *ndir; /* the directories, locked */
    struct dentry *od, *nd;     /* the names */
    struct dentry *trap;        /* child of one directory on the way to the other */
    u32 flags;
};

/* The child of `above` through which d lies below it; NULL if it doesn't.  Parents of
 * directories are stable under rename_mutex. */
static struct dentry *way_down(struct dentry *above, struct dentry *d)
{
    for (; d->parent != d; d = d->parent) {
        if (d->parent == above)
            return d;
    }
    return NULL;
}

static void lock_dirs(struct rename *r)
{
    struct dentry *a = r->odir, *b = r->ndir;

    r->trap = NULL;
    if (a == b) {
        lock(&a->inode->lock);
        return;
    }
    lock(&rename_mutex);
    if ((r->trap = way_down(b, a)) || (!(r->trap = way_down(a, b)) && b->inode < a->inode)) {
        a = r->ndir;
        b = r->odir;
    }
    lock(&a->inode->lock);
    if (a->inode != b->inode)
        lock(&b->inode->lock);
}

static void unlock_dirs(struct rename *r)
{
    unlock(&r->odir->inode->lock);
    if (r->odir == r->ndir)
        return;
    if (r->odir->inode != r->ndir->inode)
        unlock(&r->ndir->inode->lock);
    unlock(&rename_mutex);
}

static long look_up_both(struct rename *r)
{
    r->od = lookup_child_locked(r->odir, r->from.last, r->from.last_len, r->from.last_hash);
    if (IS_ERR(r->od))
        return PTR_ERR(r->od);
    r->nd = lookup_child_locked(r->ndir, r->to.last, r->to.last_len, r->to.last_hash);
    if (!IS_ERR(r->nd))
        return 0;
    dentry_put(r->od);
    return PTR_ERR(r->nd);
}

/* What the names are, before anybody's rights. */
static long check_names(const struct rename *r)
{
    bool exchange = r->flags & RENAME_EXCHANGE;
    struct inode *oi = r->od->inode, *ni = r->nd->inode;

    if (!oi)
        return -ENOENT;
    if ((r->flags & RENAME_NOREPLACE) && ni)
        return -EEXIST;
    if (exchange) {
        if (!ni)
            return -ENOENT;
        if (!S_ISDIR(ni->mode) && r->to.slash)
            return -ENOTDIR;
    }
    if (!S_ISDIR(oi->mode) && (r->from.slash || (!exchange && r->to.slash)))
        return -ENOTDIR;
    if (r->od == r->trap)
        return -EINVAL;
    if (r->nd == r->trap)
        return exchange ? -EINVAL : -ENOTEMPTY;
    return path_readonly(&r->from.path) ? -EROFS : 0;
}

static long check_rights(const struct rename *r)
{
    struct inode *od = r->odir->inode, *nd = r->ndir->inode;
    struct inode *oi = r->od->inode, *ni = r->nd->inode;
    bool exchange = r->flags & RENAME_EXCHANGE, is_dir = S_ISDIR(oi->mode);
    long rc = may_delete(od, r->od, is_dir);

    if (rc == 0)
        rc = !ni ? may_create(nd) : may_delete(nd, r->nd, exchange ? S_ISDIR(ni->mode) : is_dir);
    if (rc == 0 && od != nd && is_dir) /* its ".." changes */
        rc = inode_permission(oi, MAY_WRITE);
    if (rc == 0 && exchange && od != nd && S_ISDIR(ni->mode))
        rc = inode_permission(ni, MAY_WRITE);
    if (rc == 0 && (r->od->mounts || r->nd->mounts))
        rc = -EBUSY;
    if (rc == 0 && !od->ops->rename)
        rc = -EPERM;
    return rc;
}

static void notify(struct rename *r, const char *old_name)
{
    struct inode *od = r->odir->inode, *nd = r->ndir->inode, *i = r->od->inode;
    u32 isdir = S_ISDIR(i->mode) ? IN_ISDIR : 0;
    u32 cookie = __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED);

    if (od == nd && !list_empty(&od->watches))
        fsnotify(od, r->od, NOTIFY_RENAMED, old_name, 0);
    if (!list_empty(&od->watches))
        fsnotify(od, r->od, IN_MOVED_FROM | isdir, old_name, cookie);
    if (!list_empty(&nd->watches))
        fsnotify(nd, r->od, IN_MOVED_TO | isdir, r->od->name, cookie);
    if (!list_empty(&i->watches))
        fsnotify(i, r->od, IN_MOVE_SELF | isdir, NULL, 0);
}

static void move_dentries(struct rename *r)
{
    struct inode *victim = r->nd->inode;

    if (r->flags & RENAME_EXCHANGE) {
        dentry_exchange(r->od, r->nd);
        return;
    }
    if (victim && S_ISDIR(victim->mode))
        dentry_forget_children(r->nd);
    dentry_move(r->od, r->nd);
    if (victim && !list_empty(&victim->watches))
        fsnotify(victim, r->nd, IN_ATTRIB, NULL, 0); /* one name less */
}

static long rename_locked(struct rename *r, const char *old_name)
{
    struct inode *oi = r->od->inode, *victim = r->nd->inode;
    long rc = check_names(r);

    if (rc || oi == victim)
        return rc; /* two names of one file: nothing happens */
    rc = check_rights(r);
    if (rc)
        return rc;
    bool lock_victim = victim && S_ISDIR(victim->mode) && !(r->flags & RENAME_EXCHANGE);
    if (lock_victim)
        lock(&victim->lock);
    rc = r->odir->inode->ops->rename(r->odir->inode, r->od, r->ndir->inode, r->nd, r->flags);
    if (rc == 0)
        move_dentries(r);
    if (lock_victim)
        unlock(&victim->lock);
    if (rc == 0)
        notify(r, old_name);
    return rc;
}

static long rename_walked(struct rename *r)
{
    char old_name[NAME_MAX_ + 1];

    if (r->from.path.mnt != r->to.path.mnt)
        return -EXDEV;
    if (r->from.kind != LAST_NORMAL)
        return -EBUSY;
    if (r->to.kind != LAST_NORMAL)
        return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    r->odir = r->from.path.dentry;
    r->ndir = r->to.path.dentry;
    memcpy(old_name, r->from.last, r->from.last_len);
    old_name[r->from.last_len] = 0;
    lock_dirs(r);
    long rc = look_up_both(r);
    if (rc == 0) {
        rc = rename_locked(r, old_name);
        unlock_dirs(r);
        dentry_put(r->od);
        dentry_put(r->nd);
    } else {
        unlock_dirs(r);
    }
    return rc;
}

static long rename_at(int olddirfd, const char *old, int newdirfd, const char *new, u32 flags)
{
    struct rename r = {.flags = flags};
    long rc = walk_begin(&r.from, olddirfd, old, 0);

    if (rc == 0)
        rc = walk_parent(&r.from);
    if (rc == 0)
        rc = walk_begin(&r.to, newdirfd, new, 0);
    if (rc == 0)
        rc = walk_parent(&r.to);
    if (rc == 0)
        rc = rename_walked(&r);
    walk_end(&r.from);
    walk_end(&r.to);
    return rc;
}

long sys_renameat2(int olddirfd, uptr old, int newdirfd, uptr new, unsigned int flags)
{
    struct user_path *p;
    long rc;

    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
        return -EINVAL;
    if ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
        return -EINVAL;
    if (flags & RENAME_WHITEOUT)
        return capable(CAP_MKNOD) ? -EINVAL : -EPERM;
    p = kmalloc(2 * sizeof(*p));
    if (!p)
        return -ENOMEM;
    rc = user_path_get(&p[0], old);
    if (rc == 0)
        rc = user_path_get(&p[1], new);
    if (rc == 0)
        rc = rename_at(olddirfd, p[0].text, newdirfd, p[1].text, flags);
    kfree(p);
    return rc;
}

long sys_renameat(int olddirfd, uptr old, int newdirfd, uptr new)
{
    return sys_renameat2(olddirfd, old, newdirfd, new, 0);
}

long sys_rename(uptr old, uptr new) { return sys_renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }
