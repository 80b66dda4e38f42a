/* Opening a snapshot: header, trailer and index are read and checked before anything else
 * is believed; then the base, if there is one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

int read_all_at(int fd, void *bytes, size_t len, uint64_t offset)
{
    char *at = bytes;

    while (len > 0) {
        ssize_t n = pread(fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO; /* the file shrank */
        if (n <= 0)
            return -1;
        at += n;
        len -= (size_t)n;
        offset += (size_t)n;
    }
    return 0;
}

static int damaged(const struct snapshot_reader *r, struct snapshot_error *err, const char *why)
{
    return fail(err, SNAPSHOT_DAMAGED, "%s: %s", r->path, why);
}

/* ---- where it is read from ---- */

static int copy_stream(int from, int to)
{
    enum { PIECE = 1 << 18 };
    char *buffer = malloc(PIECE);
    ssize_t n = buffer ? 1 : -1;

    while (n > 0) {
        n = read(from, buffer, PIECE);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0 && write_all(to, buffer, (size_t)n) < 0)
            n = -1;
    }
    free(buffer);
    return n < 0 ? -1 : 0;
}

/* What can't be read at an offset goes to memory: compressed, it is small. */
static int make_seekable(struct snapshot_reader *r, struct snapshot_error *err)
{
    struct stat st;

    if (fstat(r->fd, &st) < 0)
        return fail_errno(err, errno, r->path, NULL);
    if (S_ISREG(st.st_mode))
        return 0;
    if (S_ISDIR(st.st_mode))
        return fail_errno(err, EISDIR, r->path, NULL);
    int copy = memfd_create("snapshot", MFD_CLOEXEC);
    if (copy < 0 || copy_stream(r->fd, copy) < 0) {
        fail_errno(err, errno, r->path, NULL);
        if (copy >= 0)
            close(copy);
        return -1;
    }
    if (r->own_fd)
        close(r->fd);
    r->fd = copy;
    r->own_fd = true;
    return 0;
}

/* ---- header, trailer, index ---- */

