/* Open files of hostfs: host handles and the data that goes through them.
 *
 * Handles belong to the inode, not to the open file: the second open of a file asks nobody.
 * `users` counts open files (and through them mappings); handles of an inode without users
 * wait in the LRU list of the export, at most IDLE_MAX of them.  A handle open for writing
 * in an export that others change too is closed with its last user.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "carry.h"
#include "hostfs.h"
#include "lib.h"
#include "mm.h"

#define IDLE_MAX 256u

/* ---- handles ------------------------------------------------------------------ */

struct handles {
    int read, write;
    struct dentry *name;
};
#define NO_HANDLES                                                                                 \
    (struct handles) { -1, -1, NULL }

static struct handles take_handles(struct hostfs_node *n)
{
    struct handles h = {n->handle, n->write_handle, n->name};
    n->handle = n->write_handle = -1;
    n->name = NULL;
    return h;
}

static void close_taken(struct handles h)
{
    if (h.read >= 0)
        host_close(h.read);
    if (h.write >= 0 && h.write != h.read)
        host_close(h.write);
    if (h.name)
        dentry_put(h.name);
}

void hostfs_close_handles(struct inode *i) { close_taken(take_handles(hostfs_node(i))); }

int hostfs_handle(const struct inode *i, bool write)
{
    const struct hostfs_node *n = hostfs_node(i);
    return write ? n->write_handle : n->handle;
}

/* Under fs->lock: the node has no users.  What is to be closed after unlocking. */
static struct handles idle(struct hostfs *fs, struct inode *i)
{
    struct hostfs_node *n = hostfs_node(i);
    if (carry_counts(i))
        return NO_HANDLES;
    if (n->handle < 0 && n->write_handle < 0)
        return take_handles(n);
    if (!fs->cache && (n->write_handle >= 0 || i->nlink == 0))
        return take_handles(n);
    list_add_tail(&fs->lru, &n->lru);
    if (++fs->idle <= IDLE_MAX)
        return NO_HANDLES;
    struct hostfs_node *oldest = list_first(&fs->lru, struct hostfs_node, lru);
    list_del(&oldest->lru);
    fs->idle--;
    return take_handles(oldest);
}

void hostfs_release(struct inode *i)
{
    struct hostfs *fs = hostfs_of(i->super);
    struct handles gone = NO_HANDLES;
    lock(&fs->lock);
    if (--hostfs_node(i)->lower.users == 0)
        gone = idle(fs, i);
    unlock(&fs->lock);
    close_taken(gone);
}

/* Gives the inode a handle opened elsewhere (create); without users it waits in the list. */
void hostfs_adopt(struct inode *i, int handle)
{
    struct hostfs *fs = hostfs_of(i->super);
    struct hostfs_node *n = hostfs_node(i);
    lock(&fs->lock);
    bool fits = n->handle < 0 && n->write_handle < 0;
    if (fits) {
        n->handle = n->write_handle = handle;
        if (n->lower.users == 0) {
            list_add_tail(&fs->lru, &n->lru);
            fs->idle++;
        }
    }
    unlock(&fs->lock);
    if (!fits)
        host_close(handle);
}

void hostfs_park(struct inode *i, int handle)
{
    struct hostfs *fs = hostfs_of(i->super);
    struct hostfs_node *n = hostfs_node(i);
    struct handles gone = {handle, -1, NULL};

    lock(&fs->lock);
    if (n->handle < 0) {
        n->handle = handle;
        gone = n->lower.users == 0 && list_empty(&n->lru) ? idle(fs, i) : NO_HANDLES;
    }
    unlock(&fs->lock);
    close_taken(gone);
}

/* Closes all handles nobody uses; false if there were none. */
static bool drop_idle(struct hostfs *fs)
{
    bool any = false;
    for (;;) {
        struct handles h = NO_HANDLES;
        lock(&fs->lock);
        struct hostfs_node *n = list_first(&fs->lru, struct hostfs_node, lru);
        if (n) {
            list_del(&n->lru);
            fs->idle--;
            h = take_handles(n);
        }
        unlock(&fs->lock);
        if (!n)
            return any;
        close_taken(h);
        any = true;
    }
}

