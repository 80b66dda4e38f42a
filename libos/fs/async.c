/* O_ASYNC: a signal to the owner of a file when it can be read or written.
 *
 * A file with the flag has a waiter on each of its queues, as a poll that never ends.  The
 * waiter's callback runs under the queue's lock, where nothing can be sent: it notes what
 * happened, puts the file on a list and gives the running thread something to do before it
 * sleeps or returns (ATTN_WORK).  Sending copies what it needs off the list, so that the
 * file may be closed meanwhile.
 *
 * Locks: setup_lock orders changes of the flag; it is taken before the locks of the file's
 * own object.  list_lock, under queue locks, is a leaf.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/stat.h>

#include <asm/siginfo.h>

#include "fs.h"
#include "lib.h"
#include "thread.h"
#include "usercopy.h"

#define QUEUES 4 /* most that a file's poll names */

struct file_async {
    struct file *file;
    struct list link; /* on `told`, or to itself */
    u32 reasons;      /* bits of POLL_IN, POLL_OUT, POLL_HUP; under list_lock */
    u32 messages;     /* so many POLL_MSG; under list_lock */
    s32 fd;           /* the descriptor that set the flag */
    u32 used;
    struct entry {
        struct waiter w;
        struct file_async *async;
    } entries[QUEUES];
};

static struct lock setup_lock, list_lock;
static struct list told = LIST_INIT(told);

/* ---- what happened ---------------------------------------------------------------- */

/* A change of state (key 0 or without data) is told as Linux tells the end of the other
 * side. */
static u32 reasons_of(const struct file *f, u32 key)
{
    u32 r = 0;

    if (key & (POLLIN | POLLRDNORM))
        r |= 1u << POLL_IN;
    if (key & POLLPRI)
        r |= 1u << POLL_PRI;
    if (key & (POLLOUT | POLLWRNORM))
        r |= 1u << POLL_OUT;
    if (r)
        return r;
    if (S_ISSOCK(f->inode->mode))
        return 1u << POLL_HUP;
    return f->fmode & FMODE_READ ? 1u << POLL_IN : 1u << POLL_OUT;
}

static bool wanted(const struct file *f, u32 key)
{
    if (!(f->fmode & FMODE_READ) && !(key & ~(u32)(POLLIN | POLLRDNORM)) && key)
        return false;
    return (f->fmode & FMODE_WRITE) || !key || (key & ~(u32)(POLLOUT | POLLWRNORM));
}

/* Under list_lock. */
static void note(struct file_async *a)
{
    if (list_empty(&a->link))
        list_add_tail(&told, &a->link);
    __atomic_fetch_or(&current()->attention, ATTN_WORK, __ATOMIC_RELAXED);
}

static bool event_came(struct waiter *w, u32 key)
{
    struct file_async *a = container_of(w, struct entry, w)->async;

    if (!wanted(a->file, key))
        return false;
    lock(&list_lock);
    a->reasons |= reasons_of(a->file, key);
    note(a);
    unlock(&list_lock);
    return false;
}

void async_message(struct file *f)
{
    lock(&list_lock);
    if (f->async) {
        f->async->messages++;
        note(f->async);
    }
    unlock(&list_lock);
}

/* ---- telling the owner ----------------------------------------------------------------- */

#define URGENT 0 /* no reason of SIGIO's, but SIGURG */

struct notice {
    struct file_owner owner;
    u32 reasons, messages;
    s32 fd;
};

static bool permitted(const struct file_owner *o, const struct process *p)
{
    const struct cred *to = p->leader ? &p->leader->cred : NULL;

    return o->euid == 0 || !to || o->euid == to->suid || o->euid == to->uid || o->uid == to->suid ||
           o->uid == to->uid;
}

static long band_of(int reason)
{
    switch (reason) {
    case POLL_IN & 0xff:
        return POLLIN | POLLRDNORM;
    case POLL_OUT & 0xff:
        return POLLOUT | POLLWRNORM | POLLWRBAND;
    case POLL_PRI & 0xff:
        return POLLPRI | POLLRDBAND;
    case POLL_MSG & 0xff:
        return POLLIN | POLLRDNORM | POLLMSG;
    default:
        return POLLHUP | POLLERR;
    }
}

static long send(struct process *p, const struct file_owner *o, int sig,
                 const struct siginfo_k *info)
{
    if (o->type == F_OWNER_TID)
        return signal_process_thread(p, o->id, sig, info);
    return signal_process(p, sig, info);
}

/* A queued signal that finds no room becomes a plain SIGIO. */
static void tell_process(struct process *p, const struct notice *n, int reason)
{
    struct siginfo_k info = {.signo = n->owner.sig, .code = reason};
    long rc = -EAGAIN;

    if (!permitted(&n->owner, p))
        return;
    if (reason == URGENT) {
        send(p, &n->owner, SIGURG, NULL);
        return;
    }
    info.poll.band = band_of(reason);
    info.poll.fd = n->fd;
    if (n->owner.sig)
        rc = send(p, &n->owner, n->owner.sig, &info);
    if (rc == -EAGAIN)
        send(p, &n->owner, SIGIO, NULL);
}

static void tell_group(const struct notice *n, int reason)
{
    struct process *p;
    s32 at = 0;

    forks_hold();
    while ((p = process_next(at))) {
        at = p->pid;
        if (p->pgid == n->owner.id && !p->zombie)
            tell_process(p, n, reason);
        process_put(p);
    }
    forks_release();
}

