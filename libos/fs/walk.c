/* Path walks, component by component.
 *
 * A walk holds a reference on the place where it stands and on nothing else of the way.
 * The order of errors is Linux's: for each component first "is this a directory"
 * (ENOTDIR), then "may I search it" (EACCES), then the length of the name, then whether
 * it exists.  Symbolic links are followed by putting their text in front of what is left,
 * so there is no recursion; 40 of them in one walk are too many (ELOOP).
 *
 * Locks: fs_ctx->lock for a moment at the start; the directory's inode lock while a name
 * that isn't cached is asked of the file system.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "dcache.h"
#include "fs.h"
#include "lib.h"

#define MAX_LINKS 40

static void path_of_root(struct walk *w)
{
    struct fs_ctx *fs = current_fs();

    if (w->root.dentry)
        return;
    lock(&fs->lock);
    w->root = fs->root;
    dentry_get(w->root.dentry);
    unlock(&fs->lock);
}

static void go_to(struct walk *w, struct path_s p)
{
    if (w->path.dentry)
        dentry_put(w->path.dentry);
    w->path = p;
}

static void go_to_root(struct walk *w)
{
    path_of_root(w);
    dentry_get(w->root.dentry);
    go_to(w, w->root);
}

/* The place a relative path starts from. */
static long starting_place(int dirfd, bool must_be_dir, struct path_s *out)
{
    if (dirfd == AT_FDCWD) {
        struct fs_ctx *fs = current_fs();
        lock(&fs->lock);
        *out = fs->cwd;
        dentry_get(out->dentry);
        unlock(&fs->lock);
        return 0;
    }
    struct file *f = fd_get(dirfd);
    long rc = 0;
    if (!f)
        return -EBADF;
    if (!f->path.dentry || (must_be_dir && !S_ISDIR(f->inode->mode))) {
        rc = -ENOTDIR;
    } else {
        *out = f->path;
        dentry_get(out->dentry);
    }
    file_put(f);
    return rc;
}

long walk_begin(struct walk *w, int dirfd, const char *name, u32 flags)
{
    long rc;

    memset(w, 0, sizeof(*w));
    w->flags = flags;
    w->rest = name;
    if (!*name && !(flags & LOOKUP_EMPTY))
        return -ENOENT;
    if (*name == '/' && !(flags & LOOKUP_IN_ROOT)) {
        if (flags & LOOKUP_BENEATH)
            return -EXDEV;
        go_to_root(w);
        return 0;
    }
    rc = starting_place(dirfd, *name != 0, &w->path);
    if (rc)
        return rc;
    if (flags & LOOKUP_IN_ROOT) {
        w->root = w->path;
        dentry_get(w->root.dentry);
    }
    if (flags & LOOKUP_BENEATH) {
        w->start = w->path;
        dentry_get(w->start.dentry);
    }
    return 0;
}

void walk_end(struct walk *w)
{
    if (w->path.dentry)
        dentry_put(w->path.dentry);
    if (w->root.dentry)
        dentry_put(w->root.dentry);
    if (w->start.dentry)
        dentry_put(w->start.dentry);
    kfree(w->buf);
    w->path.dentry = w->root.dentry = w->start.dentry = NULL;
    w->buf = NULL;
}

/* ---- steps ------------------------------------------------------------------- */

long walk_into(struct walk *w, struct dentry *d)
{
    struct mount *m = w->path.mnt, *upper;

    while (unlikely(d->mounts) && (upper = mount_on(m, d))) {
        dentry_put(d);
        if (w->flags & LOOKUP_NO_XDEV)
            return -EXDEV;
        m = upper;
        d = dentry_get(m->root);
    }
    go_to(w, (struct path_s){m, d});
    return 0;
}

static bool same_place(const struct path_s *a, const struct path_s *b)
{
    return a->dentry == b->dentry && a->mnt == b->mnt;
}

long walk_dotdot(struct walk *w)
{
    path_of_root(w);
    if (w->start.dentry && same_place(&w->path, &w->start))
        return -EXDEV;
    struct mount *m = w->path.mnt;
    struct dentry *d = w->path.dentry;
    if (same_place(&w->path, &w->root))
        return 0;
    while (d == m->root) {
        if (!m->parent || m->gone)
            return 0; /* the top of everything is its own parent */
        d = m->mountpoint;
        m = m->parent;
        if (w->flags & LOOKUP_NO_XDEV)
            return -EXDEV;
        struct path_s up = {m, d};
        if (same_place(&up, &w->root)) {
            dentry_get(d);
            go_to(w, up);
            return 0;
        }
    }
    d = dentry_parent(d);
    dentry_put(w->path.dentry);
    w->path.mnt = m;
    w->path.dentry = dentry_get(d);
    return walk_into(w, d);
}

static long follow_magic(struct walk *w, struct dentry *link)
{
    struct path_s to = {0};
    long rc;

    if (w->flags & LOOKUP_NO_MAGICLINKS)
        return -ELOOP;
    if (w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))
        return -EXDEV;
    rc = link->inode->ops->follow(link, &to);
    if (rc)
        return rc;
    if (!to.dentry) /* a pipe or the like: known by file_open only */
        return -ENXIO;
    if ((w->flags & LOOKUP_NO_XDEV) && to.mnt != w->path.mnt) {
        dentry_put(to.dentry);
        return -EXDEV;
    }
    go_to(w, to);
    return 0;
}

