/* epoll: interest in many files, readiness at the price of the ready ones.
 *
 * An item is one (file, descriptor number) of one epoll.  It sits on the wait queues of its
 * file with a callback that moves it to the epoll's ready list; collecting polls the
 * items there, so what is reported holds now.  Level-triggered items go back to the
 * list's end after being reported, edge-triggered ones come back with the next
 * callback, one-shot ones lose their wanted bits.  Nothing here must be saved but the
 * items: a resume polls each of them once to rebuild the ready list.
 *
 * Items hold no reference on their file; file_put calls epoll_file_gone before it
 * releases the object, and that takes the items away.  Until it has got ep->lock
 * whoever holds that lock may still poll the file.
 *
 * Locks: epoll_graph_lock (an epoll ends, a watched file ends, nesting changes), then
 * ep->lock (outer epoll before the one it watches), then file->epoll_lock; the callback
 * runs under the queue's lock and takes ep->ready_lock alone, then wakes ep's queues.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "epoll.h"
#include "lib.h"
#include "pollwait.h"
#include "syscalls_gen.h"
#include "thread.h"

#define FIRST_BUCKETS 16

struct lock epoll_graph_lock;

/* ---- readiness --------------------------------------------------------------- */

static bool somebody(struct waitq *q) { return READ_ONCE(q->waiters.next) != &q->waiters; }

void epoll_wake(struct epoll *ep)
{
    if (somebody(&ep->wait))
        waitq_wake(&ep->wait, POLLIN, 1);
    if (somebody(&ep->poll_wait))
        waitq_wake_all(&ep->poll_wait, POLLIN | POLLRDNORM);
}

void epoll_ready(struct epitem *item)
{
    struct epoll *ep = item->ep;

    lock(&ep->ready_lock);
    if (list_empty(&item->ready))
        list_add_tail(&ep->ready, &item->ready);
    unlock(&ep->ready_lock);
    epoll_wake(ep);
}

/* Under the queue's lock.  True: an exclusive wake has found its waiter. */
static bool event_came(struct waiter *w, u32 key)
{
    struct epitem *item = container_of(w, struct ep_entry, w)->item;
    struct epoll *ep = item->ep;
    bool wanted, used;

    lock(&ep->ready_lock);
    wanted = (item->events & ~EPOLL_PRIVATE) && (!key || (key & item->events));
    if (wanted && list_empty(&item->ready))
        list_add_tail(&ep->ready, &item->ready);
    unlock(&ep->ready_lock);
    if (!wanted)
        return false;
    used = somebody(&ep->wait);
    epoll_wake(ep);
    return used;
}

u32 epitem_poll(struct epitem *item)
{
    return file_poll(item->file, NULL) & item->events & ~EPOLL_PRIVATE;
}

/* ---- queueing on the file's queues ---------------------------------------------- */

struct ep_table {
    struct poll_table pt;
    struct epitem *item; /* NULL: the file is only to learn what is wanted */
    long error;
};

static struct ep_entry *entry_new(struct epitem *item)
{
    struct ep_entry *e;

    if (item->used < ARRAY_SIZE(item->entries))
        return &item->entries[item->used++];
    e = kmalloc(sizeof(*e));
    if (e) {
        e->next = item->more;
        item->more = e;
    }
    return e;
}

static void queue(struct poll_table *pt, struct waitq *q)
{
    struct ep_table *t = container_of(pt, struct ep_table, pt);
    struct ep_entry *e;

    if (!t->item)
        return;
    e = entry_new(t->item);
    if (!e) {
        t->error = -ENOMEM;
        return;
    }
    waiter_init(&e->w);
    e->w.t = NULL;
    e->w.func = event_came;
    e->w.flags = t->item->events & EPOLLEXCLUSIVE ? WAITER_EXCLUSIVE : 0;
    e->item = t->item;
    waitq_add(q, &e->w);
}

