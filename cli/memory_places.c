/* See memory_places.h.
 *
 * A stream has its pages in the order in which they stand in the file, so that it can grow while
 * the file is unpacked: what lies beyond its end has not come yet.  With several streams, each a
 * part of the file, that can begin at several places. */
#define _GNU_SOURCE
#include "memory_places.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int write_all_at(int fd, const void *data, uint64_t len, uint64_t offset)
{
    const uint8_t *at = data;

    while (len) {
        ssize_t n = pwrite(fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        at += n;
        len -= (uint64_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

/* ---- making them ---- */

static struct place place_of(struct places *p, const struct snapshot_range *range)
{
    struct place place = {range->offset, range->len, BOOT_RUN_ZERO, range->frame, range->page, 0};

    if (range->where != SNAPSHOT_ZERO) {
        place.at = p->in_file ? range->file_offset : p->size;
        p->size += range->len;
    }
    return place;
}

int places_list(struct places *p, const struct snapshot_reader *r, bool in_file,
                struct snapshot_error *err)
{
    uint32_t space = 0;

    *p = (struct places){.in_file = in_file, .parts = 1};
    if (snapshot_pieces_make(&p->pieces, r, MEMORY_SPACE(0), MEMORY_SPACE(SPACES_MAX - 1), err))
        return -1;
    const struct snapshot_range *pieces = p->pieces.list;
    uint64_t count = p->pieces.count;
    p->spaces = count ? pieces[count - 1].object - MEMORY_SPACE(0) + 1 : 0;
    p->list = calloc(count + 1, sizeof(*p->list));
    p->first = calloc(p->spaces + 1, sizeof(*p->first));
    if (!p->list || !p->first)
        return -1;
    for (uint64_t i = 0; i < count; i++) {
        while (space <= pieces[i].object - MEMORY_SPACE(0))
            p->first[space++] = i;
        p->list[i] = place_of(p, &pieces[i]);
    }
    p->first[p->spaces] = count;
    return 0;
}

void places_free(struct places *p)
{
    snapshot_pieces_free(&p->pieces);
    free(p->list);
    free(p->first);
    *p = (struct places){.parts = 1};
}

static int by_frame(const void *a, const void *b)
{
    const struct place *x = *(struct place *const *)a, *y = *(struct place *const *)b;

    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    return x->page != y->page ? (x->page < y->page ? -1 : 1) : x < y ? -1 : x > y;
}

int places_cut(struct places *p, uint32_t parts)
{
    struct place **list = calloc(p->pieces.count + 1, sizeof(*list));
    uint64_t at = 0, n = 0;

    if (!list)
        return -1;
    for (uint64_t i = 0; i < p->pieces.count; i++)
        if (p->list[i].at != BOOT_RUN_ZERO)
            list[n++] = &p->list[i];
    qsort(list, n, sizeof(struct place *), by_frame);
    p->parts = 1;
    for (uint64_t i = 0; i < n; i++) {
        if (i && at >= p->size / parts && list[i]->frame != list[i - 1]->frame &&
            p->parts < parts) {
            p->start[p->parts++] = list[i]->frame;
            at = 0;
        }
        list[i]->part = p->parts - 1;
        list[i]->at = at;
        at += list[i]->len;
    }
    free(list);
    return 0;
}

/* ---- what the inside is told ---- */

/* Does b go on where a ends? */
static bool adjoin(const struct place *a, const struct place *b)
{
    if (a->addr + a->len != b->addr)
        return false;
    if (a->at == BOOT_RUN_ZERO || b->at == BOOT_RUN_ZERO)
        return a->at == b->at;
    return a->part == b->part && a->at + a->len == b->at;
}

/* The runs of a space into `list`: how many. */
static uint64_t make_runs(const struct places *p, uint32_t space, struct boot_run *list)
{
    uint64_t n = 0;

    for (uint64_t i = p->first[space]; i < p->first[space + 1]; i++) {
        const struct place *place = &p->list[i];
        if (i > p->first[space] && adjoin(place - 1, place))
            list[n - 1].len += place->len;
        else
            list[n++] = (struct boot_run){place->addr, place->len, place->at, place->part};
    }
    return n;
}

/* There is an entry for every space there could be: those without memory are zeros. */
int places_write_runs(const struct places *p, int fd)
{
    uint64_t total = 0, at = SPACES_MAX * sizeof(struct boot_space);
    struct boot_space *spaces = calloc(p->spaces + 1, sizeof(*spaces));
    struct boot_run *list = calloc(p->pieces.count + 1, sizeof(*list));
    int rc = -1;

    if (spaces && list) {
        for (uint32_t n = 0; n < p->spaces; n++) {
            uint64_t count = make_runs(p, n, list + total);
            spaces[n] = (struct boot_space){at + total * sizeof(*list), count};
            total += count;
        }
        rc = ftruncate(fd, (off_t)at) || write_all_at(fd, spaces, p->spaces * sizeof(*spaces), 0) ||
             write_all_at(fd, list, total * sizeof(*list), at);
    }
    free(spaces);
    free(list);
    return rc;
}

/* ---- finding them ---- */

/* Number of the first place of a space that ends behind addr. */
static uint64_t find(const struct places *p, uint32_t space, uint64_t addr)
{
    uint64_t lo = p->first[space], hi = p->first[space + 1];

    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (p->list[mid].addr + p->list[mid].len <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint32_t places_frame(const struct places *p, uint32_t space, uint64_t addr)
{
    if (space >= p->spaces)
        return SNAPSHOT_NO_FRAME;
    uint64_t n = find(p, space, addr);
    bool there =
        n < p->first[space + 1] && p->list[n].addr <= addr && p->list[n].at != BOOT_RUN_ZERO;
    return there ? p->list[n].frame : SNAPSHOT_NO_FRAME;
}

/* A piece may lie across several ranges. */
int places_fill(const struct places *p, const int *streams, uint32_t object, uint64_t offset,
                const void *data, uint64_t len)
{
    uint32_t space = object - MEMORY_SPACE(0);
    const uint8_t *bytes = data;

    if (space >= p->spaces)
        return -1;
    if (!data) /* zeros: nothing stands there */
        return 0;
    for (uint64_t n = find(p, space, offset);
         len && n < p->first[space + 1] && p->list[n].addr <= offset; n++) {
        const struct place *place = &p->list[n];
        uint64_t in = offset - place->addr, part = place->len - in < len ? place->len - in : len;
        if (place->at == BOOT_RUN_ZERO ||
            write_all_at(streams[place->part], bytes, part, place->at + in))
            return -1;
        bytes += part;
        offset += part;
        len -= part;
    }
    return len ? -1 : 0;
}
