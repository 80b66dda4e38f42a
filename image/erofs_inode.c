/* Inodes, directories and data of an image file; see erofs_file.h. */
#include "erofs_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIR_MAX (1u << 30)

/* ---- inodes ----------------------------------------------------------------------------- */

static void take_compact(const struct erofs_file *f, struct erofs_inode *i,
                         const struct erofs_compact *d)
{
    i->mode = d->mode;
    i->uid = d->uid;
    i->gid = d->gid;
    i->size = d->size;
    i->rdev = d->block;
    i->mtime = (int64_t)f->super.build_time;
    i->mtime_ns = f->super.build_time_ns % 1000000000u;
}

static void take_extended(struct erofs_inode *i, const struct erofs_extended *d)
{
    i->mode = d->mode;
    i->uid = d->uid;
    i->gid = d->gid;
    i->size = d->size;
    i->rdev = d->block;
    i->mtime = (int64_t)d->mtime;
    i->mtime_ns = d->mtime_ns % 1000000000u;
}

/* Where byte `off` of the data lies and how many follow; off < size. */
static uint64_t locate(const struct erofs_inode *i, uint64_t off, uint64_t *run)
{
    uint64_t split = i->size;

    if (i->layout == EROFS_INLINE)
        split &= ~(uint64_t)(EROFS_BLOCK - 1);
    *run = (off < split ? split : i->size) - off;
    return off < split ? i->data + off : i->tail + (off - split);
}

static int check_data(const struct erofs_file *f, const struct erofs_inode *i,
                      struct image_error *err)
{
    uint64_t run;

    if (!i->size)
        return 0;
    if (i->layout != EROFS_PLAIN && i->layout != EROFS_INLINE)
        return erofs_file_bad(f, "a file in it is compressed", err);
    if (i->size > f->size)
        return erofs_file_bad(f, "a file in it is larger than the image", err);
    uint64_t first = locate(i, 0, &run);
    if (first > f->size || run > f->size - first ||
        (i->layout == EROFS_PLAIN && run > f->parts[erofs_file_part(f, first)].end - first))
        return erofs_file_bad(f, "the data of a file lies beyond its end", err);
    return 0;
}

int erofs_file_inode(const struct erofs_file *f, uint64_t nid, struct erofs_inode *i,
                     struct image_error *err)
{
    struct erofs_extended e;
    struct erofs_compact c;
    uint64_t at = f->meta + nid * EROFS_SLOT;

    if (nid > f->size / EROFS_SLOT)
        return erofs_file_bad(f, "an inode lies beyond its end", err);
    if (erofs_file_read(f, at, &c, sizeof(c), err) < 0)
        return -1;
    *i = (struct erofs_inode){.layout = (c.format & 0xfu) >> 1, .tail = at + sizeof(c)};
    take_compact(f, i, &c);
    if (c.format & 1) {
        if (erofs_file_read(f, at, &e, sizeof(e), err) < 0)
            return -1;
        i->tail = at + sizeof(e);
        take_extended(i, &e);
    }
    i->data = (uint64_t)i->rdev * EROFS_BLOCK;
    if (c.xattr_count) {
        i->xattrs = i->tail;
        i->xattrs_size = sizeof(struct erofs_xattr_header) + 4 * (c.xattr_count - 1U);
        i->tail += i->xattrs_size;
    }
    if (!S_ISREG(i->mode) && !S_ISDIR(i->mode) && !S_ISLNK(i->mode))
        i->size = 0;
    return check_data(f, i, err);
}

int erofs_data_read(const struct erofs_file *f, const struct erofs_inode *i, uint64_t off, void *to,
                    size_t n, struct image_error *err)
{
    while (n) {
        uint64_t run, at = locate(i, off, &run);
        size_t part = n < run ? n : (size_t)run;
        if (erofs_file_read(f, at, to, part, err) < 0)
            return -1;
        to = (uint8_t *)to + part;
        off += part;
        n -= part;
    }
    return 0;
}

/* ---- directories --------------------------------------------------------------------------- */

typedef int take_entry(void *context, const char *name, size_t len, uint64_t nid);

static bool is_dots(const char *name, size_t len)
{
    return len <= 2 && memcmp(name, "..", len) == 0;
}

static int each_in_block(const struct erofs_file *f, const uint8_t *block, size_t bytes,
                         take_entry *take, void *context, struct image_error *err)
{
    struct erofs_dirent d, next = {0};
    int rc = 0;

    if (bytes < sizeof(d))
        return erofs_file_bad(f, "a directory makes no sense", err);
    memcpy(&d, block, sizeof(d));
    size_t count = d.name_at / sizeof(d);
    if (!count || d.name_at % sizeof(d) || d.name_at >= bytes)
        return erofs_file_bad(f, "a directory makes no sense", err);
    for (size_t n = 0; n < count && rc == 0; n++, d = next) {
        size_t end = bytes;
        if (n + 1 < count) {
            memcpy(&next, block + (n + 1) * sizeof(d), sizeof(d));
            end = next.name_at;
        }
        if (d.name_at < count * sizeof(d) || d.name_at >= end || end > bytes)
            return erofs_file_bad(f, "a directory makes no sense", err);
        const char *name = (const char *)block + d.name_at;
        size_t len = strnlen(name, end - d.name_at);
        if (!len || len > EROFS_NAME_MAX || memchr(name, '/', len))
            return erofs_file_bad(f, "a name makes no sense", err);
        if (!is_dots(name, len))
            rc = take(context, name, len, d.nid);
    }
    return rc;
}

int erofs_dir_each(const struct erofs_file *f, const struct erofs_inode *dir, take_entry *take,
                   void *context, struct image_error *err)
{
    uint8_t block[EROFS_BLOCK];
    int rc = 0;

    if (dir->size > DIR_MAX)
        return erofs_file_bad(f, "a directory is too large", err);
    for (uint64_t off = 0; off < dir->size && rc == 0; off += EROFS_BLOCK) {
        size_t bytes = dir->size - off < EROFS_BLOCK ? (size_t)(dir->size - off) : EROFS_BLOCK;
        rc = erofs_data_read(f, dir, off, block, bytes, err);
        if (rc == 0)
            rc = each_in_block(f, block, bytes, take, context, err);
    }
    return rc;
}

/* ---- one file by its path -------------------------------------------------------------------- */

struct search {
    const char *name;
    size_t len;
    uint64_t nid;
};

static int match(void *context, const char *name, size_t len, uint64_t nid)
{
    struct search *s = context;

    if (len != s->len || memcmp(name, s->name, len) != 0)
        return 0;
    s->nid = nid;
    return 1;
}

char *erofs_file_text(const struct erofs_file *f, const char *path, size_t max)
{
    struct image_error err;
    struct erofs_inode i = {0};

    if (erofs_file_inode(f, f->super.root_nid, &i, &err) < 0)
        return NULL;
    while (*path) {
        struct search s = {.name = path, .len = strcspn(path, "/")};
        if (!S_ISDIR(i.mode) || erofs_dir_each(f, &i, match, &s, &err) != 1 ||
            erofs_file_inode(f, s.nid, &i, &err) < 0)
            return NULL;
        path += s.len + (path[s.len] == '/');
    }
    if (!S_ISREG(i.mode))
        return NULL;
    size_t n = i.size < max ? (size_t)i.size : max;
    char *text = malloc(n + 1);
    if (text && erofs_data_read(f, &i, 0, text, n, &err) == 0) {
        text[n] = 0;
        return text;
    }
    free(text);
    return NULL;
}
