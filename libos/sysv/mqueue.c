/* POSIX message queues: names, descriptors, attributes. */
#include "mqueue.h"

#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "kalloc.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define STATUS_SIZE  80 /* what fstat(2) says of a queue */
#define MESSAGE_COST 48 /* Linux counts its own structures for the limit; so do we */
#define NODE_COST    48

static struct lock mq_names_lock;
static struct list mq_names; /* next NULL until first used */
static u32 mq_queues;

static void mq_put(struct mqueue *q)
{
    struct mq_message *m, *next;

    if (!ref_put(&q->refs))
        return;
    list_for_each_safe(m, next, &q->messages, link) kfree(m);
    inode_put(q->inode);
    kfree(q);
}

/* ---- descriptors --------------------------------------------------------------------- */

/* The text of a queue's file. */
static long mq_read(struct file *f, struct uio *u, u64 *pos)
{
    struct mqueue *q = f->private;
    char text[STATUS_SIZE + 1];
    size_t n, done;

    lock(&q->lock);
    n = (size_t)snprintf(text, sizeof(text),
                         "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", q->bytes,
                         q->notify_pid ? q->notify_how : 0,
                         q->notify_pid && !q->notify_how ? q->notify_signo : 0, q->notify_pid);
    unlock(&q->lock);
    if (*pos >= n)
        return 0;
    n = MIN(n - *pos, u->left);
    done = uio_copy_out(u, text + *pos, n);
    *pos += done;
    return done || !n ? (long)done : -EFAULT;
}

static u32 mq_poll(struct file *f, struct poll_table *pt)
{
    struct mqueue *q = f->private;
    u32 mask = 0;

    poll_wait(pt, &q->readers);
    poll_wait(pt, &q->writers);
    lock(&q->lock);
    if (q->count)
        mask |= POLLIN | POLLRDNORM;
    if (q->count < q->max_messages)
        mask |= POLLOUT | POLLWRNORM;
    unlock(&q->lock);
    return mask;
}

static s64 mq_llseek(struct file *f, s64 off, int whence)
{
    return whence == SEEK_END ? file_seek_endless(f, off + STATUS_SIZE, SEEK_SET)
                              : file_seek_endless(f, off, whence);
}

static void mq_release(struct file *f) { mq_put(f->private); }

const struct file_ops mqueue_fops = {
    .read = mq_read,
    .llseek = mq_llseek,
    .poll = mq_poll,
    .flush = mq_notify_close,
    .release = mq_release,
};

struct mqueue *mq_of_fd(int fd, struct file **f)
{
    *f = fd_get_io(fd);
    if (!*f)
        return ERR_PTR(-EBADF);
    if ((*f)->ops == &mqueue_fops)
        return (*f)->private;
    file_put(*f);
    return ERR_PTR(-EBADF);
}

/* ---- making queues ------------------------------------------------------------------- */

static long check_attr(const struct mq_attr *a)
{
    bool more = capable(CAP_SYS_RESOURCE);

    if (a->mq_maxmsg <= 0 || a->mq_msgsize <= 0)
        return -EINVAL;
    if (a->mq_maxmsg > (more ? MQ_MSG_HARD : MQ_MSG_LIMIT))
        return -EINVAL;
    return a->mq_msgsize > (more ? MQ_SIZE_HARD : MQ_SIZE_LIMIT) ? -EINVAL : 0;
}

static u64 charge_of(const struct mq_attr *a)
{
    u64 n = (u64)a->mq_maxmsg;

    return n * MESSAGE_COST + MIN(n, MQ_PRIO_MAX) * NODE_COST + n * (u64)a->mq_msgsize;
}

/* Under the names' lock: may the caller have one more? */
static long check_limits(u64 charge)
{
    u64 used = charge;
    struct mqueue *q;

    if (mq_queues >= MQ_QUEUES_MAX && !capable(CAP_SYS_RESOURCE))
        return -ENOSPC;
    list_for_each(q, &mq_names, by_name)
    {
        if (q->uid == current()->cred.uid)
            used += q->charge;
    }
    return used > current()->proc->rlimits[RLIMIT_MSGQUEUE][0] ? -EMFILE : 0;
}

static struct mqueue *mq_new(const char *name, u32 mode, const struct mq_attr *a)
{
    struct mqueue *q = kzalloc(sizeof(*q));

    if (!q)
        return NULL;
    q->inode = inode_new(&anon_super, S_IFREG | (mode & 07777 & ~current_fs()->umask));
    if (!q->inode) {
        kfree(q);
        return NULL;
    }
    q->inode->size = STATUS_SIZE;
    q->refs = 1;
    q->uid = current()->cred.uid;
    q->max_messages = (u64)a->mq_maxmsg;
    q->max_size = (u64)a->mq_msgsize;
    q->charge = charge_of(a);
    list_init(&q->messages);
    waitq_init(&q->readers);
    waitq_init(&q->writers);
    strlcpy(q->name, name, sizeof(q->name));
    return q;
}

