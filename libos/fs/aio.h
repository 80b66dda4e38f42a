/* Contexts of native asynchronous I/O: fs/aio.c, fs/aio_submit.c. */
#ifndef LIBOS_FS_AIO_H
#define LIBOS_FS_AIO_H

#include <linux/aio_abi.h>

#include "fs.h"

/* What programs see at the address that is a context's name: older kernels' headers lack it. */
struct aio_ring {
    u32 id, nr, head, tail, magic, compat, incompat, header_length;
    struct io_event events[];
};

struct aio_context {
    u32 refs;
    u32 asked; /* by io_setup: counts in aio-nr */
    u32 slots; /* of the ring; what the ring says of itself anybody may overwrite */
    u32 tail;  /* where the next event goes; under the lock, as all writing to the ring */
    bool dead; /* io_destroy, exec or exit came */
    uptr address;
    size_t size;
    struct file *memory;   /* the ring's, mapped at address */
    struct aio_ring *ring; /* the same, in the page pool */
    struct lock lock;
    struct waitq wait; /* for events */
    struct list link;  /* of mm->aio */
};

/* The context of that name in this address space: a reference, or NULL. */
struct aio_context *aio_find(uptr address);
void aio_put(struct aio_context *c);
/* Is there room for one more event? */
bool aio_room(struct aio_context *c);
void aio_complete(struct aio_context *c, const struct io_event *e);

#endif
