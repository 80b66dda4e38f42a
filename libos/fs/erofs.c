/* erofs: an image file as a read-only file system, the lower layer of the root.
 *
 * The image is one file of the host, opened through an export that is a file, and mapped
 * whole at ROOT_IMAGE_BASE before there is a second process, so that every process has it:
 * looking up, listing, stat and reading touch memory only, which all sandboxes of the
 * machine share in the host's page cache.  A program's mapping of a file is a host mapping
 * of the image at the file's blocks.  The devices of a layered image are exports of their
 * own and are mapped behind it, each over what may follow the blocks of the one before.
 *
 * The bytes are hostile; what makes sense of them is erofs_image.h.  Here: one inode for
 * each nid, whatever its names, and directories form a tree (each says who its parent is;
 * an entry leads only to a directory that agrees).
 *
 * Locking: fs->lock for the table of inodes; nothing else changes.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "carry.h"
#include "dcache.h"
#include "erofs_image.h"
#include "lib.h"
#include "lower.h"
#include "mm.h"
#include "proc.h"
#include "thread.h"
#include "usercopy.h"

#define EROFS_SUPER_MAGIC 0xe0f5e1e2

struct erofs {
    struct super super;
    struct erofs_image image;
    u32 export_index;
    bool gone;                          /* since a resume: all there is was carried along */
    int handles[1 + EROFS_DEVICES_MAX]; /* of the image's parts */
    struct lock lock;
    struct inode **table; /* by nid, chained through node->next */
    u32 size, count;
};

struct node {
    struct lower_node lower;
    struct inode *next;
    struct erofs_inode disk;
};

static const struct inode_ops inode_ops, dir_inode_ops;

static struct erofs *root_image; /* there is one place to map it */

bool erofs_gone(void) { return root_image && root_image->gone; }

static struct erofs *erofs_of(const struct super *s)
{
    return container_of(s, struct erofs, super);
}
static struct node *node_of(const struct inode *i) { return i->private; }
static const struct erofs_image *image_of(const struct inode *i)
{
    return &erofs_of(i->super)->image;
}

/* ---- inodes ----------------------------------------------------------------------------- */

static struct inode **bucket(struct inode **table, u32 size, u64 nid)
{
    return &table[hash_u64(nid) & (size - 1)];
}

static void grow_table(struct erofs *fs)
{
    u32 size = fs->size ? fs->size * 4 : 64;
    struct inode **table = kzalloc(size * sizeof(*table));

    if (!table)
        return;
    for (u32 b = 0; b < fs->size; b++) {
        struct inode *i = fs->table[b], *next;
        for (; i; i = next) {
            struct inode **to = bucket(table, size, node_of(i)->disk.nid);
            next = node_of(i)->next;
            node_of(i)->next = *to;
            *to = i;
        }
    }
    kfree(fs->table);
    fs->table = table;
    fs->size = size;
}

static struct inode *new_inode(struct erofs *fs, const struct erofs_inode *d)
{
    struct node *n = kzalloc(sizeof(*n));
    struct inode *i = n ? inode_new(&fs->super, d->mode) : NULL;

    if (!i) {
        kfree(n);
        return NULL;
    }
    n->disk = *d;
    i->private = n;
    i->ino = d->nid;
    i->uid = d->uid;
    i->gid = d->gid;
    i->nlink = d->nlink;
    i->rdev = d->rdev;
    i->size = d->size;
    i->blocks = (d->size + 511) / 512;
    i->atime = i->mtime = i->ctime = i->btime = d->mtime;
    i->flags |= INODE_NOATIME;
    i->ops = S_ISDIR(d->mode) ? &dir_inode_ops : &inode_ops;
    struct inode **at = bucket(fs->table, fs->size, d->nid);
    n->next = *at;
    *at = i;
    fs->count++;
    return i;
}

/* The inode with a reference, or ERR_PTR. */
static struct inode *inode_of(struct erofs *fs, const struct erofs_inode *d)
{
    lock(&fs->lock);
    if (fs->count >= fs->size)
        grow_table(fs);
    struct inode *i = fs->size ? *bucket(fs->table, fs->size, d->nid) : NULL;
    while (i && !(node_of(i)->disk.nid == d->nid && ref_get_unless_zero(&i->refs)))
        i = node_of(i)->next;
    if (!i && fs->size)
        i = new_inode(fs, d);
    unlock(&fs->lock);
    return i ? i : ERR_PTR(-ENOMEM);
}

static void evict(struct inode *i)
{
    struct erofs *fs = erofs_of(i->super);
    struct node *n = node_of(i);

    lock(&fs->lock);
    struct inode **p = bucket(fs->table, fs->size, n->disk.nid);
    while (*p != i)
        p = &node_of(*p)->next;
    *p = n->next;
    fs->count--;
    unlock(&fs->lock);
    carry_drop(i);
    kfree(n);
    i->private = NULL;
}

/* ---- names ------------------------------------------------------------------------------ */

