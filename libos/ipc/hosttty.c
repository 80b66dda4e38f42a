/* ioctl on host streams: terminals and the number of bytes to read.
 *
 * The host knows only "get" and "set" of one struct with modes and size; everything
 * Linux offers on top (two layouts of termios, three moments of setting, flushing) is
 * made of those.  Process groups of the terminal are the library OS's own: the host's
 * foreground group is the monitor's business.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/errno.h>

#include "hostio.h"
#include "lib.h"
#include "thread.h"
#include "usercopy.h"

enum { SET_NOW, SET_DRAIN, SET_FLUSH };

static long tty_get(struct hostio *h, struct host_tty *t)
{
    long rc = host_control(h->poll.handle, HOST_TTY_GET, 0, 0, 0, t, sizeof(*t));

    return rc < 0 ? rc : 0;
}

static long tty_set(struct hostio *h, int when, struct host_tty *t)
{
    long rc = host_control(h->poll.handle, HOST_TTY_SET, (u64)when, 0, 0, t, sizeof(*t));

    return rc < 0 ? rc : 0;
}

/* As a program last set them, for a resume at another terminal. */
static struct {
    bool known;
    struct host_tty tty;
} wanted;

/* The size is the new terminal's. */
void hosttty_resume(struct hostio *h)
{
    struct host_tty now;

    if (!wanted.known || tty_get(h, &now))
        return;
    wanted.tty.rows = now.rows;
    wanted.tty.cols = now.cols;
    wanted.tty.xpixel = now.xpixel;
    wanted.tty.ypixel = now.ypixel;
    tty_set(h, SET_NOW, &wanted.tty);
}

static long get_modes(struct hostio *h, uptr arg, bool speeds)
{
    struct host_tty t;
    struct termios2 m = {0};
    long rc = tty_get(h, &t);

    if (rc)
        return rc;
    m.c_iflag = t.iflag;
    m.c_oflag = t.oflag;
    m.c_cflag = t.cflag;
    m.c_lflag = t.lflag;
    m.c_line = t.line;
    memcpy(m.c_cc, t.cc, sizeof(m.c_cc));
    m.c_ispeed = t.ispeed;
    m.c_ospeed = t.ospeed;
    return copy_to_user(arg, &m, speeds ? sizeof(m) : sizeof(struct termios));
}

static long set_modes(struct hostio *h, uptr arg, int when, bool speeds)
{
    struct host_tty t;
    struct termios2 m;
    long rc = terminal_background(SIGTTOU);

    if (!rc)
        rc = tty_get(h, &t);
    _Static_assert(offsetof(struct termios2, c_ispeed) == sizeof(struct termios), "termios");
    _Static_assert(sizeof(m.c_cc) == sizeof(t.cc), "control characters");
    if (rc)
        return rc;
    m.c_ispeed = t.ispeed;
    m.c_ospeed = t.ospeed;
    rc = copy_from_user(&m, arg, speeds ? sizeof(m) : sizeof(struct termios));
    if (rc)
        return rc;
    t.iflag = m.c_iflag;
    t.oflag = m.c_oflag;
    t.cflag = m.c_cflag;
    t.lflag = m.c_lflag;
    t.line = m.c_line;
    memcpy(t.cc, m.c_cc, sizeof(t.cc));
    t.ispeed = m.c_ispeed;
    t.ospeed = m.c_ospeed;
    rc = tty_set(h, when, &t);
    if (!rc) {
        wanted.tty = t;
        wanted.known = true;
    }
    return rc;
}

static long window_size(struct hostio *h, uptr arg, bool set)
{
    struct host_tty t;
    struct winsize w;
    long rc = tty_get(h, &t);

    if (rc)
        return rc;
    if (!set) {
        w = (struct winsize){t.rows, t.cols, t.xpixel, t.ypixel};
        return copy_to_user(arg, &w, sizeof(w));
    }
    rc = copy_from_user(&w, arg, sizeof(w));
    if (rc)
        return rc;
    t.rows = w.ws_row;
    t.cols = w.ws_col;
    t.xpixel = w.ws_xpixel;
    t.ypixel = w.ws_ypixel;
    return tty_set(h, SET_NOW, &t);
}

static long set_foreground(uptr arg)
{
    s32 group;
    long rc = get_user(group, arg);

    return rc ? rc : terminal_set_foreground(group);
}

/* tcdrain, tcflush: setting the modes that are set already, at the right moment. */
static long reset_modes(struct hostio *h, int when)
{
    struct host_tty t;
    long rc = tty_get(h, &t);

    return rc ? rc : tty_set(h, when, &t);
}

static long tty_ioctl(struct hostio *h, u32 cmd, uptr arg)
{
    switch (cmd) {
    case TCGETS:
        return get_modes(h, arg, false);
    case TCGETS2:
        return get_modes(h, arg, true);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_modes(h, arg, (int)(cmd - TCSETS), false);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_modes(h, arg, (int)(cmd - TCSETS2), true);
    case TIOCGWINSZ:
        return window_size(h, arg, false);
    case TIOCSWINSZ:
        return window_size(h, arg, true);
    case TIOCGPGRP:
        return put_user(terminal_foreground(), arg);
    case TIOCSPGRP:
        return set_foreground(arg);
    case TIOCGSID:
        return put_user(terminal_session(), arg);
    case TIOCSCTTY:
        terminal_take();
        return 0;
    case TIOCNOTTY:
    case TCXONC:
        return 0;
    case TCSBRK: /* 0: send a break, which a pseudo terminal hasn't; else drain */
        return arg ? reset_modes(h, SET_DRAIN) : 0;
    case TCSBRKP:
        return 0;
    case TCFLSH:
        return arg > 2 ? -EINVAL : reset_modes(h, arg == TCOFLUSH ? SET_NOW : SET_FLUSH);
    case TIOCOUTQ:
        return put_user((s32)0, arg);
    default:
        return -ENOTTY;
    }
}

long hostio_ioctl(struct file *f, u32 cmd, uptr arg)
{
    struct hostio *h = f->private;
    long n;

    if (cmd == FIONREAD && h->type != HOST_CHAR) {
        n = host_control(h->poll.handle, HOST_PIPE_BYTES, 0, 0, 0, NULL, 0);
        return n < 0 ? n : put_user((s32)n, arg);
    }
    return h->type == HOST_TTY ? tty_ioctl(h, cmd, arg) : -ENOTTY;
}
