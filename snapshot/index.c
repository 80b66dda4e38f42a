/* The index: what a file says about its frames, ranges and metadata.
 *
 * It is checked once, completely, when it is read: later code may rely on every number in
 * it.  In particular frames follow one another without gaps (so that no byte of the file is
 * outside of a digest), ranges are sorted and disjoint and lie within their frames, and
 * frames are not named by more pages than they have (so that a small file can't claim
 * endless memory by naming the same pages again and again). */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

bool meta_key_valid(const char *key, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

    if (len == 0 || len > SNAPSHOT_KEY_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!key[i] || !strchr(allowed, key[i]))
            return false;
    return true;
}

static bool frames_valid(const struct frame *frames, uint32_t count, uint64_t end, uint32_t flags)
{
    uint64_t at = sizeof(struct header);
    uint32_t extra = flags & HEADER_ENCRYPTED ? SEAL_BYTES : 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct frame *f = &frames[i];
        uint32_t plain = f->pages * SNAPSHOT_PAGE + extra;
        if (f->offset != at || f->pages == 0 || f->pages > FRAME_PAGES || f->zero ||
            f->method > METHOD_ZSTD)
            return false;
        if (f->stored <= extra || f->stored > plain ||
            (f->method == METHOD_RAW && f->stored != plain) ||
            ((flags & HEADER_WARM) && f->method != METHOD_RAW))
            return false;
        at += f->stored;
    }
    return at == end;
}

static bool range_valid(const struct index *index, const struct range *r, uint32_t flags)
{
    if (r->offset % SNAPSHOT_PAGE || r->offset >= SNAPSHOT_OFFSET_MAX || r->pages == 0 ||
        r->pages > (SNAPSHOT_OFFSET_MAX - r->offset) / SNAPSHOT_PAGE)
        return false;
    if (r->frame == RANGE_ZERO)
        return r->first == 0;
    if (r->frame == RANGE_BASE)
        return r->first == 0 && (flags & HEADER_INCREMENTAL);
    if (r->frame >= index->frame_count)
        return false;
    uint32_t pages = index->frames[r->frame].pages;
    return r->pages <= pages && r->first <= pages - r->pages;
}

static bool ranges_valid(const struct index *index, uint32_t flags)
{
    uint64_t named = 0, there = 0;

    for (uint32_t i = 0; i < index->frame_count; i++)
        there += index->frames[i].pages;
    for (uint32_t i = 0; i < index->range_count; i++) {
        const struct range *r = &index->ranges[i], *last = r - 1;
        if (!range_valid(index, r, flags))
            return false;
        if (i > 0 && (last->object > r->object ||
                      (last->object == r->object && range_end(last) > r->offset)))
            return false;
        if (r->frame < RANGE_BASE)
            named += r->pages;
    }
    return named <= there;
}

static bool metas_parse(struct index *index, const uint8_t *at, size_t left)
{
    for (uint32_t i = 0; i < index->meta_count; i++) {
        struct meta *meta = &index->metas[i];
        struct meta_head head;
        if (left < sizeof(head))
            return false;
        memcpy(&head, at, sizeof(head));
        at += sizeof(head);
        left -= sizeof(head);
        if (head.zero || head.key_len > left || head.len > left - head.key_len ||
            !meta_key_valid((const char *)at, head.key_len))
            return false;
        memcpy(meta->key, at, head.key_len);
        meta->bytes = at + head.key_len;
        meta->len = head.len;
        at += head.key_len + head.len;
        left -= head.key_len + head.len;
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(index->metas[j].key, meta->key) == 0)
                return false;
    }
    return left == 0;
}

int index_parse(struct index *index, uint8_t *plain, size_t size, uint64_t frames_end,
                uint32_t header_flags)
{
    struct index_head head;
    size_t left = size;

    memset(index, 0, sizeof(*index));
    if (left < sizeof(head))
        return -1;
    memcpy(&head, plain, sizeof(head));
    left -= sizeof(head);
    if (head.zero || head.metas > METAS_MAX || head.frames > left / sizeof(struct frame))
        return -1;
    left -= head.frames * sizeof(struct frame);
    if (head.ranges > left / sizeof(struct range))
        return -1;
    left -= head.ranges * sizeof(struct range);
    index->frames = (const struct frame *)(plain + sizeof(head));
    index->ranges = (const struct range *)(index->frames + head.frames);
    index->frame_count = head.frames;
    index->range_count = head.ranges;
    index->meta_count = head.metas;
    index->metas = calloc(head.metas + 1, sizeof(struct meta));
    if (!index->metas || !frames_valid(index->frames, head.frames, frames_end, header_flags) ||
        !ranges_valid(index, header_flags) || !metas_parse(index, plain + size - left, left)) {
        free(index->metas);
        memset(index, 0, sizeof(*index));
        return -1;
    }
    index->plain = plain;
    index->size = size;
    return 0;
}

void index_free(struct index *index)
{
    free(index->plain);
    free(index->metas);
    memset(index, 0, sizeof(*index));
}

uint32_t index_find(const struct index *index, uint32_t object, uint64_t offset)
{
    uint32_t low = 0, high = index->range_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct range *r = &index->ranges[middle];
        if (r->object < object || (r->object == object && range_end(r) <= offset))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
