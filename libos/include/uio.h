/* A scatter/gather buffer in program or library-OS memory, consumed as it is used. */
#ifndef LIBOS_UIO_H
#define LIBOS_UIO_H

#include "types.h"

struct iov { /* = struct iovec */
    uptr base;
    size_t len;
};

struct uio {
    struct iov *iov; /* remaining segments */
    int n;
    bool kernel; /* base points into library-OS memory */
    size_t left; /* bytes remaining over all segments */
};

/* One buffer. */
static inline void uio_init(struct uio *u, struct iov *v, uptr base, size_t len, bool kernel)
{
    v->base = base;
    v->len = len;
    u->iov = v;
    u->n = 1;
    u->kernel = kernel;
    u->left = len;
}

/* Copies min(n, u->left) bytes and advances; returns bytes copied, less on a fault. */
size_t uio_copy_in(void *dst, struct uio *u, size_t n);        /* from the buffer */
size_t uio_copy_out(struct uio *u, const void *src, size_t n); /* into the buffer */
size_t uio_zero(struct uio *u, size_t n);
void uio_advance(struct uio *u, size_t n);
/* Before the host moves data from or to the program's memory itself: pages of a resume that are
 * still to come would end it short. */
void uio_settle(const struct uio *u);

/* Between a host handle and the buffer, without a copy of ours where that can be.  Bytes
 * moved or -errno (an interruption: -ERESTARTSYS); the write at most n bytes.
 * flags: HOST_APPEND.  core/host_uio.c */
long host_read_uio(int handle, struct uio *u, u64 pos);
long host_write_uio(int handle, struct uio *u, size_t n, u64 pos, int flags);

#endif
