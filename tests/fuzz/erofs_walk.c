#include "erofs_walk.h"

#include <linux/stat.h>

#include "../../libos/fs/erofs_image.h"
#include "lib.h"
#include "usercopy.h"

#define NODES_MAX                                                                                  \
    2000 /* directories may lead round in circles: the walk need not end by itself                 \
          */

#define LAYERED_MAX (64UL << 20)

_Noreturn void abort(void);
void *calloc(size_t count, size_t size);
void free(void *p);

size_t mapped_copy(void *dst, const void *src, size_t n)
{
    memcpy(dst, src, n);
    return 0;
}

size_t strlcpy(char *d, const char *s, size_t n)
{
    size_t len = strlen(s), part = len < n ? len : n - 1;

    memcpy(d, s, part);
    d[part] = 0;
    return len;
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

struct walk {
    struct erofs_image im;
    u32 nodes;
};

static void read_data(struct walk *w, const struct erofs_inode *i)
{
    char piece[512];

    for (u64 off = 0; off < i->size && off < 8 * sizeof(piece);) {
        u64 run, at = erofs_data(i, off, &run);
        must(run > 0 && run <= i->size - off);
        must(at <= w->im.size && run <= w->im.size - at);
        if (off < i->split) /* what is mapped lies in one file */
            must(run <= w->im.parts[erofs_part_of(&w->im, at)].end - at);
        size_t n = MIN(run, sizeof(piece));
        must(erofs_file_copy(&w->im, i, off, piece, n) == 0);
        off += n;
    }
    if (i->size)
        must(erofs_file_copy(&w->im, i, i->size - 1, piece, 2) < 0);
}

static void read_xattrs(struct walk *w, const struct erofs_inode *i)
{
    char name[XATTR_TEXT], value[64];

    for (u32 n = 0; n < 20 && erofs_xattr_name(&w->im, i, n, name) == 1; n++) {
        must(strlen(name) < XATTR_TEXT);
        long size = erofs_xattr_get(&w->im, i, name, value, 0);
        must(size >= 0 || size == -117 || size == -61);
        erofs_xattr_get(&w->im, i, name, value, sizeof(value));
    }
}

static void visit(struct walk *w, u64 nid, u32 depth)
{
    struct erofs_entry e;
    struct erofs_inode i;
    u64 pos = 0, found, before;
    long rc;

    if (depth > 50 || ++w->nodes > NODES_MAX || erofs_inode_read(&w->im, nid, &i) < 0)
        return;
    must(i.nid == nid && i.split <= i.size);
    read_data(w, &i);
    read_xattrs(w, &i);
    if (!S_ISDIR(i.mode))
        return;
    erofs_find(&w->im, &i, "..", 2, &found);
    erofs_find(&w->im, &i, "no such name", 12, &found);
    for (u32 n = 0; n < 300; n++) {
        before = pos;
        rc = erofs_next(&w->im, &i, &pos, &e);
        if (rc <= 0)
            return;
        must(pos > before);
        must(e.len > 0 && e.len <= EROFS_NAME_MAX && strlen(e.name) == e.len);
        must(!strchr(e.name, '/'));
        rc = erofs_find(&w->im, &i, e.name, e.len, &found);
        must(rc <= 0);
        visit(w, e.nid, depth + 1);
    }
}

void erofs_walk(const void *image, size_t size)
{
    struct walk w = {.nodes = 0};
    void *mapped = NULL;

    if (erofs_image_open(&w.im, image, size) != 0)
        return;
    if (w.im.part_count > 1) { /* its devices, as far as there is room: they say nothing */
        if (w.im.size > LAYERED_MAX)
            return;
        mapped = calloc(1, w.im.size);
        if (!mapped)
            abort();
        memcpy(mapped, image, MIN(size, w.im.parts[0].end));
        if (erofs_image_open(&w.im, mapped, w.im.parts[0].end) != 0)
            abort();
    }
    for (u32 n = 0; n < w.im.part_count; n++)
        must(w.im.parts[n].start < w.im.parts[n].end && w.im.parts[n].end <= w.im.size);
    visit(&w, w.im.root, 0);
    free(mapped);
}
