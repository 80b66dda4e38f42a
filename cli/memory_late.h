/* Pages of a snapshot that come while the sandbox runs. */
#ifndef BAILEY_CLI_MEMORY_LATE_H
#define BAILEY_CLI_MEMORY_LATE_H

#include "memory_file.h"
#include "memory_places.h"

/* Is it worth while, and can it be? */
bool memory_is_late(const struct places *p);
/* In how many parts they had best come. */
uint32_t memory_late_parts(const struct places *p);
/* Begins to fill b->memory's streams, and tells of it in boot.  0 or -1 with errno. */
int memory_late_start(struct memory_base *b, const struct places *p, struct boot_info *boot);

#endif