/* Puts the link's text before what is left of the path. */
static long link_text(struct walk *w, struct dentry *link)
{
    size_t rest = strlen(w->rest);
    char *buf = kmalloc(PATH_MAX_ + rest + 2);

    if (!buf)
        return -ENOMEM;
    long n = link->inode->ops->readlink(link, buf, PATH_MAX_);
    if (n <= 0) {
        kfree(buf);
        return n < 0 ? n : -ENOENT;
    }
    if (*w->rest || w->slash)
        buf[n++] = '/';
    memcpy(buf + n, w->rest, rest + 1);
    kfree(w->buf);
    w->rest = w->buf = buf;
    return 0;
}

long walk_link(struct walk *w, struct dentry *link, bool *jumped)
{
    const struct inode_ops *ops = link->inode->ops;
    long rc;

    *jumped = false;
    if (w->links++ >= MAX_LINKS || (w->flags & LOOKUP_NO_SYMLINKS))
        return -ELOOP;
    if (!(link->super->flags & SUPER_NOATIME) &&
        !path_readonly(&(struct path_s){w->path.mnt, link}))
        inode_touch_atime(link->inode);
    if (ops->follow) {
        *jumped = true;
        return follow_magic(w, link);
    }
    if (!ops->readlink)
        return -EINVAL;
    rc = link_text(w, link);
    if (rc)
        return rc;
    if (*w->rest != '/')
        return 0;
    if (w->flags & LOOKUP_BENEATH)
        return -EXDEV;
    path_of_root(w);
    if ((w->flags & LOOKUP_NO_XDEV) && w->root.mnt != w->path.mnt)
        return -EXDEV;
    go_to_root(w);
    return 0;
}

/* ---- children ------------------------------------------------------------------ */

static bool still_valid(struct dentry *d)
{
    struct super *s = d->super;

    return likely(!s->revalidate) || s->revalidate(d);
}

struct dentry *lookup_child_locked(struct dentry *dir, const char *name, size_t len, u32 hash)
{
    struct dentry *d = dcache_find(dir, name, len, hash);
    struct inode *i = dir->inode;

    if (d && (still_valid(d) || d->mounts))
        return d;
    if (d) {
        dentry_unhash(d);
        dentry_put(d);
    }
    if (dir->flags & DENTRY_DELETED)
        return ERR_PTR(-ENOENT);
    if (!i->ops || !i->ops->lookup)
        return ERR_PTR(-ENOTDIR);
    d = dentry_alloc(dir, name, len);
    if (!d)
        return ERR_PTR(-ENOMEM);
    long rc = i->ops->lookup(i, d);
    if (rc < 0) {
        dentry_put(d);
        return ERR_PTR(rc);
    }
    if (!(d->flags & DENTRY_NOCACHE))
        dentry_hash(d);
    return d;
}

struct dentry *lookup_child(struct dentry *dir, const char *name, size_t len, u32 hash)
{
    struct dentry *d = dcache_find(dir, name, len, hash);

    if (likely(d)) {
        if (likely(still_valid(d)))
            return d;
        dentry_put(d);
    }
    lock(&dir->inode->lock);
    d = lookup_child_locked(dir, name, len, hash);
    unlock(&dir->inode->lock);
    dcache_trim();
    return d;
}

/* ---- the walk -------------------------------------------------------------------- */

static long may_search(struct walk *w)
{
    struct inode *i = w->path.dentry->inode;

    if (!i || !S_ISDIR(i->mode))
        return -ENOTDIR;
    return inode_permission(i, MAY_EXEC);
}

static enum last_kind kind_of(const char *name, size_t len)
{
    if (name[0] != '.' || len > 2)
        return LAST_NORMAL;
    if (len == 1)
        return LAST_DOT;
    return name[1] == '.' ? LAST_DOTDOT : LAST_NORMAL;
}

/* One component that isn't the last. */
static long step(struct walk *w, const char *name, size_t len, u32 hash)
{
    enum last_kind kind = kind_of(name, len);
    bool jumped;
    long rc;

    if (kind == LAST_DOT)
        return 0;
    if (kind == LAST_DOTDOT)
        return walk_dotdot(w);
    current()->walk_rest = w->rest;
    struct dentry *d = lookup_child(w->path.dentry, name, len, hash);
    current()->walk_rest = NULL;
    if (IS_ERR(d))
        return PTR_ERR(d);
    if (!d->inode)
        rc = -ENOENT;
    else if (S_ISLNK(d->inode->mode))
        rc = walk_link(w, d, &jumped);
    else
        return walk_into(w, d);
    dentry_put(d);
    return rc;
}

long walk_parent(struct walk *w)
{
    w->slash = false;
    for (;;) {
        const char *name = w->rest, *next;
        size_t len;
        long rc;
        while (*name == '/')
            name++;
        if (!*name) {
            w->kind = LAST_ROOT;
            return 0;
        }
        rc = may_search(w);
        if (rc)
            return rc;
        u32 hash = hash_component(name, &len);
        if (len > NAME_MAX_)
            return -ENAMETOOLONG;
        for (next = name + len; *next == '/'; next++)
            ;
        w->rest = next;
        if (!*next) {
            w->slash = next != name + len;
            w->last = name;
            w->last_len = len;
            w->last_hash = hash;
            w->kind = kind_of(name, len);
            return 0;
        }
        rc = step(w, name, len, hash);
        if (rc)
            return rc;
    }
}
