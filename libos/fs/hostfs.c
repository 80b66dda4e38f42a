/* hostfs: a directory (or file) that the monitor exports, shown inside.
 *
 * Every operation names its file by the URI made of the dentries above it, or by a host
 * handle if one is open for writing (the monitor keeps no others).  The dentry cache is the cache
 * of names.  In a `cache` export nothing changes under us: attributes and negative answers stay
 * good, and a directory where names are missed is listed once to answer later misses from memory.
 * Elsewhere a dentry is confirmed by the host before each use, unless that happened a moment ago.
 *
 * Two names of one host file share an inode, found by host device and inode number.
 * Owners: the user who runs the monitor appears as the user the sandbox started as, root
 * as root; in writable exports everybody else is nobody.
 *
 * Locking: names under the directory's inode lock, held by the caller; fs->lock for the
 * table of inodes and the handles (hostfs_file.c), never held over a host call.
 */
#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "carry.h"
#include "dcache.h"
#include "hostfs.h"
#include "lib.h"
#include "proc.h"
#include "thread.h"

#define FRESH_DIR_NS  (20 * 1000000ULL) /* a directory seen this recently is still there */
#define FRESH_FILE_NS 1000000ULL
#define NOBODY        65534u

static const struct inode_ops hostfs_inode_ops, hostfs_dir_inode_ops;

char *hostfs_uri_in(struct dentry *d, char *buf, size_t size)
{
    char prefix[16];
    int n = snprintf(prefix, sizeof(prefix), "dir:%u", hostfs_of(d->super)->index);
    char *path = dentry_path(d, buf + sizeof(prefix), size - sizeof(prefix));
    if (IS_ERR(path))
        return path;
    memcpy(path - n, prefix, n);
    return path - n;
}

char *hostfs_uri(struct dentry *d, char *buf) { return hostfs_uri_in(d, buf, URI_MAX); }

/* ---- inodes ----------------------------------------------------------------- */

static u32 map_uid(const struct hostfs *fs, u32 uid)
{
    const struct boot_info *b = boot();
    if (b->host_uid && uid == b->host_uid)
        return b->uid;
    return uid == 0 || b->host_uid == 0 || fs->cache ? uid : NOBODY;
}

static u32 map_gid(const struct hostfs *fs, u32 gid)
{
    const struct boot_info *b = boot();
    if (b->host_uid && gid == b->host_gid)
        return b->gid;
    return gid == 0 || b->host_uid == 0 || fs->cache ? gid : NOBODY;
}

/* Files of other host devices below the export keep their numbers apart from ours. */
u64 hostfs_map_ino(struct hostfs *fs, u64 dev, u64 ino)
{
    u32 i = 0;
    while (i < fs->ndevs && fs->devs[i] != dev)
        i++;
    if (i == fs->ndevs && i < ARRAY_SIZE(fs->devs)) {
        fs->devs[i] = dev;
        fs->ndevs++;
    }
    return ino ^ ((u64)i << 52);
}

void hostfs_take_attr(struct inode *i, const struct host_attr *a)
{
    struct hostfs *fs = hostfs_of(i->super);
    WRITE_ONCE(i->size, a->size);
    i->mode = a->mode;
    i->uid = map_uid(fs, a->uid);
    i->gid = map_gid(fs, a->gid);
    i->nlink = a->nlink;
    i->blksize = a->blksize;
    i->rdev = a->rdev;
    i->blocks = a->blocks;
    i->atime = a->atime;
    i->mtime = a->mtime;
    i->ctime = a->ctime;
    i->btime = a->btime;
    hostfs_node(i)->checked_ns = fs->cache ? ~0ULL : now_mono();
}

static bool is_inode(const struct inode *i, const struct host_attr *a)
{
    const struct hostfs_node *n = hostfs_node(i);
    return n->host_ino == a->ino && n->host_dev == a->dev && i->btime == a->btime &&
           !((i->mode ^ a->mode) & S_IFMT);
}

