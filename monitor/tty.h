/* Terminal settings of the standard streams. */
#ifndef BAILEY_MONITOR_TTY_H
#define BAILEY_MONITOR_TTY_H

#include "sandbox.h"

long tty_get(int fd, struct host_tty *tty);
/* how: 0 now, 1 after output drained, 2 and input flushed. */
long tty_set(struct sandbox *s, int fd, int how, const struct host_tty *tty);
/* Puts back what the terminal was set to before the sandbox changed it. */
void tty_restore(struct sandbox *s);

#endif
