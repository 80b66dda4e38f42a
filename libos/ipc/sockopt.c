/* setsockopt(2) and getsockopt(2): the options of SOL_SOCKET. */
#include <asm/socket.h>
#include <linux/errno.h>

#include "lib.h"
#include "socket.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define SNDBUF_MIN     4608u
#define RCVBUF_MIN     2304u
#define BUF_MAX        212992u /* net.core.[rw]mem_max */
#define CAP_NET_ADMIN_ 12

/* On or off, without an effect of their own beyond what the family makes of them. */
static bool is_switch(int name)
{
    switch (name) {
    case SO_DEBUG:
    case SO_REUSEADDR:
    case SO_DONTROUTE:
    case SO_BROADCAST:
    case SO_KEEPALIVE:
    case SO_OOBINLINE:
    case SO_NO_CHECK:
    case SO_REUSEPORT:
    case SO_PASSCRED:
    case SO_TIMESTAMP_OLD:
    case SO_TIMESTAMPNS_OLD:
    case SO_RXQ_OVFL:
    case SO_ZEROCOPY:
        return true;
    default:
        return false;
    }
}

static long set_timeout(u64 *to, uptr val, u32 len)
{
    struct timeval_k tv;

    if (len < sizeof(tv))
        return -EINVAL;
    if (copy_from_user(&tv, val, sizeof(tv)))
        return -EFAULT;
    if (tv.usec < 0 || tv.usec >= 1000000)
        return -EDOM;
    if (tv.sec < 0 || tv.sec > (s64)(~0ULL / 2 / NSEC))
        *to = tv.sec < 0 ? 1 : 0; /* negative: over at once; huge: never */
    else
        *to = (u64)tv.sec * NSEC + (u64)tv.usec * 1000;
    return 0;
}

static long set_linger(struct socket *s, uptr val, u32 len)
{
    s32 linger[2];

    if (len < sizeof(linger))
        return -EINVAL;
    if (copy_from_user(linger, val, sizeof(linger)))
        return -EFAULT;
    s->opt.linger_on = linger[0] != 0;
    s->opt.linger_seconds = linger[1];
    return 0;
}

static u32 buffer_size(s32 val, u32 least, bool force)
{
    u32 v = force ? (u32)MAX(val, 0) : MIN((u32)val, BUF_MAX);

    return MAX(MIN(v, 0x3fffffffu) * 2, least);
}

static long set_number(struct socket *s, int name, s32 val)
{
    switch (name) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
        if (name == SO_SNDBUFFORCE && !capable(CAP_NET_ADMIN_))
            return -EPERM;
        s->opt.sndbuf = buffer_size(val, SNDBUF_MIN, name == SO_SNDBUFFORCE);
        waitq_wake_all(&s->write_wait, 0);
        return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        if (name == SO_RCVBUFFORCE && !capable(CAP_NET_ADMIN_))
            return -EPERM;
        s->opt.rcvbuf = buffer_size(val, RCVBUF_MIN, name == SO_RCVBUFFORCE);
        return 0;
    case SO_RCVLOWAT:
        s->opt.receive_low = val < 0 ? 0x7fffffff : val ? val : 1;
        return 0;
    case SO_PRIORITY:
        s->opt.priority = val;
        return 0;
    case SO_MARK:
        if (!capable(CAP_NET_ADMIN_))
            return -EPERM;
        s->opt.mark = val;
        return 0;
    case SO_TYPE:
    case SO_PROTOCOL:
    case SO_DOMAIN:
    case SO_ERROR:
        return -ENOPROTOOPT;
    }
    if (!is_switch(name))
        return -ENOPROTOOPT;
    if (name == SO_REUSEPORT && s->family == AF_UNIX && val)
        return -EOPNOTSUPP;
    if (val)
        s->opt.flags |= 1ULL << name;
    else
        s->opt.flags &= ~(1ULL << name);
    return 0;
}

/* There is one device that everything goes through. */
static long bind_to_device(uptr val, u32 len)
{
    char name[16] = {0};

    if (copy_from_user(name, val, MIN(len, sizeof(name) - 1)))
        return -EFAULT;
    return !name[0] || !strcmp(name, "lo") ? 0 : -ENODEV;
}

