/* Writing a snapshot: pages are sorted into zero, as in the base, and new; new ones fill
 * frames, which pack.c writes.  Metadata and the list of ranges are kept until the end. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output.h"

struct kept_meta {
    char key[SNAPSHOT_KEY_MAX + 1];
    uint8_t *bytes;
    size_t len;
};

struct snapshot_writer {
    struct output out;
    char *path;
    struct header header;
    struct file_key key;
    char *sign_key_file;
    struct snapshot_reader *base;
    struct pack *pack;
    struct pack_frame *current;
    struct ranges ranges;
    struct kept_meta *metas;
    uint32_t meta_count;
    size_t meta_bytes;
};

static int write_failed(const struct snapshot_writer *w, struct snapshot_error *err)
{
    return fail_errno(err, errno ? errno : EIO, w->path, "the snapshot can't be written");
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int open_base(struct snapshot_writer *w, const struct snapshot_write_options *o,
                     struct snapshot_error *err)
{
    struct snapshot_read_options how = {
        .key_file = o->encrypt_key_file, .threads = o->threads, .lazy = true};
    const char *name = last_part(o->base);

    if (o->base_fds && *o->base_fds >= 0) {
        how.base_fds = o->base_fds + 1;
        w->base = snapshot_reader_open_fd(*o->base_fds, o->base, &how, err);
    } else {
        w->base = snapshot_reader_open(o->base, &how, err);
    }
    if (!w->base)
        return -1;
    memcpy(w->header.base, snapshot_info(w->base)->digest, DIGEST_SIZE);
    return snapshot_put_meta(w, "base", name, strlen(name), err);
}

static int fill_header(struct snapshot_writer *w, const struct snapshot_write_options *o,
                       struct snapshot_error *err)
{
    struct header *h = &w->header;
    struct timespec now;

    memcpy(h->magic, HEADER_MAGIC, sizeof(h->magic));
    h->version = FORMAT_VERSION;
    h->page_size = SNAPSHOT_PAGE;
    h->abi_version = o->abi_version;
    memcpy(h->image, o->image, sizeof(h->image));
    h->flags = (o->warm ? HEADER_WARM : 0u) | (o->encrypt_key_file ? HEADER_ENCRYPTED : 0u) |
               (o->base ? HEADER_INCREMENTAL : 0u) |
               (o->self_contained ? HEADER_SELF_CONTAINED : 0u);
    if (random_bytes(h->id, sizeof(h->id), err) || random_bytes(h->salt, sizeof(h->salt), err))
        return -1;
    clock_gettime(CLOCK_REALTIME, &now);
    h->created = now.tv_sec * 1000000000LL + now.tv_nsec;
    if (o->base && open_base(w, o, err))
        return -1;
    if (o->encrypt_key_file && file_key_derive(&w->key, h, o->encrypt_key_file, err))
        return -1;
    return 0;
}

static int begin(struct snapshot_writer *w, const struct snapshot_write_options *o,
                 struct snapshot_error *err)
{
    if (o->warm && (o->base || o->encrypt_key_file))
        return fail(err, SNAPSHOT_MISUSE, "%s: the warm form is neither incremental nor encrypted",
                    w->path);
    if (fill_header(w, o, err))
        return -1;
    if (o->sign_key_file && !(w->sign_key_file = strdup(o->sign_key_file)))
        return fail_errno(err, ENOMEM, w->path, NULL);
    w->pack = pack_start(w->out.fd, &w->key, o, err);
    if (!w->pack)
        return -1;
    return write_all(w->out.fd, &w->header, sizeof(w->header)) < 0 ? write_failed(w, err) : 0;
}

static struct snapshot_writer *open_writer(int fd, const char *path,
                                           const struct snapshot_write_options *options,
                                           struct snapshot_error *err)
{
    struct snapshot_writer *w = calloc(1, sizeof(*w));

    if (!w || !(w->path = strdup(path))) {
        free(w);
        fail_errno(err, ENOMEM, path, NULL);
        return NULL;
    }
    w->out.fd = fd;
    if ((fd < 0 && output_open(&w->out, path, err)) || begin(w, options, err)) {
        snapshot_abandon(w);
        return NULL;
    }
    return w;
}

struct snapshot_writer *snapshot_writer_open(const char *path,
                                             const struct snapshot_write_options *options,
                                             struct snapshot_error *err)
{
    return open_writer(-1, path, options, err);
}

struct snapshot_writer *snapshot_writer_open_fd(int fd, const char *path,
                                                const struct snapshot_write_options *options,
                                                struct snapshot_error *err)
{
    return open_writer(fd, path, options, err);
}

int snapshot_put_meta(struct snapshot_writer *w, const char *key, const void *bytes, size_t len,
                      struct snapshot_error *err)
{
    if (!meta_key_valid(key, strlen(key)) || w->meta_count == METAS_MAX ||
        len > SNAPSHOT_META_MAX - w->meta_bytes)
        return fail(err, SNAPSHOT_MISUSE, "%s: metadata '%s': too much, or no key", w->path, key);
    for (uint32_t i = 0; i < w->meta_count; i++)
        if (strcmp(w->metas[i].key, key) == 0)
            return fail(err, SNAPSHOT_MISUSE, "%s: metadata '%s' put twice", w->path, key);
    struct kept_meta *metas = reallocarray(w->metas, w->meta_count + 1, sizeof(*metas));
    if (metas)
        w->metas = metas;
    uint8_t *copy = metas ? malloc(len + 1) : NULL;
    if (!copy)
        return fail_errno(err, ENOMEM, w->path, NULL);
    memcpy(copy, bytes, len);
    struct kept_meta *meta = &w->metas[w->meta_count++];
    *meta = (struct kept_meta){.bytes = copy, .len = len};
    strcpy(meta->key, key);
    w->meta_bytes += len;
    return 0;
}

/* ---- pages ---- */