static void tell(const struct notice *n, int reason)
{
    struct process *p;

    if (n->owner.id <= 0)
        return;
    if (n->owner.type == F_OWNER_PGRP) {
        tell_group(n, reason);
        return;
    }
    p = n->owner.type == F_OWNER_TID ? process_of_tid(n->owner.id) : process_find(n->owner.id);
    if (!p)
        return;
    if (!p->zombie)
        tell_process(p, n, reason);
    process_put(p);
}

void file_owner_urgent(const struct file_owner *owner)
{
    struct notice n = {.owner = *owner};

    tell(&n, URGENT);
}

static bool take(struct notice *n)
{
    struct file_async *a;

    lock(&list_lock);
    a = list_first(&told, struct file_async, link);
    if (a) {
        list_del(&a->link);
        *n = (struct notice){a->file->owner, a->reasons, a->messages, a->fd};
        a->reasons = a->messages = 0;
    }
    unlock(&list_lock);
    return a;
}

void async_run(void)
{
    struct notice n;

    while (take(&n)) {
        for (int reason = 1; reason < 8; reason++)
            if (n.reasons & 1u << reason)
                tell(&n, reason);
        while (n.messages--)
            tell(&n, POLL_MSG & 0xff);
    }
}

/* ---- the flag ------------------------------------------------------------------------------ */

struct async_table {
    struct poll_table pt;
    struct file_async *async;
};

static void queue(struct poll_table *pt, struct waitq *q)
{
    struct file_async *a = container_of(pt, struct async_table, pt)->async;
    struct entry *e;

    if (a->used == QUEUES)
        return;
    e = &a->entries[a->used++];
    waiter_init(&e->w);
    e->w.t = NULL;
    e->w.func = event_came;
    e->async = a;
    waitq_add(q, &e->w);
}

static long begin(struct file *f, int fd)
{
    struct async_table t = {{queue, ~0u}, kzalloc(sizeof(*t.async))};

    if (!t.async)
        return -ENOMEM;
    t.async->file = f;
    t.async->fd = fd;
    list_init(&t.async->link);
    f->async = t.async;
    f->ops->poll(f, &t.pt);
    return 0;
}

static void end(struct file *f)
{
    struct file_async *a = f->async;

    for (u32 i = 0; i < a->used; i++)
        waitq_remove(&a->entries[i].w);
    lock(&list_lock);
    list_del(&a->link);
    unlock(&list_lock);
    f->async = NULL;
    kfree(a);
}

long file_set_async(struct file *f, int fd, bool on)
{
    long rc = 0;

    if (!f->ops->poll)
        return 0;
    lock(&setup_lock);
    if (on && !f->async)
        rc = begin(f, fd);
    else if (!on && f->async)
        end(f);
    unlock(&setup_lock);
    return rc;
}

/* The number is held: it means nobody else as long as it is the owner's. */
static long set_owner(struct file *f, s32 type, s32 id)
{
    const struct cred *c = &current()->cred;
    s32 old = f->owner.id;

    if (id && !pid_in_use(id))
        return -ESRCH;
    if (id)
        pid_hold(id);
    lock(&list_lock);
    f->owner.type = type;
    f->owner.id = id;
    f->owner.uid = c->uid;
    f->owner.euid = c->euid;
    unlock(&list_lock);
    if (old)
        pid_drop(old);
    return 0;
}

/* Directories have no queues (O_ASYNC does nothing there): f->async is free for messages. */
long async_begin_messages(struct file *f, int fd)
{
    struct file_async *fresh = kzalloc(sizeof(*fresh));
    long rc = 0;

    if (!fresh)
        return -ENOMEM;
    fresh->file = f;
    list_init(&fresh->link);
    lock(&setup_lock);
    if (!f->owner.id)
        rc = set_owner(f, F_OWNER_PID, current()->proc->pid);
    lock(&list_lock);
    if (!f->async) {
        f->async = fresh;
        fresh = NULL;
    }
    f->async->fd = fd;
    unlock(&list_lock);
    unlock(&setup_lock);
    kfree(fresh);
    return rc;
}

void async_file_gone(struct file *f)
{
    lock(&setup_lock);
    if (f->async)
        end(f);
    set_owner(f, F_OWNER_PID, 0);
    unlock(&setup_lock);
}

/* ---- the owner ------------------------------------------------------------------------------- */

struct owner_ex {
    s32 type, pid;
};

static long get_owner(const struct file *f, uptr to)
{
    struct owner_ex ex = {f->owner.type, f->owner.id};

    return copy_to_user(to, &ex, sizeof(ex)) ? -EFAULT : 0;
}

/* F_SETOWN: a process, or a group as a negative number. */
static long own(struct file *f, s32 type, s32 id)
{
    long rc;

    lock(&setup_lock);
    rc = set_owner(f, type, id);
    unlock(&setup_lock);
    return rc;
}

long file_owner_call(struct file *f, u32 cmd, uptr arg)
{
    struct owner_ex ex;
    s32 id = (s32)arg;

    switch (cmd) {
    case F_GETOWN:
        return f->owner.type == F_OWNER_PGRP ? -f->owner.id : f->owner.id;
    case F_GETOWN_EX:
        return get_owner(f, arg);
    case F_SETOWN:
        if (id == INT32_MIN)
            return -EINVAL;
        return id < 0 ? own(f, F_OWNER_PGRP, -id) : own(f, F_OWNER_PID, id);
    default:
        if (copy_from_user(&ex, arg, sizeof(ex)))
            return -EFAULT;
        if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP)
            return -EINVAL;
        return own(f, ex.type, ex.pid);
    }
}
