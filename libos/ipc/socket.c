/* Sockets: creating, naming, connecting; the file they are seen through.
 *
 * Locking: none here; each family says what socket->lock protects.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "ipc.h"
#include "lib.h"
#include "pollwait.h"
#include "socket.h"
#include "syscalls_gen.h"
#include "usercopy.h"

void socket_init(struct socket *s, u16 family, u16 type, s32 protocol, const struct proto_ops *ops)
{
    s->refs = 1;
    lock_init(&s->lock);
    s->family = family;
    s->type = type;
    s->protocol = protocol;
    s->ops = ops;
    waitq_init(&s->read_wait);
    waitq_init(&s->write_wait);
    s->opt.sndbuf = s->opt.rcvbuf = SOCK_SNDBUF_DEFAULT;
    s->opt.receive_low = 1;
}

long socket_error(struct socket *s)
{
    return -(long)__atomic_exchange_n(&s->error, 0, __ATOMIC_ACQ_REL);
}

struct sockcred current_sockcred(void)
{
    struct thread *t = current();

    return (struct sockcred){t->proc->pid, t->cred.euid, t->cred.egid};
}

u64 socket_deadline(u64 timeout)
{
    if (likely(!timeout))
        return HOST_FOREVER;
    return restart_deadline((u32)current()->regs->orig_rax, deadline_in(timeout));
}

/* A signal ends a call that has a timeout; other business of the library OS (a save, a fork
 * in another thread) must not show: the call goes on with what is left of its time. */
long socket_sleep_error(long rc, u64 timeout, u64 deadline)
{
    if (rc == -ETIMEDOUT)
        return -EAGAIN;
    if (rc != -EINTR)
        return rc;
    if (!timeout)
        return -ERESTARTSYS;
    return signal_pending() ? -EINTR : restart_later((u32)current()->regs->orig_rax, deadline);
}

/* ---- the file ------------------------------------------------------------------ */

static long socket_file_read(struct file *f, struct uio *u, u64 *pos)
{
    struct socket *s = f->private;
    struct sockmsg m = {.data = u, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0};

    return u->left ? s->ops->receive(s, &m) : 0;
}

static long socket_file_write(struct file *f, struct uio *u, u64 *pos)
{
    struct socket *s = f->private;
    struct sockmsg m = {.data = u, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0};
    long rc = s->ops->send(s, &m);

    if (rc == -EPIPE && s->type == SOCK_STREAM)
        ipc_broken_pipe();
    return rc;
}

static u32 socket_file_poll(struct file *f, struct poll_table *pt)
{
    struct socket *s = f->private;

    return s->ops->poll(s, pt);
}

static long socket_file_ioctl(struct file *f, u32 cmd, uptr arg)
{
    struct socket *s = f->private;

    return s->ops->ioctl(s, cmd, arg);
}

static void socket_file_release(struct file *f)
{
    struct socket *s = f->private;

    lock(&s->lock);
    s->file = NULL;
    unlock(&s->lock);
    s->ops->release(s);
    socket_put(s);
}

/* Through /proc/self/fd. */
static long socket_file_open(struct file *f) { return -ENXIO; }

static const struct file_ops socket_fops = {
    .open = socket_file_open,
    .read = socket_file_read,
    .write = socket_file_write,
    .poll = socket_file_poll,
    .ioctl = socket_file_ioctl,
    .release = socket_file_release,
};

struct socket *file_socket(struct file *f) { return f->ops == &socket_fops ? f->private : NULL; }

