/* Open files: their life, and files without a name in any file system. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/stat.h>

#include "fs.h"
#include "lib.h"
#include "objcache.h"

static struct objcache file_cache = OBJCACHE_INIT(struct file, next_free);

struct file *file_new(void)
{
    struct file *f = objcache_get(&file_cache);

    if (!f)
        return NULL;
    memset((char *)f + sizeof(f->refs), 0, sizeof(*f) - sizeof(f->refs));
    list_init(&f->epolls);
    __atomic_store_n(&f->refs, 1, __ATOMIC_RELEASE);
    return f;
}

void file_free(struct file *f)
{
    if (f->fmode & FMODE_WRITER)
        inode_put_write(f->inode);
    if (f->fmode & FMODE_DENY)
        inode_allow_write(f->inode);
    if (f->path.dentry)
        dentry_put(f->path.dentry);
    f->path.dentry = NULL;
    __atomic_store_n(&f->refs, 0, __ATOMIC_RELEASE);
    objcache_put(&file_cache, f);
}

s64 file_seek_endless(struct file *f, s64 off, int whence)
{
    if (whence == SEEK_CUR)
        off += (s64)f->pos;
    else if (whence != SEEK_SET)
        return -EINVAL;
    if (off < 0)
        return -EINVAL;
    f->pos = (u64)off;
    return off;
}

long file_deny_write(struct file *f)
{
    long rc = inode_deny_write(f->inode);

    if (rc == 0)
        f->fmode |= FMODE_DENY;
    return rc;
}

static void last_put(struct file *f)
{
    struct dentry *d = f->path.dentry;

    /* Who takes the last item off may still be inside epoll_lock: then wait there. */
    if (unlikely(!list_empty(&f->epolls) || READ_ONCE(f->epoll_lock.word)))
        epoll_file_gone(f);
    if (unlikely(f->dnotify))
        dnotify_file_gone(f);
    if (unlikely(f->async || f->owner.id))
        async_file_gone(f);
    if (!(f->fmode & FMODE_PATH)) {
        if (unlikely(!list_empty(&f->inode->locks)))
            locks_file_gone(f);
        if (d && unlikely(watched(d)))
            notify_child(d, f->fmode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
        if (f->ops && f->ops->release)
            f->ops->release(f);
    }
    file_free(f);
}

void file_put(struct file *f)
{
    if (ref_put(&f->refs))
        last_put(f);
}

void path_get(struct path_s *p) { dentry_get(p->dentry); }

void path_put(struct path_s *p)
{
    if (p->dentry)
        dentry_put(p->dentry);
    p->dentry = NULL;
}

/* ---- files without a name ------------------------------------------------------ */

struct super anon_super = {
    .type = "anon_inodefs",
    .dev = 0xb,
    .magic = 0x09041934,
    .flags = SUPER_NOATIME,
};

static u32 fmode_of(u32 flags)
{
    switch (flags & O_ACCMODE) {
    case O_RDONLY:
        return FMODE_READ;
    case O_WRONLY:
        return FMODE_WRITE;
    default:
        return FMODE_READ | FMODE_WRITE;
    }
}

struct file *file_anon_on(struct inode *i, const char *name, const struct file_ops *ops,
                          void *private, u32 flags)
{
    struct dentry *d = dentry_alloc(NULL, name, strlen(name));
    struct file *f = d ? file_new() : NULL;

    if (!f) {
        if (d)
            dentry_put(d);
        return ERR_PTR(-ENOMEM);
    }
    d->super = &anon_super;
    d->inode = inode_get(i);
    f->path.dentry = d;
    f->inode = i;
    f->ops = ops;
    f->private = private;
    f->flags = flags & ~(u32)O_CLOEXEC;
    f->fmode = fmode_of(flags);
    return f;
}

struct file *file_anon(const char *name, const struct file_ops *ops, void *private, u32 flags)
{
    struct inode *i = inode_new(&anon_super, 0600);

    if (!i)
        return ERR_PTR(-ENOMEM);
    i->fops = ops;
    struct file *f = file_anon_on(i, name, ops, private, flags);
    inode_put(i); /* the dentry has one */
    return f;
}
