/* splice and tee: data that goes into or out of pipes.
 *
 * Data leaves a pipe as whole buffers: a buffer is taken off under the pipe's lock and
 * written without it; what the file didn't take goes back to the front.  Pipe to pipe
 * works under both locks (lower address first) and never sleeps meanwhile.
 */
#include <linux/errno.h>
#include <linux/poll.h>

#include "ipc.h"
#include "lib.h"
#include "transfer.h"

#define PAGES_AT_ONCE 16

/* ---- pipe to file --------------------------------------------------------------- */

/* Takes the oldest buffer, or the first n bytes of it as a copy. */
static long take(struct pipe *p, size_t n, struct pipe_buf *out)
{
    struct pipe_buf *b;
    long rc = 0;

    lock(&p->lock);
    if (pipe_empty(p)) {
        unlock(&p->lock);
        return 0;
    }
    b = pipe_slot(p, p->tail);
    if (b->len <= n) {
        *out = *b;
        p->tail++;
        rc = out->len;
    } else {
        *out = (struct pipe_buf){pipe_page_get(p), 0, (u16)n, b->flags};
        if (out->page) {
            memcpy(out->page, b->page + b->offset, n);
            b->offset += n;
            b->len -= n;
            rc = (long)n;
        } else {
            rc = -ENOMEM;
        }
    }
    unlock(&p->lock);
    return rc;
}

/* Puts the rest of a taken buffer back in front.  Its slot may be in use again by a writer
 * meanwhile: then the ring has to become larger. */
static void untake(struct pipe *p, struct pipe_buf *b)
{
    lock(&p->lock);
    if (p->head - p->tail >= p->slots) {
        struct pipe_buf *ring = kmalloc(2 * p->slots * sizeof(*ring));

        if (!ring) {
            pipe_page_put(p, b->page);
            unlock(&p->lock);
            return;
        }
        for (u32 i = p->tail; i != p->head; i++)
            ring[i & (2 * p->slots - 1)] = *pipe_slot(p, i);
        kfree(p->ring);
        p->ring = ring;
        p->slots *= 2;
    }
    p->tail--;
    *pipe_slot(p, p->tail) = *b;
    unlock(&p->lock);
    pipe_wake_readers(p);
}

/* One buffer written to the file: bytes or -errno. */
static long write_buffer(struct pipe *p, struct pipe_buf *b, struct file *out, u64 *pos)
{
    struct uio u;
    struct iov v;
    long rc;

    uio_init(&u, &v, (uptr)b->page + b->offset, b->len, true);
    rc = file_write(out, &u, pos);
    if (rc > 0) {
        b->offset += (u16)rc;
        b->len -= (u16)rc;
    }
    if (b->len) {
        untake(p, b);
    } else {
        lock(&p->lock);
        pipe_page_put(p, b->page);
        unlock(&p->lock);
    }
    return rc;
}

long transfer_from_pipe(struct pipe *p, bool nonblock, struct file *out, u64 *pos, size_t n)
{
    size_t done = 0;
    long rc = 0;

    while (done < n) {
        struct pipe_buf b;
        long taken = take(p, n - done, &b);

        rc = taken;
        if (taken < 0)
            break;
        if (taken == 0) {
            if (done || !READ_ONCE(p->writers))
                break;
            rc = pipe_wait_readable(p, nonblock);
            if (rc)
                break;
            continue;
        }
        rc = write_buffer(p, &b, out, pos);
        pipe_wake_writers(p);
        if (rc <= 0)
            break;
        done += (size_t)rc;
        if (rc < taken)
            break;
    }
    return done ? (long)done : rc;
}

/* ---- file to pipe --------------------------------------------------------------- */

struct page_list {
    u8 *page[PAGES_AT_ONCE];
    struct iov iov[PAGES_AT_ONCE];
    int n;
};

static bool pages_get(struct page_list *l, size_t bytes)
{
    for (l->n = 0; l->n < PAGES_AT_ONCE && bytes; l->n++) {
        size_t part = MIN(bytes, PAGE_SIZE);

        l->page[l->n] = kpages_alloc(PAGE_SIZE);
        if (!l->page[l->n])
            break;
        l->iov[l->n] = (struct iov){(uptr)l->page[l->n], part};
        bytes -= part;
    }
    return l->n > 0;
}