static void entries_remove(struct epitem *item)
{
    for (u32 i = 0; i < item->used; i++)
        waitq_remove(&item->entries[i].w);
    while (item->more) {
        struct ep_entry *e = item->more;

        item->more = e->next;
        waitq_remove(&e->w);
        kfree(e);
    }
}

/* ---- items -------------------------------------------------------------------- */

static struct epitem **bucket_of(struct epoll *ep, int fd)
{
    return &ep->hash[(u32)fd & (ep->buckets - 1)];
}

struct epitem *epitem_find(struct epoll *ep, struct file *f, int fd)
{
    struct epitem *item = *bucket_of(ep, fd);

    while (item && (item->fd != fd || item->file != f))
        item = item->next;
    return item;
}

const void *epoll_watched(struct file *f, u32 fd, u32 skip)
{
    struct epoll *ep = f->private;
    struct epitem *item;
    const void *found;

    if (!file_is_epoll(f))
        return ERR_PTR(-EINVAL);
    lock(&ep->lock);
    item = *bucket_of(ep, (s32)fd);
    while (item && ((u32)item->fd != fd || skip--))
        item = item->next;
    found = item ? item->file : ERR_PTR(-ENOENT);
    unlock(&ep->lock);
    return found;
}

/* Descriptor numbers are dense, so the number itself is the hash. */
static void hash_grow(struct epoll *ep)
{
    u32 old_buckets = ep->buckets;
    struct epitem **old = ep->hash, **bigger = kzalloc(2 * old_buckets * sizeof(*bigger));

    if (!bigger)
        return; /* chains get longer, nothing else */
    ep->hash = bigger;
    ep->buckets = 2 * old_buckets;
    for (u32 i = 0; i < old_buckets; i++) {
        while (old[i]) {
            struct epitem *item = old[i], **b = bucket_of(ep, item->fd);

            old[i] = item->next;
            item->next = *b;
            *b = item;
        }
    }
    kfree(old);
}

static void hash_insert(struct epoll *ep, struct epitem *item)
{
    struct epitem **b;

    if (ep->count >= 2 * ep->buckets)
        hash_grow(ep);
    b = bucket_of(ep, item->fd);
    item->next = *b;
    *b = item;
    ep->count++;
}

long epitem_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
    struct epitem *item = kzalloc(sizeof(*item));
    struct ep_table t = {.pt = {.queue = queue, .events = ev->events}, .item = item};
    u32 mask;

    if (!item)
        return -ENOMEM;
    item->ep = ep;
    item->file = f;
    item->fd = fd;
    item->events = ev->events;
    item->data = ev->data;
    list_init(&item->ready);
    list_init(&item->file_link);
    lock(&f->epoll_lock);
    list_add_tail(&f->epolls, &item->file_link);
    unlock(&f->epoll_lock);
    hash_insert(ep, item);
    mask = file_poll(f, &t.pt) & item->events & ~EPOLL_PRIVATE;
    if (t.error) {
        epitem_remove(item);
        return t.error;
    }
    if (mask)
        epoll_ready(item);
    return 0;
}

void epitem_modify(struct epitem *item, const struct epoll_event *ev)
{
    struct ep_table t = {.pt = {.queue = queue, .events = ev->events}};
    struct epoll *ep = item->ep;

    lock(&ep->ready_lock);
    item->events = ev->events;
    item->data = ev->data;
    unlock(&ep->ready_lock);
    if (file_poll(item->file, &t.pt) & item->events & ~EPOLL_PRIVATE)
        epoll_ready(item);
}

void epitem_remove(struct epitem *item)
{
    struct epoll *ep = item->ep;
    struct epitem **b = bucket_of(ep, item->fd);

    entries_remove(item); /* from here no callback runs */
    lock(&ep->ready_lock);
    list_del(&item->ready);
    unlock(&ep->ready_lock);
    while (*b != item)
        b = &(*b)->next;
    *b = item->next;
    ep->count--;
    lock(&item->file->epoll_lock);
    list_del(&item->file_link);
    unlock(&item->file->epoll_lock);
    kfree(item);
}

