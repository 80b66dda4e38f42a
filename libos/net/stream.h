/* A queue of bytes on their way to one receiver.  net/stream.c */
#ifndef LIBOS_NET_STREAM_H
#define LIBOS_NET_STREAM_H

#include "types.h"

struct chunk {
    struct chunk *next;
    u32 start, end, size; /* bytes [start, end) of data are queued */
    u32 pad;
    u8 data[];
};

struct stream {
    struct chunk *first, *last;
    u32 bytes;    /* queued */
    bool filling; /* a sender copies into `last` */
    bool dead;    /* purged meanwhile: what it brings is dropped */
};

/* Room for up to `want` bytes at *to, of at most `limit` queued: how much, 0 when full, or
 * -ENOBUFS.  stream_commit() must follow. */
long stream_reserve(struct stream *q, size_t want, u32 limit, u8 **to);
/* n of the bytes reserved are there (0: none). */
void stream_commit(struct stream *q, u32 n);
/* The bytes at `skip` from the front that lie in one piece; 0: there are none. */
u32 stream_peek(const struct stream *q, u32 skip, u8 **from);
/* The first n bytes are done with; they lie in the first pieces. */
void stream_consume(struct stream *q, u32 n);
void stream_purge(struct stream *q);

#endif