static bool is_zero(const void *page)
{
    const uint64_t *words = page;

    return words[0] == 0 && memcmp(words, words + 1, SNAPSHOT_PAGE - sizeof(*words)) == 0;
}

static int add(struct snapshot_writer *w, const struct range *range, struct snapshot_error *err)
{
    return ranges_add(&w->ranges, range) < 0 ? fail_errno(err, ENOMEM, w->path, NULL) : 0;
}

static int put_new(struct snapshot_writer *w, struct range *range, const uint8_t *page,
                   struct snapshot_error *err)
{
    if (!w->current)
        w->current = pack_current(w->pack);
    if (!w->current)
        return write_failed(w, err);
    memcpy(w->current->plain + (size_t)w->current->pages * SNAPSHOT_PAGE, page, SNAPSHOT_PAGE);
    range->frame = w->current->number;
    range->first = w->current->pages++;
    if (w->current->pages == FRAME_PAGES) {
        pack_submit(w->pack);
        w->current = NULL;
    }
    return 0;
}

static int in_bounds(const struct snapshot_writer *w, uint64_t offset, uint64_t len,
                     struct snapshot_error *err)
{
    if (offset % SNAPSHOT_PAGE || len % SNAPSHOT_PAGE || offset >= SNAPSHOT_OFFSET_MAX ||
        len > SNAPSHOT_OFFSET_MAX - offset)
        return fail(err, SNAPSHOT_MISUSE, "%s: pages put at a bad offset", w->path);
    return 0;
}

/* The page as the base has it, or NULL.  Pages come in order: the base's frames are read once. */
static const uint8_t *base_page(struct snapshot_writer *w, uint32_t object, uint64_t offset,
                                uint8_t *buffer, struct snapshot_error *err)
{
    long n = snapshot_read_pages(w->base, object, offset, buffer, SNAPSHOT_PAGE, err);
    return n > 0 ? buffer : NULL;
}

int snapshot_put_pages(struct snapshot_writer *w, uint32_t object, uint64_t offset,
                       const void *data, size_t len, struct snapshot_error *err)
{
    uint8_t buffer[SNAPSHOT_PAGE];
    int rc = in_bounds(w, offset, len, err);

    for (size_t at = 0; rc == 0 && at < len; at += SNAPSHOT_PAGE) {
        const uint8_t *page = (const uint8_t *)data + at;
        struct range range = {
            .object = object, .offset = offset + at, .pages = 1, .frame = RANGE_ZERO};
        const uint8_t *old = NULL;
        if (!is_zero(page)) {
            if (w->base)
                old = base_page(w, object, offset + at, buffer, err);
            if (old && memcmp(old, page, SNAPSHOT_PAGE) == 0)
                range.frame = RANGE_BASE;
            else
                rc = put_new(w, &range, page, err);
        }
        if (rc == 0)
            rc = add(w, &range, err);
    }
    return rc;
}

int snapshot_put_unchanged(struct snapshot_writer *w, uint32_t object, uint64_t offset,
                           uint64_t len, struct snapshot_error *err)
{
    struct snapshot_range found;
    uint32_t at = 0;
    int rc = in_bounds(w, offset, len, err);

    if (rc == 0 && !w->base)
        rc = fail(err, SNAPSHOT_MISUSE, "%s: there is no base", w->path);
    if (rc == 0)
        at = snapshot_find_range(w->base, object, offset);
    while (rc == 0 && snapshot_next_range(w->base, &at, &found) && found.object == object &&
           found.offset < offset + len) {
        uint64_t from = found.offset > offset ? found.offset : offset;
        uint64_t to =
            found.offset + found.len < offset + len ? found.offset + found.len : offset + len;
        const struct range range = {
            .object = object,
            .offset = from,
            .pages = (uint32_t)((to - from) / SNAPSHOT_PAGE),
            .frame = found.where == SNAPSHOT_ZERO ? RANGE_ZERO : RANGE_BASE,
        };
        rc = add(w, &range, err);
    }
    return rc;
}

/* ---- the end ---- */