static void grow_table(struct hostfs *fs)
{
    u32 size = fs->size ? fs->size * 4 : 64;
    struct inode **table = kzalloc(size * sizeof(*table));
    if (!table)
        return;
    for (u32 b = 0; b < fs->size; b++) {
        struct inode *i = fs->table[b], *next;
        for (; i; i = next) {
            struct hostfs_node *n = hostfs_node(i);
            struct inode **to = &table[hash_u64(n->host_ino) & (size - 1)];
            next = n->next;
            n->next = *to;
            *to = i;
        }
    }
    kfree(fs->table);
    fs->table = table;
    fs->size = size;
}

static struct inode *new_inode(struct hostfs *fs, const struct host_attr *a)
{
    struct hostfs_node *n = kzalloc(sizeof(*n));
    struct inode *i = n ? inode_new(&fs->super, a->mode) : NULL;
    if (!i) {
        kfree(n);
        return NULL;
    }
    n->handle = n->write_handle = -1;
    n->host_ino = a->ino;
    n->host_dev = a->dev;
    list_init(&n->lru);
    i->private = n;
    i->btime = a->btime;
    i->ino = hostfs_map_ino(fs, a->dev, a->ino);
    i->ops = S_ISDIR(a->mode) ? &hostfs_dir_inode_ops : &hostfs_inode_ops;
    if (S_ISDIR(a->mode))
        i->fops = &hostfs_dir_ops;
    else if (S_ISREG(a->mode))
        i->fops = &hostfs_file_ops;
    i->flags |= INODE_NOATIME;
    struct inode **bucket = &fs->table[hash_u64(a->ino) & (fs->size - 1)];
    n->next = *bucket;
    *bucket = i;
    fs->count++;
    return i;
}

/* The inode of a host file, with a reference and these attributes; NULL: no memory. */
struct inode *hostfs_inode(struct hostfs *fs, const struct host_attr *a)
{
    lock(&fs->lock);
    if (fs->count >= fs->size)
        grow_table(fs);
    struct inode *i = fs->size ? fs->table[hash_u64(a->ino) & (fs->size - 1)] : NULL;
    while (i && !(is_inode(i, a) && !hostfs_node(i)->dead && ref_get_unless_zero(&i->refs)))
        i = hostfs_node(i)->next;
    if (!i && fs->size)
        i = new_inode(fs, a);
    unlock(&fs->lock);
    if (i)
        hostfs_take_attr(i, a);
    return i;
}

static void hostfs_evict(struct inode *i)
{
    struct hostfs *fs = hostfs_of(i->super);
    struct hostfs_node *n = hostfs_node(i);

    lock(&fs->lock);
    struct inode **p = &fs->table[hash_u64(n->host_ino) & (fs->size - 1)];
    while (*p != i)
        p = &hostfs_node(*p)->next;
    *p = n->next;
    fs->count--;
    if (!list_empty(&n->lru)) {
        list_del(&n->lru);
        fs->idle--;
    }
    unlock(&fs->lock);
    hostfs_close_handles(i);
    listing_free(n->listing);
    kfree(n->link);
    carry_drop(i);
    kfree(n);
    i->private = NULL;
}

/* ---- attributes --------------------------------------------------------------- */

long hostfs_refresh(struct dentry *d, struct inode *i, u64 max_age)
{
    struct hostfs_node *n = hostfs_node(i);
    char buf[URI_MAX], *uri = NULL;
    struct host_attr a;

    if (hostfs_of(i->super)->cache || now_mono() - n->checked_ns < max_age)
        return 0;
    int handle = READ_ONCE(n->write_handle);
    if (handle < 0 && n->dead)
        return -ENOENT;
    if (handle < 0) {
        uri = hostfs_uri(d, buf);
        if (IS_ERR(uri))
            return PTR_ERR(uri);
    }
    long rc = host_attributes_get(uri, handle, &a);
    if (rc < 0)
        return rc;
    if (!is_inode(i, &a))
        return -ESTALE;
    hostfs_take_attr(i, &a);
    return 0;
}

static long hostfs_getattr(struct dentry *d, struct inode *i, struct kstat *st)
{
    /* A file that went away under us shows what was known of it last. */
    long rc = hostfs_refresh(d, i, FRESH_FILE_NS);
    if (rc == -EINTR)
        return -ERESTARTSYS;
    inode_getattr(i, st);
    return 0;
}

