/* An EROFS image as a tree: the base of a commit, and what `verify` walks through.
 *
 * The image is hostile: nids, offsets and names are checked before use, a directory may
 * occur once, and the depth is bounded.
 */
#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "erofs_file.h"
#include "node_table.h"

#define DEPTH_MAX 1000

struct loader {
    struct tree *tree;
    const struct erofs_file *file;
    int spool; /* for contents that lie in two pieces */
    uint64_t *spooled;
    struct node_table seen; /* by nid */
    struct image_error *err;
};

static int bad(struct loader *l, const char *what) { return erofs_file_bad(l->file, what, l->err); }

static int fetch(struct loader *l, uint64_t at, void *to, size_t n)
{
    return erofs_file_read(l->file, at, to, n, l->err);
}

/* ---- attributes --------------------------------------------------------------------------- */

static const char *prefix_of(uint8_t space)
{
    switch (space) {
    case EROFS_XATTR_USER:
        return "user.";
    case EROFS_XATTR_ACL_ACCESS:
        return "system.posix_acl_access";
    case EROFS_XATTR_ACL_DEFAULT:
        return "system.posix_acl_default";
    case EROFS_XATTR_TRUSTED:
        return "trusted.";
    case EROFS_XATTR_SECURITY:
        return "security.";
    default:
        return NULL;
    }
}

/* Reads the entry at `at`; its size in *size. */
static int take_xattr(struct loader *l, uint64_t at, struct node *n, uint64_t *size)
{
    static uint8_t value[65536];
    struct erofs_xattr_entry e;
    char name[300], rest[256] = "";

    if (fetch(l, at, &e, sizeof(e)) < 0 || fetch(l, at + sizeof(e), rest, e.name_len) < 0 ||
        fetch(l, at + sizeof(e) + e.name_len, value, e.value_size) < 0)
        return -1;
    *size = (sizeof(e) + e.name_len + e.value_size + 3U) & ~3UL;
    const char *prefix = prefix_of(e.space);
    if (!prefix || strlen(rest) != e.name_len)
        return 0;
    strcpy(name, prefix);
    strcat(name, rest);
    node_add_xattr(n, name, value, e.value_size);
    return 0;
}

static int take_xattrs(struct loader *l, const struct erofs_inode *i, struct node *n)
{
    struct erofs_xattr_header h;
    uint64_t at = i->xattrs + sizeof(h), end = i->xattrs + i->xattrs_size, size;

    if (!i->xattrs_size)
        return 0;
    if (fetch(l, i->xattrs, &h, sizeof(h)) < 0)
        return -1;
    for (unsigned s = 0; s < h.shared; s++, at += 4) {
        uint32_t number;
        if (at + 4 > end)
            return bad(l, "extended attributes make no sense");
        if (fetch(l, at, &number, sizeof(number)) < 0 ||
            take_xattr(l, l->file->shared_xattrs + 4UL * number, n, &size) < 0)
            return -1;
    }
    for (; at + sizeof(struct erofs_xattr_entry) <= end; at += size) {
        if (take_xattr(l, at, n, &size) < 0)
            return -1;
        if (size > end - at)
            return bad(l, "extended attributes make no sense");
    }
    return 0;
}

/* ---- contents ------------------------------------------------------------------------------- */

static int take_file(struct loader *l, const struct erofs_inode *i, struct node *n)
{
    char piece[16384];

    if (!i->size)
        return 0;
    n->source = SOURCE_FD;
    if (i->layout == EROFS_PLAIN) {
        const struct erofs_part *p = &l->file->parts[erofs_file_part(l->file, i->data)];
        n->fd = p->fd;
        n->offset = i->data - p->start;
        return 0;
    }
    n->fd = l->spool;
    n->offset = *l->spooled;
    for (uint64_t off = 0; off < i->size;) {
        size_t part = i->size - off < sizeof(piece) ? (size_t)(i->size - off) : sizeof(piece);
        if (erofs_data_read(l->file, i, off, piece, part, l->err) < 0)
            return -1;
        if (pwrite(l->spool, piece, part, (off_t)(n->offset + off)) != (ssize_t)part)
            return image_fail(l->err, errno, "temporary file");
        off += part;
    }
    *l->spooled += i->size;
    return 0;
}

