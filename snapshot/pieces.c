/* Where the pages of objects stand, in a file and those it builds on.
 *
 * A list cannot grow beyond what the indexes hold together: ranges of each are disjoint, so each
 * end of a piece is one of theirs. */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

struct adding {
    struct snapshot_pieces *to;
    size_t room;
    struct snapshot_error *err;
};

static int push(struct adding *a, const struct snapshot_reader *r, const struct snapshot_range *p)
{
    struct snapshot_pieces *to = a->to;

    if (to->count == a->room) {
        size_t room = a->room ? 2 * a->room : 256;
        struct snapshot_range *list = reallocarray(to->list, room, sizeof(*list));
        if (!list)
            return fail_errno(a->err, ENOMEM, r->path, NULL);
        to->list = list;
        a->room = room;
    }
    to->list[to->count++] = *p;
    return 0;
}

static int add_from(struct adding *a, const struct snapshot_reader *r, uint32_t frames,
                    uint32_t object, uint64_t offset, uint64_t end);

/* What of a range lies in [offset, end); frames: those of files before r. */
static int add_range(struct adding *a, const struct snapshot_reader *r, uint32_t frames,
                     const struct range *range, uint64_t offset, uint64_t end)
{
    struct snapshot_range p;

    if (offset < range->offset)
        offset = range->offset;
    if (end > range_end(range))
        end = range_end(range);
    if (range->frame == RANGE_BASE && !r->base)
        return fail(a->err, SNAPSHOT_BASE, "%s: needs its base snapshot", r->path);
    if (range->frame == RANGE_BASE)
        return add_from(a, r->base, frames + r->index.frame_count, range->object, offset, end);
    range_describe(r, range, &p);
    uint64_t skipped = offset - range->offset;
    p.offset = offset;
    p.len = end - offset;
    if (p.where == SNAPSHOT_IN_FRAME) {
        p.frame += frames;
        p.page += (uint32_t)(skipped / SNAPSHOT_PAGE);
        p.file_offset += r->info.warm ? skipped : 0;
    }
    return push(a, r, &p);
}

static int add_from(struct adding *a, const struct snapshot_reader *r, uint32_t frames,
                    uint32_t object, uint64_t offset, uint64_t end)
{
    int rc = 0;

    for (uint32_t i = index_find(&r->index, object, offset); rc == 0 && i < r->index.range_count;
         i++) {
        const struct range *range = &r->index.ranges[i];
        if (range->object != object || range->offset >= end)
            break;
        rc = add_range(a, r, frames, range, offset, end);
    }
    return rc;
}

int snapshot_pieces_make(struct snapshot_pieces *to, const struct snapshot_reader *r,
                         uint32_t first, uint32_t last, struct snapshot_error *err)
{
    struct adding a = {.to = to, .err = err};
    int rc = 0;

    *to = (struct snapshot_pieces){0};
    for (const struct snapshot_reader *one = r; one; one = one->base)
        to->frames += one->index.frame_count;
    for (uint32_t i = index_find(&r->index, first, 0); rc == 0 && i < r->index.range_count; i++) {
        const struct range *range = &r->index.ranges[i];
        if (range->object > last)
            break;
        rc = add_range(&a, r, 0, range, 0, SNAPSHOT_OFFSET_MAX);
    }
    if (rc < 0)
        snapshot_pieces_free(to);
    return rc;
}

void snapshot_pieces_free(struct snapshot_pieces *pieces)
{
    free(pieces->list);
    *pieces = (struct snapshot_pieces){0};
}