static u32 unmap_id(u32 id, u32 inside, u32 host) { return host && id == inside ? host : id; }

/* Fills a from the request; the mask to send.  Owners that stay as they are are not sent:
 * "root" inside may say chown(0, 0) of its own files though the host user isn't root. */
static unsigned host_mask(struct inode *i, const struct setattr *s, struct host_attr *a)
{
    const struct boot_info *b = boot();
    unsigned mask = 0;
    if (s->mask & ATTR_MODE) {
        a->mode = s->mode & 07777;
        mask |= HOST_SET_MODE;
    }
    if ((s->mask & ATTR_UID) && s->uid != i->uid) {
        a->uid = unmap_id(s->uid, b->uid, b->host_uid);
        mask |= HOST_SET_UID;
    }
    if ((s->mask & ATTR_GID) && s->gid != i->gid) {
        a->gid = unmap_id(s->gid, b->gid, b->host_uid ? b->host_gid : 0);
        mask |= HOST_SET_GID;
    }
    if (s->mask & ATTR_SIZE) {
        a->size = s->size;
        mask |= HOST_SET_SIZE;
    }
    if (s->mask & ATTR_ATIME) {
        a->atime = s->atime;
        mask |= HOST_SET_ATIME;
    }
    if (s->mask & ATTR_MTIME) {
        a->mtime = s->mtime;
        mask |= HOST_SET_MTIME;
    }
    return mask;
}

static long hostfs_setattr(struct dentry *d, struct inode *i, const struct setattr *s)
{
    struct hostfs_node *n = hostfs_node(i);
    struct host_attr a = {0};
    char buf[URI_MAX], *uri = NULL;
    unsigned mask = host_mask(i, s, &a);
    long rc = 0;

    if (mask) {
        int handle = n->write_handle;
        if (handle < 0) {
            uri = hostfs_uri(d, buf);
            if (IS_ERR(uri))
                return PTR_ERR(uri);
        }
        rc = host_attributes_set(uri, handle, mask, &a);
    }
    n->checked_ns = 0;
    if (rc < 0)
        return rc;
    if (s->mask & ATTR_SIZE)
        WRITE_ONCE(i->size, s->size);
    return inode_setattr(i, s);
}

static long give_link(const char *text, char *buf, size_t len)
{
    return MIN(strlcpy(buf, text, len), len - 1);
}

static long hostfs_readlink(struct dentry *d, char *buf, size_t len)
{
    struct hostfs_node *l = hostfs_node(d->inode);
    char *text = __atomic_load_n(&l->link, __ATOMIC_ACQUIRE), *none = NULL;
    if (text)
        return give_link(text, buf, len);
    char ubuf[URI_MAX], *uri = hostfs_uri(d, ubuf);
    if (IS_ERR(uri))
        return PTR_ERR(uri);
    long n = host_readlink(uri, buf, len - 1);
    if (n < 0)
        return n;
    buf[MIN((size_t)n, len - 1)] = 0;
    if (hostfs_of(d->super)->cache && (size_t)n < len - 1) {
        text = kstrdup(buf);
        if (!__atomic_compare_exchange_n(&l->link, &none, text, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE))
            kfree(text);
    }
    return n;
}

/* ---- names -------------------------------------------------------------------- */

static void keep_link(struct hostfs_node *n, const char *link)
{
    char *text, *none = NULL;

    if (!link || !*link || n->link)
        return;
    text = kstrdup(link);
    if (text && !__atomic_compare_exchange_n(&n->link, &none, text, false, __ATOMIC_ACQ_REL,
                                             __ATOMIC_ACQUIRE))
        kfree(text);
}

long hostfs_found(struct dentry *d, const struct host_attr *a, const char *link)
{
    struct inode *i = hostfs_inode(hostfs_of(d->super), a);
    if (!i)
        return -ENOMEM;
    d->checked_ns = now_mono();
    dentry_instantiate(d, i);
    keep_link(hostfs_node(i), link);
    return 0;
}

/* Does the listing say that there is no such name?  Fetches it after a few misses. */
static bool listed_absent(struct inode *dir, struct dentry *d)
{
    struct hostfs_node *n = hostfs_node(dir);
    if (!n->listing && n->misses >= hostfs_worth_listing(dir)) {
        n->misses = 0;
        hostfs_listing(d->parent);
    }
    return n->listing && !listing_has(n->listing, d->name, d->name_len);
}

