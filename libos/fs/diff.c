/* run --diff: what a run changed in memory, written to a host stream at its end.
 *
 * Either one line a name ("A /path": added, C changed, D deleted), or a tar archive laid
 * out as a container layer: the new and changed files, and an empty ".wh.NAME" for every
 * NAME that is gone.  The archive is in GNU's old format, which has room for long names
 * without a second dialect; the letter of the change stands in the last byte of the
 * header, which every reader ignores, for `bailey diff`.
 *
 * Called when program 1 has ended and the other processes have too, so nothing moves and
 * no lock is taken.
 */
#include <linux/errno.h>
#include <linux/stat.h>

#include "lib.h"
#include "overlay.h"
#include "proc.h"

#define BLOCK  512UL
#define BUFFER (256UL << 10)

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
    char linkname[100], magic[8], uname[32], gname[32], major[8], minor[8], rest[166];
    char kind; /* ours */
};
_Static_assert(sizeof(struct tar_header) == BLOCK, "a tar header is one block");

struct output {
    int handle;
    bool list; /* lines, not an archive */
    long error;
    char *buffer; /* BUFFER bytes */
    size_t used;
    struct mount *mount; /* the overlay in hand */
    char *prefix;        /* where it is mounted, "" for the root */
};

static void flush(struct output *o)
{
    for (size_t at = 0; at < o->used && !o->error;) {
        struct host_iovec v = {o->buffer + at, o->used - at};
        long n = host_write(o->handle, &v, 1, HOST_AT_POSITION, 0);
        if (n > 0)
            at += n;
        else if (n != -EINTR)
            o->error = n ? n : -EIO;
    }
    o->used = 0;
}

static void put(struct output *o, const void *data, size_t n)
{
    const char *p = data;
    while (n && !o->error) {
        size_t part = MIN(n, BUFFER - o->used);
        memcpy(o->buffer + o->used, p, part);
        o->used += part;
        p += part;
        n -= part;
        if (o->used == BUFFER)
            flush(o);
    }
}

static const char zeros[2 * BLOCK];

static void pad(struct output *o, u64 size) { put(o, zeros, -size & (BLOCK - 1)); }

/* Octal, or base 256 with the first bit set where that is too short. */
static void put_number(char *field, size_t len, u64 v)
{
    bool octal = len * 3 >= 67 || v >> ((len - 1) * 3) == 0;
    u32 shift = octal ? 3 : 8;

    memset(field, 0, len);
    for (size_t i = octal ? len - 1 : len; i-- > 0; v >>= shift)
        field[i] = octal ? '0' + (char)(v & 7) : (char)v;
    if (!octal)
        field[0] |= (char)0x80;
}

static void put_header(struct output *o, struct tar_header *h)
{
    u32 sum = 0;

    memcpy(h->magic, "ustar  ", 8);
    memset(h->checksum, ' ', sizeof(h->checksum));
    for (size_t i = 0; i < BLOCK; i++)
        sum += ((const u8 *)h)[i];
    put_number(h->checksum, 7, sum);
    put(o, h, BLOCK);
}

/* A text that may be too long for its field comes before the header as an entry of its
 * own: type 'L' a name, 'K' the target of a link. */
static void put_text(struct output *o, char *field, size_t len, const char *text, char type)
{
    size_t n = strlen(text);

    if (n > len) {
        struct tar_header h = {.type = type};
        strlcpy(h.name, "././@LongLink", sizeof(h.name));
        put_number(h.size, sizeof(h.size), n + 1);
        put_number(h.mode, sizeof(h.mode), 0);
        put_number(h.uid, sizeof(h.uid), 0);
        put_number(h.gid, sizeof(h.gid), 0);
        put_number(h.mtime, sizeof(h.mtime), 0);
        put_header(o, &h);
        put(o, text, n + 1);
        pad(o, n + 1);
    }
    memcpy(field, text, MIN(n, len));
}

static void put_data(struct output *o, struct inode *i, u64 size)
{
    char *chunk = kpages_alloc(PAGE_SIZE);

    if (!chunk)
        o->error = -ENOMEM;
    for (u64 off = 0; off < size && !o->error; off += PAGE_SIZE) {
        size_t n = MIN(PAGE_SIZE, size - off);
        struct uio u;
        struct iov v;
        uio_init(&u, &v, (uptr)chunk, n, true);
        memset(chunk, 0, n);
        filemem_read(&overlay_node(i)->base.mem, &u, off, n);
        put(o, chunk, n);
    }
    pad(o, size);
    if (chunk)
        kpages_free(chunk, PAGE_SIZE);
}

