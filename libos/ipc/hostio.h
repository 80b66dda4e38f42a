/* A host stream as a file.  ipc/hostio.c, ipc/hosttty.c */
#ifndef LIBOS_IPC_HOSTIO_H
#define LIBOS_IPC_HOSTIO_H

#include "../../abi/boot.h"
#include "../../abi/host_abi.h"
#include "hostpoll.h"
#include "vfs.h"

struct hostio {
    struct hostpoll poll; /* with the handle */
    u32 type;             /* enum host_type */
    bool owned;           /* closed with the last file: nobody else uses the handle */
    bool gone;            /* was owned, and is not in this run: a resume has no name for it */
    bool waited;          /* no HOST_NOWAIT: wait until ready, then move a piece */
    bool positioned;      /* a file: the host keeps a position */
    struct boot_stream boot;
    struct list owned_link;
};

/* The terminal's session and foreground process group.  terminal.c */
s32 terminal_foreground(void);
s32 terminal_session(void);
void terminal_take(void); /* TIOCSCTTY */
long terminal_set_foreground(s32 group);
/* May the caller's group read (SIGTTIN) or change (SIGTTOU) the terminal?  0, -EIO, or
 * -ERESTARTSYS with the signal sent. */
long terminal_background(int sig);

long hostio_ioctl(struct file *f, u32 cmd, uptr arg);

/* The terminal of a resume gets the modes that the program had set.  hosttty.c */
void hosttty_resume(struct hostio *h);

#endif
