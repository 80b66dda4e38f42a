/* inotify: programs watch files and directories for changes.
 *
 * An instance (struct group) has a queue of events and a list of watches; a watch ties an
 * inode to an instance and holds a reference on the inode.  The file layer calls
 * fsnotify() after something happened to an inode whose list of watches isn't empty.
 *
 * Locking: `watch_lock` protects all lists of watches, of inodes and of instances, so
 * that an instance found through an inode cannot go away; group->lock, taken inside it,
 * protects the queue.  Inodes are put after both were released.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/poll.h>
#include <linux/stat.h>
#include <asm/ioctls.h>

#include "lib.h"
#include "sysctl.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "usercopy.h"
#include "vfs.h"
#include "watch.h"

#define INOTIFY_BITS                                                                               \
    (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW |       \
     IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

struct event {
    struct list link;
    s32 wd;
    u32 mask, cookie, len; /* len: of the name, 0: none */
    char name[];
};

struct group {
    struct lock lock;
    struct waitq wait;
    struct list events;
    u32 count;
    struct list watches; /* under watch_lock */
    s32 last_wd;
};

struct lock watch_lock;
static u32 instances, watches; /* under watch_lock; all users are one sandbox */
static u32 last_cookie;

u32 fsnotify_cookie(void) { return __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED); }

/* ---- queue ---------------------------------------------------------------------------------- */

static bool same_event(const struct event *e, s32 wd, u32 mask, u32 cookie, const char *name,
                       u32 len)
{
    return e->wd == wd && e->mask == mask && e->cookie == cookie && e->len == len &&
           !memcmp(e->name, name, len);
}

static void append(struct group *g, s32 wd, u32 mask, u32 cookie, const char *name, u32 len)
{
    struct event *e = kmalloc(sizeof(*e) + len + 1);

    if (!e)
        return;
    e->wd = wd;
    e->mask = mask;
    e->cookie = cookie;
    e->len = len;
    memcpy(e->name, name, len);
    e->name[len] = 0;
    list_add_tail(&g->events, &e->link);
    g->count++;
}

/* An event like the last unread one says nothing new.  A full queue gets one last event
 * that tells so. */
static void enqueue(struct group *g, s32 wd, u32 mask, u32 cookie, const char *name)
{
    u32 len = name ? (u32)strlen(name) : 0;
    struct event *last;

    name = name ? name : "";
    lock(&g->lock);
    last = list_empty(&g->events) ? NULL : list_entry(g->events.prev, struct event, link);
    if (last && (last->mask & IN_Q_OVERFLOW))
        goto out;
    if (last && !(mask & IN_IGNORED) && same_event(last, wd, mask, cookie, name, len))
        goto out;
    if (g->count >= sysctl(SYSCTL_INOTIFY_EVENTS))
        append(g, -1, IN_Q_OVERFLOW, 0, "", 0);
    else
        append(g, wd, mask, cookie, name, len);
out:
    unlock(&g->lock);
    waitq_wake_all(&g->wait, POLLIN | POLLRDNORM);
}

/* ---- watches ----------------------------------------------------------------------------------
 */

/* Under watch_lock.  The watch goes to `dead`, for drop_dead. */
static void detach(struct watch *w, struct list *dead)
{
    list_del(&w->of_inode);
    list_del(&w->of_group);
    list_add(dead, &w->of_group);
    watches--;
}

static void drop_dead(struct list *dead)
{
    struct watch *w, *next;

    list_for_each_safe(w, next, dead, of_group)
    {
        inode_put(w->inode);
        kfree(w);
    }
}

static struct watch *find_watch(struct group *g, s32 wd)
{
    struct watch *w;

    list_for_each(w, &g->watches, of_group) if (w->wd == wd) return w;
    return NULL;
}

/* i: whose watches are told; d: the object it happened to (i's own or a child of i);
 * name: of the child, NULL when it happened to i itself. */
