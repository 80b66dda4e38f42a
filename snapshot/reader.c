/* Looking things up in an open snapshot, and reading pages anywhere.
 *
 * The last few frames unpacked are kept, under `lock`, since pages are mostly asked for in
 * order. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { CACHED = 4 };

struct reader_cache {
    pthread_mutex_t lock;
    ZSTD_DCtx *zctx;
    uint8_t *stored;
    struct cached {
        uint8_t *plain;
        uint32_t frame;
        uint64_t used; /* 0: empty */
    } items[CACHED];
    uint64_t clock;
};

int reader_cache_make(struct snapshot_reader *r)
{
    r->cache = calloc(1, sizeof(*r->cache));
    if (!r->cache)
        return -1;
    pthread_mutex_init(&r->cache->lock, NULL);
    return 0;
}

void reader_cache_free(struct snapshot_reader *r)
{
    struct reader_cache *c = r->cache;

    if (!c)
        return;
    for (int i = 0; i < CACHED; i++)
        free(c->items[i].plain);
    free(c->stored);
    ZSTD_freeDCtx(c->zctx);
    pthread_mutex_destroy(&c->lock);
    free(c);
    r->cache = NULL;
}

/* ---- what is there ---- */

const struct snapshot_info *snapshot_info(const struct snapshot_reader *r) { return &r->info; }

const void *snapshot_meta_at(const struct snapshot_reader *r, uint32_t i, const char **key,
                             size_t *len)
{
    if (i >= r->index.meta_count)
        return NULL;
    *key = r->index.metas[i].key;
    *len = r->index.metas[i].len;
    return r->index.metas[i].bytes;
}

const void *snapshot_meta(const struct snapshot_reader *r, const char *key, size_t *len)
{
    for (uint32_t i = 0; i < r->index.meta_count; i++) {
        if (strcmp(r->index.metas[i].key, key) == 0) {
            *len = r->index.metas[i].len;
            return r->index.metas[i].bytes;
        }
    }
    *len = 0;
    return NULL;
}

void range_describe(const struct snapshot_reader *r, const struct range *range,
                    struct snapshot_range *out)
{
    *out = (struct snapshot_range){.object = range->object,
                                   .offset = range->offset,
                                   .len = (uint64_t)range->pages * SNAPSHOT_PAGE,
                                   .where = range->frame == RANGE_ZERO   ? SNAPSHOT_ZERO
                                            : range->frame == RANGE_BASE ? SNAPSHOT_IN_BASE
                                                                         : SNAPSHOT_IN_FRAME};
    out->frame = range->frame;
    out->page = range->first;
    if (r->info.warm && out->where == SNAPSHOT_IN_FRAME)
        out->file_offset =
            r->index.frames[range->frame].offset + (uint64_t)range->first * SNAPSHOT_PAGE;
}

bool snapshot_next_range(const struct snapshot_reader *r, uint32_t *at,
                         struct snapshot_range *range)
{
    struct snapshot_range next;

    if (*at >= r->index.range_count)
        return false;
    range_describe(r, &r->index.ranges[(*at)++], range);
    while (r->info.warm && *at < r->index.range_count) {
        range_describe(r, &r->index.ranges[*at], &next);
        if (next.object != range->object || next.where != range->where ||
            next.offset != range->offset + range->len ||
            (next.where == SNAPSHOT_IN_FRAME &&
             next.file_offset != range->file_offset + range->len))
            break;
        range->len += next.len;
        (*at)++;
    }
    return true;
}

uint32_t snapshot_find_range(const struct snapshot_reader *r, uint32_t object, uint64_t offset)
{
    return index_find(&r->index, object, offset);
}

int snapshot_warm_fd(const struct snapshot_reader *r) { return r->info.warm ? r->fd : -1; }

void snapshot_fds(const struct snapshot_reader *r, int fds[SNAPSHOT_FILES_MAX + 1])
{
    size_t n = 0;

    for (; r && n < SNAPSHOT_FILES_MAX; r = r->base)
        fds[n++] = r->fd;
    fds[n] = -1;
}

/* ---- pages ---- */

