/* Pseudo files: names, inodes and attributes.  Contents are in pseudo_file.c.
 *
 * Locking: an inode's `struct pseudo` never changes.  Look-up runs under the directory's
 * inode lock and may take process locks: directories of pseudo file systems stand above
 * `process_table_lock` in the order, which is safe because nothing is put (and so no
 * dentry dropped) under process locks.
 */
#include <linux/errno.h>

#include "procfs.h"
#include "pseudo.h"

static const struct inode_ops pseudo_inode_ops, pseudo_magic_ops;

const struct pseudo *pseudo_of(const struct inode *i)
{
    return i && (i->ops == &pseudo_inode_ops || i->ops == &pseudo_magic_ops) ? i->private : NULL;
}

/* The same number at every look-up, so that directory listings and stat agree although
 * inodes come and go. */
static u64 pseudo_ino(const struct pseudo *p)
{
    u64 h = hash_u64((uptr)p->node);

    h = hash_u64(h ^ ((u64)(u32)p->pid << 32) ^ (u32)p->tid);
    h = hash_u64(h ^ p->start ^ (p->key << 20));
    return 0x10000 + (h & 0xfffffff);
}

/* Ownership as Linux has it: files about a process belong to its effective user. */
static void pseudo_refresh(struct inode *i, const struct pseudo *p)
{
    if (p->node->mode_of)
        i->mode = (i->mode & S_IFMT) | (p->node->mode_of(p) & 07777);
    if (p->pid)
        proc_owner(p, &i->uid, &i->gid);
}

static struct inode *pseudo_inode(struct super *s, const struct pseudo *p)
{
    struct pseudo *copy = kmalloc(sizeof(*copy));
    struct inode *i;

    if (!copy)
        return NULL;
    *copy = *p;
    i = inode_new(s, p->node->mode);
    if (!i) {
        kfree(copy);
        return NULL;
    }
    i->ino = pseudo_ino(p);
    i->private = copy;
    i->uid = i->gid = 0; /* whoever looked first */
    i->ops = p->node->follow ? &pseudo_magic_ops : &pseudo_inode_ops;
    i->fops = S_ISDIR(p->node->mode) ? &pseudo_dir_fops
              : p->node->fops        ? p->node->fops
                                     : &pseudo_file_fops;
    i->nlink = S_ISDIR(p->node->mode) ? 2 : 1;
    i->blksize = s->magic == PROC_MAGIC ? 1024 : PAGE_SIZE;
    i->size = s->magic == SYSFS_MAGIC_ && S_ISREG(p->node->mode) ? PAGE_SIZE : 0;
    pseudo_refresh(i, copy);
    return i;
}

static const struct pseudo_node *find_child(const struct pseudo_node *n, const char *name)
{
    for (n = n->child; n && n->name; n++)
        if (!strcmp(n->name, name))
            return n;
    return NULL;
}

static long pseudo_lookup(struct inode *dir, struct dentry *d)
{
    const struct pseudo *p = dir->private;
    struct pseudo out = *p;
    struct inode *i;
    long rc;

    if (!proc_alive(p))
        return -ESRCH;
    out.node = find_child(p->node, d->name);
    if (!out.node) {
        out.node = p->node;
        rc = p->node->dir ? p->node->dir->lookup(p, d->name, &out) : -ENOENT;
        if (rc == -ENOENT && p->node->dir)
            d->flags |= DENTRY_NOCACHE; /* may be there the next time */
        /* Linux's proc fails the look-up itself, before anybody asks for the right to make
         * the name. */
        if (rc == -ENOENT)
            return strcmp(d->super->type, "proc") == 0 ? -ENOENT : 0;
        if (rc)
            return rc;
    }
    i = pseudo_inode(d->super, &out);
    if (!i)
        return -ENOMEM;
    if (out.node->valid || out.pid) /* of a process: would stay long after it */
        d->flags |= DENTRY_NOCACHE;
    dentry_instantiate(d, i);
    return 0;
}

/* Names in computed directories appear and vanish without anyone telling the cache. */
static bool pseudo_revalidate(struct dentry *d)
{
    struct inode *i = d->inode;
    const struct pseudo *p;

    if (!i)
        return true; /* only names outside the tables of fixed directories are kept */
    p = i->private;
    if (!proc_alive(p) || (p->node->valid && !p->node->valid(p)))
        return false;
    pseudo_refresh(i, p);
    return true;
}

static long pseudo_readlink(struct dentry *d, char *buf, size_t len)
{
    const struct pseudo *p = d->inode->private;

    if (p->node->link)
        return p->node->link(p, buf, len);
    if (!p->node->text)
        return -EINVAL;
    if (strlen(p->node->text) >= len)
        return -ENAMETOOLONG;
    return (long)strlcpy(buf, p->node->text, len);
}

