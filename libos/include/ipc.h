/* Pipes, FIFOs, event objects, polling and host streams.  ipc/ */
#ifndef LIBOS_IPC_H
#define LIBOS_IPC_H

#include "types.h"
#include "vfs.h"

struct boot_stream;
struct thread;

/* A file over a stream the sandbox was given at start (stdin, stdout, stderr): one
 * reference, or ERR_PTR.  hostio.c */
struct file *hostio_file_new(const struct boot_stream *s);

/* Looks at the monitor's bell from now on, for when no thread of the first host process can. */
long hostpoll_start(void);
/* Takes what events of the network there are, if nobody waits for them; before "not ready" is
 * answered to a call that doesn't wait.  True if there may have been some. */
bool hostpoll_drain(void);
/* Makes t, which waits in the host's epoll, look around. */
void hostpoll_ring(struct thread *t);

/* After a resume, in this order: streams that were handed in meanwhile are gone; watched host
 * streams; the standard streams. */
void hostio_forget(void);
void hostpoll_resume(void);
void hostio_resume(void);
/* The handle is closed with the last file on it. */
void hostio_own(struct file *f);

/* The way to the network, at the start and, before the others, after a resume.  net/host.c */
void inet_host_init(void);
void inet_host_resume(void);

bool hostio_is_tty(struct file *f); /* one of those, and a terminal */

/* A signal that comes from the terminal (^C, a new size): to its foreground group.  terminal.c */
void terminal_signal(int sig);

/* Files opened on an inode with S_IFIFO, whatever its file system; the pipe hangs on
 * inode->ipc while it is open.  open may sleep until the other side comes: no lock of
 * the caller's may be held, and a failed open must not be released.  fifo.c */
extern const struct file_ops fifo_fops;

/* fcntl(F_SETPIPE_SZ), fcntl(F_GETPIPE_SZ): the size, or -EBADF if f is no pipe.  pipe.c */
long pipe_set_size(struct file *f, u32 size);
long pipe_get_size(struct file *f);

/* The signal and the error of writing to something nobody reads any more: -EPIPE. */
long ipc_broken_pipe(void);

/* The file that epoll f watches under that descriptor's number, the one after `skip` others: no
 * reference, only to be compared.  For kcmp.  epoll.c */
const void *epoll_watched(struct file *f, u32 fd, u32 skip);

/* For who has an eventfd told of something: is f one?  One more, as by a write.  eventfd.c */
bool eventfd_is(struct file *f);
void eventfd_signal(struct file *f);

/* Netlink sockets, for mq_notify: is f one?  A datagram for who reads it.  net/netlink.c */
bool netlink_is(struct file *f);
void netlink_push(struct file *f, const void *data, u32 len);

#endif
