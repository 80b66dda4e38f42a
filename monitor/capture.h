/* Memory of a sandbox at rest into a file. */
#ifndef BAILEY_MONITOR_CAPTURE_H
#define BAILEY_MONITOR_CAPTURE_H

#include "memory_file.h"
#include "sandbox.h"

/* spaces: where the address spaces are, by number; their processes are ours.  0 or -1. */
int capture_memory(struct sandbox *s, const struct host_space *spaces, uint32_t count,
                   const struct memory_sink *sink, void *file, struct error *err);

#endif
