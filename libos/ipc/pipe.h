/* The pipe object: shared by pipe(2), FIFOs and splice.  ipc/pipe.c */
#ifndef LIBOS_IPC_PIPE_H
#define LIBOS_IPC_PIPE_H

#include "vfs.h"

#define PIPE_BUF_          4096u
#define PIPE_DEFAULT_SLOTS 16u
#define PIPE_MAX_SIZE      1048576u /* /proc/sys/fs/pipe-max-size */

/* One page of data. */
struct pipe_buf {
    u8 *page;
    u16 offset, len;
    u32 flags; /* PIPE_PACKET */
};
#define PIPE_PACKET 1u /* a packet of its own: never merged, its rest dropped at a read */

struct pipe {
    struct lock lock; /* everything below; held over copies from and to the program */
    u32 slots;        /* size of the ring, a power of two */
    u32 head, tail;   /* free running; head - tail buffers are in use */
    u32 readers, writers;
    u32 reader_count, writer_count; /* opens so far: what a FIFO's open waits for */
    u32 files;                      /* open files, under the inode's lock */
    u8 *spare[2];                   /* pages kept for the next write */
    struct pipe_buf *ring;
    struct waitq read_wait, write_wait;
};

static inline bool pipe_empty(const struct pipe *p)
{
    return READ_ONCE(p->head) == READ_ONCE(p->tail);
}
static inline bool pipe_full(const struct pipe *p)
{
    return READ_ONCE(p->head) - READ_ONCE(p->tail) >= READ_ONCE(p->slots);
}
static inline struct pipe_buf *pipe_slot(struct pipe *p, u32 i)
{
    return &p->ring[i & (p->slots - 1)];
}

struct pipe *pipe_new(void); /* NULL: no memory */
void pipe_free(struct pipe *p);

/* The file operations, put together in fifo.c. */
long pipe_read(struct file *f, struct uio *u, u64 *pos);
long pipe_write(struct file *f, struct uio *u, u64 *pos);
/* The same, sleeping or not whatever the file's flags say. */
long pipe_read_some(struct file *f, struct uio *u, bool nonblock);
long pipe_write_some(struct file *f, struct uio *u, bool nonblock);
u32 pipe_poll(struct file *f, struct poll_table *pt);
long pipe_ioctl(struct file *f, u32 cmd, uptr arg);

/* The pipe behind an open file, or NULL. */
struct pipe *file_pipe(struct file *f);

/* Page allocation with the pipe's spare pages, under p->lock. */
u8 *pipe_page_get(struct pipe *p);
void pipe_page_put(struct pipe *p, u8 *page);

/* Sleep until there is something to read (or no writer is left), or room to write (or no
 * reader).  0, -EAGAIN if nonblock, -ERESTARTSYS. */
long pipe_wait_readable(struct pipe *p, bool nonblock);
long pipe_wait_writable(struct pipe *p, bool nonblock);

/* Wakes after a change; a queue nobody waits on costs a load. */
void pipe_wake_readers(struct pipe *p);
void pipe_wake_writers(struct pipe *p);

#endif