static void append(uint8_t **at, const void *bytes, size_t len)
{
    if (len)
        memcpy(*at, bytes, len);
    *at += len;
}

/* A whole frame may hold several ranges, but a range lies in one frame: ranges_add saw to it. */
static uint8_t *build_index(const struct snapshot_writer *w, const struct frame *frames,
                            uint32_t frame_count, size_t *size)
{
    const struct index_head head = {
        .frames = frame_count, .ranges = (uint32_t)w->ranges.count, .metas = w->meta_count};

    *size = sizeof(head) + frame_count * sizeof(*frames) + w->ranges.count * sizeof(struct range) +
            w->meta_bytes;
    for (uint32_t i = 0; i < w->meta_count; i++)
        *size += sizeof(struct meta_head) + strlen(w->metas[i].key);
    uint8_t *bytes = *size <= INDEX_MAX ? malloc(*size) : NULL, *at = bytes;
    if (!bytes)
        return NULL;
    append(&at, &head, sizeof(head));
    append(&at, frames, frame_count * sizeof(*frames));
    append(&at, w->ranges.items, w->ranges.count * sizeof(struct range));
    for (uint32_t i = 0; i < w->meta_count; i++) {
        const struct kept_meta *m = &w->metas[i];
        const struct meta_head meta = {.key_len = (uint16_t)strlen(m->key),
                                       .len = (uint32_t)m->len};
        append(&at, &meta, sizeof(meta));
        append(&at, m->key, meta.key_len);
        append(&at, m->bytes, m->len);
    }
    return bytes;
}

/* Packs the index as one big frame and writes it with the trailer. */
static int write_index(struct snapshot_writer *w, struct trailer *trailer, const uint8_t *plain,
                       size_t size, struct snapshot_error *err)
{
    struct frame frame = {0};
    ZSTD_CCtx *zctx = ZSTD_createCCtx();
    uint8_t *stored = malloc(ZSTD_compressBound(size) + SEAL_BYTES);
    int rc = zctx && stored ? 0 : fail_errno(err, ENOMEM, w->path, NULL);

    if (rc == 0) {
        frame_pack(&frame, SEAL_INDEX, zctx, &w->key, plain, size, stored, INDEX_RATIO, true);
        trailer->index_stored = frame.stored;
        trailer->index_plain = (uint32_t)size;
        trailer->index_method = frame.method;
        trailer->file_size = trailer->index_offset + frame.stored + sizeof(*trailer);
        memcpy(trailer->index_digest, frame.digest, DIGEST_SIZE);
        root_digest(trailer->root, &w->header, trailer);
        if (trailer->is_signed)
            rc = sign_root(trailer, w->sign_key_file, err);
    }
    if (rc == 0 && (write_all(w->out.fd, stored, frame.stored) < 0 ||
                    write_all(w->out.fd, trailer, sizeof(*trailer)) < 0))
        rc = write_failed(w, err);
    ZSTD_freeCCtx(zctx);
    free(stored);
    return rc;
}

static int finish(struct snapshot_writer *w, uint8_t *digest, struct snapshot_error *err)
{
    struct trailer trailer = {.is_signed = w->sign_key_file != NULL};
    struct frame *frames = NULL;
    uint32_t count = 0;
    size_t size;

    memcpy(trailer.magic, TRAILER_MAGIC, sizeof(trailer.magic));
    if (w->current && w->current->pages)
        pack_submit(w->pack);
    w->current = NULL;
    if (pack_drain(w->pack, &frames, &count) < 0)
        return write_failed(w, err);
    trailer.index_offset = sizeof(w->header);
    if (count)
        trailer.index_offset = frames[count - 1].offset + frames[count - 1].stored;
    if (ranges_settle(&w->ranges) < 0)
        return fail_errno(err, ENOMEM, w->path, NULL);
    uint8_t *index = build_index(w, frames, count, &size);
    if (!index)
        return fail(err, SNAPSHOT_MISUSE, "%s: memory is in too many pieces for one snapshot",
                    w->path);
    int rc = write_index(w, &trailer, index, size, err);
    free(index);
    if (rc == 0)
        rc = output_finish(&w->out, w->path, err);
    if (rc == 0 && digest)
        memcpy(digest, trailer.root, DIGEST_SIZE);
    return rc;
}

int snapshot_finish(struct snapshot_writer *w, uint8_t *digest, struct snapshot_error *err)
{
    int rc = finish(w, digest, err);

    snapshot_abandon(w);
    return rc;
}

void snapshot_abandon(struct snapshot_writer *w)
{
    if (!w)
        return;
    pack_free(w->pack);
    output_close(&w->out);
    snapshot_reader_close(w->base);
    for (uint32_t i = 0; i < w->meta_count; i++)
        free(w->metas[i].bytes);
    free(w->metas);
    free(w->ranges.items);
    free(w->sign_key_file);
    free(w->path);
    explicit_bzero(&w->key, sizeof(w->key));
    free(w);
}
