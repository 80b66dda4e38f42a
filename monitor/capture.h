/* Memory of a sandbox at rest into a snapshot. */
#ifndef BAILEY_MONITOR_CAPTURE_H
#define BAILEY_MONITOR_CAPTURE_H

#include "../snapshot/snapshot.h"
#include "sandbox.h"

/* spaces: where the address spaces are, by number; their processes are ours.  0 or -1. */
int capture_memory(struct sandbox *s, const struct host_space *spaces, uint32_t count,
                   struct snapshot_writer *writer, struct snapshot_error *err);

#endif