/* The listing of a cached directory may know all that a look-up wants to know. */
static bool found_in_listing(struct inode *dir, struct dentry *d)
{
    struct hostfs_node *n = hostfs_node(dir);
    struct listing *l = __atomic_load_n(&n->listing, __ATOMIC_ACQUIRE);
    const char *link;
    struct host_attr a;

    if (l && listing_attr(l, d->name, d->name_len, &a, &link))
        return hostfs_found(d, &a, link) == 0;
    /* A file that is going to be opened has to be asked for in any case. */
    if (current()->walk_open || !hostfs_time_for_attributes(dir))
        return false;
    hostfs_list_attributes(d->parent);
    l = __atomic_load_n(&n->listing, __ATOMIC_ACQUIRE);
    return l && listing_attr(l, d->name, d->name_len, &a, &link) && hostfs_found(d, &a, link) == 0;
}

static long hostfs_lookup(struct inode *dir, struct dentry *d)
{
    char buf[URI_MAX], *uri;
    struct host_attr a;

    d->checked_ns = now_mono();
    if (hostfs_of(dir->super)->cache) {
        if (listed_absent(dir, d) || found_in_listing(dir, d))
            return 0;
        return hostfs_look_ahead(d);
    }
    uri = hostfs_uri(d, buf);
    if (IS_ERR(uri))
        return PTR_ERR(uri);
    long rc = host_attributes_get(uri, -1, &a);
    if (rc == -ENOENT)
        return 0;
    return rc < 0 ? rc : hostfs_found(d, &a, NULL);
}

static bool hostfs_revalidate(struct dentry *d)
{
    char buf[URI_MAX], *uri;
    struct host_attr a;
    struct inode *i = d->inode;

    if (d->parent == d || (i && carry_counts(i)))
        return true;
    u64 now = now_mono();
    u64 window = !i ? 0 : S_ISDIR(i->mode) ? FRESH_DIR_NS : FRESH_FILE_NS;
    if (now - d->checked_ns < window)
        return true;
    uri = hostfs_uri(d, buf);
    if (IS_ERR(uri))
        return true;
    long rc = host_attributes_get(uri, -1, &a);
    if (i ? rc < 0 || !is_inode(i, &a) : rc != -ENOENT)
        return false;
    d->checked_ns = now;
    if (i)
        hostfs_take_attr(i, &a);
    return true;
}

static const struct inode_ops hostfs_inode_ops = {
    .readlink = hostfs_readlink,
    .getattr = hostfs_getattr,
    .setattr = hostfs_setattr,
    .evict = hostfs_evict,
};

static const struct inode_ops hostfs_dir_inode_ops = {
    .lookup = hostfs_lookup,
    .create = hostfs_create,
    .mknod = hostfs_mknod,
    .mkdir = hostfs_mkdir,
    .symlink = hostfs_symlink,
    .link = hostfs_link,
    .unlink = hostfs_unlink,
    .rmdir = hostfs_rmdir,
    .rename = hostfs_rename,
    .getattr = hostfs_getattr,
    .setattr = hostfs_setattr,
    .evict = hostfs_evict,
};

/* ---- a resume ---------------------------------------------------------------------- */

static struct hostfs *newest;

/* The table by host inode numbers, which may be new. */
static void rehash(struct hostfs *fs)
{
    struct inode *all = NULL, *i, *next;

    for (u32 b = 0; b < fs->size; b++) {
        for (i = fs->table[b]; i; i = next) {
            next = hostfs_node(i)->next;
            hostfs_node(i)->next = all;
            all = i;
        }
        fs->table[b] = NULL;
    }
    for (i = all; i; i = next) {
        struct hostfs_node *n = hostfs_node(i);
        struct inode **to = &fs->table[hash_u64(n->host_ino) & (fs->size - 1)];
        next = n->next;
        n->next = *to;
        *to = i;
    }
}

