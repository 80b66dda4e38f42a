/* What a sandbox changed as a new image, on top of the one it ran from. */
#ifndef BAILEY_CLI_COMMIT_H
#define BAILEY_CLI_COMMIT_H

#include "settings.h"

/* run --commit: a place for the changes in the store, which becomes s->diff.  0 or an exit
 * code after a message. */
int commit_prepare(struct settings *s);
/* Just before the run: starts the process that will make the image, since a monitor may do
 * no such thing itself any more.  0 or an exit code after a message. */
int commit_start(struct settings *s);
/* The run ended with `code`; `failed`: it never got that far.  The exit code. */
int commit_run(struct settings *s, int code, bool failed);

#endif