int reader_frame(const struct snapshot_reader *r, uint32_t n, ZSTD_DCtx *zctx, uint8_t *stored,
                 uint8_t *plain, struct snapshot_error *err)
{
    const struct frame *frame = &r->index.frames[n];

    if (read_all_at(r->fd, stored, frame->stored, frame->offset) < 0)
        return fail_errno(err, errno, r->path, NULL);
    if (!r->checked && frame_check(frame, stored) < 0)
        return fail(err, SNAPSHOT_DAMAGED, "%s: the snapshot was changed since it was written",
                    r->path);
    if (frame_unpack(frame, n, zctx, &r->key, stored, plain, (size_t)frame->pages * SNAPSHOT_PAGE) <
        0)
        return fail(err, SNAPSHOT_DAMAGED, "%s: a frame of the snapshot is damaged", r->path);
    return 0;
}

/* The frame's pages, with the lock held; the least recently used place is taken. */
static const uint8_t *cached_frame(struct snapshot_reader *r, uint32_t n,
                                   struct snapshot_error *err)
{
    struct reader_cache *c = r->cache;
    struct cached *oldest = &c->items[0];

    for (int i = 0; i < CACHED; i++) {
        struct cached *item = &c->items[i];
        if (item->used && item->frame == n) {
            item->used = ++c->clock;
            return item->plain;
        }
        if (item->used < oldest->used)
            oldest = item;
    }
    if (!c->zctx)
        c->zctx = ZSTD_createDCtx();
    if (!c->stored)
        c->stored = malloc(STORED_MAX);
    if (!oldest->plain)
        oldest->plain = malloc(FRAME_BYTES);
    oldest->used = 0;
    if (!c->zctx || !c->stored || !oldest->plain) {
        fail_errno(err, ENOMEM, r->path, NULL);
        return NULL;
    }
    if (reader_frame(r, n, c->zctx, c->stored, oldest->plain, err))
        return NULL;
    oldest->frame = n;
    oldest->used = ++c->clock;
    return oldest->plain;
}

static int copy_frame(struct snapshot_reader *r, const struct range *range, uint64_t skip,
                      uint8_t *to, size_t len, struct snapshot_error *err)
{
    pthread_mutex_lock(&r->cache->lock);
    const uint8_t *plain = cached_frame(r, range->frame, err);
    if (plain)
        memcpy(to, plain + (size_t)range->first * SNAPSHOT_PAGE + skip, len);
    pthread_mutex_unlock(&r->cache->lock);
    return plain ? 0 : -1;
}

static int copy_base(struct snapshot_reader *r, uint32_t object, uint64_t offset, uint8_t *to,
                     size_t len, struct snapshot_error *err)
{
    if (!r->base)
        return fail(err, SNAPSHOT_BASE, "%s: needs its base snapshot", r->path);
    return snapshot_read_pages(r->base, object, offset, to, len, err) < 0 ? -1 : 0;
}

long snapshot_read_pages(struct snapshot_reader *r, uint32_t object, uint64_t offset, void *buffer,
                         size_t len, struct snapshot_error *err)
{
    uint32_t i = index_find(&r->index, object, offset);
    uint64_t at = offset, end = offset + len;
    long there = 0;
    int rc = 0;

    if (offset % SNAPSHOT_PAGE || len % SNAPSHOT_PAGE || end < offset)
        return fail(err, SNAPSHOT_MISUSE, "%s: pages wanted at a bad offset", r->path);
    for (; rc == 0 && i < r->index.range_count; i++) {
        const struct range *range = &r->index.ranges[i];
        if (range->object != object || range->offset >= end)
            break;
        if (range->offset > at) {
            memset((uint8_t *)buffer + (at - offset), 0, range->offset - at);
            at = range->offset;
        }
        uint8_t *to = (uint8_t *)buffer + (at - offset);
        uint64_t stop = range_end(range) < end ? range_end(range) : end;
        if (range->frame == RANGE_ZERO)
            memset(to, 0, stop - at);
        else if (range->frame == RANGE_BASE)
            rc = copy_base(r, object, at, to, stop - at, err);
        else
            rc = copy_frame(r, range, at - range->offset, to, stop - at, err);
        there += (long)((stop - at) / SNAPSHOT_PAGE);
        at = stop;
    }
    if (rc < 0)
        return -1;
    memset((uint8_t *)buffer + (at - offset), 0, end - at);
    return there;
}