static int take_link(struct loader *l, const struct erofs_inode *i, struct node *n)
{
    if (!i->size || i->size >= 4096)
        return bad(l, "a symbolic link makes no sense");
    n->target = calloc(1, i->size + 1);
    if (!n->target)
        return image_fail(l->err, ENOMEM, "image");
    if (erofs_data_read(l->file, i, 0, n->target, i->size, l->err) < 0)
        return -1;
    return strlen(n->target) == i->size ? 0 : bad(l, "a symbolic link makes no sense");
}

static void take_inode(struct node *n, const struct erofs_inode *i)
{
    n->mode = i->mode;
    n->uid = i->uid;
    n->gid = i->gid;
    n->mtime = i->mtime;
    n->mtime_ns = i->mtime_ns;
    n->size = i->size;
}

static int take_dir(struct loader *l, const struct erofs_inode *i, struct node *dir,
                    unsigned depth);

static int take_name(struct loader *l, struct node *dir, const char *name, size_t len, uint64_t nid,
                     unsigned depth)
{
    struct erofs_inode i;

    struct node *n = node_table_find(&l->seen, 0, nid);
    if (n) {
        if (S_ISDIR(n->mode))
            return bad(l, "a directory occurs twice");
        dir_append(dir, name, len, n);
        return 0;
    }
    if (erofs_file_inode(l->file, nid, &i, l->err) < 0)
        return -1;
    n = node_new(l->tree, i.mode);
    take_inode(n, &i);
    dir_append(dir, name, len, n);
    if (node_table_add(&l->seen, 0, nid, n) < 0)
        return image_fail(l->err, ENOMEM, "image");
    if (take_xattrs(l, &i, n) < 0)
        return -1;
    switch (i.mode & S_IFMT) {
    case S_IFREG:
        return take_file(l, &i, n);
    case S_IFLNK:
        return take_link(l, &i, n);
    case S_IFDIR:
        return take_dir(l, &i, n, depth + 1);
    case S_IFCHR:
    case S_IFBLK:
        n->rdev = i.rdev;
        return 0;
    case S_IFIFO:
    case S_IFSOCK:
        return 0;
    default:
        return bad(l, "a file of no known type");
    }
}

/* Names are sorted over all blocks, which also makes them unique. */
static int check_name(struct loader *l, const struct node *dir, const char *name, size_t len)
{
    if (!dir->count)
        return 0;
    const char *last = dir->entries[dir->count - 1].name;
    size_t last_len = strlen(last);
    int c = memcmp(last, name, last_len < len ? last_len : len);
    return c < 0 || (c == 0 && last_len < len) ? 0 : bad(l, "names are out of order");
}

struct dir_walk {
    struct loader *l;
    struct node *dir;
    unsigned depth;
};

static int take_entry(void *context, const char *name, size_t len, uint64_t nid)
{
    struct dir_walk *w = context;

    if (check_name(w->l, w->dir, name, len) < 0)
        return -1;
    return take_name(w->l, w->dir, name, len, nid, w->depth);
}

static int take_dir(struct loader *l, const struct erofs_inode *i, struct node *dir, unsigned depth)
{
    struct dir_walk w = {l, dir, depth};

    if (depth > DEPTH_MAX)
        return bad(l, "directories too deep");
    return erofs_dir_each(l->file, i, take_entry, &w, l->err);
}

int input_image(struct tree *t, const struct erofs_file *image, int spool, uint64_t *spooled,
                struct image_error *err)
{
    struct loader l = {.tree = t, .file = image, .spool = spool, .spooled = spooled, .err = err};
    struct erofs_inode i;
    int rc = erofs_file_inode(image, image->super.root_nid, &i, err);

    if (rc == 0 && !S_ISDIR(i.mode))
        rc = bad(&l, "its root is no directory");
    if (rc == 0) {
        take_inode(t->root, &i);
        rc = node_table_add(&l.seen, 0, image->super.root_nid, t->root) < 0
                 ? image_fail(err, ENOMEM, "image")
                 : take_xattrs(&l, &i, t->root);
    }
    if (rc == 0)
        rc = take_dir(&l, &i, t->root, 0);
    node_table_free(&l.seen);
    return rc;
}
