/* The archive of run --diff and commit: what changed, laid out as a container layer.
 *
 * New and changed files, an empty ".wh.NAME" for every NAME that is gone, and hard links
 * where several names lead to one file.  It is in GNU's old format, which has room for long
 * names without a second dialect; what that has no place for, extended attributes and the
 * nanoseconds of times, stands in a pax header before it.  The letter of the change stands
 * in the last byte of the header, which every reader ignores, for `bailey diff`.
 */
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/stat.h>

#include "diff.h"
#include "lib.h"
#include "overlay.h"

#define BLOCK   512UL
#define BUCKETS 1024u
#define CHUNK   0x10000UL
#define NS      1000000000L

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
    char linkname[100], magic[8], uname[32], gname[32], major[8], minor[8], rest[166];
    char kind; /* ours */
};
_Static_assert(sizeof(struct tar_header) == BLOCK, "a tar header is one block");

struct diff_name { /* the first name of a file that has several */
    struct diff_name *next;
    const struct inode *inode;
    char text[];
};

static const char zeros[2 * BLOCK];

static void pad(struct diff_output *o, u64 size) { diff_put(o, zeros, -size & (BLOCK - 1)); }

/* ---- headers ------------------------------------------------------------------------------ */

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

static void put_header(struct diff_output *o, struct tar_header *h)
{
    u32 sum = 0;

    memcpy(h->magic, "ustar  ", 8);
    memset(h->checksum, ' ', sizeof(h->checksum));
    for (size_t i = 0; i < BLOCK; i++)
        sum += ((const u8 *)h)[i];
    put_number(h->checksum, 7, sum);
    diff_put(o, h, BLOCK);
}

/* The header of what says more about the entry that follows. */
static void put_extension(struct diff_output *o, char type, const char *name, u64 size)
{
    struct tar_header h = {.type = type};

    strlcpy(h.name, name, sizeof(h.name));
    put_number(h.size, sizeof(h.size), size);
    put_number(h.mode, sizeof(h.mode), type == 'x' ? 0644 : 0);
    put_number(h.uid, sizeof(h.uid), 0);
    put_number(h.gid, sizeof(h.gid), 0);
    put_number(h.mtime, sizeof(h.mtime), 0);
    put_header(o, &h);
}

/* A text that may be too long for its field comes before the header as an entry of its
 * own: type 'L' a name, 'K' the target of a link. */
