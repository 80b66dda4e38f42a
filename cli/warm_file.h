/* Warm snapshots on the disk, whose pages are mapped from the file. */
#ifndef BAILEY_CLI_WARM_FILE_H
#define BAILEY_CLI_WARM_FILE_H

#include "memory_file.h"

/* Checks the snapshot that b's reader has opened lazily: all of it, but for a warm file that
 * was checked before and has not changed since.  Sets b->in_file where pages may be mapped from
 * it. */
int warm_file_check(struct memory_base *b, struct snapshot_error *err);

#endif
