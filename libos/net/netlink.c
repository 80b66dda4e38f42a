/* AF_NETLINK sockets: a question sent is answered at once, into the asker's own queue.
 *
 * There is nobody else to talk to: what the sandbox's network looks like (netlink_route.c)
 * and its sockets (netlink_diag.c) never change by themselves, so nothing is multicast.
 *
 * Locking: socket->lock for the queue, receive_lock for the first answer on it; answers are built
 * without a lock.
 */
#include "netlink.h"

#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/poll.h>

#include "lib.h"
#include "usercopy.h"

#define ANSWER_MAX   (16u << 20)
#define PART_MAX     32768u /* of an answer that one receive gives */
#define QUESTION_MAX 65536u
#define SOL_NETLINK_ 270

struct nl_sock {
    struct socket s; /* lock: everything below */
    u32 port, groups;
    u32 flags; /* bit n: option n */
    bool bound;
    struct list queue;        /* struct nl_answer */
    struct lock receive_lock; /* one receiver at a time; held over copies */
};

struct name {
    u16 family, pad;
    u32 port, groups;
};

static struct nl_sock *to_nl(struct socket *s) { return (struct nl_sock *)s; }

/* ---- building answers --------------------------------------------------------------- */

void *nl_put(struct nl_answer *a, u32 n)
{
    u32 size = ALIGN_UP(n, 4);
    void *p;

    if (a->full || a->len + size > a->cap) {
        u32 cap = MAX(a->cap * 2, 4096u);
        u8 *data = a->full || cap > ANSWER_MAX ? NULL : krealloc(a->data, cap);

        if (!data) {
            a->full = true;
            return NULL;
        }
        a->data = data;
        a->cap = cap;
    }
    p = a->data + a->len;
    memset(p, 0, size);
    a->len += size;
    return p;
}

void nl_begin(struct nl_answer *a, const struct nl_question *q, u16 type, u16 flags)
{
    struct nlmsghdr *h;

    a->start = a->len;
    h = nl_put(a, sizeof(*h));
    if (h)
        *h = (struct nlmsghdr){.nlmsg_type = type,
                               .nlmsg_flags = flags,
                               .nlmsg_seq = q->h.nlmsg_seq,
                               .nlmsg_pid = q->port};
}

void nl_attr(struct nl_answer *a, u16 type, const void *data, u32 n)
{
    struct nlattr *attr = nl_put(a, (u32)sizeof(*attr) + n);

    if (!attr)
        return;
    attr->nla_type = type;
    attr->nla_len = (u16)(sizeof(*attr) + n);
    memcpy(attr + 1, data, n);
}

void nl_end(struct nl_answer *a)
{
    struct nlmsghdr *h = (struct nlmsghdr *)(a->data + a->start);

    if (a->full)
        a->len = a->start;
    else
        h->nlmsg_len = a->len - a->start;
}

/* ---- questions -------------------------------------------------------------------------- */

static void acknowledge(const struct nl_question *q, struct nl_answer *a, long rc)
{
    struct {
        s32 error;
        struct nlmsghdr about;
    } * e;

    nl_begin(a, q, NLMSG_ERROR, 0);
    e = nl_put(a, sizeof(*e));
    if (e) {
        e->error = (s32)rc;
        e->about = q->h;
    }
    nl_end(a);
}

static long ask(struct nl_sock *n, const struct nl_question *q, struct nl_answer *a)
{
    if (!(q->h.nlmsg_flags & NLM_F_REQUEST) || q->h.nlmsg_type < NLMSG_MIN_TYPE)
        return 0;
    switch (n->s.protocol) {
    case NETLINK_ROUTE:
        return nl_route(q, a);
    case NETLINK_SOCK_DIAG:
        return nl_diag(q, a);
    default:
        return -EOPNOTSUPP;
    }
}

static void enqueue(struct nl_sock *n, struct nl_answer *a)
{
    if (!a->len) {
        kfree(a->data);
        kfree(a);
        return;
    }
    lock(&n->s.lock);
    list_add_tail(&n->queue, &a->link);
    unlock(&n->s.lock);
    waitq_wake_all(&n->s.read_wait, POLLIN | POLLRDNORM);
}

