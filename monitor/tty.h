/* Terminal settings of the standard streams. */
#ifndef BAILEY_MONITOR_TTY_H
#define BAILEY_MONITOR_TTY_H

#include "sandbox.h"

long tty_get(int fd, struct host_tty *tty);
/* how: 0 now, 1 after output drained, 2 and input flushed. */
long tty_set(struct sandbox *s, int fd, int how, const struct host_tty *tty);
/* Puts back what the terminal was set to before the sandbox changed it. */
void tty_restore(struct sandbox *s);

/* As the kernel has it; <asm/termbits.h> and <termios.h> cannot be included together. */
struct kernel_termios2 {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line, cc[19];
    uint32_t ispeed, ospeed;
};
#define GET_TERMIOS2 _IOR('T', 0x2a, struct kernel_termios2)
#define SET_TERMIOS2 _IOW('T', 0x2b, struct kernel_termios2) /* + how */

#endif
