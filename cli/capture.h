/* Memory of a sandbox at rest into a file: the monitor's, as it asks for it. */
#ifndef BAILEY_CLI_CAPTURE_H
#define BAILEY_CLI_CAPTURE_H

#include "monitor/memory_file.h"

typedef int capture_put(void *file, uint32_t object, uint64_t offset, const void *data, size_t len,
                        struct error *err);
/* Gives all of it to put(file, ...), piece by piece.  0 or -1. */
int capture_memory(const struct memory_at_rest *m, capture_put *put, void *file, struct error *err);
/* A memory object with the contents that `fd` has now, or -1. */
int capture_copy(int fd, uint64_t size);

#endif
