/* Messages of AF_UNIX: making, charging, queueing, dropping.
 *
 * Dropping a message may close files, one of which may be a socket with a queue of
 * its own, and so on without end: messages with files are put on one list that
 * whoever comes first works off, so that the stack never grows.
 */
#include <linux/errno.h>
#include <linux/poll.h>

#include "lib.h"
#include "piece.h"
#include "unix.h"

static struct {
    struct lock lock;
    bool busy;
    struct unix_msg *first; /* through link.next */
} graveyard;

/* What Linux would account for a message: its buffer, rounded up, and the bookkeeping. */
static u32 charge_of(size_t len)
{
    u32 size = 512;

    while (size < len + 320)
        size *= 2;
    return size + 256;
}

static void memory_put(struct unix_msg *m)
{
    if (m->piece)
        piece_put(m);
    else
        kfree(m);
}

struct unix_msg *unix_msg_new(struct unix_sock *sender, size_t len, struct uio *from)
{
    bool piece = len > PIECE_SIZE / 2 && sizeof(struct unix_msg) + len <= PIECE_SIZE;
    struct unix_msg *m = piece ? piece_get() : kmalloc(sizeof(*m) + len);

    if (!m)
        return ERR_PTR(-ENOBUFS);
    memset(m, 0, sizeof(*m));
    m->piece = piece;
    if (uio_copy_in(m->data, from, len) < len) {
        memory_put(m);
        return ERR_PTR(-EFAULT);
    }
    list_init(&m->link);
    m->len = (u32)len;
    m->charge = charge_of(len);
    m->owner = sender;
    socket_get(&sender->s);
    __atomic_add_fetch(&sender->sent, m->charge, __ATOMIC_ACQ_REL);
    return m;
}

bool unix_writable(struct unix_sock *u) { return (u64)READ_ONCE(u->sent) * 4 <= u->s.opt.sndbuf; }

static void free_now(struct unix_msg *m)
{
    struct unix_sock *owner = m->owner;

    unix_extra_drop(&m->extra);
    __atomic_sub_fetch(&owner->sent, m->charge, __ATOMIC_ACQ_REL);
    if (unix_writable(owner))
        waitq_wake_all(&owner->s.write_wait, POLLOUT | POLLWRNORM | POLLWRBAND);
    unix_put(owner);
    memory_put(m);
}

static void bury(struct unix_msg *m)
{
    lock(&graveyard.lock);
    m->link.next = (struct list *)graveyard.first;
    graveyard.first = m;
    if (graveyard.busy) {
        unlock(&graveyard.lock);
        return;
    }
    graveyard.busy = true;
    while (graveyard.first) {
        m = graveyard.first;
        graveyard.first = (struct unix_msg *)m->link.next;
        unlock(&graveyard.lock);
        free_now(m);
        lock(&graveyard.lock);
    }
    graveyard.busy = false;
    unlock(&graveyard.lock);
}

void unix_msg_free(struct unix_msg *m)
{
    if (m->extra.nfiles)
        bury(m);
    else
        free_now(m);
}

void unix_enqueue(struct unix_sock *to, struct unix_msg *m)
{
    list_add_tail(&to->queue, &m->link);
    to->queued++;
    to->bytes += m->len;
}

void unix_dequeue(struct unix_sock *from, struct unix_msg *m)
{
    list_del(&m->link);
    from->queued--;
    from->bytes -= m->len - m->used;
}

/* Drops everything unread; nobody receives any more. */
void unix_purge(struct unix_sock *u)
{
    for (;;) {
        struct unix_msg *m;

        lock(&u->s.lock);
        m = list_first(&u->queue, struct unix_msg, link);
        if (m)
            unix_dequeue(u, m);
        unlock(&u->s.lock);
        if (!m)
            return;
        unix_msg_free(m);
    }
}

long unix_wait_room(struct unix_sock *u, u32 flags, u64 deadline)
{
    struct socket *s = &u->s;
    u64 timeout = s->opt.send_timeout;
    long rc = socket_error(s);

    if (rc)
        return rc;
    if (s->shutdown & SHUT_WRITE)
        return -EPIPE;
    if (likely(READ_ONCE(u->sent) < s->opt.sndbuf))
        return 0;
    if (flags & MSG_DONTWAIT)
        return -EAGAIN;
    rc = wait_event(&s->write_wait,
                    READ_ONCE(u->sent) < s->opt.sndbuf || (s->shutdown & SHUT_WRITE), deadline);
    if (rc)
        return socket_sleep_error(rc, timeout, deadline);
    return s->shutdown & SHUT_WRITE ? -EPIPE : 0;
}

void unix_sender_name(const struct unix_msg *msg, struct sockmsg *m)
{
    struct unix_sock *u = msg->owner;

    lock(&u->s.lock);
    if (u->addr) {
        m->name_len = u->addr->len;
        memcpy(m->name, u->addr->bytes, u->addr->len);
    }
    unlock(&u->s.lock);
}
