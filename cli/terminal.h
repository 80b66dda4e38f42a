/* The caller's terminal, lent to a program elsewhere. */
#ifndef BAILEY_CLI_TERMINAL_H
#define BAILEY_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/* Standard input's terminal passes every key on; undone by terminal_restore, which may be
 * called at any time, and by itself at exit. */
bool terminal_raw(void);
void terminal_restore(void);
/* rows << 16 | columns, 0 where that is not known. */
uint32_t terminal_window(void);

#endif
