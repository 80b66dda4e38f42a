/* File locks: POSIX (owned by a process's descriptor table), OFD and flock (owned by an
 * open file description).
 *
 * An inode's locks are in one list, sorted by nothing: they are few.  POSIX and OFD locks
 * conflict with each other, flock ones only with flock ones.  Everything is under the
 * inode's lock; waiters sleep on inode->lock_wait and look again.  A POSIX wait that would
 * close a circle of waiting processes is EDEADLK: waiting owners are in one global list,
 * whose lock is taken inside the inode's.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "fs.h"
#include "syscalls_gen.h"
#include "usercopy.h"

enum lock_class { LOCK_RANGE, LOCK_FLOCK };

struct file_lock {
    struct list link;
    enum lock_class kind;
    bool write;
    s32 pid;           /* as F_GETLK reports; -1 for OFD */
    const void *owner; /* struct files (POSIX) or struct file (OFD, flock) */
    u64 start, end;    /* inclusive */
};

#define END_OF_FILE ((u64)INT64_MAX)

static bool conflicts(const struct file_lock *a, const struct file_lock *b)
{
    return a->kind == b->kind && a->owner != b->owner && (a->write || b->write) &&
           a->start <= b->end && b->start <= a->end;
}

static struct file_lock *find_conflict(struct inode *i, const struct file_lock *want)
{
    struct file_lock *l;

    list_for_each(l, &i->locks, link)
    {
        if (conflicts(l, want))
            return l;
    }
    return NULL;
}

/* ---- changing the list ------------------------------------------------------------------ */

static bool touches(const struct file_lock *a, const struct file_lock *b)
{
    u64 before = b->start ? b->start - 1 : 0;

    return a->end >= before && (b->end == END_OF_FILE || a->start <= b->end + 1);
}

/* Replaces what the owner has in [new->start, new->end].  `spare` is for a lock cut in
 * two (a flock covers everything and never is).  want == false: unlocks.  What isn't used is
 * freed. */
static void put_range(struct inode *i, struct file_lock *new, struct file_lock *spare, bool want)
{
    struct file_lock *l, *tmp;

    list_for_each_safe(l, tmp, &i->locks, link)
    {
        if (l->kind != new->kind || l->owner != new->owner)
            continue;
        if (want && l->write == new->write) {
            if (!touches(l, new))
                continue;
            new->start = MIN(new->start, l->start);
            new->end = MAX(new->end, l->end);
            list_del(&l->link);
            kfree(l);
            continue;
        }
        if (l->end < new->start || l->start > new->end)
            continue;
        if (l->start < new->start && l->end > new->end) {
            *spare = *l;
            spare->start = new->end + 1;
            l->end = new->start - 1;
            list_add_tail(&i->locks, &spare->link);
            spare = NULL;
            break; /* its own locks don't overlap: nothing else is in there */
        }
        if (l->start < new->start) {
            l->end = new->start - 1;
        } else if (l->end > new->end) {
            l->start = new->end + 1;
        } else {
            list_del(&l->link);
            kfree(l);
        }
    }
    if (want)
        list_add_tail(&i->locks, &new->link);
    else
        kfree(new);
    kfree(spare);
}

static void drop_owner(struct inode *i, const void *owner, bool flock_only)
{
    struct file_lock *l, *tmp;
    bool any = false;

    lock(&i->lock);
    list_for_each_safe(l, tmp, &i->locks, link)
    {
        if (l->owner == owner && (!flock_only || l->kind == LOCK_FLOCK)) {
            list_del(&l->link);
            kfree(l);
            any = true;
        }
    }
    unlock(&i->lock);
    if (any)
        waitq_wake_all(&i->lock_wait, 0);
}

void locks_close(struct inode *i, struct files *owner) { drop_owner(i, owner, false); }
void locks_file_gone(struct file *f) { drop_owner(f->inode, f, false); }

/* ---- waiting ---------------------------------------------------------------------------- */