/* One question: the answer is a datagram of its own, as is the end of a list. */
static long answer(struct nl_sock *n, struct nl_question *q)
{
    bool dump = (q->h.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    struct nl_answer *a = kzalloc(sizeof(*a));
    long rc;

    if (!a)
        return -ENOBUFS;
    rc = ask(n, q, a);
    if (rc || ((q->h.nlmsg_flags & NLM_F_ACK) && !dump)) {
        acknowledge(q, a, rc);
    } else if (dump) {
        nl_begin(a, q, NLMSG_DONE, NLM_F_MULTI);
        nl_put(a, sizeof(s32));
        nl_end(a);
    }
    enqueue(n, a);
    return 0;
}

static long each_question(struct nl_sock *n, const u8 *text, u32 len)
{
    u32 at = 0;
    long rc = 0;

    while (!rc && at + sizeof(struct nlmsghdr) <= len) {
        struct nl_question q = {.port = n->port};

        memcpy(&q.h, text + at, sizeof(q.h));
        if (q.h.nlmsg_len < sizeof(q.h) || q.h.nlmsg_len > len - at)
            break;
        q.body = text + at + sizeof(q.h);
        q.len = q.h.nlmsg_len - (u32)sizeof(q.h);
        rc = answer(n, &q);
        at += ALIGN_UP(q.h.nlmsg_len, 4);
    }
    return rc;
}

/* The process's number, or another where that is taken: nobody sends to it. */
static void autobind(struct nl_sock *n)
{
    static u32 further;

    lock(&n->s.lock);
    if (!n->bound) {
        static u32 last_pid;
        u32 pid = (u32)current()->proc->pid;

        n->port = __atomic_exchange_n(&last_pid, pid, __ATOMIC_RELAXED) == pid
                      ? 0xfffff000 - __atomic_fetch_add(&further, 1, __ATOMIC_RELAXED) % 0x100000
                      : pid;
        n->bound = true;
    }
    unlock(&n->s.lock);
}

static long nl_send(struct socket *s, struct sockmsg *m)
{
    struct nl_sock *n = to_nl(s);
    u32 len = (u32)m->data->left;
    u8 *text;
    long rc;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (m->name_len) {
        const struct name *to = (const struct name *)m->name;

        if (m->name_len < sizeof(*to) || to->family != AF_NETLINK)
            return -EINVAL;
        if (to->port)
            return -ECONNREFUSED;
    }
    if (m->data->left > QUESTION_MAX)
        return -EMSGSIZE;
    autobind(n);
    text = kmalloc(len + 1UL);
    if (!text)
        return -ENOBUFS;
    rc = uio_copy_in(text, m->data, len) < len ? -EFAULT : each_question(n, text, len);
    kfree(text);
    return rc ? rc : (long)len;
}

/* ---- receiving ---------------------------------------------------------------------------- */

/* The whole messages that the next receive gives. */
static u32 part_of(const struct nl_answer *a)
{
    u32 end = a->used;

    while (end < a->len) {
        u32 next = end + ALIGN_UP(((const struct nlmsghdr *)(a->data + end))->nlmsg_len, 4);

        if (next - a->used > PART_MAX && end > a->used)
            break;
        end = next;
    }
    return end - a->used;
}

static struct nl_answer *first_answer(struct nl_sock *n)
{
    struct nl_answer *a;

    lock(&n->s.lock);
    a = list_first(&n->queue, struct nl_answer, link);
    unlock(&n->s.lock);
    return a;
}

static void answer_free(struct nl_answer *a)
{
    kfree(a->data);
    kfree(a);
}

/* Under receive_lock: len bytes of it have been given. */
static void consume(struct nl_sock *n, struct nl_answer *a, u32 len)
{
    a->used += len;
    if (a->used < a->len)
        return;
    lock(&n->s.lock);
    list_del(&a->link);
    unlock(&n->s.lock);
    answer_free(a);
}

static long give(struct nl_sock *n, struct sockmsg *m, struct nl_answer *a)
{
    u32 whole = part_of(a);
    size_t part = MIN(m->data->left, whole);

    if (uio_copy_out(m->data, a->data + a->used, part) < part)
        return -EFAULT;
    if (part < whole)
        m->out_flags |= MSG_TRUNC;
    if (m->name) {
        struct name from = {.family = AF_NETLINK};

        memcpy(m->name, &from, sizeof(from));
        m->name_len = sizeof(from);
    }
    if (n->flags & 1u << NETLINK_PKTINFO && m->control_len) {
        u32 group = 0;
        cmsg_put(m, SOL_NETLINK_, NETLINK_PKTINFO, &group, sizeof(group));
    }
    if (!(m->flags & MSG_PEEK))
        consume(n, a, whole);
    return m->flags & MSG_TRUNC ? (long)whole : (long)part;
}

static long nl_receive(struct socket *s, struct sockmsg *m)
{
    struct nl_sock *n = to_nl(s);
    u64 timeout = s->opt.receive_timeout, deadline = socket_deadline(timeout);
    struct nl_answer *a;
    long rc;

    for (;;) {
        lock(&n->receive_lock);
        a = first_answer(n);
        rc = a ? give(n, m, a) : 0;
        unlock(&n->receive_lock);
        if (a)
            return rc;
        if (m->flags & MSG_DONTWAIT)
            return -EAGAIN;
        rc = wait_event(&s->read_wait, !list_empty(&n->queue), deadline);
        if (rc)
            return socket_sleep_error(rc, timeout, deadline);
    }
}

/* ---- the rest ------------------------------------------------------------------------------ */

static long nl_bind(struct socket *s, const u8 *name, u32 len)
{
    struct nl_sock *n = to_nl(s);
    struct name want;

    if (len < sizeof(want))
        return -EINVAL;
    memcpy(&want, name, sizeof(want));
    if (want.family != AF_NETLINK)
        return -EINVAL;
    if (n->bound && want.port && want.port != n->port)
        return -EINVAL;
    if (!n->bound && want.port) {
        n->port = want.port;
        n->bound = true;
    }
    autobind(n);
    n->groups = want.groups;
    return 0;
}

static long nl_connect(struct socket *s, const u8 *name, u32 len, bool nonblock)
{
    if (*(const u16 *)name == AF_UNSPEC) {
        s->state = SS_FREE;
        return 0;
    }
    if (*(const u16 *)name != AF_NETLINK || len < sizeof(struct name))
        return -EINVAL;
    autobind(to_nl(s));
    s->state = SS_CONNECTED;
    return 0;
}

static long nl_name(struct socket *s, u8 *name, bool peer)
{
    struct nl_sock *n = to_nl(s);
    struct name own = {.family = AF_NETLINK};

    if (!peer) {
        own.port = n->port;
        own.groups = n->groups;
    }
    memcpy(name, &own, sizeof(own));
    return sizeof(own);
}

static u32 nl_poll(struct socket *s, struct poll_table *pt)
{
    u32 mask = POLLOUT | POLLWRNORM;

    poll_wait(pt, &s->read_wait);
    if (!list_empty(&to_nl(s)->queue))
        mask |= POLLIN | POLLRDNORM;
    return mask | (s->error ? POLLERR : 0);
}

static long nl_ioctl(struct socket *s, u32 cmd, uptr arg) { return interface_ioctl(cmd, arg); }

static long nl_set_option(struct socket *s, int level, int name, uptr val, u32 len)
{
    struct nl_sock *n = to_nl(s);
    s32 on;

    if (level != SOL_NETLINK_)
        return -ENOPROTOOPT;
    if (len < sizeof(on))
        return -EINVAL;
    if (copy_from_user(&on, val, sizeof(on)))
        return -EFAULT;
    if (name < NETLINK_ADD_MEMBERSHIP || name > NETLINK_GET_STRICT_CHK)
        return -ENOPROTOOPT;
    if (name == NETLINK_ADD_MEMBERSHIP || name == NETLINK_DROP_MEMBERSHIP)
        return on > 0 ? 0 : -EINVAL;
    n->flags = on ? n->flags | 1u << name : n->flags & ~(1u << name);
    return 0;
}

static long nl_get_option(struct socket *s, int level, int name, uptr val, uptr len)
{
    s32 on;

    if (level != SOL_NETLINK_ || name < NETLINK_PKTINFO || name > NETLINK_GET_STRICT_CHK)
        return -ENOPROTOOPT;
    on = (s32)(to_nl(s)->flags >> name & 1);
    return socket_option_give(&on, sizeof(on), val, len);
}

static long nl_shutdown(struct socket *s, u32 how) { return -EOPNOTSUPP; }
static long nl_listen(struct socket *s, int backlog) { return -EOPNOTSUPP; }
static struct socket *nl_accept(struct socket *s, bool nonblock) { return ERR_PTR(-EOPNOTSUPP); }
static void nl_release(struct socket *s) {}

static void nl_destroy(struct socket *s)
{
    struct nl_answer *a, *next;

    list_for_each_safe(a, next, &to_nl(s)->queue, link) answer_free(a);
    kfree(s);
}

static const struct proto_ops netlink_ops = {
    .release = nl_release,
    .destroy = nl_destroy,
    .bind = nl_bind,
    .connect = nl_connect,
    .listen = nl_listen,
    .accept = nl_accept,
    .name = nl_name,
    .send = nl_send,
    .receive = nl_receive,
    .shutdown = nl_shutdown,
    .poll = nl_poll,
    .ioctl = nl_ioctl,
    .set_option = nl_set_option,
    .get_option = nl_get_option,
};

/* ---- for mq_notify ------------------------------------------------------------------------- */

bool netlink_is(struct file *f)
{
    struct socket *s = file_socket(f);

    return s && s->ops == &netlink_ops;
}

void netlink_push(struct file *f, const void *data, u32 len)
{
    struct nl_sock *n = to_nl(file_socket(f));
    struct nl_answer *a = kzalloc(sizeof(*a));

    if (a)
        a->data = kmalloc(len);
    if (!a || !a->data) {
        kfree(a);
        return;
    }
    memcpy(a->data, data, len);
    a->len = a->cap = len;
    lock(&n->s.lock);
    list_add_tail(&n->queue, &a->link);
    unlock(&n->s.lock);
    waitq_wake_all(&n->s.read_wait, POLLIN | POLLRDNORM);
}

struct socket *netlink_create(u16 type, int protocol)
{
    struct nl_sock *n;

    if (type != SOCK_RAW && type != SOCK_DGRAM)
        return ERR_PTR(-ESOCKTNOSUPPORT);
    if (protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG &&
        protocol != NETLINK_KOBJECT_UEVENT)
        return ERR_PTR(-EPROTONOSUPPORT);
    n = kzalloc(sizeof(*n));
    if (!n)
        return ERR_PTR(-ENOMEM);
    socket_init(&n->s, AF_NETLINK, type, protocol, &netlink_ops);
    list_init(&n->queue);
    return &n->s;
}
