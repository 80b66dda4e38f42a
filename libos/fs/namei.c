/* Finding existing files, and the names that calls like mkdir or unlink work on. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "dcache.h"
#include "fs.h"
#include "lib.h"
#include "usercopy.h"

long user_path_get(struct user_path *p, uptr name)
{
    long n = strncpy_from_user(p->text, name, sizeof(p->text));
    return n < 0 ? n : 0;
}

/* The last component of an existing path: 1 when a link put more to walk. */
static long walk_final(struct walk *w)
{
    bool jumped;
    long rc;

    if (w->kind == LAST_ROOT || w->kind == LAST_DOT)
        return 0;
    if (w->kind == LAST_DOTDOT)
        return walk_dotdot(w);
    struct dentry *d = lookup_child(w->path.dentry, w->last, w->last_len, w->last_hash);
    if (IS_ERR(d))
        return PTR_ERR(d);
    if (!d->inode) {
        dentry_put(d);
        return -ENOENT;
    }
    if (!S_ISLNK(d->inode->mode) || !((w->flags & LOOKUP_FOLLOW) || w->slash))
        return walk_into(w, d);
    rc = walk_link(w, d, &jumped);
    dentry_put(d);
    return rc ? rc : !jumped;
}

static long lookup_slow(int dirfd, const char *name, u32 flags, struct path_s *out)
{
    struct walk w;
    long rc = walk_begin(&w, dirfd, name, flags);

    while (rc == 0) {
        if (!*w.rest)
            break; /* LOOKUP_EMPTY: dirfd itself */
        rc = walk_parent(&w);
        if (rc)
            break;
        rc = walk_final(&w);
        if (rc <= 0)
            break;
        rc = 0;
    }
    if (rc == 0 && (w.slash || (flags & LOOKUP_DIRECTORY)) && !S_ISDIR(w.path.dentry->inode->mode))
        rc = -ENOTDIR;
    if (rc == 0) {
        *out = w.path;
        w.path.dentry = NULL;
    }
    walk_end(&w);
    return rc;
}

long path_lookup(int dirfd, const char *name, u32 flags, struct path_s *out)
{
    long rc = walk_fast(dirfd, name, flags, out);

    return rc <= 0 ? rc : lookup_slow(dirfd, name, flags, out);
}

long path_lookup_to_read(int dirfd, const char *name, u32 flags, struct path_s *out)
{
    current()->walk_open = true;
    long rc = path_lookup(dirfd, name, flags, out);
    current()->walk_open = false;
    return rc;
}

long path_lookup_user(int dirfd, uptr name, u32 flags, struct path_s *out)
{
    struct user_path p;
    long rc = user_path_get(&p, name);

    return rc ? rc : path_lookup(dirfd, p.text, flags, out);
}

/* ---- names to be made or removed ------------------------------------------------- */

/* An empty path is ENOENT by walk_begin.  Names "." and ".." and "/" are left to the
 * caller, each call answers them differently: n->d is NULL then and nothing is locked. */
long name_begin(struct name_target *n, int dirfd, const char *name)
{
    struct walk *w = &n->walk;
    long rc = walk_begin(w, dirfd, name, 0);

    n->d = NULL;
    if (rc == 0)
        rc = walk_parent(w);
    if (rc || w->kind != LAST_NORMAL)
        goto out;
    lock(&w->path.dentry->inode->lock);
    n->d = lookup_child_locked(w->path.dentry, w->last, w->last_len, w->last_hash);
    if (!IS_ERR(n->d))
        return 0;
    rc = PTR_ERR(n->d);
    n->d = NULL;
    unlock(&w->path.dentry->inode->lock);
out:
    if (rc)
        walk_end(w);
    return rc;
}

void name_end(struct name_target *n)
{
    if (n->d) {
        unlock(&n->walk.path.dentry->inode->lock);
        dentry_put(n->d);
    }
    walk_end(&n->walk);
    dcache_trim();
}

long may_create(struct inode *dir) { return inode_permission(dir, MAY_WRITE | MAY_EXEC); }

static bool sticky_forbids(struct inode *dir, struct inode *victim)
{
    u32 uid = current()->cred.fsuid;

    return (dir->mode & S_ISVTX) && victim->uid != uid && dir->uid != uid && !capable(CAP_FOWNER);
}

long may_delete(struct inode *dir, struct dentry *d, bool is_dir)
{
    struct inode *i = d->inode;
    long rc;

    if (!i)
        return -ENOENT;
    rc = inode_permission(dir, MAY_WRITE | MAY_EXEC);
    if (rc)
        return rc;
    if (sticky_forbids(dir, i))
        return -EPERM;
    if (is_dir)
        return S_ISDIR(i->mode) ? 0 : -ENOTDIR;
    return S_ISDIR(i->mode) ? -EISDIR : 0;
}
