/* epoll_ctl(2), and how deep epolls may watch epolls. */
#include <linux/errno.h>

#include "epoll.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define EXCLUSIVE_OK                                                                               \
    (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

/* Longest chain of epolls below ep; more than EPOLL_MAX_NESTS if it contains `root`.  The graph
 * lock keeps chains from growing; each epoll's own lock its items from going. */
static int depth_below(struct epoll *ep, const struct epoll *root, int level)
{
    int deepest = 0;

    if (ep == root || level > EPOLL_MAX_NESTS)
        return EPOLL_MAX_NESTS + 1;
    lock(&ep->lock);
    for (u32 i = 0; i < ep->buckets; i++) {
        for (struct epitem *it = ep->hash[i]; it; it = it->next) {
            if (!file_is_epoll(it->file))
                continue;
            int d = 1 + depth_below(it->file->private, root, level + 1);
            deepest = MAX(deepest, d);
        }
    }
    unlock(&ep->lock);
    return deepest;
}

/* Longest chain of epolls that watch ep.  The file's epoll_lock keeps the items, the graph lock
 * the epolls they belong to. */
static int depth_above(struct epoll *ep, int level)
{
    struct epitem *it;
    int deepest = 0;

    if (level > EPOLL_MAX_NESTS)
        return level;
    lock(&ep->file->epoll_lock);
    list_for_each(it, &ep->file->epolls, file_link) deepest =
        MAX(deepest, 1 + depth_above(it->ep, level + 1));
    unlock(&ep->file->epoll_lock);
    return deepest;
}

bool epoll_would_loop(struct epoll *ep, struct epoll *target)
{
    int below = depth_below(target, ep, 0);

    return below > EPOLL_MAX_NESTS || below + 1 + depth_above(ep, 0) > EPOLL_MAX_NESTS;
}

static long apply(struct epoll *ep, int op, struct file *f, int fd, struct epoll_event *ev)
{
    struct epitem *item = epitem_find(ep, f, fd);

    ev->events |= EPOLLERR | EPOLLHUP;
    switch (op) {
    case EPOLL_CTL_ADD:
        return item ? -EEXIST : epitem_add(ep, f, fd, ev);
    case EPOLL_CTL_DEL:
        if (!item)
            return -ENOENT;
        epitem_remove(item);
        return 0;
    case EPOLL_CTL_MOD:
        if (!item)
            return -ENOENT;
        if (item->events & EPOLLEXCLUSIVE)
            return -EINVAL;
        epitem_modify(item, ev);
        return 0;
    }
    return -EINVAL;
}

static long check(struct file *epf, struct file *f, int op, const struct epoll_event *ev)
{
    if (!f->ops->poll)
        return -EPERM;
    if (f == epf || !file_is_epoll(epf))
        return -EINVAL;
    if (op != EPOLL_CTL_DEL && (ev->events & EPOLLEXCLUSIVE)) {
        if (op == EPOLL_CTL_MOD)
            return -EINVAL;
        if (op == EPOLL_CTL_ADD && (file_is_epoll(f) || (ev->events & ~EXCLUSIVE_OK)))
            return -EINVAL;
    }
    return 0;
}

static long control(struct file *epf, int op, struct file *f, int fd, struct epoll_event *ev)
{
    bool nesting = op == EPOLL_CTL_ADD && file_is_epoll(f);
    struct epoll *ep;
    long rc = check(epf, f, op, ev);

    if (rc)
        return rc;
    ep = epf->private;
    if (nesting) {
        lock(&epoll_graph_lock);
        if (epoll_would_loop(ep, f->private))
            rc = -ELOOP;
    }
    if (!rc) {
        lock(&ep->lock);
        rc = apply(ep, op, f, fd, ev);
        unlock(&ep->lock);
    }
    if (nesting)
        unlock(&epoll_graph_lock);
    return rc;
}

long sys_epoll_ctl(int epfd, int op, int fd, uptr event)
{
    struct epoll_event ev = {0};
    struct file *epf, *f;
    long rc = -EBADF;

    if (op != EPOLL_CTL_DEL && copy_from_user(&ev, event, sizeof(ev)))
        return -EFAULT;
    ev.events &= ~EPOLLWAKEUP;
    epf = fd_get_io(epfd);
    if (!epf)
        return -EBADF;
    f = fd_get_io(fd);
    if (f) {
        rc = control(epf, op, f, fd, &ev);
        file_put(f);
    }
    file_put(epf);
    return rc;
}
