/* Reading and changing attributes, through whatever file system. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/inotify.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "fs.h"

long path_getattr(const struct path_s *p, struct kstat *st)
{
    struct inode *i = p->dentry->inode;

    if (i->ops && i->ops->getattr)
        return i->ops->getattr(p->dentry, i, st);
    inode_getattr(i, st);
    return 0;
}

static u32 events_of(u32 mask)
{
    u32 events = 0;

    if (mask & (ATTR_MODE | ATTR_UID | ATTR_GID))
        events |= IN_ATTRIB;
    if (mask & ATTR_SIZE)
        events |= IN_MODIFY;
    if ((mask & (ATTR_ATIME | ATTR_MTIME)) == (ATTR_ATIME | ATTR_MTIME))
        events |= IN_ATTRIB;
    else if (mask & ATTR_ATIME)
        events |= IN_ACCESS;
    else if (mask & ATTR_MTIME)
        events |= IN_MODIFY;
    return events;
}

long dentry_setattr(struct dentry *d, const struct setattr *a)
{
    struct inode *i = d->inode;
    long rc = i->ops && i->ops->setattr ? i->ops->setattr(d, i, a) : inode_setattr(i, a);

    if (rc == 0 && unlikely(watched(d)))
        notify_child(d, events_of(a->mask));
    return rc;
}

/* Set-user-ID and set-group-ID rights a changed file loses, for the ATTR_MODE part of a
 * change; false if there are none. */
bool privs_to_drop(struct inode *i, struct setattr *a)
{
    u32 mode = a->mask & ATTR_MODE ? a->mode : i->mode & 07777, kill = 0;

    if (S_ISDIR(i->mode))
        return false;
    if (mode & S_ISUID)
        kill |= S_ISUID;
    if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        kill |= S_ISGID;
    if (!kill)
        return false;
    a->mask |= ATTR_MODE;
    a->mode = mode & ~kill;
    return true;
}

/* f is the file it is truncated through, NULL for truncate(2). */
long do_truncate(const struct path_s *p, struct file *f, u64 size)
{
    struct inode *i = p->dentry->inode;
    struct setattr a = {.mask = ATTR_SIZE, .size = size};
    u64 max = current()->proc->rlimits[RLIMIT_FSIZE][0];
    struct kstat st;
    bool writer = f && (f->fmode & FMODE_WRITER);
    long rc;

    if (unlikely(size > max) && path_getattr(p, &st) == 0 && size > st.size) {
        signal_thread(current(), SIGXFSZ, NULL);
        return -EFBIG;
    }
    if (!writer) {
        rc = inode_get_write(i);
        if (rc)
            return rc;
    }
    if (!capable(CAP_FSETID))
        privs_to_drop(i, &a);
    rc = dentry_setattr(p->dentry, &a);
    if (!writer)
        inode_put_write(i);
    return rc;
}
