/* System V message queues.
 *
 * The table's lock protects the queues and their messages.  A sleeper holds a reference:
 * a queue that was removed stays until all who slept on it have seen that. */
#include "msg.h"

#include <asm/msgbuf.h>
#include <linux/capability.h>
#include <linux/errno.h>

#include "kalloc.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "sysv.h"
#include "usercopy.h"

static struct ipc_table msg_table = {.limit = MSG_MNI};

static void queue_put(struct msg_queue *q)
{
    struct message *m, *next;

    if (!q || !ref_put(&q->ipc.refs))
        return;
    list_for_each_safe(m, next, &q->messages, link) kfree(m);
    kfree(q);
}

static struct ipc_object *make(const void *params)
{
    struct msg_queue *q = kzalloc(sizeof(*q));

    (void)params;
    if (!q)
        return ERR_PTR(-ENOMEM);
    q->ipc.refs = 1;
    list_init(&q->messages);
    waitq_init(&q->readers);
    waitq_init(&q->writers);
    q->max_bytes = MSG_MNB;
    q->ctime = ipc_seconds();
    return &q->ipc;
}

static void discard(struct ipc_object *o) { queue_put((struct msg_queue *)o); }

static const struct ipc_kind msg_kind = {.table = &msg_table, .make = make, .discard = discard};

long sys_msgget(int key, int flags) { return ipc_get(&msg_kind, key, flags, NULL); }

/* With a reference, or NULL. */
static struct msg_queue *queue_get(int id)
{
    struct msg_queue *q;

    lock(&msg_table.lock);
    q = (struct msg_queue *)ipc_find(&msg_table, id);
    if (q)
        ref_get(&q->ipc.refs);
    unlock(&msg_table.lock);
    return q;
}

/* There is no such queue: it went before the call, or while it slept. */
static long gone(void) { return call_again(current()) ? -EIDRM : -EINVAL; }

/* ---- sending ------------------------------------------------------------------------- */

/* 0, -EAGAIN when there is no room, or another error. */
static long try_send(struct msg_queue *q, struct message *m)
{
    long rc = 0;

    lock(&msg_table.lock);
    if (q->ipc.removed)
        rc = -EIDRM;
    else if (ipc_permission(&q->ipc, IPC_WRITE))
        rc = -EACCES;
    else if (q->bytes + m->size > q->max_bytes || q->count + 1 > q->max_bytes)
        rc = -EAGAIN;
    if (!rc) {
        list_add_tail(&q->messages, &m->link);
        q->bytes += m->size;
        q->count++;
        q->lspid = current()->proc->pid;
        q->stime = ipc_seconds();
    }
    unlock(&msg_table.lock);
    return rc;
}

static long load(struct message **out, uptr msg, size_t size)
{
    struct message *m;

    if ((s64)size < 0 || size > MSG_MAX)
        return -EINVAL;
    m = kmalloc(sizeof(*m) + size);
    if (!m)
        return -ENOMEM;
    m->size = size;
    if (get_user(m->type, msg) || copy_from_user(m->data, msg + sizeof(m->type), size)) {
        kfree(m);
        return -EFAULT;
    }
    if (m->type < 1) {
        kfree(m);
        return -EINVAL;
    }
    *out = m;
    return 0;
}

long sys_msgsnd(int id, uptr msg, size_t size, int flags)
{
    struct msg_queue *q;
    struct message *m;
    long rc, slept;

    if (id < 0)
        return -EINVAL;
    rc = load(&m, msg, size);
    if (rc)
        return rc;
    q = queue_get(id);
    if (!q) {
        kfree(m);
        return gone();
    }
    rc = try_send(q, m);
    if (rc == -EIDRM)
        rc = gone();
    if (rc == -EAGAIN && !(flags & IPC_NOWAIT)) {
        slept = wait_event(&q->writers, (rc = try_send(q, m)) != -EAGAIN, HOST_FOREVER);
        if (slept)
            rc = -ERESTARTNOHAND;
    }
    if (!rc)
        waitq_wake_all(&q->readers, 0);
    else
        kfree(m);
    queue_put(q);
    return rc;
}

