/* ioctl on pseudo terminals.  Modes and size are the pair's: both sides see the same. */
#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "lib.h"
#include "pty.h"
#include "usercopy.h"

#define CAP_SYS_ADMIN_ 21

/* ---- modes ---------------------------------------------------------------------------------- */

static long get_modes(struct pty *p, uptr arg, size_t n)
{
    struct termios2 m;

    lock(&p->lock);
    m = p->modes;
    unlock(&p->lock);
    return copy_to_user(arg, &m, n);
}

/* Whoever waits may find that what it waits for means something else now. */
static void wake_all(struct pty *p)
{
    pty_wake(&p->slave_wait, 0);
    pty_wake(&p->master_wait, 0);
}

/* A program on the master side that does ^S and ^Q itself asks to be told. */
static void tell_flow(struct pty *p, const struct termios2 *old)
{
    bool was = (old->c_iflag & IXON) && old->c_cc[VSTOP] == 023 && old->c_cc[VSTART] == 021;
    bool is = pty_iflag(p, IXON) && pty_is(p, VSTOP, 023) && pty_is(p, VSTART, 021);

    if (!p->packet || was == is)
        return;
    p->packet_status &= (u8) ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
    p->packet_status |= is ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
}

static void keep_locked(const struct pty *p, struct termios2 *m)
{
    const struct termios2 *old = &p->modes, *l = &p->fixed;

#define KEEP(field) m->field = (m->field & ~l->field) | (old->field & l->field)
    KEEP(c_iflag);
    KEEP(c_oflag);
    KEEP(c_cflag);
    KEEP(c_lflag);
#undef KEEP
    if (l->c_line)
        m->c_line = old->c_line;
    for (u32 i = 0; i < ARRAY_SIZE(m->c_cc); i++)
        if (l->c_cc[i])
            m->c_cc[i] = old->c_cc[i];
}

static void install_modes(struct pty *p, struct termios2 m, bool flush)
{
    struct termios2 old;

    m.c_cflag &= ~(u32)(CSIZE | PARENB); /* there is no line that could have any */
    m.c_cflag |= CS8 | CREAD;
    lock(&p->lock);
    old = p->modes;
    keep_locked(p, &m);
    if (flush)
        pty_input_flush(p);
    p->modes = m;
    pty_input_modes(p, &old);
    tell_flow(p, &old);
    unlock(&p->lock);
    wake_all(p);
}

/* What is to be set: the modes there are, changed by what the program gives. */
static long set_modes(struct pty *p, uptr arg, size_t n, bool flush)
{
    struct termios2 m;
    long rc = pty_background(p, SIGTTOU);

    if (rc)
        return rc;
    lock(&p->lock);
    m = p->modes;
    unlock(&p->lock);
    rc = copy_from_user(&m, arg, n);
    if (rc == 0)
        install_modes(p, m, flush);
    return rc;
}

/* The old form has the lower halves of the flags and eight characters. */
static long get_old_modes(struct pty *p, uptr arg)
{
    struct termio t = {0};
    struct termios2 *m = &p->modes;

    lock(&p->lock);
    t.c_iflag = (u16)m->c_iflag;
    t.c_oflag = (u16)m->c_oflag;
    t.c_cflag = (u16)m->c_cflag;
    t.c_lflag = (u16)m->c_lflag;
    t.c_line = m->c_line;
    memcpy(t.c_cc, m->c_cc, NCC);
    unlock(&p->lock);
    return copy_to_user(arg, &t, sizeof(t));
}

#define LOW(old, given) (((old) & ~0xffffu) | (given))

static long set_old_modes(struct pty *p, uptr arg, bool flush)
{
    struct termio t;
    struct termios2 m;
    long rc = pty_background(p, SIGTTOU);

    if (rc == 0)
        rc = copy_from_user(&t, arg, sizeof(t));
    if (rc)
        return rc;
    lock(&p->lock);
    m = p->modes;
    unlock(&p->lock);
    m.c_iflag = LOW(m.c_iflag, t.c_iflag);
    m.c_oflag = LOW(m.c_oflag, t.c_oflag);
    m.c_cflag = LOW(m.c_cflag, t.c_cflag);
    m.c_lflag = LOW(m.c_lflag, t.c_lflag);
    m.c_line = t.c_line;
    memcpy(m.c_cc, t.c_cc, NCC);
    install_modes(p, m, flush);
    return 0;
}