void fsnotify(struct inode *i, struct dentry *d, u32 mask, const char *name, u32 cookie)
{
    struct inode *object = name ? (d ? d->inode : NULL) : i;
    u32 isdir = object && S_ISDIR(object->mode) ? IN_ISDIR : 0;
    /* Linux tells of no directory when it is itself that moved or went. */
    u32 shown = mask & (IN_DELETE_SELF | IN_MOVE_SELF) ? mask & ~(u32)IN_ISDIR : mask | isdir;
    bool unlinked = name && d && (d->flags & DENTRY_DELETED);
    struct list dead = LIST_INIT(dead);
    struct watch *w, *next;

    lock(&watch_lock);
    list_for_each_safe(w, next, &i->watches, of_inode)
    {
        bool wanted = (w->mask & mask & IN_ALL_EVENTS) || (mask & IN_UNMOUNT);

        if (!w->group) {
            dnotify_event(w, mask, name);
            continue;
        }
        if (wanted && (w->mask & IN_EXCL_UNLINK) && unlinked && !(mask & IN_DELETE))
            wanted = false;
        if (wanted)
            enqueue(w->group, w->wd, shown, cookie, name);
        if ((wanted && (w->mask & IN_ONESHOT)) || (mask & (IN_DELETE_SELF | IN_UNMOUNT))) {
            enqueue(w->group, w->wd, IN_IGNORED, 0, NULL);
            detach(w, &dead);
        }
    }
    unlock(&watch_lock);
    drop_dead(&dead);
}

/* ---- the file ----------------------------------------------------------------------------------
 */

/* The name is padded with NULs to a multiple of the header, as Linux does. */
static size_t event_size(const struct event *e)
{
    return sizeof(struct inotify_event) +
           (e->len ? ALIGN_UP(e->len + 1, sizeof(struct inotify_event)) : 0);
}

static struct event *take_event(struct group *g, size_t room, long *err)
{
    struct event *e;

    lock(&g->lock);
    e = list_first(&g->events, struct event, link);
    if (e && event_size(e) > room) {
        *err = -EINVAL;
        e = NULL;
    }
    if (e) {
        list_del(&e->link);
        g->count--;
    }
    unlock(&g->lock);
    return e;
}

static bool put_event(struct uio *u, const struct event *e)
{
    struct inotify_event head = {
        .wd = e->wd,
        .mask = e->mask,
        .cookie = e->cookie,
        .len = (u32)(event_size(e) - sizeof(head)),
    };

    return uio_copy_out(u, &head, sizeof(head)) == sizeof(head) &&
           uio_copy_out(u, e->name, e->len) == e->len &&
           uio_zero(u, head.len - e->len) == head.len - e->len;
}

static long inotify_read(struct file *f, struct uio *u, u64 *pos)
{
    struct group *g = f->private;
    long done = 0, err = 0;

    (void)pos;
    for (;;) {
        struct event *e = take_event(g, u->left, &err);

        if (e) {
            size_t n = event_size(e);
            bool ok = put_event(u, e);

            kfree(e);
            if (!ok)
                return done ? done : -EFAULT;
            done += (long)n;
            continue;
        }
        if (done)
            return done;
        if (err)
            return err;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event(&g->wait, !list_empty(&g->events), HOST_FOREVER))
            return -ERESTARTSYS;
    }
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
    struct group *g = f->private;

    poll_wait(pt, &g->wait);
    return READ_ONCE(g->events.next) != &g->events ? POLLIN | POLLRDNORM : 0;
}

static long inotify_ioctl(struct file *f, u32 cmd, uptr arg)
{
    struct group *g = f->private;
    struct event *e;
    int bytes = 0;

    if (cmd != FIONREAD)
        return -ENOTTY;
    lock(&g->lock);
    list_for_each(e, &g->events, link) bytes += (int)event_size(e);
    unlock(&g->lock);
    return put_user(bytes, arg);
}

static void inotify_release(struct file *f)
{
    struct group *g = f->private;
    struct list dead = LIST_INIT(dead);
    struct watch *w, *next;
    struct event *e, *next_event;

    lock(&watch_lock);
    list_for_each_safe(w, next, &g->watches, of_group) detach(w, &dead);
    instances--;
    unlock(&watch_lock);
    drop_dead(&dead);
    list_for_each_safe(e, next_event, &g->events, link) kfree(e);
    kfree(g);
}

static void inotify_fdinfo(struct file *f, struct textbuf *b)
{
    struct group *g = f->private;
    struct watch *w;

    lock(&watch_lock);
    list_for_each(w, &g->watches, of_group)
        text_add(b, "inotify wd:%x ino:%lx sdev:%lx mask:%x ignored_mask:0 \n", (u32)w->wd,
                 w->inode->ino, w->inode->super->dev, w->mask);
    unlock(&watch_lock);
}

static const struct file_ops inotify_fops = {
    .release = inotify_release,
    .read = inotify_read,
    .poll = inotify_poll,
    .ioctl = inotify_ioctl,
    .fdinfo = inotify_fdinfo,
};

