/* A System V message queue. */
#ifndef LIBOS_SYSV_MSG_H
#define LIBOS_SYSV_MSG_H

#include <linux/msg.h>

#include "ipc_table.h"

/* As /proc/sys/kernel shows them. */
#define MSG_MAX 8192
#define MSG_MNB 16384
#define MSG_MNI 32000

struct message {
    struct list link;
    s64 type;
    size_t size;
    u8 data[];
};

struct msg_queue {
    struct ipc_object ipc;
    struct list messages; /* oldest first */
    u64 bytes, count, max_bytes;
    s32 lspid, lrpid;
    s64 stime, rtime, ctime;
    struct waitq readers, writers;
};

#endif