static long get_locked(struct pty *p, uptr arg)
{
    struct termios2 l;

    lock(&p->lock);
    l = p->fixed;
    unlock(&p->lock);
    return copy_to_user(arg, &l, sizeof(struct termios));
}

static long set_locked(struct pty *p, uptr arg)
{
    struct termios2 l = {0};
    long rc = capable(CAP_SYS_ADMIN_) ? 0 : -EPERM;

    if (rc == 0)
        rc = copy_from_user(&l, arg, sizeof(struct termios));
    if (rc)
        return rc;
    lock(&p->lock);
    p->fixed = l;
    unlock(&p->lock);
    return 0;
}

/* ---- size ------------------------------------------------------------------------------------ */

static long get_size(struct pty *p, uptr arg)
{
    struct winsize w;

    lock(&p->lock);
    w = p->size;
    unlock(&p->lock);
    return copy_to_user(arg, &w, sizeof(w));
}

void pty_resize(struct pty *p, const struct winsize *w)
{
    bool changed;

    lock(&p->lock);
    changed = memcmp(w, &p->size, sizeof(*w)) != 0;
    p->size = *w;
    unlock(&p->lock);
    if (changed)
        pty_signal(p, SIGWINCH);
}

static long set_size(struct pty *p, uptr arg)
{
    struct winsize w;

    if (copy_from_user(&w, arg, sizeof(w)))
        return -EFAULT;
    pty_resize(p, &w);
    return 0;
}

/* ---- queues ------------------------------------------------------------------------------------
 */

static void tell_flushed(struct pty *p, u8 what)
{
    if (p->packet)
        p->packet_status |= what;
}

/* What is input for one side is output for the other. */
static long flush(struct pty *p, bool master, uptr which)
{
    long rc = pty_background(p, SIGTTOU);

    if (rc)
        return rc;
    if (which > TCIOFLUSH)
        return -EINVAL;
    lock(&p->lock);
    if (master) {
        if (which != TCOFLUSH)
            pty_output_flush(p);
    } else {
        if (which != TCOFLUSH) {
            pty_input_flush(p);
            tell_flushed(p, TIOCPKT_FLUSHREAD);
        }
        if (which != TCIFLUSH) {
            pty_output_flush(p);
            tell_flushed(p, TIOCPKT_FLUSHWRITE);
        }
    }
    unlock(&p->lock);
    wake_all(p);
    return 0;
}

static long flow(struct pty *p, bool master, uptr what)
{
    long rc = pty_background(p, SIGTTOU);
    u8 c;

    if (rc || master)
        return rc;
    if (what > TCION)
        return -EINVAL;
    lock(&p->lock);
    if (what == TCOOFF) {
        pty_stop(p);
    } else if (what == TCOON) {
        pty_start(p);
    } else {
        c = p->modes.c_cc[what == TCIOFF ? VSTOP : VSTART];
        if (c && pty_output_room(p))
            p->out[p->out_head++ % PTY_OUTPUT] = c;
    }
    unlock(&p->lock);
    wake_all(p);
    return 0;
}

static long waiting(struct pty *p, bool master, uptr arg)
{
    s32 n;

    lock(&p->lock);
    n = master ? (s32)pty_output_left(p) : pty_waiting(p);
    unlock(&p->lock);
    return put_user(n, arg);
}

/* ---- the master's own --------------------------------------------------------------------------
 */

static long set_switch(struct pty *p, bool *value, uptr arg)
{
    s32 on;

    if (get_user(on, arg))
        return -EFAULT;
    lock(&p->lock);
    if (value == &p->packet && on && !p->packet)
        p->packet_status = 0;
    *value = on;
    unlock(&p->lock);
    return 0;
}

