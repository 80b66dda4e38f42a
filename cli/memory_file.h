/* Snapshot files for the monitor (monitor/memory_file.h). */
#ifndef BAILEY_CLI_MEMORY_FILE_H
#define BAILEY_CLI_MEMORY_FILE_H

#include "monitor/memory_file.h"
#include "snapshot/snapshot.h"

struct save_file {
    const char *path; /* for saves that nobody gives a descriptor for */
    struct snapshot_write_options options;
    struct memory_sink sink;
};
/* Fills in the sink. */
void save_file_init(struct save_file *f);
/* The source that reads from r. */
void resume_source(struct memory_source *source, struct snapshot_reader *r);

#endif