/* host_open that makes room when the host's descriptors are used up. */
static long open_uri(struct hostfs *fs, const char *uri, int flags, struct host_attr *a)
{
    long h = host_open(uri, flags, 0, a);
    if ((h == -EMFILE || h == -ENFILE) && drop_idle(fs))
        h = host_open(uri, flags, 0, a);
    return h;
}

/* Opens a handle for i; in *both whether it reads and writes. */
static long open_handle(struct dentry *d, struct inode *i, bool write, bool *both)
{
    char buf[URI_MAX], *uri = hostfs_uri(d, buf);
    struct host_attr a;
    if (IS_ERR(uri))
        return PTR_ERR(uri);
    *both = write;
    struct hostfs *fs = hostfs_of(i->super);
    long h = open_uri(fs, uri, write ? O_RDWR : O_RDONLY, &a);
    if (h == -EACCES && write) {
        *both = false;
        h = open_uri(fs, uri, O_WRONLY, &a);
    }
    if (h < 0)
        return h;
    if (a.ino != hostfs_node(i)->host_ino || a.dev != hostfs_node(i)->host_dev) {
        host_close(h); /* another file took the name since it was looked up */
        return -ESTALE;
    }
    hostfs_take_attr(i, &a);
    return h;
}

long hostfs_acquire(struct dentry *d, struct inode *i, bool write)
{
    struct hostfs *fs = hostfs_of(i->super);
    struct hostfs_node *n = hostfs_node(i);
    bool both;

    lock(&fs->lock);
    n->lower.users++;
    if (!list_empty(&n->lru)) {
        list_del(&n->lru);
        fs->idle--;
    }
    bool have = (write ? n->write_handle : n->handle) >= 0;
    if (!n->name)
        n->name = dentry_get(d);
    unlock(&fs->lock);
    if (carry_counts(i) && write)
        hostfs_release(i);
    if (have || carry_counts(i))
        return have || !write ? 0 : -EROFS;

    long h = open_handle(d, i, write, &both);
    if (h < 0) {
        hostfs_release(i);
        return h;
    }
    int *slot = write ? &n->write_handle : &n->handle;
    lock(&fs->lock);
    bool used = *slot < 0;
    if (used)
        *slot = h;
    if (used && both && n->handle < 0)
        n->handle = h;
    unlock(&fs->lock);
    if (!used)
        host_close(h);
    return 0;
}

/* Size and time of change say whether it is the file it was; where its number is another
 * one it moved to another machine. */
static bool same_file(const struct inode *i, const struct host_attr *a)
{
    return !((i->mode ^ a->mode) & S_IFMT) && i->size == a->size && i->mtime == a->mtime;
}

static long reopen_one(struct dentry *name, int flags, struct inode *i, bool strict)
{
    struct host_attr a;
    long h = hostfs_open_again(name, flags, &a);

    if (h < 0)
        return h;
    if (strict ? !same_file(i, &a) : (bool)((i->mode ^ a.mode) & S_IFMT)) {
        host_close((int)h);
        return -ESTALE;
    }
    hostfs_node(i)->host_ino = a.ino;
    hostfs_node(i)->host_dev = a.dev;
    i->btime = a.btime;
    return h;
}

long hostfs_reopen(struct hostfs *fs, struct inode *i)
{
    struct hostfs_node *n = hostfs_node(i);
    bool write = n->write_handle >= 0, both = write && n->handle == n->write_handle;
    bool read = n->handle >= 0, strict = fs->cache || (n->lower.carried && !write);
    long rc = n->name ? 0 : -ESTALE;

    n->handle = n->write_handle = -1;
    if (n->lower.users == 0) { /* only kept for the next user */
        struct handles h = take_handles(n);
        if (!list_empty(&n->lru)) {
            list_del(&n->lru);
            fs->idle--;
        }
        if (h.name)
            dentry_put(h.name);
        return 0;
    }
    if (!rc && write) {
        rc = reopen_one(n->name, both ? O_RDWR : O_WRONLY, i, strict);
        n->write_handle = rc < 0 ? -1 : (int)rc;
        n->handle = both ? n->write_handle : -1;
    }
    if (rc >= 0 && read && !both) {
        rc = reopen_one(n->name, O_RDONLY, i, strict);
        n->handle = rc < 0 ? -1 : (int)rc;
    }
    if (rc < 0 && carry_take(i))
        n->dead = true; /* what has its name and number now is another file */
    return rc < 0 ? rc : 0;
}