/* Appends `bytes` spread over the list's pages; pages not needed are freed. */
static void append(struct pipe *p, struct page_list *l, size_t bytes)
{
    for (int i = 0; i < l->n; i++) {
        size_t part = MIN(bytes, PAGE_SIZE);
        struct pipe_buf b = {l->page[i], 0, (u16)part, 0};

        bytes -= part;
        if (!part) {
            kpages_free(b.page, PAGE_SIZE);
            continue;
        }
        while (pipe_wait_writable(p, false) == 0) {
            lock(&p->lock);
            bool room = p->readers && !pipe_full(p);
            if (room)
                *pipe_slot(p, p->head++) = b;
            bool gone = !p->readers;
            unlock(&p->lock);
            if (room)
                b.page = NULL;
            if (room || gone)
                break;
        }
        if (b.page) /* nobody reads any more, or a signal while others filled the pipe */
            kpages_free(b.page, PAGE_SIZE);
    }
}

static size_t room_of(struct pipe *p)
{
    size_t room;

    lock(&p->lock);
    room = pipe_full(p) ? 0 : (p->slots - (p->head - p->tail)) * PAGE_SIZE;
    unlock(&p->lock);
    return room;
}

/* One round: what one read of the file gave. */
static long read_round(struct file *in, u64 *pos, struct pipe *p, size_t n)
{
    struct page_list l;
    struct uio u;
    long rc;

    if (!pages_get(&l, n))
        return -ENOMEM;
    u = (struct uio){.iov = l.iov, .n = l.n, .kernel = true};
    for (int i = 0; i < l.n; i++)
        u.left += l.iov[i].len;
    rc = file_read(in, &u, pos);
    append(p, &l, rc > 0 ? (size_t)rc : 0);
    if (rc > 0)
        pipe_wake_readers(p);
    return rc;
}

long transfer_to_pipe(struct file *in, u64 *pos, struct pipe *p, bool nonblock, size_t n)
{
    size_t done = 0;
    long rc = 0;

    while (done < n) {
        size_t room;

        if (!READ_ONCE(p->readers)) {
            rc = ipc_broken_pipe();
            break;
        }
        room = room_of(p);
        if (!room) {
            if (done)
                break;
            rc = pipe_wait_writable(p, nonblock);
            if (rc)
                break;
            continue;
        }
        rc = read_round(in, pos, p, MIN(n - done, room));
        if (rc <= 0)
            break;
        done += (size_t)rc;
        if (!(in->fmode & FMODE_SEEK))
            break; /* the next read might sleep */
    }
    return done ? (long)done : rc;
}

/* ---- pipe to pipe ---------------------------------------------------------------- */

static void lock_both(struct pipe *a, struct pipe *b)
{
    lock(a < b ? &a->lock : &b->lock);
    lock(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct pipe *a, struct pipe *b)
{
    unlock(&a->lock);
    unlock(&b->lock);
}

/* Appends a copy of the first n bytes of b. */
static long copy_buffer(struct pipe *to, const struct pipe_buf *b, size_t n)
{
    u8 *page = pipe_page_get(to);

    if (!page)
        return -ENOMEM;
    memcpy(page, b->page + b->offset, n);
    *pipe_slot(to, to->head++) = (struct pipe_buf){page, 0, (u16)n, b->flags};
    return (long)n;
}

/* Under both locks: moves or (keep) copies what there is and fits. */
static long move_buffers(struct pipe *from, struct pipe *to, size_t n, bool keep)
{
    size_t done = 0;

    for (u32 i = from->tail; i != from->head && !pipe_full(to) && done < n; i++) {
        struct pipe_buf *b = pipe_slot(from, i);
        size_t part = MIN(n - done, b->len);

        if (!keep && part == b->len) {
            *pipe_slot(to, to->head++) = *b;
            from->tail++;
        } else {
            long rc = copy_buffer(to, b, part);

            if (rc < 0)
                return done ? (long)done : rc;
            if (!keep) {
                b->offset += part;
                b->len -= part;
            }
        }
        done += part;
    }
    return (long)done;
}

long transfer_pipes(struct pipe *from, struct pipe *to, bool nonblock, size_t n, bool keep)
{
    for (;;) {
        bool writers, readers;
        long rc;

        lock_both(from, to);
        readers = to->readers;
        writers = from->writers;
        rc = readers ? move_buffers(from, to, n, keep) : -EPIPE;
        bool empty = pipe_empty(from);
        unlock_both(from, to);
        if (rc == -EPIPE)
            return ipc_broken_pipe();
        if (rc > 0) {
            pipe_wake_readers(to);
            if (!keep)
                pipe_wake_writers(from);
        }
        if (rc || (empty && !writers))
            return rc;
        rc = empty ? pipe_wait_readable(from, nonblock) : pipe_wait_writable(to, nonblock);
        if (rc)
            return rc;
    }
}