/* ---- receiving ----------------------------------------------------------------------- */

struct want {
    s64 type;
    size_t size;
    int flags;
};

static struct message *choose(const struct msg_queue *q, const struct want *w)
{
    s64 limit = w->type == INT64_MIN ? INT64_MAX : -w->type, n = 0;
    struct message *m, *best = NULL;

    list_for_each(m, &q->messages, link)
    {
        if (w->flags & MSG_COPY) {
            if (n++ == w->type)
                return m;
        } else if (w->type == 0) {
            return m;
        } else if (w->type > 0) {
            if ((m->type == w->type) == !(w->flags & MSG_EXCEPT))
                return m;
        } else if (m->type <= limit && (!best || m->type < best->type)) {
            best = m;
        }
    }
    return best;
}

/* The copy of a message that stays. */
static long copy_message(struct message *m, struct message **out)
{
    struct message *c = kmalloc(sizeof(*c) + m->size);

    if (!c)
        return -ENOMEM;
    memcpy(c, m, sizeof(*c) + m->size);
    *out = c;
    return 0;
}

static void take(struct msg_queue *q, struct message *m)
{
    list_del(&m->link);
    q->bytes -= m->size;
    q->count--;
    q->lrpid = current()->proc->pid;
    q->rtime = ipc_seconds();
}

/* 0 and a message that is the caller's, -ENOMSG, or another error. */
static long try_receive(struct msg_queue *q, const struct want *w, struct message **out)
{
    struct message *m;
    long rc = 0;

    lock(&msg_table.lock);
    if (q->ipc.removed) {
        rc = -EIDRM;
    } else if (ipc_permission(&q->ipc, IPC_READ)) {
        rc = -EACCES;
    } else {
        m = choose(q, w);
        if (!m)
            rc = -ENOMSG;
        else if (m->size > w->size && !(w->flags & MSG_NOERROR))
            rc = -E2BIG;
        else if (w->flags & MSG_COPY)
            rc = copy_message(m, out);
        else
            take(q, *out = m);
    }
    unlock(&msg_table.lock);
    return rc;
}

static long deliver(struct message *m, uptr msg, size_t size)
{
    size_t n = MIN(size, m->size);
    long rc = (long)n;

    if (put_user(m->type, msg) || copy_to_user(msg + sizeof(m->type), m->data, n))
        rc = -EFAULT;
    kfree(m);
    return rc;
}

long sys_msgrcv(int id, uptr msg, size_t size, long type, int flags)
{
    struct want w = {.type = type, .size = size, .flags = flags};
    struct msg_queue *q;
    struct message *m = NULL;
    long rc, slept;

    if (id < 0 || (s64)size < 0)
        return -EINVAL;
    if ((flags & MSG_COPY) && ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT)))
        return -EINVAL;
    q = queue_get(id);
    if (!q)
        return gone();
    rc = try_receive(q, &w, &m);
    if (rc == -EIDRM)
        rc = gone();
    if (rc == -ENOMSG && !(flags & IPC_NOWAIT)) {
        slept = wait_event(&q->readers, (rc = try_receive(q, &w, &m)) != -ENOMSG, HOST_FOREVER);
        if (slept)
            rc = -ERESTARTNOHAND;
    }
    if (!rc && !(flags & MSG_COPY))
        waitq_wake_all(&q->writers, 0);
    queue_put(q);
    return rc ? rc : deliver(m, msg, size);
}

/* ---- msgctl ------------------------------------------------------------------------------ */

static long info(int cmd, uptr buf)
{
    struct msginfo i = {
        .msgpool = MSG_MNI * (MSG_MNB / 1024),
        .msgmap = MSG_MNB,
        .msgmax = MSG_MAX,
        .msgmnb = MSG_MNB,
        .msgmni = MSG_MNI,
        .msgssz = 16,
        .msgtql = MSG_MNB,
        .msgseg = 0xffff,
    };
    long last;

    lock(&msg_table.lock);
    if (cmd == MSG_INFO) {
        i.msgpool = (int)msg_table.used;
        i.msgmap = i.msgtql = 0;
        for (u32 n = 0; n < msg_table.size; n++) {
            struct msg_queue *q = (struct msg_queue *)msg_table.slot[n];
            i.msgmap += q ? (int)q->count : 0;
            i.msgtql += q ? (int)q->bytes : 0;
        }
    }
    last = ipc_last_index(&msg_table);
    unlock(&msg_table.lock);
    return copy_to_user(buf, &i, sizeof(i)) ? -EFAULT : last;
}

