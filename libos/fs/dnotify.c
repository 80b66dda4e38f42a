/* F_NOTIFY: a signal to who asked when something happens in an open directory.
 *
 * A watch on the directory's inode (fs/watch.h), at most one for an open directory.  It goes
 * when the process that set it closes a descriptor of the directory, or with the last one.
 * A watch for one event stays, without a mask, and may be set again.  The signal is O_ASYNC's
 * affair: fs/async.c sends it when the thread that caused the event leaves its call.
 *
 * Locking: watch_lock (fs/inotify.c).  file->dnotify is set once, under it, and freed with
 * the file.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/stat.h>

#include "fs.h"
#include "lib.h"
#include "thread.h"
#include "watch.h"

struct dnotify {
    struct watch watch;
    struct file *file;
    struct files *owner; /* descriptors of who set it; compared only */
};

static u32 events_of(u32 arg)
{
    return (arg & DN_ACCESS ? IN_ACCESS : 0) | (arg & DN_MODIFY ? IN_MODIFY : 0) |
           (arg & DN_CREATE ? IN_CREATE | IN_MOVED_TO : 0) |
           (arg & DN_DELETE ? IN_DELETE | IN_MOVED_FROM : 0) |
           (arg & DN_RENAME ? NOTIFY_RENAMED : 0) | (arg & DN_ATTRIB ? IN_ATTRIB : 0) |
           (arg & DN_MULTISHOT ? (u32)DN_MULTISHOT : 0);
}

void dnotify_event(struct watch *w, u32 mask, bool child)
{
    struct dnotify *dn = container_of(w, struct dnotify, watch);

    if (!(w->mask & mask & ~(u32)DN_MULTISHOT) || (!child && !S_ISDIR(w->inode->mode)))
        return;
    async_message(dn->file);
    if (!(w->mask & (u32)DN_MULTISHOT))
        w->mask = 0;
}

/* Takes `fresh` over if f has none yet. */
static struct dnotify *attach(struct file *f, struct dnotify *fresh)
{
    struct dnotify *dn = f->dnotify;

    if (dn)
        return dn;
    fresh->file = f;
    fresh->watch.inode = f->inode;
    list_add_tail(&f->inode->watches, &fresh->watch.of_inode);
    f->dnotify = fresh;
    return fresh;
}

long file_notify(struct file *f, int fd, u32 arg)
{
    struct dnotify *fresh, *dn;
    long rc;

    if (!(arg & ~(u32)DN_MULTISHOT)) {
        dnotify_close(f, current()->proc->files);
        return 0;
    }
    if (!S_ISDIR(f->inode->mode))
        return -ENOTDIR;
    fresh = kzalloc(sizeof(*fresh));
    rc = fresh ? async_begin_messages(f, fd) : -ENOMEM;
    if (rc == 0) {
        lock(&watch_lock);
        dn = attach(f, fresh);
        dn->watch.mask |= events_of(arg);
        dn->owner = current()->proc->files;
        if (dn == fresh)
            fresh = NULL;
        unlock(&watch_lock);
    }
    kfree(fresh);
    return rc;
}

void dnotify_close(struct file *f, const struct files *owner)
{
    struct dnotify *dn;

    lock(&watch_lock);
    dn = f->dnotify;
    if (dn && dn->owner == owner)
        dn->watch.mask = 0;
    unlock(&watch_lock);
}

void dnotify_file_gone(struct file *f)
{
    struct dnotify *dn;

    lock(&watch_lock);
    dn = f->dnotify;
    f->dnotify = NULL;
    if (dn)
        list_del(&dn->watch.of_inode);
    unlock(&watch_lock);
    kfree(dn);
}
