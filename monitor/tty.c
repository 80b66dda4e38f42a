#include <asm/ioctls.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "../abi/host_abi.h"
#include "tty.h"

long tty_get(int fd, struct host_tty *tty)
{
    struct kernel_termios2 t;
    struct winsize size = {0, 0, 0, 0};

    if (ioctl(fd, GET_TERMIOS2, &t) < 0)
        return -errno;
    ioctl(fd, TIOCGWINSZ, &size);
    *tty = (struct host_tty){.iflag = t.iflag,
                             .oflag = t.oflag,
                             .cflag = t.cflag,
                             .lflag = t.lflag,
                             .line = t.line,
                             .ispeed = t.ispeed,
                             .ospeed = t.ospeed,
                             .rows = size.ws_row,
                             .cols = size.ws_col,
                             .xpixel = size.ws_xpixel,
                             .ypixel = size.ws_ypixel};
    memcpy(tty->cc, t.cc, sizeof(t.cc));
    return 0;
}

long tty_set(struct sandbox *s, int fd, int how, const struct host_tty *tty)
{
    struct kernel_termios2 t = {.iflag = tty->iflag,
                                .oflag = tty->oflag,
                                .cflag = tty->cflag,
                                .lflag = tty->lflag,
                                .line = 0,
                                .ispeed = tty->ispeed,
                                .ospeed = tty->ospeed};
    struct winsize now, want = {tty->rows, tty->cols, tty->xpixel, tty->ypixel};

    if (how < 0 || how > 2)
        return -EINVAL;
    memcpy(t.cc, tty->cc, sizeof(t.cc));
    if (s->tty_saved_fd < 0 && tcgetattr(fd, &s->tty_saved) == 0)
        s->tty_saved_fd = fd;
    if (ioctl(fd, SET_TERMIOS2 + (unsigned)how, &t) < 0)
        return -errno;
    if (ioctl(fd, TIOCGWINSZ, &now) == 0 && (tty->rows || tty->cols) &&
        memcmp(&now, &want, sizeof(now)) != 0)
        ioctl(fd, TIOCSWINSZ, &want);
    return 0;
}

void tty_restore(struct sandbox *s)
{
    if (s->tty_saved_fd < 0)
        return;
    /* From the background this would stop us: then the terminal is not ours anyway. */
    void (*old)(int) = signal(SIGTTOU, SIG_IGN);
    if (tcgetpgrp(s->tty_saved_fd) == getpgrp())
        tcsetattr(s->tty_saved_fd, TCSADRAIN, &s->tty_saved);
    signal(SIGTTOU, old);
}
