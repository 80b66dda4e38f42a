/* run -d: the sandbox goes on without the caller. */
#ifndef BAILEY_CLI_DETACH_H
#define BAILEY_CLI_DETACH_H

#include "registration.h"

/* Splits off a process that has nothing of the caller's: a session of its own, no input,
 * output to the log of the entry, which is claimed.  Returns -1 in that process.  In the
 * caller's, once the program runs or has failed to start, the exit code; messages of the
 * start are passed on, or the name is printed.  Descriptors given in fds (-1: none) that were
 * copies of standard error become copies of the new one. */
int detach(struct registration *r, const int *fds, int count);
/* Closes what was left open by the caller, who may wait for its end; everything of ours is closed
 * on exec.  For an unnamed one the process that starts it has done so, once for many. */
void detach_prepare(void);
/* In the detached process: the run is over, its messages are out. */
void detach_end(struct registration *r, int exit_code);

#endif
