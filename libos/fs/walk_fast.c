/* Walks over cached, plain paths without locks and with one reference, the last.
 *
 * At each step the walk holds a dentry it has no right to: it may be renamed, unlinked or
 * freed at any moment.  What makes that sound:
 *   - dentries and inodes never become other objects (objcache.h), so reading is harmless;
 *   - a dentry was found under a mark of its hash stripe; while the mark is unchanged, it
 *     is in the table where it was found, hence alive;
 *   - after a child was found, the mark of its parent is checked: at that time the parent
 *     was still in place.  So for each step there was a moment at which it was true, in
 *     the order of the steps, which is all that a walk with locks can promise;
 *   - the starting place is held by the process's fs_ctx, whose seq says whether it still
 *     is, or by the file of a descriptor.  Roots of mounts are held for good.
 * Whatever isn't plain (a link to follow, "..", a name that isn't cached, a directory that
 * may not be searched, a file system with an opinion) is left to the walk with locks.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "dcache.h"
#include "fs.h"

#define DONT_KNOW 1

struct fast {
    struct mount *mnt;
    struct dentry *d;
    struct dcache_mark mark; /* of d; seq NULL: d is held by something else */
    struct file *base;       /* holds the starting place */
    struct fs_ctx *fs;       /* or this does, while its seq is */
    u32 fs_seq;
};

static bool in_place(const struct fast *f) { return !f->mark.seq || dcache_unchanged(&f->mark); }

static bool start_kept(const struct fast *f)
{
    if (!f->fs)
        return true;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return READ_ONCE(f->fs->seq) == f->fs_seq;
}

static bool start_in(struct fast *f, bool root)
{
    struct fs_ctx *fs = current_fs();

    f->fs = fs;
    f->fs_seq = __atomic_load_n(&fs->seq, __ATOMIC_ACQUIRE);
    const struct path_s *p = root ? &fs->root : &fs->cwd;
    f->mnt = READ_ONCE(p->mnt);
    f->d = READ_ONCE(p->dentry);
    return !(f->fs_seq & 1) && start_kept(f);
}

static bool start(struct fast *f, int dirfd, const char *name)
{
    if (*name == '/')
        return start_in(f, true);
    if (dirfd == AT_FDCWD)
        return start_in(f, false);
    f->base = fd_get(dirfd);
    if (!f->base)
        return false;
    f->mnt = f->base->path.mnt;
    f->d = f->base->path.dentry;
    return f->mnt != NULL;
}

static bool may_search(const struct fast *f)
{
    struct inode *i = READ_ONCE(f->d->inode);

    return i && S_ISDIR(i->mode) && i->ops && !i->ops->permission &&
           inode_permission_default(i, MAY_EXEC) == 0;
}

/* Goes down to a child; its inode in *i, NULL if the name is known not to exist. */
static bool step(struct fast *f, const char *name, size_t len, u32 hash, struct inode **i)
{
    struct dcache_mark mark;
    struct dentry *d = dcache_peek(f->d, name, len, hash, &mark);
    struct mount *upper;

    if (!d || !in_place(f) || d->super->revalidate)
        return false;
    *i = READ_ONCE(d->inode);
    f->d = d;
    f->mark = mark;
    while (unlikely(READ_ONCE(f->d->mounts)) && (upper = mount_on(f->mnt, f->d))) {
        if (!in_place(f))
            return false;
        f->mnt = upper;
        f->d = upper->root;
        f->mark.seq = NULL;
        *i = f->d->inode;
    }
    return true;
}

/* The reference first, then the proof that it was the right thing to have one on. */
static long arrive(struct fast *f, struct path_s *out)
{
    if (!ref_get_unless_zero(&f->d->refs))
        return DONT_KNOW;
    if (!in_place(f) || !start_kept(f)) {
        dentry_put(f->d);
        return DONT_KNOW;
    }
    out->mnt = f->mnt;
    out->dentry = f->d;
    return 0;
}

static long walk(struct fast *f, const char *name, u32 flags, struct path_s *out)
{
    struct inode *i = NULL;

    while (*name == '/')
        name++;
    while (*name) {
        const char *next;
        size_t len;
        if (!may_search(f))
            return DONT_KNOW;
        u32 hash = hash_component(name, &len);
        for (next = name + len; *next == '/'; next++)
            ;
        if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
            return DONT_KNOW;
        if (!step(f, name, len, hash, &i))
            return DONT_KNOW;
        if (!i)
            return in_place(f) && start_kept(f) ? -ENOENT : DONT_KNOW;
        bool last = !*next, slash = next != name + len;
        if (S_ISLNK(i->mode) && (!last || slash || (flags & LOOKUP_FOLLOW)))
            return DONT_KNOW;
        if (last && (slash || (flags & LOOKUP_DIRECTORY)) && !S_ISDIR(i->mode))
            return DONT_KNOW;
        name = next;
    }
    return arrive(f, out);
}

/* 0, -ENOENT, or DONT_KNOW (> 0): ask the walk with locks. */
long walk_fast(int dirfd, const char *name, u32 flags, struct path_s *out)
{
    struct fast f = {0};
    long rc = DONT_KNOW;

    if (!*name || (flags & ~(LOOKUP_FOLLOW | LOOKUP_DIRECTORY | LOOKUP_EMPTY)))
        return DONT_KNOW;
    if (start(&f, dirfd, name))
        rc = walk(&f, name, flags, out);
    if (f.base)
        file_put(f.base);
    return rc;
}
