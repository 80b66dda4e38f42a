/* Raw mode, and back; see terminal.h. */
#include "terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static bool changed;

void terminal_restore(void)
{
    if (!changed)
        return;
    changed = false;
    /* From the background this would stop us: then the terminal is not ours anyway. */
    signal(SIGTTOU, SIG_IGN);
    if (tcgetpgrp(STDIN_FILENO) == getpgrp())
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

bool terminal_raw(void)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return false;
    raw = before;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return false;
    changed = true;
    atexit(terminal_restore);
    return true;
}

uint32_t terminal_window(void)
{
    struct winsize w;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
        return 0;
    return (uint32_t)w.ws_row << 16 | w.ws_col;
}