/* ---- calls
 * ---------------------------------------------------------------------------------------- */

static bool count_instance(void)
{
    bool ok;

    lock(&watch_lock);
    ok = instances < sysctl(SYSCTL_INOTIFY_INSTANCES);
    instances += ok;
    unlock(&watch_lock);
    return ok;
}

long sys_inotify_init1(int flags)
{
    struct group *g;
    struct file *f;
    long fd;

    if (flags & ~(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    if (!count_instance())
        return -EMFILE;
    g = kzalloc(sizeof(*g));
    f = ERR_PTR(-ENOMEM);
    if (g) {
        waitq_init(&g->wait);
        list_init(&g->events);
        list_init(&g->watches);
        f = file_anon("anon_inode:inotify", &inotify_fops, g, O_RDONLY | (flags & O_NONBLOCK));
    }
    if (IS_ERR(f)) {
        kfree(g);
        lock(&watch_lock);
        instances--;
        unlock(&watch_lock);
        return PTR_ERR(f);
    }
    fd = fd_install(f, 0, flags & O_CLOEXEC);
    if (fd < 0)
        file_put(f);
    return fd;
}

long sys_inotify_init(void) { return sys_inotify_init1(0); }

/* The instance behind fd, with a reference on *f. */
static struct group *get_group(int fd, struct file **f)
{
    *f = fd_get_io(fd);
    if (!*f)
        return ERR_PTR(-EBADF);
    if ((*f)->ops == &inotify_fops)
        return (*f)->private;
    file_put(*f);
    return ERR_PTR(-EINVAL);
}

static u32 kept_mask(u32 mask) { return mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK); }

/* Changes the watch g has on i, or adds `fresh` (taken over, set NULL, when used). */
static long set_watch(struct group *g, struct inode *i, u32 mask, struct watch **fresh)
{
    struct watch *w;
    long rc;

    lock(&watch_lock);
    list_for_each(w, &i->watches, of_inode)
    {
        if (w->group != g)
            continue;
        rc = w->wd;
        if (mask & IN_MASK_CREATE)
            rc = -EEXIST;
        else
            w->mask = kept_mask(mask) | (mask & IN_MASK_ADD ? w->mask : 0);
        goto out;
    }
    rc = -ENOSPC;
    if (watches >= sysctl(SYSCTL_INOTIFY_WATCHES))
        goto out;
    w = *fresh;
    *fresh = NULL;
    w->group = g;
    w->inode = inode_get(i);
    w->mask = kept_mask(mask);
    rc = w->wd = ++g->last_wd;
    list_add_tail(&i->watches, &w->of_inode);
    list_add_tail(&g->watches, &w->of_group);
    watches++;
out:
    unlock(&watch_lock);
    return rc;
}

long sys_inotify_add_watch(int fd, uptr path, unsigned int mask)
{
    u32 flags = mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW;
    struct watch *fresh = NULL;
    struct path_s at;
    struct group *g;
    struct file *f;
    long rc;

    if ((mask & ~(u32)INOTIFY_BITS) || !(mask & INOTIFY_BITS))
        return -EINVAL;
    g = get_group(fd, &f);
    if (IS_ERR(g))
        return PTR_ERR(g);
    rc = -EINVAL;
    if ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE))
        goto out;
    if (mask & IN_ONLYDIR)
        flags |= LOOKUP_DIRECTORY;
    rc = path_lookup_user(AT_FDCWD, path, flags, &at);
    if (rc)
        goto out;
    rc = inode_permission(at.dentry->inode, MAY_READ);
    if (!rc && !(fresh = kzalloc(sizeof(*fresh))))
        rc = -ENOMEM;
    if (!rc)
        rc = set_watch(g, at.dentry->inode, mask, &fresh);
    kfree(fresh);
    path_put(&at);
out:
    file_put(f);
    return rc;
}

long sys_inotify_rm_watch(int fd, int wd)
{
    struct list dead = LIST_INIT(dead);
    struct watch *w;
    struct group *g;
    struct file *f;

    g = get_group(fd, &f);
    if (IS_ERR(g))
        return PTR_ERR(g);
    lock(&watch_lock);
    w = find_watch(g, wd);
    if (w) {
        enqueue(g, wd, IN_IGNORED, 0, NULL);
        detach(w, &dead);
    }
    unlock(&watch_lock);
    drop_dead(&dead);
    file_put(f);
    return w ? 0 : -EINVAL;
}