static long pseudo_follow(struct dentry *d, struct path_s *out)
{
    const struct pseudo *p = d->inode->private;

    return p->node->follow ? p->node->follow(p, out) : -EINVAL;
}

static long pseudo_getattr(struct dentry *d, struct inode *i, struct kstat *st)
{
    const struct pseudo *p = i->private;

    (void)d;
    pseudo_refresh(i, p);
    inode_getattr(i, st);
    if (p->node->dir == &proc_task_dir)
        st->nlink += proc_thread_count(p);
    if (S_ISLNK(i->mode) && p->node->follow)
        st->size = 64; /* what Linux answers for /proc/PID/fd/N */
    return 0;
}

/* Opening with O_TRUNC is allowed and does nothing, as on Linux. */
static long pseudo_setattr(struct dentry *d, struct inode *i, const struct setattr *a)
{
    (void)d;
    (void)i;
    return a->mask & ~(ATTR_SIZE | ATTR_ATIME | ATTR_MTIME | ATTR_FORCE) ? -EPERM : 0;
}

/* Nothing can be made here; /proc says that such names don't exist. */
static long pseudo_create(struct inode *dir, struct dentry *d, u32 mode)
{
    return dir->super->magic == PROC_MAGIC ? -ENOENT : -EACCES;
}

static long pseudo_mkdir(struct inode *dir, struct dentry *d, u32 mode)
{
    return dir->super->magic == PROC_MAGIC ? -ENOENT : -EPERM;
}

static void pseudo_evict(struct inode *i) { kfree(i->private); }

#define PSEUDO_OPS                                                                                 \
    .lookup = pseudo_lookup, .readlink = pseudo_readlink, .getattr = pseudo_getattr,               \
    .setattr = pseudo_setattr, .create = pseudo_create, .mkdir = pseudo_mkdir,                     \
    .evict = pseudo_evict

static const struct inode_ops pseudo_inode_ops = {PSEUDO_OPS};
/* Links with a text only must not look magic to the path walk. */
static const struct inode_ops pseudo_magic_ops = {PSEUDO_OPS, .follow = pseudo_follow};

/* ---- directories ---------------------------------------------------------- */

/* Positions: 0 ".", 1 "..", 2.. the table, then COMPUTED + the directory's own cursor. */
#define COMPUTED 0x1000

static u8 type_of(const struct pseudo *p) { return (u8)((p->node->mode & S_IFMT) >> 12); }

static bool emit_one(struct dir_emit *e, const char *name, const struct pseudo *p, s64 next)
{
    return e->emit(e, name, strlen(name), pseudo_ino(p), type_of(p), next);
}

static bool emit_table(struct file *f, struct dir_emit *e, const struct pseudo *p)
{
    const struct pseudo_node *n = p->node->child;
    s64 pos = 2;

    for (; n && n->name; n++, pos++) {
        struct pseudo entry = *p;

        if (pos < (s64)f->pos)
            continue;
        entry.node = n;
        if (!emit_one(e, n->name, &entry, pos + 1))
            return false;
        f->pos = (u64)pos + 1;
    }
    f->pos = COMPUTED;
    return true;
}

static void emit_computed(struct file *f, struct dir_emit *e, const struct pseudo *p)
{
    u64 cursor = f->pos - COMPUTED;

    for (;;) {
        char name[PSEUDO_NAME];
        struct pseudo entry = *p;

        if (!p->node->dir->next(p, &cursor, name, &entry))
            break;
        if (!emit_one(e, name, &entry, (s64)(COMPUTED + cursor)))
            break;
        f->pos = COMPUTED + cursor;
    }
}

static long pseudo_readdir(struct file *f, struct dir_emit *e)
{
    const struct pseudo *p = f->inode->private;

    if (!proc_alive(p))
        return -ENOENT;
    if (f->pos < 2 && !dir_emit_dots(f, e))
        return 0;
    if (f->pos < COMPUTED && !emit_table(f, e, p))
        return 0;
    if (p->node->dir)
        emit_computed(f, e, p);
    return 0;
}

const struct file_ops pseudo_dir_fops = {
    .readdir = pseudo_readdir,
    .llseek = file_seek_endless,
};

/* ---- file systems --------------------------------------------------------- */

struct super *pseudo_super(const char *type, u64 magic, const struct pseudo_node *root)
{
    struct super *s = kzalloc(sizeof(*s));
    struct pseudo p = {.node = root};
    struct inode *i;

    if (!s)
        return NULL;
    s->type = type;
    s->magic = magic;
    s->dev = super_new_dev();
    s->next_ino = 2;
    s->revalidate = pseudo_revalidate;
    i = pseudo_inode(s, &p);
    if (!i)
        goto fail;
    i->ino = 1;
    s->root = dentry_make_root(s, i);
    if (s->root)
        return s;
    inode_put(i);
fail:
    kfree(s);
    return NULL;
}
