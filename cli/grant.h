/* What a snapshot asks for and its file cannot be trusted to say. */
#ifndef BAILEY_CLI_GRANT_H
#define BAILEY_CLI_GRANT_H

#include "description.h"
#include "volume.h"

/* Whoever wrote the file also wrote which volumes and directories of the host go with it.
 * They are granted where the caller names them (`given`, by -v), where `all` says so
 * (--grant, or a signature that was checked), and the working directory where it is the
 * caller's own or below it.  0, or an exit code after a line that says what it asks for. */
int grant_check(struct description *d, const struct volumes *given, bool all, bool carried,
                const char *path);

#endif
