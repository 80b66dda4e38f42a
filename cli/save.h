/* Asking a running sandbox to write itself down. */
#ifndef BAILEY_CLI_SAVE_H
#define BAILEY_CLI_SAVE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime.h"
#include "snapshot/snapshot.h"

/* To a descriptor; a negated errno of the monitor's, or, with keep, for how many microseconds the
 * sandbox did not run. */
int64_t save_ask(struct entry *e, const struct snapshot_write_options *form, bool keep, int fd);
/* Says why not; an exit code. */
int save_refused(const char *name, int64_t error);

#endif