static struct mqueue *find_name(const char *name)
{
    struct mqueue *q;

    if (!mq_names.next)
        list_init(&mq_names);
    list_for_each(q, &mq_names, by_name)
    {
        if (!strcmp(q->name, name))
            return q;
    }
    return NULL;
}

static long may_open(struct mqueue *q, int flags)
{
    static const u32 wanted[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE};

    if ((flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    return inode_permission(q->inode, wanted[flags & O_ACCMODE]);
}

/* The queue with a reference for a file; *spare is used up if a new one is made. */
static struct mqueue *find_or_enter(const char *name, int flags, struct mqueue **spare)
{
    struct mqueue *q;
    long rc = 0;

    lock(&mq_names_lock);
    q = find_name(name);
    if (q) {
        if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
            rc = -EEXIST;
        else
            rc = may_open(q, flags);
    } else if (!*spare) {
        rc = -ENOENT;
    } else {
        rc = check_limits((*spare)->charge);
        if (!rc) {
            q = *spare;
            *spare = NULL;
            list_add_tail(&mq_names, &q->by_name);
            mq_queues++;
        }
    }
    if (!rc)
        ref_get(&q->refs);
    unlock(&mq_names_lock);
    return rc ? ERR_PTR(rc) : q;
}

static long get_name(char *name, uptr uname)
{
    long n = strncpy_from_user(name, uname, NAME_MAX_ + 1);

    if (n < 0)
        return n;
    if (!n)
        return -ENOENT;
    if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        return -EACCES;
    return 0;
}

static long open_file(struct mqueue *q, int flags)
{
    char text[NAME_MAX_ + 2] = "/";
    struct file *f;
    long fd;

    strlcpy(text + 1, q->name, sizeof(text) - 1);
    f = file_anon_on(q->inode, text, &mqueue_fops, q, (u32)flags & (O_ACCMODE | O_NONBLOCK));
    if (IS_ERR(f)) {
        mq_put(q);
        return PTR_ERR(f);
    }
    f->fmode |= FMODE_SEEK;
    fd = fd_install(f, 0, true);
    if (fd < 0)
        file_put(f);
    return fd;
}

long sys_mq_open(uptr uname, int flags, u32 mode, uptr uattr)
{
    struct mq_attr a = {.mq_maxmsg = MQ_MSG_DEFAULT, .mq_msgsize = MQ_SIZE_DEFAULT};
    struct mqueue *q, *spare = NULL;
    char name[NAME_MAX_ + 1];
    long rc, bad = 0;

    if (uattr && copy_from_user(&a, uattr, sizeof(a)))
        return -EFAULT;
    rc = get_name(name, uname);
    if (rc)
        return rc;
    if (flags & O_CREAT) {
        if (uattr)
            bad = check_attr(&a);
        spare = bad ? NULL : mq_new(name, mode, &a);
        if (!bad && !spare)
            return -ENOMEM;
    }
    q = find_or_enter(name, flags, &spare);
    if (spare)
        mq_put(spare);
    if (IS_ERR(q)) /* bad attributes matter only where a queue would be made */
        return bad && PTR_ERR(q) == -ENOENT ? bad : PTR_ERR(q);
    return open_file(q, flags);
}

long sys_mq_unlink(uptr uname)
{
    char name[NAME_MAX_ + 1];
    struct mqueue *q;
    long rc = get_name(name, uname);

    if (rc)
        return rc;
    lock(&mq_names_lock);
    q = find_name(name);
    if (!q) {
        rc = -ENOENT;
    } else if (!inode_owner_or_capable(q->inode)) { /* the directory is sticky */
        rc = -EPERM;
    } else {
        list_del(&q->by_name);
        q->inode->nlink = 0;
        mq_queues--;
    }
    unlock(&mq_names_lock);
    if (!rc)
        mq_put(q);
    return rc;
}

long sys_mq_getsetattr(int fd, uptr unew, uptr uold)
{
    struct mq_attr new, old;
    struct mqueue *q;
    struct file *f;

    if (unew) {
        if (copy_from_user(&new, unew, sizeof(new)))
            return -EFAULT;
        if (new.mq_flags & ~O_NONBLOCK)
            return -EINVAL;
    }
    q = mq_of_fd(fd, &f);
    if (IS_ERR(q))
        return PTR_ERR(q);
    memset(&old, 0, sizeof(old));
    lock(&q->lock);
    old.mq_maxmsg = (long)q->max_messages;
    old.mq_msgsize = (long)q->max_size;
    old.mq_curmsgs = (long)q->count;
    old.mq_flags = f->flags & O_NONBLOCK;
    if (unew)
        f->flags = (f->flags & ~(u32)O_NONBLOCK) | (u32) new.mq_flags;
    unlock(&q->lock);
    file_put(f);
    return uold && copy_to_user(uold, &old, sizeof(old)) ? -EFAULT : 0;
}
