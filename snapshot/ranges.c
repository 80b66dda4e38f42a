/* What was put, settled into a sorted list.
 *
 * Ranges are collected in the order in which they were put.  To settle them, the list is
 * halved until the halves are single ranges; then the later half is laid over the earlier
 * one, both being sorted and disjoint, which cuts away what the later one replaces. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static bool before(const struct range *a, const struct range *b)
{
    return a->object != b->object ? a->object < b->object : a->offset < b->offset;
}

/* b continues a, in the object and in where it is kept. */
static bool continues(const struct range *a, const struct range *b)
{
    if (a->object != b->object || range_end(a) != b->offset || a->frame != b->frame ||
        (uint64_t)a->pages + b->pages > 0xffffffffu)
        return false;
    return a->frame >= RANGE_BASE || a->first + a->pages == b->first;
}

static int push(struct ranges *to, const struct range *range)
{
    struct range *last = to->count ? &to->items[to->count - 1] : NULL;

    if (last && continues(last, range)) {
        last->pages += range->pages;
        return 0;
    }
    if (to->count == to->room) {
        size_t room = to->room ? to->room * 2 : 256;
        struct range *items = reallocarray(to->items, room, sizeof(*items));
        if (!items)
            return -1;
        to->items = items;
        to->room = room;
    }
    to->items[to->count++] = *range;
    return 0;
}

int ranges_add(struct ranges *ranges, const struct range *range) { return push(ranges, range); }

/* Removes `pages` from the front. */
static void cut_front(struct range *r, uint64_t pages)
{
    r->offset += pages * SNAPSHOT_PAGE;
    r->pages -= (uint32_t)pages;
    if (r->frame < RANGE_BASE)
        r->first += (uint32_t)pages;
}

/* Gives `to` what lies of *old before `over`; what lies behind stays in *old (maybe nothing). */
static int cut(struct ranges *to, struct range *old, const struct range *over)
{
    uint64_t end = range_end(old);
    int rc = 0;

    if (old->offset < over->offset) {
        struct range front = *old;
        if (end > over->offset)
            front.pages = (uint32_t)((over->offset - old->offset) / SNAPSHOT_PAGE);
        rc = push(to, &front);
    }
    if (end <= range_end(over))
        old->pages = 0;
    else if (range_end(over) > old->offset)
        cut_front(old, (range_end(over) - old->offset) / SNAPSHOT_PAGE);
    return rc;
}

/* Lays b over a; both are sorted and disjoint. */
static int overlay(struct ranges *to, struct range *a, size_t na, const struct range *b, size_t nb)
{
    int rc = 0;
    size_t i = 0, j = 0;

    while (rc == 0 && (i < na || j < nb)) {
        if (i < na && a[i].pages == 0) {
            i++;
        } else if (j == nb) {
            rc = push(to, &a[i++]);
        } else if (i == na || a[i].object != b[j].object) {
            if (i < na && before(&a[i], &b[j]))
                rc = push(to, &a[i++]);
            else
                rc = push(to, &b[j++]);
        } else if (range_end(&a[i]) <= b[j].offset) {
            rc = push(to, &a[i++]);
        } else if (range_end(&b[j]) <= a[i].offset) {
            rc = push(to, &b[j++]);
        } else {
            rc = cut(to, &a[i], &b[j]);
        }
    }
    return rc;
}

static int settle(struct ranges *to, struct range *items, size_t n)
{
    struct ranges a = {0}, b = {0};
    bool sorted = true;

    for (size_t i = 1; i < n && sorted; i++)
        sorted =
            items[i - 1].object < items[i].object ||
            (items[i - 1].object == items[i].object && range_end(&items[i - 1]) <= items[i].offset);
    if (sorted)
        return overlay(to, items, n, NULL, 0);
    int rc = settle(&a, items, n / 2);
    if (rc == 0)
        rc = settle(&b, items + n / 2, n - n / 2);
    if (rc == 0)
        rc = overlay(to, a.items, a.count, b.items, b.count);
    free(a.items);
    free(b.items);
    return rc;
}

int ranges_settle(struct ranges *ranges)
{
    struct ranges to = {0};

    if (settle(&to, ranges->items, ranges->count) < 0) {
        free(to.items);
        return -1;
    }
    free(ranges->items);
    *ranges = to;
    return 0;
}
