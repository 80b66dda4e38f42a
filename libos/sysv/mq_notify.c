/* mq_notify(2): one process is told, once, that a message came to an empty queue.
 *
 * Registrations end with the notice, with the process's closing a descriptor of the queue,
 * or when it asks for that.  SIGEV_THREAD needs a netlink socket, which there is not. */
#include <asm/siginfo.h>
#include <linux/errno.h>

#include "lib.h"
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
    q->notify_pid = 0;
}

void mq_notice_send(const struct mq_notice *n)
{
    struct process *p = n->pid ? process_find(n->pid) : NULL;

    if (!p)
        return;
    if (p->start_ns == n->start && n->info.signo)
        signal_process(p, n->info.signo, &n->info);
    process_put(p);
}

void mq_notify_close(struct file *f)
{
    struct mqueue *q = f->private;

    lock(&q->lock);
    if (mine(q))
        q->notify_pid = 0;
    unlock(&q->lock);
}

static long check_event(const struct sigevent_k *e)
{
    struct file *f;

    switch (e->notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_SIGNAL:
        return e->signo < 0 || e->signo > NSIG ? -EINVAL : 0;
    case SIGEV_THREAD: /* signo: the socket */
        f = fd_get_io(e->signo);
        if (!f)
            return -EBADF;
        file_put(f);
        return -ENOTSOCK;
    default:
        return -EINVAL;
    }
}

/* Under the queue's lock. */
static long enter(struct mqueue *q, const struct sigevent_k *e)
{
    struct process *p = current()->proc;

    if (!e) {
        if (mine(q))
            q->notify_pid = 0;
        return 0;
    }
    if (q->notify_pid)
        return -EBUSY;
    q->notify_pid = p->pid;
    q->notify_start = p->start_ns;
    q->notify_how = e->notify;
    q->notify_signo = e->signo;
    q->notify_value = e->value;
    return 0;
}

long sys_mq_notify(int fd, uptr uevent)
{
    struct sigevent_k e;
    struct mqueue *q;
    struct file *f;
    long rc = 0;

    if (uevent) {
        if (copy_from_user(&e, uevent, sizeof(e)))
            return -EFAULT;
        rc = check_event(&e);
        if (rc)
            return rc;
    }
    q = mq_of_fd(fd, &f);
    if (IS_ERR(q))
        return PTR_ERR(q);
    lock(&q->lock);
    rc = enter(q, uevent ? &e : NULL);
    unlock(&q->lock);
    file_put(f);
    return rc;
}