/* ---- data ---------------------------------------------------------------------- */

/* A resume did not find it any more: as a network file system has it. */
static bool is_lost(int handle) { return unlikely(handle < 0); }

static long lower_read(struct inode *i, struct uio *u, u64 pos)
{
    int handle = hostfs_node(i)->handle;

    if (carry_counts(i))
        return carry_read(i, u, pos);
    return is_lost(handle) ? -ESTALE : host_read_uio(handle, u, pos);
}

static long hostfs_read(struct file *f, struct uio *u, u64 *pos)
{
    long n = lower_read(f->inode, u, *pos);
    if (n > 0)
        *pos += n;
    return n;
}

static long hostfs_write(struct file *f, struct uio *u, u64 *pos)
{
    struct inode *i = f->inode;
    bool append = f->flags & O_APPEND;

    int handle = hostfs_node(i)->write_handle;

    if (carry_counts(i))
        return -EROFS;
    if (is_lost(handle))
        return -ESTALE;
    lock(&i->lock);
    if (append)
        *pos = i->size;
    long n = host_write_uio(handle, u, u->left, *pos, append ? HOST_APPEND : 0);
    if (n > 0) {
        *pos += n;
        if (*pos > i->size)
            WRITE_ONCE(i->size, *pos);
        i->mtime = i->ctime = now_real();
        hostfs_node(i)->checked_ns = 0;
    }
    unlock(&i->lock);
    return n;
}

s64 hostfs_seek(struct inode *i, s64 off, int whence, u64 size)
{
    int handle = hostfs_node(i)->write_handle;
    if (off < 0)
        return -ENXIO;
    if (handle >= 0)
        return host_control(handle, HOST_SEEK, off, whence, 0, NULL, 0);
    if ((u64)off >= size)
        return -ENXIO;
    return whence == SEEK_DATA ? off : (s64)size;
}

static s64 hostfs_llseek(struct file *f, s64 off, int whence)
{
    struct inode *i = f->inode;
    if (whence == SEEK_DATA || whence == SEEK_HOLE) {
        off = hostfs_seek(i, off, whence, READ_ONCE(i->size));
        if (off < 0)
            return off;
    } else if (whence == SEEK_CUR || whence == SEEK_END) {
        if (whence == SEEK_END)
            hostfs_refresh(f->path.dentry, i, 0);
        s64 base = whence == SEEK_CUR ? f->pos : READ_ONCE(i->size);
        if (__builtin_add_overflow(off, base, &off))
            return -EOVERFLOW;
    } else if (whence != SEEK_SET) {
        return -EINVAL;
    }
    if (off < 0)
        return -EINVAL;
    f->pos = off;
    return off;
}

static long hostfs_open(struct file *f)
{
    struct inode *i = f->inode;
    bool read = f->fmode & FMODE_READ, write = f->fmode & FMODE_WRITE;
    long rc = hostfs_acquire(f->path.dentry, i, write);
    if (!rc && read && hostfs_node(i)->handle < 0 &&
        !carry_counts(i)) { /* the host only lets us write */
        hostfs_release(i);
        rc = -EACCES;
    }
    return rc;
}

static void hostfs_file_release(struct file *f) { hostfs_release(f->inode); }