/* A directory leads down only to what names it as its parent. */
static long check_child(const struct erofs_image *im, const struct erofs_inode *dir,
                        const struct erofs_inode *child)
{
    u64 parent;
    long rc;

    if (!S_ISDIR(child->mode))
        return 0;
    rc = erofs_find(im, child, "..", 2, &parent);
    if (rc == 0 && (parent != dir->nid || child->nid == im->root || child->nid == dir->nid))
        rc = -EUCLEAN;
    return rc == -ENOENT ? -EUCLEAN : rc;
}

static long lookup(struct inode *dir, struct dentry *d)
{
    const struct erofs_image *im = image_of(dir);
    const struct erofs_inode *parent = &node_of(dir)->disk;
    struct erofs_inode child;
    u64 nid;
    long rc = erofs_gone() ? -ENOENT : erofs_find(im, parent, d->name, d->name_len, &nid);

    if (rc)
        return rc == -ENOENT ? 0 : rc;
    rc = erofs_inode_read(im, nid, &child);
    if (!rc)
        rc = check_child(im, parent, &child);
    if (rc)
        return rc;
    struct inode *i = inode_of(erofs_of(dir->super), &child);
    if (IS_ERR(i))
        return PTR_ERR(i);
    dentry_instantiate(d, i);
    return 0;
}

static long next(struct dentry *dir, u64 *pos, struct lower_entry *e)
{
    struct erofs_entry entry;

    if (erofs_gone())
        return 0;
    long rc = erofs_next(image_of(dir->inode), &node_of(dir->inode)->disk, pos, &entry);

    if (rc <= 0)
        return rc;
    memcpy(e->text, entry.name, entry.len + 1);
    e->name = e->text;
    e->len = entry.len;
    e->ino = entry.nid;
    e->type = entry.type;
    return 1;
}

static long readlink(struct dentry *d, char *buf, size_t len)
{
    const struct erofs_inode *disk = &node_of(d->inode)->disk;
    size_t n = MIN(disk->size, len - 1);
    long rc = erofs_gone() ? -EIO : erofs_file_copy(image_of(d->inode), disk, 0, buf, n);

    if (rc)
        return rc;
    buf[n] = 0;
    return strlen(buf) == n ? (long)n : -EUCLEAN;
}

static const struct inode_ops inode_ops = {.readlink = readlink, .evict = evict};
static const struct inode_ops dir_inode_ops = {.lookup = lookup, .evict = evict};

/* ---- data --------------------------------------------------------------------------------- */

static long lower_open(struct dentry *d)
{
    if (erofs_gone() && !carry_counts(d->inode))
        return -ENOENT;
    __atomic_fetch_add(&lower_node(d->inode)->users, 1, __ATOMIC_RELAXED);
    return 0;
}

static void lower_close(struct inode *i)
{
    __atomic_fetch_sub(&lower_node(i)->users, 1, __ATOMIC_RELAXED);
}

/* Nothing was copied: was it the program's memory that is missing, or the image's? */
static long missing(const void *p)
{
    u8 byte;

    return mapped_copy(&byte, p, 1) ? -EIO : -EFAULT;
}

static long lower_read(struct inode *i, struct uio *u, u64 pos)
{
    const struct erofs_image *im = image_of(i);
    const struct erofs_inode *d = &node_of(i)->disk;
    size_t done = 0;

    if (erofs_gone())
        return carry_read(i, u, pos);
    while (u->left && pos < d->size) {
        u64 run, at = erofs_data(d, pos, &run);
        size_t want = MIN(run, u->left);
        size_t got = uio_copy_out(u, im->base + at, want);
        done += got;
        pos += got;
        if (got < want)
            return done ? (long)done : missing(im->base + at);
    }
    return (long)done;
}

static s64 lower_seek(struct inode *i, s64 off, int whence, u64 size)
{
    if (off < 0 || (u64)off >= size)
        return -ENXIO;
    return whence == SEEK_DATA ? off : (s64)size;
}

static long lower_map(struct inode *i, struct mapping_request *r)
{
    const struct erofs_inode *d = &node_of(i)->disk;

    if (carry_counts(i))
        return carry_map(i, r);
    if (d->split != d->size)
        return -ENODEV; /* its last part lies among other things */
    r->kind = VMA_HOST;
    r->host_base = d->data; /* in the image: erofs_place says where that is */
    r->host_end = PAGE_ALIGN(d->size);
    return 0;
}

static long lower_xattr_get(struct inode *i, const char *name, void *buf, size_t n)
{
    return erofs_gone() ? -ENODATA : erofs_xattr_get(image_of(i), &node_of(i)->disk, name, buf, n);
}

static long lower_xattr_name(struct inode *i, u32 n, char *name)
{
    return erofs_gone() ? 0 : erofs_xattr_name(image_of(i), &node_of(i)->disk, n, name);
}
_Static_assert(XATTR_NAME_ROOM >= XATTR_TEXT, "a name of the image fits");