/* ---- the file --------------------------------------------------------------------- */

static u32 epoll_file_poll(struct file *f, struct poll_table *pt)
{
    struct epoll *ep = f->private;

    poll_wait(pt, &ep->poll_wait);
    return epoll_collect(ep, 0, 0) > 0 ? POLLIN | POLLRDNORM : 0;
}

static void epoll_release(struct file *f)
{
    struct epoll *ep = f->private;

    lock(&epoll_graph_lock);
    lock(&ep->lock);
    for (u32 i = 0; i < ep->buckets; i++)
        while (ep->hash[i])
            epitem_remove(ep->hash[i]);
    unlock(&ep->lock);
    unlock(&epoll_graph_lock);
    kfree(ep->hash);
    kfree(ep);
}

static void epoll_fdinfo(struct file *f, struct textbuf *b)
{
    struct epoll *ep = f->private;

    lock(&ep->lock);
    for (u32 i = 0; i < ep->buckets; i++)
        for (struct epitem *it = ep->hash[i]; it; it = it->next)
            text_add(b, "tfd: %8d events: %8x data: %16lx  pos:%lu ino:%lx sdev:0\n", it->fd,
                     it->events, it->data, it->file->pos, it->file->inode->ino);
    unlock(&ep->lock);
}

static const struct file_ops epoll_fops = {
    .poll = epoll_file_poll,
    .release = epoll_release,
    .fdinfo = epoll_fdinfo,
};

bool file_is_epoll(struct file *f) { return f->ops == &epoll_fops; }

/* The remover may still be inside epoll_lock when the list is empty already: taking the
 * lock here keeps the file alive until it is out. */
void epoll_file_gone(struct file *f)
{
    bool none;

    lock(&f->epoll_lock);
    none = list_empty(&f->epolls);
    unlock(&f->epoll_lock);
    if (none)
        return;
    lock(&epoll_graph_lock);
    for (;;) {
        struct epitem *item;

        lock(&f->epoll_lock);
        item = list_first(&f->epolls, struct epitem, file_link);
        unlock(&f->epoll_lock);
        if (!item)
            break;
        /* EPOLL_CTL_DEL of this item holds a reference on the file, so nobody but
         * the epoll's own end could take it away, and that waits for the graph lock. */
        struct epoll *ep = item->ep;
        lock(&ep->lock);
        epitem_remove(item);
        unlock(&ep->lock);
    }
    unlock(&epoll_graph_lock);
}

static struct epoll *epoll_new(void)
{
    struct epoll *ep = kzalloc(sizeof(*ep));

    if (!ep)
        return NULL;
    ep->hash = kzalloc(FIRST_BUCKETS * sizeof(*ep->hash));
    if (!ep->hash) {
        kfree(ep);
        return NULL;
    }
    ep->buckets = FIRST_BUCKETS;
    lock_init(&ep->lock);
    lock_init(&ep->ready_lock);
    list_init(&ep->ready);
    waitq_init(&ep->wait);
    waitq_init(&ep->poll_wait);
    return ep;
}

long sys_epoll_create1(int flags)
{
    struct epoll *ep;
    struct file *f;
    long fd;

    if (flags & ~EPOLL_CLOEXEC)
        return -EINVAL;
    ep = epoll_new();
    if (!ep)
        return -ENOMEM;
    f = file_anon("anon_inode:[eventpoll]", &epoll_fops, ep, O_RDWR);
    if (IS_ERR(f)) {
        kfree(ep->hash);
        kfree(ep);
        return PTR_ERR(f);
    }
    ep->file = f;
    fd = fd_install(f, 0, flags & EPOLL_CLOEXEC);
    if (fd < 0)
        file_put(f);
    return fd;
}

long sys_epoll_create(int size) { return size <= 0 ? -EINVAL : sys_epoll_create1(0); }
