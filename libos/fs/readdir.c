/* getdents64 and getdents: entries gathered in library-OS memory, copied out once. */
#include <linux/errno.h>
#include <linux/stat.h>

#include "fs.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define MAX_BATCH 32768u

struct dirent64 {
    u64 ino;
    s64 off;
    u16 reclen;
    u8 type;
    char name[];
};
struct dirent_old { /* the type stands in the last byte of the record */
    u64 ino;
    s64 off;
    u16 reclen;
    char name[];
};

struct gather {
    struct dir_emit emit;
    char *buf;
    size_t used, cap;
    bool old, too_small;
};

bool dir_emit_dots(struct file *f, struct dir_emit *e)
{
    if (f->pos == 0) {
        if (!e->emit(e, ".", 1, f->inode->ino, 4, 1))
            return false;
        f->pos = 1;
    }
    if (f->pos == 1) {
        struct dentry *up = dentry_parent(f->path.dentry);
        u64 ino = up->inode ? up->inode->ino : f->inode->ino;
        dentry_put(up);
        if (!e->emit(e, "..", 2, ino, 4, 2))
            return false;
        f->pos = 2;
    }
    return true;
}

static void fill64(char *at, u16 reclen, const char *name, size_t len, u64 ino, u8 type, s64 next)
{
    struct dirent64 *d = (struct dirent64 *)at;

    d->ino = ino;
    d->off = next;
    d->reclen = reclen;
    d->type = type;
    memcpy(d->name, name, len);
    memset(d->name + len, 0, reclen - offsetof(struct dirent64, name) - len);
}

static void fill_old(char *at, u16 reclen, const char *name, size_t len, u64 ino, u8 type, s64 next)
{
    struct dirent_old *d = (struct dirent_old *)at;

    d->ino = ino;
    d->off = next;
    d->reclen = reclen;
    memcpy(d->name, name, len);
    memset(d->name + len, 0, reclen - offsetof(struct dirent_old, name) - len);
    at[reclen - 1] = (char)type;
}

static bool gather_one(struct dir_emit *e, const char *name, size_t len, u64 ino, u8 type, s64 next)
{
    struct gather *g = container_of(e, struct gather, emit);
    size_t head = g->old ? offsetof(struct dirent_old, name) + 1 : offsetof(struct dirent64, name);
    u16 reclen = (u16)ALIGN_UP(head + len + 1, 8);

    if (g->used + reclen > g->cap) {
        g->too_small = g->used == 0;
        return false;
    }
    (g->old ? fill_old : fill64)(g->buf + g->used, reclen, name, len, ino, type, next);
    g->used += reclen;
    return true;
}

/* A position moves only with entries that reached the program. */
static long read_entries(struct file *f, uptr out, unsigned int n, bool old)
{
    struct gather g = {.emit = {gather_one}, .cap = MIN(n, MAX_BATCH), .old = old};
    long rc;

    if (f->path.dentry->flags & DENTRY_DELETED)
        return -ENOENT;
    g.buf = kmalloc(MAX(g.cap, (size_t)16));
    if (!g.buf)
        return -ENOMEM;
    lock(&f->pos_lock);
    u64 start = f->pos;
    rc = f->ops->readdir(f, &g.emit);
    if (rc >= 0 && g.used == 0 && g.too_small)
        rc = -EINVAL;
    else if (rc >= 0 || g.used)
        rc = copy_to_user(out, g.buf, g.used) ? -EFAULT : (long)g.used;
    if (rc == -EFAULT)
        f->pos = start;
    unlock(&f->pos_lock);
    kfree(g.buf);
    if (rc >= 0)
        file_accessed(f);
    return rc;
}

static long getdents(int fd, uptr out, unsigned int n, bool old)
{
    struct file *f = fd_get_io(fd);
    long rc = -ENOTDIR;

    if (!f)
        return -EBADF;
    if (f->ops->readdir)
        rc = read_entries(f, out, n, old);
    file_put(f);
    return rc;
}

long sys_getdents64(int fd, uptr out, unsigned int n) { return getdents(fd, out, n, false); }
long sys_getdents(int fd, uptr out, unsigned int n) { return getdents(fd, out, n, true); }
