/* A queue of bytes: pieces of memory that one sender at a time fills at the end and one
 * receiver at a time empties at the front, both without a lock while they copy.
 *
 * The end is reserved, filled and committed; what is reserved moves for nobody.  The front
 * is looked at, copied and consumed.  A small piece that has been emptied is used again from
 * its beginning, so that questions and answers stay in the same cache lines; large ones
 * are freed, so that an idle connection holds little.
 *
 * Locking: all functions under the lock of the owner (socket->lock).
 */
#include "stream.h"

#include <linux/errno.h>

#include "../ipc/piece.h"
#include "kalloc.h"
#include "lib.h"

#define SMALL 2048u
#define LARGE PIECE_SIZE

static struct chunk *chunk_new(size_t want)
{
    u32 size = want + sizeof(struct chunk) <= SMALL ? SMALL : LARGE;
    struct chunk *c = size == SMALL ? kmalloc(size) : piece_get();

    if (!c)
        return NULL;
    c->next = NULL;
    c->start = c->end = 0;
    c->size = size - (u32)sizeof(*c);
    return c;
}

static bool is_small(const struct chunk *c) { return c->size == SMALL - sizeof(*c); }

static void chunk_free(struct chunk *c)
{
    if (is_small(c))
        kfree(c);
    else
        piece_put(c);
}

/* What is sent at once is seen at once: programs know that from the host's loopback, where it comes
 * in segments of up to 64 KB.  Two pieces in a row hold more than one would, so no more than half
 * is wasted. */
static bool keeps_whole(const struct chunk *c, size_t n)
{
    return c->size - c->end < n && n <= LARGE - sizeof(*c);
}

long stream_reserve(struct stream *q, size_t want, u32 limit, u8 **to)
{
    struct chunk *c = q->last;
    u32 room = limit > q->bytes ? limit - q->bytes : 0;

    if (!room)
        return 0;
    if (!c || c->end == c->size || keeps_whole(c, MIN(want, (size_t)room))) {
        c = chunk_new(want);
        if (!c)
            return -ENOBUFS;
        if (q->last)
            q->last->next = c;
        else
            q->first = c;
        q->last = c;
    }
    q->filling = true;
    *to = c->data + c->end;
    return (long)MIN(want, (size_t)MIN(room, c->size - c->end));
}

void stream_commit(struct stream *q, u32 n)
{
    q->filling = false;
    if (q->dead) {
        stream_purge(q);
        return;
    }
    q->last->end += n;
    q->bytes += n;
}

u32 stream_peek(const struct stream *q, u32 skip, u8 **from)
{
    const struct chunk *c = q->first;

    while (c && skip >= c->end - c->start) {
        skip -= c->end - c->start;
        c = c->next;
    }
    if (!c)
        return 0;
    *from = (u8 *)c->data + c->start + skip;
    return c->end - c->start - skip;
}

void stream_consume(struct stream *q, u32 n)
{
    q->bytes -= n;
    while (q->first) {
        struct chunk *c = q->first;
        u32 part = MIN(n, c->end - c->start);

        c->start += part;
        n -= part;
        if (c->start < c->end)
            return;
        if (c == q->last) {
            if (q->filling)
                return;
            c->start = c->end = 0;
            if (is_small(c))
                return;
            q->last = NULL;
        }
        q->first = c->next;
        chunk_free(c);
    }
}

void stream_purge(struct stream *q)
{
    q->dead = true;
    q->bytes = 0;
    if (q->filling)
        return;
    while (q->first) {
        struct chunk *c = q->first;

        q->first = c->next;
        chunk_free(c);
    }
    q->last = NULL;
}
