/* A tar archive as a tree, by libarchive.
 *
 * Names are only ever looked up in the tree being made, so an archive cannot name anything
 * on the host; owners, modes and devices are numbers in nodes, so it takes no rights to
 * keep them.
 */
#include "input.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define WHITEOUT        ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

struct reader {
    struct tree *tree;
    struct archive *archive;
    const char *shown;
    int spool;
    uint64_t *spooled;
    uint32_t layer;
    struct image_error *err;
};

static int damaged(struct reader *r)
{
    const char *why = archive_error_string(r->archive);

    return image_fail(r->err, 0, "%s: %s", r->shown, why ? why : "not a tar archive");
}

static int bad_name(struct reader *r, const char *name)
{
    return image_fail(r->err, 0, "%s: bad name in the archive: %.200s", r->shown,
                      name ? name : "none");
}

/* ---- contents ----------------------------------------------------------------------------- */

static int spool_piece(struct reader *r, const void *data, size_t size, uint64_t at)
{
    for (const char *p = data; size;) {
        ssize_t n = pwrite(r->spool, p, size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return image_fail(r->err, n < 0 ? errno : EIO, "temporary file");
        p += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static int take_contents(struct reader *r, struct node *n)
{
    const void *data;
    size_t size;
    la_int64_t offset;
    int rc;

    n->source = SOURCE_FD;
    n->fd = r->spool;
    n->offset = *r->spooled;
    while ((rc = archive_read_data_block(r->archive, &data, &size, &offset)) == ARCHIVE_OK) {
        if (offset < 0 || (uint64_t)offset > n->size || size > n->size - (uint64_t)offset)
            return image_fail(r->err, 0, "%s: a file is larger than it says", r->shown);
        if (spool_piece(r, data, size, n->offset + (uint64_t)offset) < 0)
            return -1;
    }
    if (rc != ARCHIVE_EOF)
        return damaged(r);
    *r->spooled += n->size;
    /* Its end may be a hole. */
    return ftruncate(r->spool, (off_t)*r->spooled) ? image_fail(r->err, errno, "temporary file")
                                                   : 0;
}

/* ---- entries -------------------------------------------------------------------------------- */

static void take_attributes(struct node *n, struct archive_entry *e)
{
    const char *name;
    const void *value;
    size_t size;

    n->uid = (uint32_t)archive_entry_uid(e);
    n->gid = (uint32_t)archive_entry_gid(e);
    n->mtime = archive_entry_mtime_is_set(e) ? archive_entry_mtime(e) : 0;
    n->mtime_ns = archive_entry_mtime_is_set(e) ? (uint32_t)archive_entry_mtime_nsec(e) : 0;
    if (S_ISCHR(n->mode) || S_ISBLK(n->mode)) {
        uint32_t major = (uint32_t)archive_entry_rdevmajor(e);
        uint32_t minor = (uint32_t)archive_entry_rdevminor(e);
        n->rdev = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
    }
    node_clear_xattrs(n);
    archive_entry_xattr_reset(e);
    while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK)
        if (name)
            node_add_xattr(n, name, value, size);
}

/* Something that was removed; true if it was a whiteout. */
static bool whiteout(struct reader *r, struct node *dir, const char *last, size_t len)
{
    if (!r->layer || len <= strlen(WHITEOUT) || strncmp(last, WHITEOUT, strlen(WHITEOUT)) != 0)
        return false;
    if (len == strlen(WHITEOUT_OPAQUE) && memcmp(last, WHITEOUT_OPAQUE, len) == 0) {
        dir_remove_all(r->tree, dir, r->layer);
        return true;
    }
    struct node *gone = dir_get(dir, last + strlen(WHITEOUT), len - strlen(WHITEOUT));
    if (gone && gone->layer != r->layer)
        dir_remove(r->tree, dir, last + strlen(WHITEOUT), len - strlen(WHITEOUT));
    return true;
}

static int take_link(struct reader *r, struct node *dir, const char *last, size_t len,
                     const char *target)
{
    struct node *n = tree_find(r->tree, target);

    if (!n || S_ISDIR(n->mode))
        return image_fail(r->err, 0, "%s: hard link to what is not there: %.200s", r->shown,
                          target);
    dir_put(r->tree, dir, last, len, n);
    return 0;
}

static int fill(struct reader *r, struct node *n, struct archive_entry *e)
{
    take_attributes(n, e);
    if (S_ISLNK(n->mode)) {
        const char *target = archive_entry_symlink(e);
        if (!target || !*target || strlen(target) >= 4096)
            return bad_name(r, target);
        n->target = strdup(target);
        return n->target ? 0 : image_fail(r->err, ENOMEM, "image");
    }
    la_int64_t size = S_ISREG(n->mode) ? archive_entry_size(e) : 0;
    if (size < 0)
        return damaged(r);
    n->size = (uint64_t)size;
    return size ? take_contents(r, n) : 0;
}

static int take_entry(struct reader *r, struct archive_entry *e)
{
    const char *path = archive_entry_pathname(e), *last, *link = archive_entry_hardlink(e);
    uint32_t mode = archive_entry_mode(e);
    size_t len;
    struct node *dir = path ? tree_parent(r->tree, path, true, &last, &len) : NULL;

    if (!dir)
        return bad_name(r, path);
    if (!len) { /* the root itself */
        if (S_ISDIR(mode)) {
            r->tree->root->mode = mode;
            take_attributes(r->tree->root, e);
        }
        return 0;
    }
    if (whiteout(r, dir, last, len))
        return 0;
    if (link)
        return take_link(r, dir, last, len, link);
    if (!(mode & S_IFMT))
        return bad_name(r, path);
    struct node *n = dir_get(dir, last, len);
    if (n && S_ISDIR(n->mode) && S_ISDIR(mode)) {
        n->mode = mode;
    } else {
        n = node_new(r->tree, mode);
        dir_put(r->tree, dir, last, len, n);
    }
    n->layer = r->layer;
    return fill(r, n, e);
}

int input_tar(struct tree *t, int fd, const char *shown, int spool, uint64_t *spooled,
              uint32_t layer, struct image_error *err)
{
    struct reader r = {t, archive_read_new(), shown, spool, spooled, layer, err};
    struct archive_entry *e;
    int rc;

    if (!r.archive)
        return image_fail(err, ENOMEM, "%s", shown);
    archive_read_support_filter_gzip(r.archive);
    archive_read_support_filter_zstd(r.archive);
    archive_read_support_format_tar(r.archive);
    rc = archive_read_open_fd(r.archive, fd, 1 << 18) == ARCHIVE_OK ? 0 : damaged(&r);
    while (rc == 0) {
        /* A warning is about names that don't fit the locale: they come as they are. */
        int got = archive_read_next_header(r.archive, &e);
        if (got == ARCHIVE_EOF)
            break;
        rc = got < ARCHIVE_WARN ? damaged(&r) : take_entry(&r, e);
    }
    archive_read_free(r.archive);
    return rc;
}