struct blocked {
    struct list link;
    const void *owner, *waits_for;
};

static struct lock blocked_lock;
static struct list blocked_list = LIST_INIT(blocked_list);

static const void *waits_for(const void *owner)
{
    struct blocked *b;

    list_for_each(b, &blocked_list, link)
    {
        if (b->owner == owner)
            return b->waits_for;
    }
    return NULL;
}

/* Registers that `owner` waits for `other`; false if that closes a circle. */
static bool block_on(struct blocked *b, const void *owner, const void *other)
{
    bool ok = true;
    int steps = 0;

    lock(&blocked_lock);
    for (const void *o = other; o && ok && steps < 64; o = waits_for(o), steps++)
        ok = o != owner;
    if (ok) {
        b->owner = owner;
        b->waits_for = other;
        if (list_empty(&b->link))
            list_add(&blocked_list, &b->link);
    }
    unlock(&blocked_lock);
    return ok;
}

static void unblock(struct blocked *b)
{
    lock(&blocked_lock);
    list_del(&b->link);
    unlock(&blocked_lock);
}

/* One attempt under the inode's lock: 0 done, -EAGAIN in the way, -EDEADLK. */
static long try_range(struct inode *i, struct file_lock *new, struct file_lock *spare,
                      struct blocked *b)
{
    struct file_lock *other;
    long rc = 0;

    lock(&i->lock);
    other = find_conflict(i, new);
    if (!other)
        put_range(i, new, spare, true);
    else
        rc = b && new->pid >= 0 && !block_on(b, new->owner, other->owner) ? -EDEADLK : -EAGAIN;
    unlock(&i->lock);
    if (rc == 0)
        waitq_wake_all(&i->lock_wait, 0); /* a downgrade may let others in */
    return rc;
}

/* Takes over new and spare. */
static long lock_range(struct inode *i, struct file_lock *new, struct file_lock *spare, bool wait)
{
    struct blocked b;
    struct waiter w;
    long rc;

    list_init(&b.link);
    waiter_init(&w);
    if (wait)
        waitq_add(&i->lock_wait, &w);
    for (;;) {
        u32 seq = thread_sleep_begin();
        rc = try_range(i, new, spare, wait ? &b : NULL);
        if (rc != -EAGAIN || !wait)
            break;
        rc = thread_sleep(seq, HOST_FOREVER);
        if (rc)
            break;
    }
    if (wait) {
        waitq_remove(&w);
        unblock(&b);
    }
    if (rc) {
        kfree(new);
        kfree(spare);
    }
    return rc == -EINTR ? -ERESTARTSYS : rc;
}

static void unlock_range(struct inode *i, struct file_lock *range, struct file_lock *spare)
{
    lock(&i->lock);
    put_range(i, range, spare, false);
    unlock(&i->lock);
    waitq_wake_all(&i->lock_wait, 0);
}

/* ---- fcntl ------------------------------------------------------------------------------ */

