/* epoll_wait(2) and its relatives. */
#include <linux/errno.h>

#include "../../abi/host_abi.h"
#include "epoll.h"
#include "ipc.h"
#include "pollwait.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define MAX_EVENTS (0x7fffffff / sizeof(struct epoll_event))

static void splice_all(struct epoll *ep, struct list *to)
{
    list_init(to);
    lock(&ep->ready_lock);
    if (!list_empty(&ep->ready)) {
        *to = ep->ready;
        to->next->prev = to;
        to->prev->next = to;
        list_init(&ep->ready);
    }
    unlock(&ep->ready_lock);
}

/* What was not looked at goes back to the front, in its order. */
static void put_back(struct epoll *ep, struct list *rest)
{
    lock(&ep->ready_lock);
    if (!list_empty(rest)) {
        rest->prev->next = ep->ready.next;
        ep->ready.next->prev = rest->prev;
        rest->next->prev = &ep->ready;
        ep->ready.next = rest->next;
        list_init(rest);
    }
    unlock(&ep->ready_lock);
}

static void list_front(struct epoll *ep, struct epitem *item, bool front)
{
    lock(&ep->ready_lock);
    list_del(&item->ready); /* a callback may have put it at the end meanwhile */
    if (front)
        list_add(&ep->ready, &item->ready);
    else
        list_add_tail(&ep->ready, &item->ready);
    unlock(&ep->ready_lock);
}

/* One item taken off the list: 1 if reported, 0 if it isn't ready, -EFAULT. */
static long report(struct epoll *ep, struct epitem *item, uptr to)
{
    struct epoll_event ev = {.events = epitem_poll(item), .data = item->data};

    if (!ev.events)
        return 0;
    if (copy_to_user(to, &ev, sizeof(ev))) {
        list_front(ep, item, true);
        return -EFAULT;
    }
    if (item->events & EPOLLONESHOT) {
        lock(&ep->ready_lock);
        item->events &= EPOLL_PRIVATE;
        unlock(&ep->ready_lock);
    } else if (!(item->events & EPOLLET)) {
        list_front(ep, item, false);
    }
    return 1;
}

/* poll of an epoll: is any item on the list ready?  Those that aren't leave it. */
static long any_ready(struct epoll *ep)
{
    long found = 0;

    lock(&ep->lock);
    while (!found) {
        struct epitem *item;

        lock(&ep->ready_lock);
        item = list_first(&ep->ready, struct epitem, ready);
        if (item)
            list_del(&item->ready);
        unlock(&ep->ready_lock);
        if (!item)
            break;
        found = epitem_poll(item) != 0;
        if (found)
            list_front(ep, item, true);
    }
    unlock(&ep->lock);
    return found;
}

long epoll_collect(struct epoll *ep, uptr events, u32 max)
{
    struct list batch;
    u32 done = 0;
    long rc = 0;

    if (list_empty(&ep->ready))
        return 0;
    if (max == 0)
        return any_ready(ep);
    lock(&ep->lock);
    splice_all(ep, &batch);
    while (done < max && rc >= 0) {
        struct epitem *item;

        lock(&ep->ready_lock);
        item = list_first(&batch, struct epitem, ready);
        if (item)
            list_del(&item->ready);
        unlock(&ep->ready_lock);
        if (!item)
            break;
        rc = report(ep, item, events + done * sizeof(struct epoll_event));
        done += rc > 0;
    }
    put_back(ep, &batch);
    unlock(&ep->lock);
    /* More for others to fetch; no news for who polls the epoll itself. */
    if (!list_empty(&ep->ready) && !list_empty(&ep->wait.waiters))
        waitq_wake(&ep->wait, POLLIN, 1);
    return done ? (long)done : rc;
}

/* Events, 0 when the time is up, -EINTR or another error. */
static long wait_for_events(struct epoll *ep, uptr events, u32 max, u64 deadline)
{
    struct waiter w;
    long n = epoll_collect(ep, events, max), rc = 0;

    if (n == 0 && deadline == POLL_NOW && hostpoll_drain())
        return epoll_collect(ep, events, max);
    if (n || deadline == POLL_NOW)
        return n;
    waiter_init(&w);
    w.flags = WAITER_EXCLUSIVE;
    waitq_add(&ep->wait, &w);
    for (;;) {
        u32 seq = thread_sleep_begin();

        n = epoll_collect(ep, events, max);
        if (n || rc)
            break;
        rc = hostpoll_sleep(seq, deadline);
    }
    waitq_remove(&w);
    if (n)
        return n;
    return rc == -ETIMEDOUT ? 0 : rc;
}

static long do_wait(int epfd, uptr events, int max, u64 deadline)
{
    struct file *f;
    long rc = -EINVAL;

    if (max <= 0 || (u32)max > MAX_EVENTS)
        return -EINVAL;
    if (!user_range_ok(events, (size_t)max * sizeof(struct epoll_event)))
        return -EFAULT;
    f = fd_get_io(epfd);
    if (!f)
        return -EBADF;
    if (file_is_epoll(f))
        rc = wait_for_events(f->private, events, (u32)max, deadline);
    file_put(f);
    return rc;
}

/* A signal ends epoll_wait for good; other business of the library OS (a save, a fork
 * in another thread) must not show: the call goes on with its deadline. */
static long interrupted(long rc, u32 nr, u64 deadline)
{
    if (rc != -EINTR || signal_pending())
        return rc;
    return restart_later(nr, deadline);
}

long sys_epoll_wait(int epfd, uptr events, int maxevents, int timeout)
{
    u64 fresh = timeout < 0 ? HOST_FOREVER : poll_deadline((u64)timeout * 1000000);
    u64 deadline = restart_deadline(NR_epoll_wait, fresh);
    long rc = do_wait(epfd, events, maxevents, deadline);

    return interrupted(rc, NR_epoll_wait, deadline);
}

static long wait_masked(int epfd, uptr events, int max, u64 fresh, uptr mask, size_t size, u32 nr)
{
    u64 deadline = restart_deadline(nr, fresh);
    long rc = sigmask_enter(mask, size);

    if (rc)
        return rc;
    rc = interrupted(do_wait(epfd, events, max, deadline), nr, deadline);
    sigmask_leave(rc);
    return rc;
}

long sys_epoll_pwait(int epfd, uptr events, int maxevents, int timeout, uptr sigmask, size_t size)
{
    u64 deadline = timeout < 0 ? HOST_FOREVER : poll_deadline((u64)timeout * 1000000);

    return wait_masked(epfd, events, maxevents, deadline, sigmask, size, NR_epoll_pwait);
}

long sys_epoll_pwait2(int epfd, uptr events, int maxevents, uptr timeout, uptr sigmask, size_t size)
{
    u64 deadline;
    long rc = poll_deadline_user(timeout, &deadline);

    if (rc)
        return rc;
    return wait_masked(epfd, events, maxevents, deadline, sigmask, size, NR_epoll_pwait2);
}
