/* Moving data between files inside the library OS.  ipc/transfer.c */
#ifndef LIBOS_IPC_TRANSFER_H
#define LIBOS_IPC_TRANSFER_H

#include "pipe.h"
#include "vfs.h"

#define TRANSFER_MAX 0x7ffff000UL /* MAX_RW_COUNT of Linux */

/* Copies up to n bytes through a bounce buffer.  A NULL position: the file's own.  What was
 * read but could not be written is given back by seeking.  Bytes or -errno. */
long transfer(struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, size_t n);

/* The same where one or both sides are pipes. */
long transfer_from_pipe(struct pipe *p, bool nonblock, struct file *out, u64 *pos, size_t n);
long transfer_to_pipe(struct file *in, u64 *pos, struct pipe *p, bool nonblock, size_t n);
long transfer_pipes(struct pipe *from, struct pipe *to, bool nonblock, size_t n, bool keep);

#endif