static long to_range(struct file *f, const struct flock *fl, struct file_lock *out)
{
    struct kstat st;
    s64 base = 0;

    if (fl->l_whence == SEEK_CUR) {
        base = (s64)f->pos;
    } else if (fl->l_whence == SEEK_END) {
        long rc = path_getattr(&f->path, &st);
        if (rc)
            return rc;
        base = (s64)st.size;
    } else if (fl->l_whence != SEEK_SET) {
        return -EINVAL;
    }
    s64 start, end;
    if (__builtin_add_overflow(base, fl->l_start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    if (fl->l_len > 0) {
        if (__builtin_add_overflow(start, fl->l_len - 1, &end))
            return -EOVERFLOW;
    } else if (fl->l_len < 0) {
        end = start - 1;
        if (__builtin_add_overflow(start, fl->l_len, &start) || start < 0)
            return -EINVAL;
    } else {
        end = INT64_MAX;
    }
    out->start = (u64)start;
    out->end = (u64)end;
    return 0;
}

static bool is_ofd(u32 cmd)
{
    return cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
}

static long get_lock(struct file *f, struct file_lock *want, struct flock *fl, uptr arg)
{
    struct inode *i = f->inode;

    lock(&i->lock);
    struct file_lock *l = find_conflict(i, want);
    if (l) {
        fl->l_type = l->write ? F_WRLCK : F_RDLCK;
        fl->l_whence = SEEK_SET;
        fl->l_start = (long)l->start;
        fl->l_len = l->end == END_OF_FILE ? 0 : (long)(l->end - l->start + 1);
        fl->l_pid = l->pid;
    } else {
        fl->l_type = F_UNLCK;
    }
    unlock(&i->lock);
    return copy_to_user(arg, fl, sizeof(*fl));
}

static long check_access(struct file *f, u32 cmd, const struct flock *fl)
{
    bool set = cmd != F_GETLK && cmd != F_OFD_GETLK;

    if (fl->l_type != F_RDLCK && fl->l_type != F_WRLCK && (fl->l_type != F_UNLCK || !set)) {
        if (cmd != F_OFD_GETLK || fl->l_type != F_UNLCK)
            return -EINVAL;
    }
    if (is_ofd(cmd) && fl->l_pid)
        return -EINVAL;
    if (set && fl->l_type == F_RDLCK && !(f->fmode & FMODE_READ))
        return -EBADF;
    if (set && fl->l_type == F_WRLCK && !(f->fmode & FMODE_WRITE))
        return -EBADF;
    return 0;
}

long fcntl_lock(struct file *f, u32 cmd, uptr arg)
{
    struct file_lock range = {.kind = LOCK_RANGE}, *new, *spare;
    struct flock fl;
    long rc;

    if (copy_from_user(&fl, arg, sizeof(fl)))
        return -EFAULT;
    rc = check_access(f, cmd, &fl);
    if (rc == 0)
        rc = to_range(f, &fl, &range);
    if (rc)
        return rc;
    range.write = fl.l_type == F_WRLCK;
    range.owner = is_ofd(cmd) ? (const void *)f : current()->proc->files;
    range.pid = is_ofd(cmd) ? -1 : current()->proc->pid;
    if (cmd == F_GETLK || cmd == F_OFD_GETLK)
        return get_lock(f, &range, &fl, arg);
    new = kmalloc(sizeof(*new));
    spare = kmalloc(sizeof(*spare));
    if (!new || !spare) {
        kfree(new);
        kfree(spare);
        return -ENOLCK;
    }
    *new = range;
    if (fl.l_type == F_UNLCK) {
        unlock_range(f->inode, new, spare);
        return 0;
    }
    return lock_range(f->inode, new, spare, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

/* ---- flock ------------------------------------------------------------------------------ */

#define LOCK_SH_ 1
#define LOCK_EX_ 2
#define LOCK_NB_ 4
#define LOCK_UN_ 8

static long flock_file(struct file *f, int op)
{
    struct file_lock *new;

    if (op == LOCK_UN_) {
        drop_owner(f->inode, f, true);
        return 0;
    }
    new = kmalloc(sizeof(*new));
    if (!new)
        return -ENOLCK;
    *new = (struct file_lock){.kind = LOCK_FLOCK,
                              .write = (op & ~LOCK_NB_) == LOCK_EX_,
                              .pid = -1,
                              .owner = f,
                              .end = END_OF_FILE};
    return lock_range(f->inode, new, NULL, !(op & LOCK_NB_));
}

long sys_flock(int fd, int op)
{
    int what = op & ~LOCK_NB_;
    struct file *f;
    long rc;

    if (what != LOCK_SH_ && what != LOCK_EX_ && what != LOCK_UN_)
        return -EINVAL;
    f = fd_get_io(fd);
    if (!f)
        return -EBADF;
    rc = flock_file(f, what == LOCK_UN_ ? what : op);
    file_put(f);
    return rc;
}
