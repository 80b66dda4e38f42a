/* Sending and receiving: sendto, recvfrom, sendmsg, recvmsg, sendmmsg, recvmmsg. */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "freeze.h"
#include "ipc.h"
#include "lib.h"
#include "socket.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define IOV_FAST    8
#define IOV_MAX_    1024
#define CONTROL_MAX 131072 /* net.core.optmem_max */

struct user_msghdr { /* = struct msghdr */
    uptr name;
    s32 name_len;
    u32 pad;
    uptr iov;
    u64 iov_len;
    uptr control;
    u64 control_len;
    u32 flags;
    u32 pad2;
};
struct user_mmsghdr {
    struct user_msghdr hdr;
    u32 len;
    u32 pad;
};

static u32 with_nonblock(const struct file *f, u32 flags)
{
    return flags | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
}

/* Only streams raise the signal. */
static long sent(struct socket *s, long rc, u32 flags)
{
    if (rc == -EPIPE && s->type == SOCK_STREAM && !(flags & MSG_NOSIGNAL))
        ipc_broken_pipe();
    return rc;
}

/* What moves all of its bytes unless something ends it: a save must not be what does. */
static bool sends_whole(const struct socket *s, u32 flags)
{
    return s->type == SOCK_STREAM && !(flags & MSG_DONTWAIT);
}
static bool receives_whole(const struct socket *s, u32 flags)
{
    return s->type == SOCK_STREAM &&
           (flags & (MSG_WAITALL | MSG_DONTWAIT | MSG_PEEK)) == MSG_WAITALL;
}

/* Executed again after a save, it goes on behind what it has moved. */
static size_t go_on_behind(bool whole, struct uio *u)
{
    size_t before = whole ? freeze_moved() : 0;

    uio_advance(u, MIN(before, u->left));
    return before;
}

long sys_sendto(int fd, uptr buf, size_t len, unsigned int flags, uptr addr, int addr_len)
{
    u8 name[SOCKNAME_MAX];
    struct socket *s;
    struct file *f;
    struct uio u;
    struct iov v;
    long rc;

    if (!user_range_ok(buf, MIN(len, 0x7ffff000UL)))
        return -EFAULT;
    rc = socket_lookup(fd, &f, &s);
    if (rc)
        return rc;
    uio_init(&u, &v, buf, MIN(len, 0x7ffff000UL), false);
    struct sockmsg m = {.data = &u, .flags = with_nonblock(f, flags)};
    if (addr) {
        rc = addr_len < 0 || addr_len > (int)SOCKNAME_MAX
                 ? -EINVAL
                 : copy_from_user(name, addr, (size_t)addr_len);
        m.name = name;
        m.name_len = (u32)addr_len;
    }
    bool whole = sends_whole(s, m.flags);
    size_t before = go_on_behind(whole, &u);
    if (!rc)
        rc = sent(s, s->ops->send(s, &m), flags);
    if (whole)
        rc = freeze_partial(before, rc, u.left);
    file_put(f);
    return rc;
}

long sys_recvfrom(int fd, uptr buf, size_t len, unsigned int flags, uptr addr, uptr addr_len)
{
    u8 name[SOCKNAME_MAX];
    struct socket *s;
    struct file *f;
    struct uio u;
    struct iov v;
    long rc;

    if (!user_range_ok(buf, MIN(len, 0x7ffff000UL)))
        return -EFAULT;
    rc = socket_lookup(fd, &f, &s);
    if (rc)
        return rc;
    uio_init(&u, &v, buf, MIN(len, 0x7ffff000UL), false);
    struct sockmsg m = {.data = &u, .name = addr ? name : NULL, .flags = with_nonblock(f, flags)};
    bool whole = receives_whole(s, m.flags);
    size_t before = go_on_behind(whole, &u);
    rc = s->ops->receive(s, &m);
    if (whole)
        rc = freeze_partial(before, rc, u.left);
    if (rc >= 0 && addr) {
        long err = socket_name_to_user(m.name, m.name_len, addr, addr_len);

        rc = err ? err : rc;
    }
    file_put(f);
    return rc;
}

/* ---- with headers -------------------------------------------------------------------- */

struct message {
    struct user_msghdr h;
    struct sockmsg m;
    struct uio u;
    struct iov fast[IOV_FAST], *iov;
    u8 name[SOCKNAME_MAX];
};

static long header_get(struct message *x, uptr msg, const struct file *f, u32 flags)
{
    long rc;

    if (copy_from_user(&x->h, msg, sizeof(x->h)))
        return -EFAULT;
    if (x->h.name_len < 0)
        return -EINVAL;
    if (x->h.iov_len > IOV_MAX_)
        return -EMSGSIZE;
    rc = uio_import(&x->u, x->h.iov, x->h.iov_len, x->fast, &x->iov);
    if (rc < 0)
        return rc;
    x->m = (struct sockmsg){.data = &x->u,
                            .control = x->h.control,
                            .control_len = x->h.control ? x->h.control_len : 0,
                            .flags = with_nonblock(f, flags)};
    return 0;
}

