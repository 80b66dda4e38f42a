/* Readiness of host streams: one host epoll, one thread that waits there, many wait queues.
 *
 * Streams are watched edge-triggered in the sandbox's host epoll (boot_info.poll_handle)
 * only while somebody waits for them.  The poller, a library-OS thread started at the
 * first use, sleeps there (or another thread in its stead: hostlead.c) and turns each host
 * event into a wake of the stream's queue.
 * An event that finds the queue empty takes the stream out again, so that a stream
 * nobody waits for costs nothing.  Arming re-examines the stream, so readiness that
 * came up between the look and the sleep is reported at once: waiters queue first,
 * arm second, and never miss an edge.
 *
 * Asking "is it ready now?" (poll with timeout 0, a level-triggered epoll look) cannot go
 * through that epoll, because who waits there may have taken the answer and not delivered it
 * yet.  It goes through a second one, boot_info.probe_handle, used under probe_lock:
 * modify the one-shot registration, collect with a zero timeout.
 *
 * Sockets of the network are attached instead: watched for good, edge-triggered, and their
 * owner is told of each edge.  What that means for readiness it keeps itself (net/host.h).
 *
 * Cookies are handle | generation << 32, looked up in a table by handle.  An unknown
 * cookie is the monitor's bell (boot_info.kick_handle).
 *
 * Locks: table_lock, then hostpoll->lock, then waitq->lock.  probe_lock is a leaf.
 */
#include <linux/errno.h>
#include <linux/eventpoll.h>

#include "hostpoll.h"
#include "ipc.h"
#include "kalloc.h"
#include "lib.h"
#include "thread.h"

/* Everything epoll reports except its own flag bits. */
#define EVENT_BITS 0xffffu

static struct {
    struct lock lock;
    struct hostpoll **by_handle;
    u32 size;
    u32 generation;
} watched;

u32 hostpoll_attached;

static struct lock probe_lock;

static long table_grow(u32 handle)
{
    u32 size = ALIGN_UP(handle + 1, 64);
    struct hostpoll **bigger = krealloc(watched.by_handle, size * sizeof(*bigger));

    if (!bigger)
        return -ENOMEM;
    memset(bigger + watched.size, 0, (size - watched.size) * sizeof(*bigger));
    watched.by_handle = bigger;
    watched.size = size;
    return 0;
}

static long enter(struct hostpoll *hp, int handle)
{
    long rc = 0;

    lock_init(&hp->lock);
    waitq_init(&hp->wait);
    hp->handle = handle;
    lock(&watched.lock);
    if ((u32)handle >= watched.size)
        rc = table_grow((u32)handle);
    if (!rc) {
        hp->generation = ++watched.generation;
        watched.by_handle[handle] = hp;
    }
    unlock(&watched.lock);
    return rc;
}

long hostpoll_init(struct hostpoll *hp, int handle)
{
    memset(hp, 0, sizeof(*hp));
    return enter(hp, handle);
}

static u64 cookie_of(const struct hostpoll *hp)
{
    return (u64)hp->generation << 32 | (u32)hp->handle;
}

void hostpoll_destroy(struct hostpoll *hp)
{
    if (hp->notify)
        __atomic_fetch_sub(&hostpoll_attached, 1, __ATOMIC_RELAXED);
    lock(&watched.lock);
    if ((u32)hp->handle < watched.size && watched.by_handle[hp->handle] == hp)
        watched.by_handle[hp->handle] = NULL;
    unlock(&watched.lock);
    if (hp->armed)
        host_watch(boot()->poll_handle, EPOLL_CTL_DEL, hp->handle, 0, 0);
    if (!hp->always && !hp->notify && boot()->probe_handle > 0)
        host_watch(boot()->probe_handle, EPOLL_CTL_DEL, hp->handle, 0, 0);
}

/* ---- events --------------------------------------------------------------- */

/* Called with watched.lock held, so that hp can't go away. */
static void deliver(struct hostpoll *hp, u32 events)
{
    bool idle;

    lock(&hp->lock);
    lock(&hp->wait.lock);
    idle = list_empty(&hp->wait.waiters);
    unlock(&hp->wait.lock);
    if (idle && hp->armed) {
        host_watch(boot()->poll_handle, EPOLL_CTL_DEL, hp->handle, 0, 0);
        hp->armed = 0;
    }
    unlock(&hp->lock);
    if (!idle)
        waitq_wake_all(&hp->wait, events);
}

static void bell(void)
{
    u64 count;
    struct host_iovec v = {&count, sizeof(count)};

    host_read(boot()->kick_handle, &v, 1, HOST_AT_POSITION, HOST_NOWAIT);
    mailbox_poll();
}