long socket_option_set(struct socket *s, int name, uptr val, u32 len)
{
    s32 number;

    switch (name) {
    case SO_BINDTODEVICE:
        return bind_to_device(val, len);
    case SO_LINGER:
        return set_linger(s, val, len);
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return set_timeout(&s->opt.receive_timeout, val, len);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return set_timeout(&s->opt.send_timeout, val, len);
    }
    if (len < sizeof(number))
        return -EINVAL;
    if (copy_from_user(&number, val, sizeof(number)))
        return -EFAULT;
    return set_number(s, name, number);
}

/* ---- getting -------------------------------------------------------------------------- */

/* As many bytes as there is room for, and how many that were. */
long socket_option_give(const void *from, u32 n, uptr val, uptr len)
{
    s32 room;

    if (copy_from_user(&room, len, sizeof(room)))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    n = MIN(n, (u32)room);
    if (copy_to_user(val, from, n))
        return -EFAULT;
    return put_user((s32)n, len);
}

static long give_timeout(u64 ns, uptr val, uptr len)
{
    struct timeval_k tv = {(s64)(ns / NSEC), (s64)(ns % NSEC / 1000)};

    return socket_option_give(&tv, sizeof(tv), val, len);
}

static long get_number(struct socket *s, int name, s32 *out)
{
    switch (name) {
    case SO_TYPE:
        *out = s->type;
        return 0;
    case SO_DOMAIN:
        *out = s->family;
        return 0;
    case SO_PROTOCOL:
        *out = s->protocol;
        return 0;
    case SO_ERROR:
        *out = (s32)-socket_error(s);
        return 0;
    case SO_ACCEPTCONN:
        *out = s->state == SS_LISTENING;
        return 0;
    case SO_SNDBUF:
        *out = (s32)s->opt.sndbuf;
        return 0;
    case SO_RCVBUF:
        *out = (s32)s->opt.rcvbuf;
        return 0;
    case SO_RCVLOWAT:
        *out = s->opt.receive_low;
        return 0;
    case SO_SNDLOWAT:
        *out = 1;
        return 0;
    case SO_PRIORITY:
        *out = s->opt.priority;
        return 0;
    case SO_MARK:
        *out = s->opt.mark;
        return 0;
    case SO_INCOMING_CPU:
        *out = -1;
        return 0;
    }
    if (!is_switch(name))
        return -ENOPROTOOPT;
    *out = sockopt_on(s, name);
    return 0;
}

long socket_option_get(struct socket *s, int name, uptr val, uptr len)
{
    s32 number;
    long rc;

    switch (name) {
    case SO_LINGER: {
        s32 linger[2] = {s->opt.linger_on, s->opt.linger_seconds};
        return socket_option_give(linger, sizeof(linger), val, len);
    }
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return give_timeout(s->opt.receive_timeout, val, len);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return give_timeout(s->opt.send_timeout, val, len);
    case SO_BINDTODEVICE:
        return socket_option_give("", 0, val, len);
    case SO_PEERCRED:
        return socket_option_give(&s->peer_cred, sizeof(s->peer_cred), val, len);
    case SO_COOKIE: {
        u64 cookie = hash_u64((u64)s);
        return socket_option_give(&cookie, sizeof(cookie), val, len);
    }
    }
    rc = get_number(s, name, &number);
    return rc ? rc : socket_option_give(&number, sizeof(number), val, len);
}

/* ---- the calls ------------------------------------------------------------------------ */

long sys_setsockopt(int fd, int level, int name, uptr val, int len)
{
    struct socket *s;
    struct file *f;
    long rc;

    if (len < 0)
        return -EINVAL;
    rc = socket_lookup(fd, &f, &s);
    if (rc)
        return rc;
    if (level == SOL_SOCKET)
        rc = socket_option_set(s, name, val, (u32)len);
    else
        rc = s->ops->set_option ? s->ops->set_option(s, level, name, val, (u32)len) : -EOPNOTSUPP;
    file_put(f);
    return rc;
}

long sys_getsockopt(int fd, int level, int name, uptr val, uptr len)
{
    struct socket *s;
    struct file *f;
    long rc = socket_lookup(fd, &f, &s);

    if (rc)
        return rc;
    if (level == SOL_SOCKET)
        rc = socket_option_get(s, name, val, len);
    else
        rc = s->ops->get_option ? s->ops->get_option(s, level, name, val, len) : -EOPNOTSUPP;
    file_put(f);
    return rc;
}
