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
    bool waited;          /* no HOST_NOWAIT: wait until ready, then move a piece */
    s32 foreground;       /* terminal: foreground process group, 0: never set */
    s32 session;
    struct boot_stream boot;
};

long hostio_ioctl(struct file *f, u32 cmd, uptr arg);

#endif
