/* From the monitor's process to the library OS: enter.c. */
#ifndef BAILEY_PAL_ENTER_H
#define BAILEY_PAL_ENTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct boot_info;

/* What the image's header names: listener is the filter's, pid the host's number of this
 * process. */
_Noreturn void pal_enter(int listener, int pid);
/* On the stack of slot 0, which is filled. */
_Noreturn void pal_start(struct boot_info *boot);

#endif