static void header_done(struct message *x)
{
    if (x->iov != x->fast)
        kfree(x->iov);
}

/* Descriptors and the like went with the first bytes. */
static long send_whole(struct socket *s, struct message *x, u32 flags)
{
    size_t before = go_on_behind(true, &x->u);

    if (before)
        x->m.control_len = 0;
    return freeze_partial(before, sent(s, s->ops->send(s, &x->m), flags), x->u.left);
}

/* `last`: if a save ends it half-way, this message is what is sent again. */
static long send_message(struct file *f, struct socket *s, uptr msg, u32 flags, bool last)
{
    struct message x;
    long rc = header_get(&x, msg, f, flags);

    if (rc)
        return rc;
    if (x.h.name && x.h.name_len) {
        x.m.name = x.name;
        x.m.name_len = MIN((u32)x.h.name_len, SOCKNAME_MAX);
        rc = copy_from_user(x.name, x.h.name, x.m.name_len);
    }
    if (!rc && x.m.control_len > CONTROL_MAX)
        rc = -ENOBUFS;
    if (!rc)
        rc = last && sends_whole(s, x.m.flags) ? send_whole(s, &x, flags)
                                               : sent(s, s->ops->send(s, &x.m), flags);
    header_done(&x);
    return rc;
}

static long receive_message(struct file *f, struct socket *s, uptr msg, u32 flags)
{
    struct message x;
    long rc = header_get(&x, msg, f, flags), err = 0;

    if (rc)
        return rc;
    x.m.name = x.h.name ? x.name : NULL;
    rc = s->ops->receive(s, &x.m);
    header_done(&x);
    if (rc < 0)
        return rc;
    if (x.h.name) {
        err |= copy_to_user(x.h.name, x.name, MIN((u32)x.h.name_len, x.m.name_len));
        err |= put_user((s32)x.m.name_len, msg + offsetof(struct user_msghdr, name_len));
    }
    err |= put_user(x.m.out_flags | (flags & MSG_CMSG_CLOEXEC),
                    msg + offsetof(struct user_msghdr, flags));
    err |= put_user(x.h.control ? x.h.control_len - x.m.control_len : 0UL,
                    msg + offsetof(struct user_msghdr, control_len));
    return err ? -EFAULT : rc;
}

long sys_sendmsg(int fd, uptr msg, unsigned int flags)
{
    struct socket *s;
    struct file *f;
    long rc = socket_lookup(fd, &f, &s);

    if (rc)
        return rc;
    rc = send_message(f, s, msg, flags, true);
    file_put(f);
    return rc;
}

long sys_recvmsg(int fd, uptr msg, unsigned int flags)
{
    struct socket *s;
    struct file *f;
    long rc = socket_lookup(fd, &f, &s);

    if (rc)
        return rc;
    rc = receive_message(f, s, msg, flags);
    file_put(f);
    return rc;
}

long sys_sendmmsg(int fd, uptr msgs, unsigned int n, unsigned int flags)
{
    struct socket *s;
    struct file *f;
    u32 done = 0;
    long rc = socket_lookup(fd, &f, &s);

    if (rc)
        return rc;
    for (; done < MIN(n, IOV_MAX_); done++) {
        uptr one = msgs + done * sizeof(struct user_mmsghdr);

        rc = send_message(f, s, one, flags, false);
        if (rc < 0)
            break;
        rc = put_user((u32)rc, one + offsetof(struct user_mmsghdr, len));
        if (rc)
            break;
    }
    file_put(f);
    return done ? (long)done : rc;
}

/* Linux looks at the timeout only between messages; so do we. */
long sys_recvmmsg(int fd, uptr msgs, unsigned int n, unsigned int flags, uptr timeout)
{
    u64 deadline = HOST_FOREVER, ns;
    struct socket *s;
    struct file *f;
    u32 done = 0;
    long rc;

    if (timeout) {
        rc = timespec_from_user(timeout, &ns);
        if (rc)
            return rc;
        deadline = deadline_in(ns);
    }
    rc = socket_lookup(fd, &f, &s);
    if (rc)
        return rc;
    for (; done < MIN(n, IOV_MAX_); done++) {
        uptr one = msgs + done * sizeof(struct user_mmsghdr);

        if (done && deadline != HOST_FOREVER && now_mono() >= deadline)
            break;
        rc = receive_message(f, s, one, flags & ~MSG_WAITFORONE);
        if (rc < 0)
            break;
        rc = put_user((u32)rc, one + offsetof(struct user_mmsghdr, len));
        if (rc)
            break;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
    }
    file_put(f);
    return done ? (long)done : rc;
}
