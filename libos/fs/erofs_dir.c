/* Directories of a mapped EROFS image: binary search, and listing; see erofs_image.h. */
#include <linux/errno.h>

#include "erofs_image.h"
#include "lib.h"

/* One block of a directory, checked as far as it was looked at. */
struct block {
    const struct erofs_image *im;
    const struct erofs_inode *dir;
    u64 off;   /* in the directory */
    u32 bytes; /* of it that belong to the directory */
    u32 count; /* entries */
};

static u64 block_count(const struct erofs_inode *dir)
{
    return (dir->size + EROFS_BLOCK - 1) / EROFS_BLOCK;
}

static long read_entry(const struct block *b, u32 n, struct erofs_dirent *e)
{
    return erofs_file_copy(b->im, b->dir, b->off + n * sizeof(*e), e, sizeof(*e));
}

static long block_open(struct block *b, const struct erofs_image *im, const struct erofs_inode *dir,
                       u64 number)
{
    struct erofs_dirent first;
    long rc;

    b->im = im;
    b->dir = dir;
    b->off = number * EROFS_BLOCK;
    b->bytes = MIN((u64)EROFS_BLOCK, dir->size - b->off);
    if (b->bytes < sizeof(first))
        return -EUCLEAN;
    rc = read_entry(b, 0, &first);
    if (rc)
        return rc;
    b->count = first.name_at / sizeof(first);
    if (!b->count || first.name_at % sizeof(first) || first.name_at >= b->bytes)
        return -EUCLEAN;
    return 0;
}

static u32 type_of(u8 type)
{
    static const u8 types[] = {0, 8, 4, 2, 6, 1, 12, 10}; /* DT_* */

    return type < sizeof(types) ? types[type] : 0;
}

/* Entry number n with its name, which ends where the next begins, or at the first NUL of
 * the last one. */
static long block_entry(const struct block *b, u32 n, struct erofs_entry *e)
{
    struct erofs_dirent d, next;
    u32 end = b->bytes;
    long rc = read_entry(b, n, &d);

    if (!rc && n + 1 < b->count) {
        rc = read_entry(b, n + 1, &next);
        end = next.name_at;
    }
    if (rc)
        return rc;
    if (d.name_at < b->count * sizeof(d) || d.name_at >= end || end > b->bytes)
        return -EUCLEAN;
    e->len = end - d.name_at;
    if (e->len > EROFS_NAME_MAX) {
        if (n + 1 < b->count)
            return -EUCLEAN;
        e->len = EROFS_NAME_MAX; /* the last one may be followed by zeros */
    }
    rc = erofs_file_copy(b->im, b->dir, b->off + d.name_at, e->name, e->len);
    if (rc)
        return rc;
    e->name[e->len] = 0;
    u32 len = strlen(e->name);
    if (!len || (len < e->len && n + 1 < b->count) || memchr(e->name, '/', len))
        return -EUCLEAN;
    e->len = len;
    e->nid = d.nid;
    e->type = type_of(d.type);
    return 0;
}

/* The order of names: bytes, then length. */
static int compare(const char *name, size_t len, const struct erofs_entry *e)
{
    int c = memcmp(name, e->name, MIN(len, (size_t)e->len));

    return c ? c : (len > e->len) - (len < e->len);
}

/* The last block whose first name is not above the one looked for. */
static long find_block(const struct erofs_image *im, const struct erofs_inode *dir,
                       const char *name, size_t len, struct block *b)
{
    u64 low = 0, high = block_count(dir);
    struct erofs_entry e;

    while (low + 1 < high) {
        u64 mid = low + (high - low) / 2;
        long rc = block_open(b, im, dir, mid);
        if (!rc)
            rc = block_entry(b, 0, &e);
        if (rc)
            return rc;
        if (compare(name, len, &e) < 0)
            high = mid;
        else
            low = mid;
    }
    return high ? block_open(b, im, dir, low) : -ENOENT;
}

long erofs_find(const struct erofs_image *im, const struct erofs_inode *dir, const char *name,
                size_t len, u64 *nid)
{
    struct block b;
    struct erofs_entry e;
    long rc = find_block(im, dir, name, len, &b);

    if (rc)
        return rc;
    for (u32 low = 0, high = b.count; low < high;) {
        u32 mid = low + (high - low) / 2;
        rc = block_entry(&b, mid, &e);
        if (rc)
            return rc;
        int c = compare(name, len, &e);
        if (c == 0) {
            *nid = e.nid;
            return 0;
        }
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return -ENOENT;
}

static bool is_dots(const struct erofs_entry *e)
{
    return e->name[0] == '.' && (e->len == 1 || (e->len == 2 && e->name[1] == '.'));
}

/* A position is the number of the block and, in the low bits, of the entry in it. */
#define POS_BITS 12

long erofs_next(const struct erofs_image *im, const struct erofs_inode *dir, u64 *pos,
                struct erofs_entry *e)
{
    struct block b;

    for (u64 number = *pos >> POS_BITS; number < block_count(dir); number++) {
        long rc = block_open(&b, im, dir, number);
        if (rc)
            return rc;
        for (u32 n = *pos & ((1U << POS_BITS) - 1); n < b.count; n++) {
            rc = block_entry(&b, n, e);
            if (rc)
                return rc;
            if (is_dots(e))
                continue;
            *pos = number << POS_BITS | (n + 1);
            return 1;
        }
        *pos = (number + 1) << POS_BITS;
    }
    return 0;
}
