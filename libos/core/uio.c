/* Scatter/gather buffers. */
#include "uio.h"

#include "lib.h"
#include "thread.h"
#include "usercopy.h"

/* Moves n bytes between a segment's start and p; bytes moved. */
typedef size_t mover(uptr base, bool kernel, void *p, size_t n);

static size_t move_in(uptr base, bool kernel, void *p, size_t n)
{
    if (!kernel)
        return n - user_copy_in(p, base, n);
    memcpy(p, (const void *)base, n);
    return n;
}

static size_t move_out(uptr base, bool kernel, void *p, size_t n)
{
    if (!kernel)
        return n - user_copy_out(base, p, n);
    return n - mapped_copy((void *)base, p, n); /* p may be a file mapped inside */
}

static size_t move_zero(uptr base, bool kernel, void *p, size_t n)
{
    if (!kernel)
        return n - user_zero(base, n);
    memset((void *)base, 0, n);
    return n;
}

static inline __attribute__((always_inline)) size_t uio_move(struct uio *u, void *p, size_t n,
                                                             mover *move)
{
    size_t done = 0;

    n = MIN(n, u->left);
    while (done < n) {
        struct iov *v = u->iov;
        size_t k = MIN(v->len, n - done);
        size_t moved = k ? move(v->base, u->kernel, (void *)((uptr)p + done), k) : 0;

        v->base += moved;
        v->len -= moved;
        u->left -= moved;
        done += moved;
        if (moved < k)
            break;
        if (v->len == 0 && u->n > 1) {
            u->iov++;
            u->n--;
        }
    }
    return done;
}

size_t uio_copy_in(void *dst, struct uio *u, size_t n) { return uio_move(u, dst, n, move_in); }

size_t uio_copy_out(struct uio *u, const void *src, size_t n)
{
    return uio_move(u, (void *)src, n, move_out);
}

size_t uio_zero(struct uio *u, size_t n) { return uio_move(u, NULL, n, move_zero); }

void uio_advance(struct uio *u, size_t n)
{
    n = MIN(n, u->left);
    u->left -= n;
    while (n) {
        size_t k = MIN(u->iov->len, n);

        u->iov->base += k;
        u->iov->len -= k;
        n -= k;
        if (u->iov->len == 0 && u->n > 1) {
            u->iov++;
            u->n--;
        }
    }
}

void uio_settle(const struct uio *u)
{
    size_t left = u->left;
    char byte;

    if (likely(boot()->pages_state != BOOT_PAGES_COMING) || u->kernel)
        return;
    for (int i = 0; i < u->n && left; i++) {
        size_t len = MIN(u->iov[i].len, left);
        uptr end = u->iov[i].base + len;

        for (uptr at = u->iov[i].base; at < end; at = ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE)
            if (user_copy_in(&byte, at, 1))
                return;
        left -= len;
    }
}
