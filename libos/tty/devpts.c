/* /dev/pts: the names of pseudo terminals.
 *
 * There is one for the whole sandbox.  The table holds no reference on the inodes of pseudo
 * terminals: they go when their last file does.  So a look-up takes a reference only if
 * there still is one, and eviction clears the entry under the same lock.  A name can be
 * found until the master is closed; the number is free when nothing refers to it.
 *
 * Locking: devpts_lock is a leaf, but for pty->lock, which isn't taken under it.
 */
#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "../fs/fs.h"
#include "lib.h"
#include "pty.h"

#define DEVPTS_MAGIC 0x1cd1
#define TTY_GROUP    5

struct lock devpts_lock;
static struct inode *table[PTY_MAX] SPARSE_TABLE;
static u32 table_end; /* no entry at or behind it */
static struct super *devpts_super;
static struct inode *ptmx_inode;

static u64 number_of(u32 index) { return (136 + index / 256) << 8 | index % 256; }

u64 pty_rdev(const struct pty *p) { return number_of(p->index); }

/* devpts_lock held.  The inode behind a number, if its name still stands. */
static struct inode *entry(u32 index)
{
    struct inode *i = index < table_end ? table[index] : NULL;
    const struct pty *p = i ? i->private : NULL;

    return i && (!p || !READ_ONCE(p->hungup)) ? i : NULL;
}

struct pty *pty_find(bool (*is)(const struct pty *p, s32 number), s32 number)
{
    struct pty *found = NULL;

    lock(&devpts_lock);
    for (u32 n = 0; n < table_end && !found; n++) {
        struct pty *p = table[n] ? table[n]->private : NULL;

        if (p && is(p, number) && ref_get_unless_zero(&table[n]->refs))
            found = p;
    }
    unlock(&devpts_lock);
    return found;
}

/* ---- the inodes ------------------------------------------------------------------------- */

static void pty_evict(struct inode *i)
{
    struct pty *p = i->private;

    lock(&devpts_lock);
    table[p->index] = NULL;
    unlock(&devpts_lock);
    kpages_free(p, sizeof(*p));
}

static const struct inode_ops pty_inode_ops = {.evict = pty_evict};
static const struct inode_ops plain_inode_ops;

static void set_defaults(struct pty *p)
{
    static const u8 keys[] = {3, 034, 0177, 025, 4, 0, 1, 0, 021, 023, 032, 0, 022, 017, 027, 026};

    lock_init(&p->lock);
    waitq_init(&p->slave_wait);
    waitq_init(&p->master_wait);
    p->modes.c_iflag = ICRNL | IXON;
    p->modes.c_oflag = OPOST | ONLCR;
    p->modes.c_cflag = B38400 | CS8 | CREAD;
    p->modes.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    p->modes.c_ispeed = p->modes.c_ospeed = 38400;
    memcpy(p->modes.c_cc, keys, sizeof(keys));
    p->locked = true;
}

static long table_put(struct pty *p)
{
    u32 n;

    lock(&devpts_lock);
    for (n = 0; n < PTY_MAX && table[n]; n++)
        ;
    if (n < PTY_MAX) {
        p->index = n;
        p->inode->rdev = number_of(n);
        p->inode->ino = n + 3; /* as Linux counts */
        table[n] = p->inode;
        table_end = MAX(table_end, n + 1);
    }
    unlock(&devpts_lock);
    return n < PTY_MAX ? 0 : -ENOSPC;
}

struct pty *pty_new(void)
{
    struct pty *p = kpages_alloc(sizeof(*p));
    struct inode *i = p ? inode_new(devpts_super, S_IFCHR | 0620) : NULL;
    long rc;

    if (!i) {
        if (p)
            kpages_free(p, sizeof(*p));
        return ERR_PTR(-ENOMEM);
    }
    memset(p, 0, sizeof(*p));
    set_defaults(p);
    p->inode = i;
    i->gid = TTY_GROUP;
    i->blksize = 1024;
    i->fops = &pty_slave_fops;
    i->private = p;
    rc = table_put(p);
    if (rc) {
        inode_put(i);
        kpages_free(p, sizeof(*p));
        return ERR_PTR(rc);
    }
    i->ops = &pty_inode_ops;
    return p;
}

/* ---- the directory ---------------------------------------------------------------------- */

static bool parse_index(const char *name, u32 *index)
{
    const char *end;
    u64 n = parse_u64(name, &end, 10);

    *index = (u32)n;
    return end != name && !*end && n < PTY_MAX && name[0] >= '0' && name[0] <= '9' &&
           (name[0] != '0' || !name[1]);
}