static long open_peer(struct pty *p, u32 flags)
{
    struct file *f;
    long fd;

    if (flags & ~(u32)(O_ACCMODE | O_NOCTTY | O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    f = pty_open_slave(p, flags & ~(u32)O_CLOEXEC);
    if (IS_ERR(f))
        return PTR_ERR(f);
    fd = fd_install(f, 0, flags & O_CLOEXEC);
    if (fd < 0)
        file_put(f);
    return fd;
}

static long send_signal(struct pty *p, uptr sig)
{
    if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
        return -EINVAL;
    pty_signal(p, (int)sig);
    return 0;
}

static long master_only(struct pty *p, u32 cmd, uptr arg)
{
    switch (cmd) {
    case TIOCGPTN:
        return put_user(p->index, arg);
    case TIOCSPTLCK:
        return set_switch(p, &p->locked, arg);
    case TIOCGPTLCK:
        return put_user((s32)p->locked, arg);
    case TIOCPKT:
        return set_switch(p, &p->packet, arg);
    case TIOCGPKT:
        return put_user((s32)p->packet, arg);
    case TIOCGPTPEER:
        return open_peer(p, (u32)arg);
    case TIOCSIG:
        return send_signal(p, arg);
    default:
        return -ENOTTY;
    }
}

/* ---- all of them --------------------------------------------------------------------------------
 */

static long take_control(struct file *f, struct pty *p, uptr arg)
{
    bool all = capable(CAP_SYS_ADMIN_);

    if (!(f->fmode & FMODE_READ) && !all && !pty_controls(p))
        return -EPERM;
    return pty_control(p, arg == 1 && all);
}

static long job_ioctl(struct file *f, struct pty *p, bool master, u32 cmd, uptr arg)
{
    switch (cmd) {
    case TIOCGPGRP:
        return pty_get_foreground(p, master, arg);
    case TIOCSPGRP:
        return pty_set_foreground(p, arg);
    case TIOCGSID:
        return pty_get_session(p, master, arg);
    case TIOCSCTTY:
        return take_control(f, p, arg);
    case TIOCNOTTY:
        return master ? -ENOTTY : pty_abandon(p);
    case TIOCSTI:
        return -EIO; /* typing for somebody else: refused, as modern Linux does */
    case TIOCEXCL:
    case TIOCNXCL:
        p->exclusive = cmd == TIOCEXCL;
        return 0;
    case TIOCGEXCL:
        return put_user((s32)p->exclusive, arg);
    default:
        return master ? master_only(p, cmd, arg) : -ENOTTY;
    }
}

static long set_discipline(uptr arg)
{
    s32 n;

    if (get_user(n, arg))
        return -EFAULT;
    return n == 0 ? 0 : -EINVAL;
}

long pty_ioctl(struct file *f, struct pty *p, bool master, u32 cmd, uptr arg)
{
    switch (cmd) {
    case TCGETS:
        return get_modes(p, arg, sizeof(struct termios));
    case TCGETS2:
        return get_modes(p, arg, sizeof(struct termios2));
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_modes(p, arg, sizeof(struct termios), cmd == TCSETSF);
    case TCGETA:
        return get_old_modes(p, arg);
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
        return set_old_modes(p, arg, cmd == TCSETAF);
    case TIOCGLCKTRMIOS:
        return get_locked(p, arg);
    case TIOCSLCKTRMIOS:
        return set_locked(p, arg);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_modes(p, arg, sizeof(struct termios2), cmd == TCSETSF2);
    case TIOCGWINSZ:
        return get_size(p, arg);
    case TIOCSWINSZ:
        return set_size(p, arg);
    case TCFLSH:
        return flush(p, master, arg);
    case TCXONC:
        return flow(p, master, arg);
    case TCSBRK:
    case TCSBRKP:
        return pty_background(p, SIGTTOU);
    case FIONREAD:
        return waiting(p, master, arg);
    case TIOCOUTQ:
    case TIOCGETD: /* the usual line discipline */
        return put_user((s32)0, arg);
    case TIOCSETD:
        return set_discipline(arg);
    case TIOCGDEV:
        return put_user((u32)(master ? 128 << 8 | p->index : pty_rdev(p)), arg);
    default:
        return job_ioctl(f, p, master, cmd, arg);
    }
}
