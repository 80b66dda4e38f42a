/* POSIX message queues: sending and receiving. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "kalloc.h"
#include "ktime.h"
#include "lib.h"
#include "mqueue.h"
#include "syscalls_gen.h"
#include "usercopy.h"

/* The timeout is a time of the wall clock. */
static long read_deadline(uptr timeout, u64 *deadline)
{
    u64 ns;
    long rc;

    *deadline = HOST_FOREVER;
    if (!timeout)
        return 0;
    rc = timespec_from_user(timeout, &ns);
    if (rc == 0)
        *deadline = deadline_at_real(ns);
    return rc;
}

/* Behind the messages of the same and of higher priority. */
static void enter(struct mqueue *q, struct mq_message *m)
{
    struct list *at = q->messages.prev;

    while (at != &q->messages && list_entry(at, struct mq_message, link)->priority < m->priority)
        at = at->prev;
    list_add(at, &m->link);
    q->count++;
    q->bytes += m->size;
}

static bool try_send(struct mqueue *q, struct mq_message *m, struct mq_notice *n)
{
    bool room;

    lock(&q->lock);
    room = q->count < q->max_messages;
    if (room) {
        enter(q, m);
        q->inode->atime = q->inode->mtime = q->inode->ctime = (s64)now_real();
        if (q->count == q->receivers + 1)
            mq_notice_take(q, n);
    }
    unlock(&q->lock);
    return room;
}

static long load(struct mqueue *q, uptr data, size_t size, u32 priority, struct mq_message **out)
{
    struct mq_message *m;

    if (size > q->max_size)
        return -EMSGSIZE;
    m = kmalloc(sizeof(*m) + size);
    if (!m)
        return -ENOMEM;
    m->priority = priority;
    m->size = size;
    if (copy_from_user(m->data, data, size)) {
        kfree(m);
        return -EFAULT;
    }
    *out = m;
    return 0;
}

static long send(struct mqueue *q, struct file *f, struct mq_message *m, u64 deadline)
{
    struct mq_notice notice = {.pid = 0};
    long rc = 0;

    if (!try_send(q, m, &notice)) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        rc = wait_event(&q->writers, try_send(q, m, &notice), deadline);
    }
    if (rc)
        return rc == -EINTR ? -ERESTARTSYS : rc;
    waitq_wake_all(&q->readers, POLLIN | POLLRDNORM);
    mq_notice_send(&notice);
    return 0;
}

long sys_mq_timedsend(int fd, uptr data, size_t size, u32 priority, uptr timeout)
{
    struct mq_message *m;
    struct mqueue *q;
    struct file *f;
    u64 deadline;
    long rc = read_deadline(timeout, &deadline);

    if (rc)
        return rc;
    if (priority >= MQ_PRIO_MAX)
        return -EINVAL;
    q = mq_of_fd(fd, &f);
    if (IS_ERR(q))
        return PTR_ERR(q);
    rc = f->fmode & FMODE_WRITE ? load(q, data, size, priority, &m) : -EBADF;
    if (!rc) {
        rc = send(q, f, m, deadline);
        if (rc)
            kfree(m);
    }
    file_put(f);
    return rc;
}

/* One who goes to sleep is counted under the lock under which it found nothing, and no
 * longer from when it has a message: the messages beyond those who sleep are notified. */
static struct mq_message *take(struct mqueue *q, bool sleeps, bool *counted)
{
    struct mq_message *m;

    lock(&q->lock);
    m = list_first(&q->messages, struct mq_message, link);
    if (m) {
        list_del(&m->link);
        q->count--;
        q->bytes -= m->size;
        q->inode->atime = (s64)now_real();
    }
    if (*counted != (sleeps && !m)) {
        q->receivers += *counted ? (u32)-1 : 1;
        *counted = !*counted;
    }
    unlock(&q->lock);
    return m;
}

static long receive(struct mqueue *q, struct file *f, u64 deadline, struct mq_message **m)
{
    bool counted = false, sleeps = !(f->flags & O_NONBLOCK);
    long rc = 0;

    *m = take(q, sleeps, &counted);
    if (!*m) {
        if (!sleeps)
            return -EAGAIN;
        rc = wait_event(&q->readers, (*m = take(q, true, &counted)) != NULL, deadline);
        if (rc && (*m = take(q, false, &counted)))
            rc = 0;
    }
    if (rc)
        return rc == -EINTR ? -ERESTARTSYS : rc;
    waitq_wake_all(&q->writers, POLLOUT | POLLWRNORM);
    return 0;
}

static long deliver(struct mq_message *m, uptr data, uptr upriority)
{
    long rc = (long)m->size;

    if ((upriority && put_user(m->priority, upriority)) || copy_to_user(data, m->data, m->size))
        rc = -EFAULT;
    kfree(m);
    return rc;
}

long sys_mq_timedreceive(int fd, uptr data, size_t size, uptr priority, uptr timeout)
{
    struct mq_message *m;
    struct mqueue *q;
    struct file *f;
    u64 deadline;
    long rc = read_deadline(timeout, &deadline);

    if (rc)
        return rc;
    q = mq_of_fd(fd, &f);
    if (IS_ERR(q))
        return PTR_ERR(q);
    if (!(f->fmode & FMODE_READ))
        rc = -EBADF;
    else if (size < q->max_size)
        rc = -EMSGSIZE;
    else
        rc = receive(q, f, deadline, &m);
    file_put(f);
    return rc ? rc : deliver(m, data, priority);
}