static __attribute__((noinline)) void fail_changed(struct dentry *name)
{
    char buf[URI_MAX], *path = name ? dentry_path(name, buf, sizeof(buf)) : "";

    start_fail(ESTALE, "resume: changed since the save:", IS_ERR(path) ? "" : path);
}

/* A changed file of the base ends the resume: programs have parts of it in memory.  In a
 * volume it is as with a network file system: the open file is stale. */
static void reopen_all(struct hostfs *fs)
{
    for (u32 b = 0; b < fs->size; b++) {
        struct inode *next;
        for (struct inode *i = fs->table[b]; i; i = next) {
            struct hostfs_node *n = hostfs_node(i);

            next = n->next;
            n->checked_ns = fs->cache ? ~0ULL : 0;
            if (n->handle < 0 && n->write_handle < 0)
                continue;
            if (!hostfs_reopen(fs, i))
                continue;
            fs->moved = true;
            if (fs->cache && !carry_counts(i))
                fail_changed(n->name);
        }
    }
    rehash(fs);
}

/* Is it another directory of another machine? */
static bool look_at_root(struct hostfs *fs)
{
    struct hostfs_node *root = hostfs_node(fs->super.root->inode);
    struct host_attr a;
    char uri[24];

    snprintf(uri, sizeof(uri), "dir:%u/", fs->index);
    a = boot()->mounts[fs->index].attr;
    if (!a.mode && host_attributes_get(uri, -1, &a) < 0)
        return true;
    bool same = is_inode(fs->super.root->inode, &a);
    root->host_ino = a.ino;
    root->host_dev = a.dev;
    fs->super.root->inode->btime = a.btime;
    return !same;
}

/* What was learnt of another base is not true of this one; files in use keep their names. */
static void forget_listings(struct hostfs *fs)
{
    for (u32 b = 0; b < fs->size; b++) {
        for (struct inode *i = fs->table[b]; i; i = hostfs_node(i)->next) {
            listing_free(hostfs_node(i)->listing);
            hostfs_node(i)->listing = NULL;
            hostfs_node(i)->misses = hostfs_node(i)->asked = 0;
        }
    }
}

void hostfs_resume(void)
{
    bool moved = false;

    for (struct hostfs *fs = newest; fs; fs = fs->older) {
        fs->moved = look_at_root(fs);
        reopen_all(fs);
        if (fs->moved)
            forget_listings(fs);
        moved |= fs->moved;
    }
    hostfs_list_done();
    if (moved)
        dcache_forget_unused();
}

void hostfs_each(void (*what)(struct inode *i, void *arg), void *arg)
{
    for (struct hostfs *fs = newest; fs; fs = fs->older)
        for (u32 b = 0; b < fs->size; b++)
            for (struct inode *i = fs->table[b]; i; i = hostfs_node(i)->next)
                what(i, arg);
}

/* ---- the file system ------------------------------------------------------------ */

static long hostfs_statfs(struct super *s, void *buf)
{
    return host_control(-1, HOST_STATFS, hostfs_of(s)->index, 0, 0, buf, sizeof(struct statfs));
}

struct super *hostfs_new(u32 index, bool cache)
{
    struct hostfs *fs = kzalloc(sizeof(*fs));
    struct host_attr a;
    char uri[24];

    if (!fs)
        return NULL;
    fs->index = index;
    fs->cache = cache;
    list_init(&fs->lru);
    fs->super.type = "hostfs";
    fs->super.magic = 0x61756673; /* what programs know of unusual file systems: aufs */
    fs->super.dev = super_new_dev();
    fs->super.statfs = hostfs_statfs;
    fs->super.lower_ops = &hostfs_lower_ops;
    fs->super.revalidate = cache ? NULL : hostfs_revalidate;
    snprintf(uri, sizeof(uri), "dir:%u/", index);
    a = boot()->mounts[index].attr;
    long rc = a.mode ? 0 : host_attributes_get(uri, -1, &a);
    struct inode *root = rc < 0 ? NULL : hostfs_inode(fs, &a);
    if (root)
        fs->super.root = dentry_make_root(&fs->super, root);
    if (!fs->super.root) {
        kfree(fs->table);
        kfree(fs);
        return NULL;
    }
    fs->older = newest; /* made at start only, one after another */
    newest = fs;
    return &fs->super;
}