static void put_text(struct diff_output *o, char *field, size_t len, const char *text, char type)
{
    size_t n = strlen(text);

    if (n > len) {
        put_extension(o, type, "././@LongLink", n + 1);
        diff_put(o, text, n + 1);
        pad(o, n + 1);
    }
    memcpy(field, text, MIN(n, len));
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

/* ---- the pax header ------------------------------------------------------------------------ */

#define KEY_XATTR "SCHILY.xattr."

/* Bytes of a record "LENGTH KEY=VALUE\n", LENGTH being that of all of it. */
static size_t record_size(size_t key, size_t value)
{
    size_t rest = 1 + key + 1 + value + 1, digits = 1;

    for (size_t limit = 10; rest + digits >= limit; limit *= 10)
        digits++;
    return rest + digits;
}

static size_t put_record(struct diff_output *o, bool measure, const char *prefix, const char *name,
                         const void *value, size_t size)
{
    size_t all = record_size(strlen(prefix) + strlen(name), size);
    char number[24];

    if (measure)
        return all;
    diff_put(o, number, snprintf(number, sizeof(number), "%lu ", all));
    diff_put(o, prefix, strlen(prefix));
    diff_put(o, name, strlen(name));
    diff_put(o, "=", 1);
    diff_put(o, value, size);
    diff_put(o, "\n", 1);
    return all;
}

/* Writes the records, or only adds up how long they are. */
static size_t put_records(struct diff_output *o, bool measure, struct inode *i)
{
    char *value = o->xattr + XATTR_NAME_ROOM, time[48];
    size_t size = 0;
    long n;

    if (i->mtime % NS && i->mtime > 0) {
        n = snprintf(time, sizeof(time), "%ld.%09ld", (long)(i->mtime / NS), (long)(i->mtime % NS));
        size += put_record(o, measure, "", "mtime", time, n);
    }
    for (u32 k = 0; !o->error; k++) {
        n = overlay_xattr(i, k, o->xattr, value, XATTR_SIZE_MAX);
        if (n == -ENODATA)
            break;
        if (n < 0)
            o->error = n;
        else
            size += put_record(o, measure, KEY_XATTR, o->xattr, value, n);
    }
    return size;
}

static void put_pax(struct diff_output *o, struct inode *i)
{
    size_t size = put_records(o, true, i);

    if (!size)
        return;
    put_extension(o, 'x', "././@PaxHeader", size);
    put_records(o, false, i);
    pad(o, size);
}

/* ---- contents ------------------------------------------------------------------------------ */

static long read_piece(struct inode *i, char *chunk, size_t n, u64 off)
{
    struct uio u;
    struct iov v;

    memset(chunk, 0, n);
    uio_init(&u, &v, (uptr)chunk, n, true);
    if (data_in_lower(i))
        return lower_ops(lower_inode(i))->read(lower_inode(i), &u, off);
    return filemem_read(&overlay_node(i)->base.mem, &u, off, n);
}

static void put_data(struct diff_output *o, struct inode *i, u64 size)
{
    char *chunk = kpages_alloc(CHUNK);
    struct inode *lower = data_in_lower(i) ? lower_inode(i) : NULL;
    long rc = chunk ? 0 : -ENOMEM;

    if (!rc && lower)
        rc = lower_ops(lower)->open(overlay_node(i)->lower);
    for (u64 off = 0; off < size && rc >= 0 && !o->error; off += CHUNK) {
        size_t n = MIN(CHUNK, size - off);
        rc = read_piece(i, chunk, n, off);
        diff_put(o, chunk, n);
    }
    if (rc < 0)
        o->error = rc;
    else if (lower)
        lower_ops(lower)->close(lower);
    pad(o, size);
    if (chunk)
        kpages_free(chunk, CHUNK);
}

static void put_target(struct diff_output *o, struct tar_header *h, struct inode *i)
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

/* ---- entries --------------------------------------------------------------------------------- */

/* The name under which a file is in the archive already; NULL: this is its first. */
static const char *first_name(struct diff_output *o, const struct inode *i, const char *name)
{
    size_t len = strlen(name) + 1;
    struct diff_name **at = &o->linked[hash_u64((uptr)i) % BUCKETS], *n;

    for (n = *at; n; n = n->next)
        if (n->inode == i)
            return n->text;
    n = kmalloc(sizeof(*n) + len);
    if (!n) {
        o->error = -ENOMEM;
        return NULL;
    }
    n->inode = i;
    memcpy(n->text, name, len);
    n->next = *at;
    *at = n;
    return NULL;
}

static void put_attributes(struct tar_header *h, const struct inode *i, u64 size)
{
    put_number(h->mode, sizeof(h->mode), i ? i->mode & 07777 : 0);
    put_number(h->uid, sizeof(h->uid), i ? i->uid : 0);
    put_number(h->gid, sizeof(h->gid), i ? i->gid : 0);
    put_number(h->mtime, sizeof(h->mtime), i && i->mtime > 0 ? (u64)(i->mtime / NS) : 0);
    put_number(h->size, sizeof(h->size), size);
    put_number(h->major, sizeof(h->major), i ? i->rdev >> 8 & 0xfff : 0);
    put_number(h->minor, sizeof(h->minor), i ? (i->rdev & 0xff) | (i->rdev >> 12 & 0xfff00) : 0);
}

void diff_tar_entry(struct diff_output *o, char kind, const char *name, struct inode *i)
{
    struct tar_header h = {.type = i ? type_of(i->mode) : '0', .kind = kind};
    const char *first = i && !S_ISDIR(i->mode) && i->nlink > 1 ? first_name(o, i, name) : NULL;
    u64 size = i && S_ISREG(i->mode) && !first ? i->size : 0;

    if (i && !first)
        put_pax(o, i);
    put_text(o, h.name, sizeof(h.name), name, 'L');
    if (first) {
        h.type = '1';
        put_text(o, h.linkname, sizeof(h.linkname), first, 'K');
    } else if (i && S_ISLNK(i->mode)) {
        put_target(o, &h, i);
    }
    put_attributes(&h, i, size);
    put_header(o, &h);
    if (size)
        put_data(o, i, size);
}

long diff_tar_begin(struct diff_output *o)
{
    o->linked = kzalloc(BUCKETS * sizeof(*o->linked));
    o->xattr = kmalloc(XATTR_NAME_ROOM + XATTR_SIZE_MAX);
    return o->linked && o->xattr ? 0 : -ENOMEM;
}

void diff_tar_end(struct diff_output *o)
{
    diff_put(o, zeros, sizeof(zeros));
    for (u32 b = 0; o->linked && b < BUCKETS; b++)
        for (struct diff_name *n = o->linked[b], *next; n; n = next) {
            next = n->next;
            kfree(n);
        }
    kfree(o->linked);
    kfree(o->xattr);
}
