/* A POSIX message queue: shared by mqueue.c (names, descriptors), mq_message.c (sending and
 * receiving) and mq_notify.c.
 *
 * A queue has an inode of its own, for permissions and fstat(2).  It is counted by the list
 * of names and by its open files.
 *
 * Locking: mq_names_lock protects the list of names; queue->lock everything else in a queue. */
#ifndef LIBOS_SYSV_MQUEUE_H
#define LIBOS_SYSV_MQUEUE_H

#include <linux/mqueue.h>

#include "thread.h"
#include "vfs.h"

/* As /proc/sys/fs/mqueue shows them. */
#define MQ_QUEUES_MAX   256
#define MQ_MSG_DEFAULT  10
#define MQ_MSG_LIMIT    10
#define MQ_SIZE_DEFAULT 8192
#define MQ_SIZE_LIMIT   8192
/* For whoever may go beyond them. */
#define MQ_MSG_HARD  65536
#define MQ_SIZE_HARD (16 << 20)

struct mq_message {
    struct list link;
    u32 priority;
    size_t size;
    u8 data[];
};

struct mqueue {
    u32 refs;
    struct lock lock;
    struct list by_name;
    struct inode *inode;
    u64 max_messages, max_size, count, bytes;
    u64 charge; /* counted for RLIMIT_MSGQUEUE of the one who made it */
    u32 uid;
    struct list messages; /* highest priority first, then oldest */
    u32 receivers;        /* asleep: they get a message before anybody is notified */
    struct waitq readers, writers;
    s32 notify_pid; /* 0: nobody asked */
    s32 notify_how, notify_signo;
    u64 notify_start; /* start time of the process: its number may be used again */
    u64 notify_value;
    struct file *notify_socket; /* SIGEV_THREAD: where the cookie goes, a reference */
    u8 notify_cookie[NOTIFY_COOKIE_LEN];
    char name[NAME_MAX_ + 1];
};

extern const struct file_ops mqueue_fops;

/* The queue behind a descriptor, and its file with a reference; or ERR_PTR. */
struct mqueue *mq_of_fd(int fd, struct file **f);

/* A message has come and nobody waited for it: tells who asked, once. */
struct mq_notice {
    s32 pid;
    u64 start;
    struct siginfo_k info;
    struct file *socket;
    u8 cookie[NOTIFY_COOKIE_LEN];
};
void mq_notice_take(struct mqueue *q, struct mq_notice *n); /* under queue->lock */
void mq_notice_send(const struct mq_notice *n);
void mq_notify_close(struct file *f); /* a close(2) of it: file_ops->flush */

#endif