static long stat_queue(int id, int cmd, uptr buf)
{
    struct msqid64_ds ds;
    struct msg_queue *q;
    long rc = -EINVAL;

    memset(&ds, 0, sizeof(ds));
    lock(&msg_table.lock);
    q = (struct msg_queue *)(cmd == IPC_STAT ? ipc_find(&msg_table, id) : ipc_at(&msg_table, id));
    if (q) {
        rc = cmd == MSG_STAT_ANY ? 0 : ipc_permission(&q->ipc, IPC_READ);
        ipc_show(&q->ipc, &ds.msg_perm);
        ds.msg_stime = q->stime;
        ds.msg_rtime = q->rtime;
        ds.msg_ctime = q->ctime;
        ds.msg_cbytes = q->bytes;
        ds.msg_qnum = q->count;
        ds.msg_qbytes = q->max_bytes;
        ds.msg_lspid = q->lspid;
        ds.msg_lrpid = q->lrpid;
        if (!rc && cmd != IPC_STAT)
            rc = q->ipc.id;
    }
    unlock(&msg_table.lock);
    return rc >= 0 && copy_to_user(buf, &ds, sizeof(ds)) ? -EFAULT : rc;
}

/* Under the lock. */
static long change(struct msg_queue *q, int cmd, const struct msqid64_ds *ds)
{
    if (!ipc_owner(&q->ipc))
        return -EPERM;
    if (cmd == IPC_RMID) {
        ipc_take_out(&msg_table, &q->ipc);
        return 0;
    }
    if (ds->msg_qbytes > MSG_MNB && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    ipc_set(&q->ipc, &ds->msg_perm);
    q->max_bytes = ds->msg_qbytes;
    q->ctime = ipc_seconds();
    return 0;
}

static long change_queue(int id, int cmd, uptr buf)
{
    struct msqid64_ds ds;
    struct msg_queue *q = NULL;
    long rc = -EINVAL;

    if (cmd == IPC_SET && copy_from_user(&ds, buf, sizeof(ds)))
        return -EFAULT;
    lock(&msg_table.lock);
    q = (struct msg_queue *)ipc_find(&msg_table, id);
    if (q) {
        ref_get(&q->ipc.refs);
        rc = change(q, cmd, &ds);
    }
    unlock(&msg_table.lock);
    if (!rc) { /* everybody looks again: room, rights or existence may have changed */
        waitq_wake_all(&q->readers, 0);
        waitq_wake_all(&q->writers, 0);
        if (cmd == IPC_RMID)
            queue_put(q);
    }
    queue_put(q);
    return rc;
}

long sys_msgctl(int id, int cmd, uptr buf)
{
    if (id < 0 || cmd < 0)
        return -EINVAL;
    switch (cmd) {
    case IPC_INFO:
    case MSG_INFO:
        return info(cmd, buf);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return stat_queue(id, cmd, buf);
    case IPC_SET:
    case IPC_RMID:
        return change_queue(id, cmd, buf);
    default:
        return -EINVAL;
    }
}

void msg_show(struct textbuf *b)
{
    lock(&msg_table.lock);
    for (u32 n = 0; n < msg_table.size; n++) {
        struct msg_queue *q = (struct msg_queue *)msg_table.slot[n];

        if (!q)
            continue;
        text_add(b, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu %10lu\n",
                 q->ipc.key, q->ipc.id, q->ipc.mode, q->bytes, q->count, (u32)q->lspid,
                 (u32)q->lrpid, q->ipc.uid, q->ipc.gid, q->ipc.cuid, q->ipc.cgid, (u64)q->stime,
                 (u64)q->rtime, (u64)q->ctime);
    }
    unlock(&msg_table.lock);
}
