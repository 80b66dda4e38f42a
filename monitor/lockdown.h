/* The monitor's own walls: what it may do once its sandbox runs. */
#ifndef BAILEY_MONITOR_LOCKDOWN_H
#define BAILEY_MONITOR_LOCKDOWN_H

#include "sandbox.h"

/* Before the sandbox starts: no new privileges, and, where the host has Landlock, no files
 * but those that serving and saving need.  For good, and for the whole process. */
int lockdown_files(struct sandbox *s);
/* Before anything of it is served: no host system calls but those of own_calls.inc.  Both
 * 0, or -1 with s->err. */
int lockdown_calls(struct sandbox *s);

#endif
