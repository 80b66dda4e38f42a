/* Memory of a sandbox at rest into a snapshot. */
#ifndef BAILEY_MONITOR_CAPTURE_H
#define BAILEY_MONITOR_CAPTURE_H

#include "../snapshot/snapshot.h"
#include "sandbox.h"

/* pids: host processes of the address spaces, by number; they are ours.  0 or -1. */
int capture_memory(struct sandbox *s, const int32_t *pids, uint32_t count,
                   struct snapshot_writer *writer, struct snapshot_error *err);

#endif