static const struct lower_ops lower_layer_ops = {
    .open = lower_open,
    .close = lower_close,
    .read = lower_read,
    .seek = lower_seek,
    .map = lower_map,
    .next = next,
    .xattr_get = lower_xattr_get,
    .xattr_name = lower_xattr_name,
    .in_memory = true,
};

/* ---- the file system ------------------------------------------------------------------------ */

/* Opens an export that is a file; its handle, and its size in whole pages. */
static long open_export(u32 export_index, u64 *size)
{
    struct host_attr a;
    char uri[24];

    snprintf(uri, sizeof(uri), "dir:%u/", export_index);
    long handle = host_open(uri, O_RDONLY, 0, &a);
    if (handle >= 0)
        *size = ALIGN_DOWN(a.size, PAGE_SIZE);
    return handle;
}

static long map_part(int handle, u64 start, u64 size)
{
    long rc = -EINVAL;

    if (size && start <= ROOT_IMAGE_SIZE && size <= ROOT_IMAGE_SIZE - start)
        rc = host_map(ROOT_IMAGE_BASE + start, size, HOST_PROT_READ, HOST_MAP_PRIVATE, handle, 0);
    return rc < 0 ? rc : 0;
}

/* Number n of the devices, 1 the first. */
static long map_device(const struct erofs_image *im, u32 n, u32 export_index, int *handle)
{
    const struct erofs_part *p = &im->parts[n];
    u64 size;
    long rc = open_export(export_index, &size);

    if (rc < 0)
        return rc;
    *handle = (int)rc;
    return size < p->end - p->start ? -EUCLEAN : map_part(*handle, p->start, p->end - p->start);
}

static long map_devices(const struct erofs_image *im, int *handles)
{
    const struct boot_info *b = boot();
    u32 n = 1;

    for (u32 m = 0; m < b->nmounts && n < im->part_count; m++) {
        if (!(b->mounts[m].flags & BOOT_MOUNT_DEVICE))
            continue;
        long rc = map_device(im, n, b->mounts[m].index, &handles[n]);
        if (rc)
            return rc;
        n++;
    }
    return n == im->part_count ? 0 : -ENXIO;
}

/* Opens and maps the image with its devices.  A failure ends the start, so nothing is closed. */
static long map_image(u32 export_index, struct erofs_image *im, int *handles)
{
    u64 size;
    long rc = open_export(export_index, &size);

    if (rc < 0)
        return rc;
    handles[0] = (int)rc;
    rc = map_part(handles[0], 0, size);
    if (!rc)
        rc = erofs_image_open(im, (const void *)ROOT_IMAGE_BASE, size);
    return rc ? rc : map_devices(im, handles);
}

static struct inode *root_inode(struct erofs *fs)
{
    struct erofs_inode d;
    long rc = erofs_inode_read(&fs->image, fs->image.root, &d);

    if (rc)
        return ERR_PTR(rc);
    return S_ISDIR(d.mode) ? inode_of(fs, &d) : ERR_PTR(-EUCLEAN);
}

struct super *erofs_new(u32 export_index)
{
    struct erofs *fs = kzalloc(sizeof(*fs));

    if (!fs)
        return ERR_PTR(-ENOMEM);
    long rc = map_image(export_index, &fs->image, fs->handles);
    fs->export_index = export_index;
    fs->super.type = "erofs";
    fs->super.magic = EROFS_SUPER_MAGIC;
    fs->super.dev = super_new_dev();
    fs->super.lower_ops = &lower_layer_ops;
    struct inode *root = rc < 0 ? ERR_PTR(rc) : root_inode(fs);
    if (!IS_ERR(root))
        fs->super.root = dentry_make_root(&fs->super, root);
    if (IS_ERR(root) || !fs->super.root) {
        kfree(fs->table);
        kfree(fs);
        return IS_ERR(root) ? (void *)root : ERR_PTR(-ENOMEM);
    }
    root_image = fs;
    return &fs->super;
}

int erofs_place(u64 *at)
{
    u32 n = erofs_part_of(&root_image->image, *at);

    *at -= root_image->image.parts[n].start;
    return root_image->handles[n];
}

void erofs_each(void (*what)(struct inode *i, void *arg), void *arg)
{
    for (u32 b = 0; root_image && b < root_image->size; b++)
        for (struct inode *i = root_image->table[b]; i; i = node_of(i)->next)
            what(i, arg);
}

static void take(struct inode *i, void *arg) { carry_take(i); }

/* Only what was carried is left. */
static void go_on_without(void)
{
    root_image->gone = true;
    erofs_each(take, NULL);
    dcache_forget_unused();
}

/* That it is the same image is the command line's to check, by its digest; here only what
 * would let reads run past the end. */
void erofs_resume(void)
{
    struct erofs_image now;

    if (!root_image || root_image->gone)
        return;
    long rc = map_image(root_image->export_index, &now, root_image->handles);
    if (!rc && (now.size != root_image->image.size || now.meta != root_image->image.meta))
        rc = -ESTALE;
    if (rc && carry_taken())
        go_on_without();
    else if (rc)
        start_fail((int)-rc, "resume:", "the image cannot be mapped");
}