long socket_send_file(struct file *out, struct file *in, u64 *pos, size_t n)
{
    struct socket *s = file_socket(out);
    long rc;

    if (!s || !s->ops->send_file)
        return -ENOSYS;
    rc = s->ops->send_file(s, in, pos, n, out->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
    if (rc == -EPIPE)
        ipc_broken_pipe();
    return rc;
}

static struct file *socket_file(struct socket *s, u32 flags)
{
    struct file *f = file_anon("socket:", &socket_fops, s, O_RDWR | (flags & O_NONBLOCK));

    if (IS_ERR(f)) {
        s->ops->release(s);
        socket_put(s);
        return f;
    }
    f->inode->mode = S_IFSOCK | 0777;
    f->inode->uid = current()->cred.fsuid;
    f->inode->gid = current()->cred.fsgid;
    s->ino = f->inode->ino;
    s->uid = f->inode->uid;
    s->file = f;
    return f;
}

long socket_install(struct socket *s, u32 flags)
{
    struct file *f = socket_file(s, flags);
    long fd;

    if (IS_ERR(f))
        return PTR_ERR(f);
    fd = fd_install(f, 0, flags & O_CLOEXEC);
    if (fd < 0)
        file_put(f);
    return fd;
}

long socket_lookup(int fd, struct file **file, struct socket **s)
{
    struct file *f = fd_get_io(fd);

    if (!f)
        return -EBADF;
    *s = file_socket(f);
    if (!*s) {
        file_put(f);
        return -ENOTSOCK;
    }
    *file = f;
    return 0;
}

/* ---- creating ------------------------------------------------------------------- */

static struct socket *create(int family, int type, int protocol)
{
    if (family < 0 || family >= AF_MAX)
        return ERR_PTR(-EAFNOSUPPORT);
    if (type <= 0 || type > SOCK_PACKET)
        return ERR_PTR(-EINVAL);
    switch (family) {
    case AF_UNIX:
        return unix_create((u16)type, protocol);
    case AF_INET:
    case AF_INET6:
        return inet_create((u16)family, (u16)type, protocol);
    case AF_NETLINK:
        return netlink_create((u16)type, protocol);
    default:
        return ERR_PTR(-EAFNOSUPPORT);
    }
}

static bool bad_flags(int type) { return type & ~(SOCK_TYPE_MASK | O_CLOEXEC | O_NONBLOCK); }

long sys_socket(int family, int type, int protocol)
{
    struct socket *s;

    if (bad_flags(type))
        return -EINVAL;
    s = create(family, type & SOCK_TYPE_MASK, protocol);
    return IS_ERR(s) ? PTR_ERR(s) : socket_install(s, (u32)type);
}

static void discard(struct socket *s)
{
    s->ops->release(s);
    socket_put(s);
}

static long pair_create(int family, int type, int protocol, struct socket *s[2])
{
    long rc;

    s[0] = create(family, type & SOCK_TYPE_MASK, protocol);
    if (IS_ERR(s[0]))
        return PTR_ERR(s[0]);
    s[1] = create(family, type & SOCK_TYPE_MASK, protocol);
    if (IS_ERR(s[1])) {
        discard(s[0]);
        return PTR_ERR(s[1]);
    }
    rc = s[0]->ops->pair ? s[0]->ops->pair(s[0], s[1]) : -EOPNOTSUPP;
    if (rc) {
        discard(s[0]);
        discard(s[1]);
    }
    return rc;
}

long sys_socketpair(int family, int type, int protocol, uptr fds)
{
    struct socket *s[2];
    s32 fd[2];
    long rc;

    if (bad_flags(type))
        return -EINVAL;
    rc = pair_create(family, type, protocol, s);
    if (rc)
        return rc;
    rc = socket_install(s[0], (u32)type);
    if (rc < 0) {
        discard(s[1]);
        return rc;
    }
    fd[0] = (s32)rc;
    rc = socket_install(s[1], (u32)type);
    if (rc < 0) {
        fd_close(fd[0]);
        return rc;
    }
    fd[1] = (s32)rc;
    if (copy_to_user(fds, fd, sizeof(fd)) == 0)
        return 0;
    fd_close(fd[0]);
    fd_close(fd[1]);
    return -EFAULT;
}

/* ---- names and connections -------------------------------------------------------- */

static long name_from_user(u8 *name, uptr addr, int len)
{
    if (len < 0 || len > (int)SOCKNAME_MAX)
        return -EINVAL;
    return len ? copy_from_user(name, addr, (size_t)len) : 0;
}

long socket_name_to_user(const u8 *name, long len, uptr addr, uptr addr_len)
{
    s32 room;

    if (copy_from_user(&room, addr_len, sizeof(room)))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (room && copy_to_user(addr, name, (size_t)MIN(room, len)))
        return -EFAULT;
    return put_user((s32)len, addr_len);
}

long sys_bind(int fd, uptr addr, int len)
{
    u8 name[SOCKNAME_MAX];
    struct socket *s;
    struct file *f;
    long rc = socket_lookup(fd, &f, &s);

    if (rc)
        return rc;
    rc = name_from_user(name, addr, len);
    if (!rc)
        rc = s->ops->bind(s, name, (u32)len);
    file_put(f);
    return rc;
}

long sys_connect(int fd, uptr addr, int len)
{
    u8 name[SOCKNAME_MAX];
    struct socket *s;
    struct file *f;
    long rc = socket_lookup(fd, &f, &s);

    if (rc)
        return rc;
    rc = name_from_user(name, addr, len);
    if (!rc)
        rc = len < 2 ? -EINVAL : s->ops->connect(s, name, (u32)len, f->flags & O_NONBLOCK);
    file_put(f);
    return rc;
}

long sys_listen(int fd, int backlog)
{
    struct socket *s;
    struct file *f;
    long rc = socket_lookup(fd, &f, &s);

    if (rc)
        return rc;
    backlog = (u32)backlog > 4096 ? 4096 : backlog; /* net.core.somaxconn */
    rc = s->ops->listen(s, backlog);
    file_put(f);
    return rc;
}

/* The file and, if wanted, the name of a connection taken off; an address that can't be
 * written drops it, as on Linux. */
static struct file *accept_file(struct file *f, struct socket *s, uptr addr, uptr addr_len,
                                u32 flags)
{
    struct socket *conn = s->ops->accept(s, f->flags & O_NONBLOCK);
    u8 name[SOCKNAME_MAX];
    struct file *file;
    long len, rc;

    if (IS_ERR(conn))
        return ERR_PTR(PTR_ERR(conn));
    len = addr ? conn->ops->name(conn, name, true) : 0;
    file = socket_file(conn, flags);
    if (IS_ERR(file) || !addr)
        return file;
    rc = len < 0 ? -ECONNABORTED : socket_name_to_user(name, len, addr, addr_len);
    if (!rc)
        return file;
    file_put(file);
    return ERR_PTR(rc);
}

/* The number comes first: where there is none the connection stays in the backlog. */
static long accept_one(struct file *f, struct socket *s, uptr addr, uptr addr_len, u32 flags)
{
    long fd = fd_reserve(0, flags & O_CLOEXEC);
    struct file *file;

    if (fd < 0)
        return fd;
    file = accept_file(f, s, addr, addr_len, flags);
    if (IS_ERR(file)) {
        fd_unreserve((int)fd);
        return PTR_ERR(file);
    }
    fd_publish((int)fd, file);
    return fd;
}

long sys_accept4(int fd, uptr addr, uptr len, int flags)
{
    struct socket *s;
    struct file *f;
    long rc;

    if (flags & ~(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    rc = socket_lookup(fd, &f, &s);
    if (rc)
        return rc;
    rc = accept_one(f, s, addr, len, (u32)flags);
    file_put(f);
    return rc;
}

long sys_accept(int fd, uptr addr, uptr len) { return sys_accept4(fd, addr, len, 0); }

static long get_name(int fd, uptr addr, uptr len, bool peer)
{
    u8 name[SOCKNAME_MAX];
    struct socket *s;
    struct file *f;
    long rc = socket_lookup(fd, &f, &s);

    if (rc)
        return rc;
    rc = s->ops->name(s, name, peer);
    file_put(f);
    return rc < 0 ? rc : socket_name_to_user(name, rc, addr, len);
}

long sys_getsockname(int fd, uptr addr, uptr len) { return get_name(fd, addr, len, false); }
long sys_getpeername(int fd, uptr addr, uptr len) { return get_name(fd, addr, len, true); }

long sys_shutdown(int fd, int how)
{
    struct socket *s;
    struct file *f;
    long rc = socket_lookup(fd, &f, &s);

    if (rc)
        return rc;
    rc = how < 0 || how > 2 ? -EINVAL : s->ops->shutdown(s, (u32)how + 1);
    file_put(f);
    return rc;
}