static bool hand_out(const struct host_event *ev)
{
    u32 handle = (u32)ev->cookie;
    struct hostpoll *hp = NULL;

    lock(&watched.lock);
    if (handle < watched.size)
        hp = watched.by_handle[handle];
    bool current_one = hp && ev->cookie == cookie_of(hp), told = false;
    if (current_one && hp->notify)
        told = ref_get_unless_zero(hp->refs);
    else if (current_one)
        deliver(hp, ev->events & EVENT_BITS);
    unlock(&watched.lock);
    if (told) {
        hp->notify(hp, ev->events & EVENT_BITS);
        hp->put(hp);
    }
    if (hp || (ev->cookie >> 32 != 0 && ev->cookie != ~0ULL))
        return false;
    bell();
    return true;
}

bool hostpoll_hand_out(const struct host_event *ev, long n)
{
    bool rang = false;

    for (long i = 0; i < n; i++)
        rang |= hand_out(&ev[i]);
    return rang;
}

long hostpoll_attach(struct hostpoll *hp, int handle, u32 events)
{
    long rc = hostpoll_start();

    if (!rc)
        rc = enter(hp, handle);
    if (rc)
        return rc;
    rc = host_watch(boot()->poll_handle, EPOLL_CTL_ADD, handle, events | EPOLLET, cookie_of(hp));
    hp->armed = rc ? 0 : events;
    __atomic_fetch_add(&hostpoll_attached, 1, __ATOMIC_RELAXED);
    if (rc)
        hostpoll_destroy(hp);
    return rc;
}

void hostpoll_again(struct hostpoll *hp)
{
    host_watch(boot()->poll_handle, EPOLL_CTL_MOD, hp->handle, hp->armed | EPOLLET, cookie_of(hp));
}

/* ---- asking --------------------------------------------------------------- */

long hostpoll_arm(struct hostpoll *hp, u32 events)
{
    u32 want;
    int op;
    long rc = hostpoll_start();

    if (rc || hp->always)
        return rc;
    lock(&hp->lock);
    op = hp->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    want = hp->armed | (events & EVENT_BITS) | EPOLLERR | EPOLLHUP;
    rc = host_watch(boot()->poll_handle, op, hp->handle, want | EPOLLET, cookie_of(hp));
    if (rc == 0)
        hp->armed = want;
    else if (rc == -EPERM)
        hp->always = true;
    unlock(&hp->lock);
    return rc == -EPERM ? 0 : rc;
}

/* The answer to the probe of hp among everything the probe epoll reports. */
static u32 probe_collect(struct hostpoll *hp)
{
    struct host_event ev[8];
    long n;

    /* Others in it are answers to earlier probes nobody waits for any more: one-shot,
     * so each is seen once and the loop ends. */
    do {
        n = host_wait_ready(boot()->probe_handle, ev, ARRAY_SIZE(ev), 0);
        for (long i = 0; i < n; i++) {
            if (ev[i].cookie == cookie_of(hp))
                return ev[i].events & EVENT_BITS;
        }
    } while (n == (long)ARRAY_SIZE(ev));
    return 0;
}

u32 hostpoll_probe(struct hostpoll *hp, u32 events)
{
    int probe = boot()->probe_handle;
    u32 want = (events & EVENT_BITS) | EPOLLERR | EPOLLHUP;
    u32 ready;
    long rc;

    if (hp->always || probe <= 0)
        return events & (EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM);
    lock(&probe_lock);
    rc = host_watch(probe, EPOLL_CTL_MOD, hp->handle, want | EPOLLONESHOT, cookie_of(hp));
    if (rc == -ENOENT)
        rc = host_watch(probe, EPOLL_CTL_ADD, hp->handle, want | EPOLLONESHOT, cookie_of(hp));
    ready = rc == 0 ? probe_collect(hp) : 0;
    unlock(&probe_lock);
    if (rc == -EPERM) {
        hp->always = true;
        return hostpoll_probe(hp, events);
    }
    return ready;
}

/* Alone: no lock is held anywhere. */
void hostpoll_resume(void)
{
    hostpoll_lead_reset();
    for (u32 n = 0; n < watched.size; n++) {
        struct hostpoll *hp = watched.by_handle[n];
        if (!hp)
            continue;
        hp->armed = 0;
        hp->always = false;
        if (list_empty(&hp->wait.waiters))
            continue;
        hostpoll_arm(hp, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI);
        waitq_wake_all(&hp->wait, 0);
    }
}