static long devpts_lookup(struct inode *dir, struct dentry *d)
{
    struct inode *i = NULL;
    u32 index;

    d->flags |= DENTRY_NOCACHE;
    if (strcmp(d->name, "ptmx") == 0) {
        i = inode_get(ptmx_inode);
    } else if (parse_index(d->name, &index)) {
        lock(&devpts_lock);
        i = entry(index);
        if (i && !ref_get_unless_zero(&i->refs))
            i = NULL;
        unlock(&devpts_lock);
    }
    if (i)
        dentry_instantiate(d, i);
    return 0;
}

static bool devpts_revalidate(struct dentry *d)
{
    const struct inode *i = d->inode;
    const struct pty *p = i ? i->private : NULL;

    return i && (i->ops != &pty_inode_ops || !READ_ONCE(p->hungup));
}

static long devpts_readdir(struct file *f, struct dir_emit *e)
{
    if (f->pos < 2 && !dir_emit_dots(f, e))
        return 0;
    if (f->pos == 2) {
        if (!e->emit(e, "ptmx", 4, ptmx_inode->ino, S_IFCHR >> 12, 3))
            return 0;
        f->pos = 3;
    }
    for (u32 n = (u32)f->pos - 3; n < PTY_MAX && n < table_end; n++) {
        char name[16];
        u64 ino = 0;

        lock(&devpts_lock);
        if (entry(n))
            ino = table[n]->ino;
        unlock(&devpts_lock);
        if (ino && !e->emit(e, name, (size_t)snprintf(name, sizeof(name), "%u", n), ino,
                            S_IFCHR >> 12, (s64)n + 4))
            return 0;
        f->pos = n + 4;
    }
    return 0;
}

static s64 devpts_llseek(struct file *f, s64 off, int whence)
{
    if (whence == 1)
        off += (s64)f->pos;
    else if (whence != 0)
        return -EINVAL;
    if (off < 0 || off > PTY_MAX + 4)
        return -EINVAL;
    f->pos = (u64)off;
    return off;
}

static const struct inode_ops devpts_dir_ops = {.lookup = devpts_lookup};
static const struct file_ops devpts_dir_fops = {.readdir = devpts_readdir, .llseek = devpts_llseek};

static struct inode *new_inode(struct super *s, u32 mode, u64 ino, u64 rdev)
{
    struct inode *i = inode_new(s, mode);

    if (!i)
        panic("no memory for /dev/pts");
    i->uid = i->gid = 0;
    i->ino = ino;
    i->rdev = rdev;
    i->blksize = 1024;
    i->ops = &plain_inode_ops;
    return i;
}

struct super *devpts(void)
{
    struct super *s = devpts_super;
    struct inode *root;

    if (s)
        return s;
    s = kzalloc(sizeof(*s));
    if (!s)
        panic("no memory for /dev/pts");
    s->type = "devpts";
    s->magic = DEVPTS_MAGIC;
    s->dev = super_new_dev();
    s->next_ino = PTY_MAX + 8;
    s->revalidate = devpts_revalidate;
    root = new_inode(s, S_IFDIR | 0755, 1, 0);
    root->nlink = 2;
    root->ops = &devpts_dir_ops;
    root->fops = &devpts_dir_fops;
    ptmx_inode = new_inode(s, S_IFCHR | 0666, 2, 5 << 8 | 2);
    s->root = dentry_make_root(s, root);
    if (!s->root)
        panic("no memory for /dev/pts");
    devpts_super = s;
    return s;
}

long devpts_host_terminal(u64 rdev)
{
    u64 index = (rdev & 0xff) + ((rdev >> 8) - 136) * 256;

    if (rdev >> 8 < 136 || index >= PTY_MAX)
        return -EINVAL;
    if (table[index])
        return 0;
    table[index] = new_inode(devpts(), S_IFCHR | 0620, index + 3, rdev);
    table[index]->gid = TTY_GROUP;
    table_end = MAX(table_end, (u32)index + 1);
    return 0;
}

/* ---- a slave without a path --------------------------------------------------------------- */

static struct mount *devpts_mount(void)
{
    struct mount *m, *found = NULL;

    lock(&mount_lock);
    list_for_each(m, &mount_list, all)
    {
        if (!found && m->super == devpts_super && !m->gone)
            found = m;
    }
    unlock(&mount_lock);
    return found;
}

struct file *pty_open_slave(struct pty *p, u32 flags)
{
    struct path_s at = {.mnt = devpts_mount()};
    struct file *f;
    char name[16];

    snprintf(name, sizeof(name), "%u", p->index);
    at.dentry =
        lookup_child(devpts_super->root, name, strlen(name), hash_bytes(name, strlen(name)));
    if (IS_ERR(at.dentry))
        return (struct file *)at.dentry;
    f = at.dentry->inode ? file_open_path(&at, flags) : ERR_PTR(-EIO);
    path_put(&at);
    return f;
}