static char type_of(u32 mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return '5';
    case S_IFLNK:
        return '2';
    case S_IFCHR:
        return '3';
    case S_IFBLK:
        return '4';
    case S_IFIFO:
        return '6';
    default:
        return '0';
    }
}

static void put_target(struct output *o, struct tar_header *h, struct inode *i)
{
    struct overlay_node *n = overlay_node(i);
    char *target = kzalloc(PATH_MAX_);

    if (!target)
        return;
    if (n->lower)
        n->lower->inode->ops->readlink(n->lower, target, PATH_MAX_);
    else
        strlcpy(target, n->base.target, PATH_MAX_);
    put_text(o, h->linkname, sizeof(h->linkname), target, 'K');
    kfree(target);
}

static void put_entry(struct output *o, char kind, const char *name, struct inode *i)
{
    struct tar_header h = {.type = i ? type_of(i->mode) : '0', .kind = kind};
    bool data = i && S_ISREG(i->mode);

    if (data && data_in_lower(i) && (o->error = overlay_copy_up(i, ~0ULL)))
        return;
    put_text(o, h.name, sizeof(h.name), name, 'L');
    if (i && S_ISLNK(i->mode))
        put_target(o, &h, i);
    put_number(h.mode, sizeof(h.mode), i ? i->mode & 07777 : 0);
    put_number(h.uid, sizeof(h.uid), i ? i->uid : 0);
    put_number(h.gid, sizeof(h.gid), i ? i->gid : 0);
    put_number(h.mtime, sizeof(h.mtime), i && i->mtime > 0 ? (u64)i->mtime / 1000000000 : 0);
    put_number(h.size, sizeof(h.size), data ? i->size : 0);
    put_number(h.major, sizeof(h.major), i ? i->rdev >> 8 & 0xfff : 0);
    put_number(h.minor, sizeof(h.minor), i ? (i->rdev & 0xff) | (i->rdev >> 12 & 0xfff00) : 0);
    put_header(o, &h);
    if (data)
        put_data(o, i, i->size);
}

/* Places where something is mounted are the sandbox's own. */
static bool is_mount_point(const struct output *o, const char *path)
{
    char *buf = kmalloc(PATH_MAX_);
    bool found = false;
    struct mount *m;

    list_for_each(m, &mount_list, all)
    {
        if (!buf || !m->mountpoint || m->parent != o->mount)
            continue;
        char *at = dentry_path(m->mountpoint, buf, PATH_MAX_);
        found |= !IS_ERR(at) && strcmp(at, path) == 0;
    }
    kfree(buf);
    return found;
}

static void emit(void *ctx, char kind, const char *path, struct inode *i)
{
    struct output *o = ctx;
    bool dir = i && S_ISDIR(i->mode);

    if (o->error || (i && S_ISSOCK(i->mode) && !o->list) || is_mount_point(o, path))
        return;
    const char *last = strrchr(path, '/') + 1;
    size_t room = strlen(o->prefix) + strlen(path) + 8;
    char *name = kmalloc(room);
    if (!name) {
        o->error = -ENOMEM;
    } else if (o->list) {
        int n = snprintf(name, room, "%c %s%s\n", kind, o->prefix, path);
        put(o, name, n);
    } else {
        snprintf(name, room, "%s%.*s%s%s%s", o->prefix, (int)(last - path), path, i ? "" : ".wh.",
                 last, dir ? "/" : "");
        put_entry(o, kind, name + 1, i);
    }
    kfree(name);
}

static void diff_mounts(struct output *o)
{
    char *buf = kmalloc(PATH_MAX_);
    struct mount *m;

    list_for_each(m, &mount_list, all)
    {
        struct path_s top = {m, m->root};
        if (!buf || m->gone || m->root != m->super->root || strcmp(m->super->type, "overlay") != 0)
            continue;
        o->mount = m;
        o->prefix = m->parent ? path_text(&top, buf, PATH_MAX_) : "";
        if (!IS_ERR(o->prefix))
            overlay_diff(m->super, emit, o);
    }
    kfree(buf);
}

long diff_write(int handle, bool list)
{
    struct output o = {.handle = handle, .list = list, .buffer = kpages_alloc(BUFFER)};

    if (!o.buffer)
        return -ENOMEM;
    diff_mounts(&o);
    if (!list)
        put(&o, zeros, sizeof(zeros));
    flush(&o);
    kpages_free(o.buffer, BUFFER);
    return o.error;
}