static int read_header(struct snapshot_reader *r, uint64_t size, struct snapshot_error *err)
{
    struct header *h = &r->header;
    size_t there = size < sizeof(*h) ? (size_t)size : sizeof(*h);

    if (read_all_at(r->fd, h, there, 0) < 0)
        return fail_errno(err, errno, r->path, NULL);
    if (there < 12 || memcmp(h->magic, HEADER_MAGIC, sizeof(h->magic)) != 0) {
        damaged(r, err, "not a snapshot");
        fail_hint(err, "bailey save makes one");
        return -1;
    }
    if (h->version != FORMAT_VERSION)
        return fail(err, SNAPSHOT_VERSION, "%s: of format %u, and this version reads %u", r->path,
                    h->version, FORMAT_VERSION);
    if (size < sizeof(*h) + sizeof(r->trailer))
        return damaged(r, err, "the snapshot is cut short");
    if ((h->flags & ~HEADER_FLAGS) || h->page_size != SNAPSHOT_PAGE ||
        ((h->flags & HEADER_WARM) && (h->flags & (HEADER_ENCRYPTED | HEADER_INCREMENTAL))))
        return damaged(r, err, "the header is damaged");
    return 0;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

static int read_trailer(struct snapshot_reader *r, uint64_t size, struct snapshot_error *err)
{
    struct trailer *t = &r->trailer;
    uint8_t root[DIGEST_SIZE];

    if (read_all_at(r->fd, t, sizeof(*t), size - sizeof(*t)) < 0)
        return fail_errno(err, errno, r->path, NULL);
    if (memcmp(t->magic, TRAILER_MAGIC, sizeof(t->magic)) != 0 || t->file_size != size)
        return damaged(r, err, "the snapshot is cut short, or something was appended");
    root_digest(root, &r->header, t);
    if (memcmp(root, t->root, DIGEST_SIZE) != 0)
        return damaged(r, err, "the snapshot was changed since it was written (root digest)");
    if (t->index_offset < sizeof(r->header) || t->index_offset > size - sizeof(*t) ||
        t->index_stored != size - sizeof(*t) - t->index_offset || t->index_method > METHOD_ZSTD ||
        t->is_signed > 1 || !all_zero(t->zero, sizeof(t->zero)) ||
        (!t->is_signed && !all_zero(t->signer, sizeof(t->signer) + sizeof(t->signature))))
        return damaged(r, err, "the trailer is damaged");
    return 0;
}

/* Nothing is allocated that the size of the file does not justify. */
static bool index_size_valid(const struct snapshot_reader *r)
{
    const struct trailer *t = &r->trailer;

    return t->index_plain <= INDEX_MAX &&
           t->index_plain / INDEX_RATIO <= (uint64_t)t->index_stored + 1024;
}

static int wrong_key(const struct snapshot_reader *r, struct snapshot_error *err)
{
    fail(err, SNAPSHOT_KEY, "%s: encrypted with another key", r->path);
    fail_hint(err, "give the secret key file it was saved with");
    return -1;
}

static int unpack_index(struct snapshot_reader *r, uint8_t *stored, struct snapshot_error *err)
{
    const struct trailer *t = &r->trailer;
    struct frame frame = {.stored = t->index_stored, .method = (uint8_t)t->index_method};
    size_t size = t->index_plain;

    memcpy(frame.digest, t->index_digest, DIGEST_SIZE);
    if (read_all_at(r->fd, stored, t->index_stored, t->index_offset) < 0)
        return fail_errno(err, errno, r->path, NULL);
    if (frame_check(&frame, stored) < 0)
        return damaged(r, err, "the snapshot was changed since it was written (index)");
    ZSTD_DCtx *zctx = ZSTD_createDCtx();
    uint8_t *plain = zctx ? malloc(size + 1) : NULL;
    int rc = plain ? frame_unpack(&frame, SEAL_INDEX, zctx, &r->key, stored, plain, size)
                   : fail_errno(err, ENOMEM, r->path, NULL);
    ZSTD_freeDCtx(zctx);
    if (rc < 0 && plain) {
        if (r->key.used)
            wrong_key(r, err);
        else
            damaged(r, err, "the index is damaged");
    } else if (rc == 0 &&
               index_parse(&r->index, plain, size, t->index_offset, r->header.flags) < 0) {
        rc = damaged(r, err, "the index makes no sense");
    }
    if (rc < 0)
        free(plain);
    return rc;
}

static int read_index(struct snapshot_reader *r, struct snapshot_error *err)
{
    if (!index_size_valid(r))
        return damaged(r, err, "the trailer is damaged");
    uint8_t *stored = malloc((size_t)r->trailer.index_stored + 1);
    if (!stored)
        return fail_errno(err, ENOMEM, r->path, NULL);
    int rc = unpack_index(r, stored, err);
    free(stored);
    return rc;
}

static int open_key(struct snapshot_reader *r, const char *key_file, struct snapshot_error *err)
{
    if (!(r->header.flags & HEADER_ENCRYPTED))
        return 0;
    if (key_file)
        return file_key_derive(&r->key, &r->header, key_file, err);
    fail(err, SNAPSHOT_KEY, "%s: the snapshot is encrypted", r->path);
    fail_hint(err, "give the secret key file it was saved with");
    return -1;
}

static void fill_info(struct snapshot_reader *r)
{
    struct snapshot_info *i = &r->info;
    const struct header *h = &r->header;
    size_t len;

    i->version = h->version;
    i->abi_version = h->abi_version;
    i->warm = h->flags & HEADER_WARM;
    i->encrypted = h->flags & HEADER_ENCRYPTED;
    i->incremental = h->flags & HEADER_INCREMENTAL;
    i->self_contained = h->flags & HEADER_SELF_CONTAINED;
    i->is_signed = r->trailer.is_signed;
    i->created = h->created;
    memcpy(i->id, h->id, sizeof(i->id));
    memcpy(i->image, h->image, DIGEST_SIZE);
    memcpy(i->base, h->base, DIGEST_SIZE);
    memcpy(i->digest, r->trailer.root, DIGEST_SIZE);
    memcpy(i->signer, r->trailer.signer, sizeof(i->signer));
    /* Metadata is not terminated; a name that holds NUL or is too long is none. */
    const char *name = snapshot_meta(r, "base", &len);
    if (name && len < sizeof(r->base_name) && !memchr(name, 0, len) && !memchr(name, '/', len) &&
        !(len == 1 && name[0] == '.') && !(len == 2 && memcmp(name, "..", 2) == 0))
        memcpy(r->base_name, name, len);
    i->base_name = r->base_name;
    i->file_size = i->size_with_bases = r->trailer.file_size;
    i->frames = r->index.frame_count;
    i->ranges = r->index.range_count;
    i->metas = r->index.meta_count;
    for (uint32_t n = 0; n < r->index.range_count; n++) {
        const struct range *range = &r->index.ranges[n];
        if (range->frame == RANGE_ZERO)
            i->zero_pages += range->pages;
        else if (range->frame == RANGE_BASE)
            i->base_pages += range->pages;
        else
            i->pages += range->pages;
    }
}

/* ---- the base ---- */

static struct snapshot_reader *open_reader(int fd, const char *path,
                                           const struct snapshot_read_options *options, int depth,
                                           struct snapshot_error *err);

/* By the name it had, in the directory of the file that names it: a snapshot can't choose
 * which files are opened elsewhere. */
static char *base_beside(const struct snapshot_reader *r)
{
    const char *slash = strrchr(r->path, '/');
    size_t head = slash ? (size_t)(slash - r->path) + 1 : 0;
    size_t tail = strlen(r->base_name);

    if (!tail || strcmp(r->path, "-") == 0)
        return NULL;
    char *path = malloc(head + tail + 1);
    if (path) {
        memcpy(path, r->path, head);
        memcpy(path + head, r->base_name, tail + 1);
    }
    return path;
}

static int open_base(struct snapshot_reader *r, const struct snapshot_read_options *o, int depth,
                     struct snapshot_error *err)
{
    struct snapshot_read_options how = {
        .key_file = o->key_file, .lazy = o->lazy, .threads = o->threads};
    char *path = o->base ? strdup(o->base) : base_beside(r);
    int fd = o->base_fds ? *o->base_fds : -1;

    if (fd >= 0)
        how.base_fds = o->base_fds + 1;

    if (!path)
        return fail(err, SNAPSHOT_BASE, "%s: needs its base snapshot", r->path);
    if (depth >= SNAPSHOT_FILES_MAX) {
        free(path);
        return fail(err, SNAPSHOT_BASE, "%s: more than %d snapshots build on one another", r->path,
                    SNAPSHOT_FILES_MAX);
    }
    r->base = open_reader(fd, path, &how, depth + 1, err);
    int rc = r->base ? 0 : -1;
    if (rc < 0 && err && err->kind == SNAPSHOT_SYSTEM && err->number == ENOENT)
        fail(err, SNAPSHOT_BASE, "%s: its base %s is missing", r->path, path);
    if (rc == 0 && memcmp(r->base->trailer.root, r->header.base, DIGEST_SIZE) != 0)
        rc = fail(err, SNAPSHOT_BASE, "%s: %s is not the base it was saved on", r->path, path);
    if (rc == 0)
        r->info.size_with_bases += r->base->info.size_with_bases;
    free(path);
    return rc;
}

/* ---- all of it ---- */

static int open_file(struct snapshot_reader *r, const struct snapshot_read_options *o, int depth,
                     struct snapshot_error *err)
{
    struct stat st;

    if (r->fd < 0) {
        r->own_fd = strcmp(r->path, "-") != 0;
        r->fd = r->own_fd ? open(r->path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    }
    if (r->fd < 0)
        return fail_errno(err, errno, r->path, NULL);
    if (make_seekable(r, err))
        return -1;
    if (fstat(r->fd, &st) < 0)
        return fail_errno(err, errno, r->path, NULL);
    if (crypto_ready(err) || read_header(r, (uint64_t)st.st_size, err) ||
        read_trailer(r, (uint64_t)st.st_size, err))
        return -1;
    /* The signature covers the root, so it is settled before anything is unpacked. */
    if (check_signature(&r->trailer, r->path, o->signer_key_file, err) ||
        open_key(r, o->key_file, err) || read_index(r, err))
        return -1;
    r->threads = o->threads;
    fill_info(r);
    if (reader_cache_make(r) < 0)
        return fail_errno(err, ENOMEM, r->path, NULL);
    r->checked = o->trusted;
    if (!o->lazy && !o->trusted && reader_check_all(r, err))
        return -1;
    if ((r->header.flags & HEADER_INCREMENTAL) && !o->no_base)
        return open_base(r, o, depth, err);
    return 0;
}

static struct snapshot_reader *open_reader(int fd, const char *path,
                                           const struct snapshot_read_options *options, int depth,
                                           struct snapshot_error *err)
{
    struct snapshot_reader *r = calloc(1, sizeof(*r));

    if (!r || !(r->path = strdup(path))) {
        free(r);
        fail_errno(err, ENOMEM, path, NULL);
        return NULL;
    }
    r->fd = fd;
    if (open_file(r, options, depth, err)) {
        snapshot_reader_close(r);
        return NULL;
    }
    return r;
}

struct snapshot_reader *snapshot_reader_open(const char *path,
                                             const struct snapshot_read_options *options,
                                             struct snapshot_error *err)
{
    return open_reader(-1, path, options, 1, err);
}

struct snapshot_reader *snapshot_reader_open_fd(int fd, const char *path,
                                                const struct snapshot_read_options *options,
                                                struct snapshot_error *err)
{
    return open_reader(fd, path, options, 1, err);
}

int snapshot_check(struct snapshot_reader *r, struct snapshot_error *err)
{
    for (; r; r = r->base)
        if (!r->checked && reader_check_all(r, err))
            return -1;
    return 0;
}

void snapshot_reader_close(struct snapshot_reader *r)
{
    if (!r)
        return;
    snapshot_reader_close(r->base);
    reader_cache_free(r);
    index_free(&r->index);
    if (r->own_fd && r->fd >= 0)
        close(r->fd);
    free(r->path);
    explicit_bzero(&r->key, sizeof(r->key));
    free(r);
}