static long hostfs_mmap(struct file *f, struct mapping_request *r)
{
    const struct hostfs_node *n = hostfs_node(f->inode);
    bool write = r->shared && (f->fmode & FMODE_WRITE);
    if (carry_counts(f->inode) && !write)
        return carry_map(f->inode, r);
    r->kind = VMA_HOST;
    r->handle = write ? n->write_handle : n->handle;
    r->inode = f->inode;
    return r->handle < 0 ? -EACCES : 0;
}

static long hostfs_fsync(struct file *f, bool data_only)
{
    int handle = hostfs_node(f->inode)->write_handle;
    return handle < 0 ? 0 : host_control(handle, HOST_SYNC, data_only, 0, 0, NULL, 0);
}

static long hostfs_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
    struct hostfs_node *n = hostfs_node(f->inode);
    long rc = host_control(n->write_handle, HOST_ALLOCATE, mode, off, len, NULL, 0);
    n->checked_ns = 0;
    if (rc >= 0)
        hostfs_refresh(f->path.dentry, f->inode, 0);
    return rc;
}

const struct file_ops hostfs_file_ops = {
    .open = hostfs_open,
    .release = hostfs_file_release,
    .read = hostfs_read,
    .write = hostfs_write,
    .llseek = hostfs_llseek,
    .mmap = hostfs_mmap,
    .fsync = hostfs_fsync,
    .fallocate = hostfs_fallocate,
};

/* ---- directories ------------------------------------------------------------------ */

static struct listing *listing_of(struct file *f)
{
    if (hostfs_of(f->inode->super)->cache)
        return hostfs_listing(f->path.dentry);
    if (f->private && f->pos == 2) {
        listing_free(f->private);
        f->private = NULL;
    }
    if (!f->private) {
        struct listing *l = listing_fetch(f->path.dentry);
        if (IS_ERR(l))
            return l;
        f->private = l;
    }
    return f->private;
}

static long hostfs_readdir(struct file *f, struct dir_emit *e)
{
    struct hostfs *fs = hostfs_of(f->inode->super);
    u64 dev = hostfs_node(f->inode)->host_dev;
    const struct host_dirent *r;

    if (!dir_emit_dots(f, e))
        return 0;
    struct listing *l = listing_of(f);
    if (IS_ERR(l))
        return PTR_ERR(l);
    for (; (r = listing_at(l, f->pos - 2)); f->pos++) {
        u64 ino = hostfs_map_ino(fs, dev, r->ino);
        if (!e->emit(e, r->name, strlen(r->name), ino, r->type, f->pos + 1))
            break;
    }
    return 0;
}

static void dir_release(struct file *f) { listing_free(f->private); }

static long dir_fsync(struct file *f, bool data_only) { return 0; }

const struct file_ops hostfs_dir_ops = {
    .release = dir_release,
    .readdir = hostfs_readdir,
    .llseek = file_seek_endless,
    .fsync = dir_fsync,
};

/* ---- below an overlay --------------------------------------------------------------- */

static long lower_open(struct dentry *d) { return hostfs_acquire(d, d->inode, false); }

static long lower_map(struct inode *i, struct mapping_request *r)
{
    if (carry_counts(i))
        return carry_map(i, r);
    r->kind = VMA_HOST;
    r->handle = hostfs_node(i)->handle;
    return 0;
}

static long lower_next(struct dentry *dir, u64 *pos, struct lower_entry *e)
{
    struct hostfs *fs = hostfs_of(dir->super);
    struct listing *l = hostfs_listing(dir);

    if (IS_ERR(l)) /* a base that is not there has no names */
        return PTR_ERR(l) == -ENOENT && fs->moved ? 0 : PTR_ERR(l);
    const struct host_dirent *r = listing_at(l, *pos);
    if (!r)
        return 0;
    e->name = r->name;
    e->len = strlen(r->name);
    e->ino = hostfs_map_ino(fs, hostfs_node(dir->inode)->host_dev, r->ino);
    e->type = r->type;
    ++*pos;
    return 1;
}

const struct lower_ops hostfs_lower_ops = {
    .open = lower_open,
    .close = hostfs_release,
    .read = lower_read,
    .seek = hostfs_seek,
    .map = lower_map,
    .next = lower_next,
};
