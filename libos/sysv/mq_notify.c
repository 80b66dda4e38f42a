/* mq_notify(2): one process is told, once, that a message came to an empty queue.
 *
 * Registrations end with the notice, with the process's closing a descriptor of the queue,
 * or when it asks for that.  For SIGEV_THREAD the C library has a thread that
 * reads a netlink socket: the cookie it gave goes there, with a last byte that says what
 * happened. */
#include <asm/siginfo.h>
#include <linux/errno.h>

#include "lib.h"
#include "ipc.h"
#include "mqueue.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define SI_MESGQ_CODE (-3)

struct sigevent_k { /* the start of struct sigevent */
    u64 value;
    s32 signo, notify;
    s32 rest[12];
};

static bool mine(const struct mqueue *q)
{
    struct process *p = current()->proc;

    return q->notify_pid == p->pid && q->notify_start == p->start_ns;
}

/* Ends the registration; a thread is told by n.  Under the queue's lock. */
static void unregister(struct mqueue *q, struct mq_notice *n, u8 why)
{
    q->notify_pid = 0;
    if (!q->notify_socket)
        return;
    n->socket = q->notify_socket;
    q->notify_socket = NULL;
    memcpy(n->cookie, q->notify_cookie, sizeof(n->cookie));
    n->cookie[NOTIFY_COOKIE_LEN - 1] = why;
}

void mq_notice_take(struct mqueue *q, struct mq_notice *n)
{
    if (!q->notify_pid)
        return;
    if (q->notify_how == SIGEV_SIGNAL) {
        n->pid = q->notify_pid;
        n->start = q->notify_start;
        n->info = (struct siginfo_k){.signo = q->notify_signo, .code = SI_MESGQ_CODE};
        n->info.rt.pid = current()->proc->pid;
        n->info.rt.uid = current()->cred.uid;
        n->info.rt.value = q->notify_value;
    }
    unregister(q, n, NOTIFY_WOKENUP);
}

void mq_notice_send(const struct mq_notice *n)
{
    struct process *p = n->pid ? process_find(n->pid) : NULL;

    if (n->socket) {
        netlink_push(n->socket, n->cookie, sizeof(n->cookie));
        file_put(n->socket);
    }

    if (!p)
        return;
    if (p->start_ns == n->start && n->info.signo)
        signal_process(p, n->info.signo, &n->info);
    process_put(p);
}

void mq_notify_close(struct file *f)
{
    struct mqueue *q = f->private;
    struct mq_notice n = {0};

    lock(&q->lock);
    if (mine(q))
        unregister(q, &n, NOTIFY_REMOVED);
    unlock(&q->lock);
    mq_notice_send(&n);
}

/* What SIGEV_THREAD brings; n->socket is a reference. */
static long take_cookie(const struct sigevent_k *e, struct mq_notice *n)
{
    if (copy_from_user(n->cookie, e->value, sizeof(n->cookie)))
        return -EFAULT;
    n->socket = fd_get_io(e->signo); /* signo: the socket */
    if (!n->socket)
        return -EBADF;
    return netlink_is(n->socket) ? 0 : -ENOTSOCK;
}

static long check_event(const struct sigevent_k *e, struct mq_notice *n)
{
    switch (e->notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_SIGNAL:
        return e->signo < 0 || e->signo > NSIG ? -EINVAL : 0;
    case SIGEV_THREAD:
        return take_cookie(e, n);
    default:
        return -EINVAL;
    }
}

/* Under the queue's lock.  n: the cookie and socket of e, which q takes over; without e,
 * what is to be sent. */
static long enter(struct mqueue *q, const struct sigevent_k *e, struct mq_notice *n)
{
    struct process *p = current()->proc;

    if (!e) {
        if (mine(q))
            unregister(q, n, NOTIFY_REMOVED);
        return 0;
    }
    if (q->notify_pid)
        return -EBUSY;
    q->notify_pid = p->pid;
    q->notify_start = p->start_ns;
    q->notify_how = e->notify;
    q->notify_signo = e->signo;
    q->notify_value = e->value;
    q->notify_socket = n->socket;
    memcpy(q->notify_cookie, n->cookie, sizeof(q->notify_cookie));
    n->socket = NULL;
    return 0;
}

static long do_notify(int fd, const struct sigevent_k *e, struct mq_notice *n)
{
    struct file *f;
    struct mqueue *q;
    long rc = e ? check_event(e, n) : 0;

    if (rc)
        return rc;
    q = mq_of_fd(fd, &f);
    if (IS_ERR(q))
        return PTR_ERR(q);
    lock(&q->lock);
    rc = enter(q, e, n);
    unlock(&q->lock);
    file_put(f);
    return rc;
}

long sys_mq_notify(int fd, uptr uevent)
{
    struct mq_notice n = {0};
    struct sigevent_k e;
    long rc;

    if (uevent && copy_from_user(&e, uevent, sizeof(e)))
        return -EFAULT;
    rc = do_notify(fd, uevent ? &e : NULL, &n);
    if (uevent && n.socket)
        file_put(n.socket); /* not taken over */
    else
        mq_notice_send(&n);
    return rc;
}
