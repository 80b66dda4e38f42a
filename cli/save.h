/* Asking a running sandbox to write itself down. */
#ifndef BAILEY_CLI_SAVE_H
#define BAILEY_CLI_SAVE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime.h"
#include "snapshot/snapshot.h"

/* To a descriptor; 0, or a negated errno of the monitor's. */
int64_t save_ask(struct entry *e, const struct snapshot_write_options *form, bool keep, int fd);
/* Says why not; an exit code. */
int save_refused(const char *name, int64_t error);

#endif
