/* Snapshot files for the monitor (monitor/memory_file.h). */
#ifndef BAILEY_CLI_MEMORY_FILE_H
#define BAILEY_CLI_MEMORY_FILE_H

#include <sys/utsname.h>

#include "monitor/memory_file.h"
#include "snapshot/snapshot.h"

struct save_file {
    const char *path;   /* for saves that nobody gives a descriptor for */
    unsigned cpu_level; /* --cpu */
    struct utsname host;
    struct memory_sink sink;
};
/* Fills in the sink. */
void save_file_init(struct save_file *f);
/* What form a snapshot is wanted in, for the process that writes it: a descriptor.  Paths
 * are absolute. */
int save_form_pack(const struct snapshot_write_options *o);
/* The source that reads from r. */
void resume_source(struct memory_source *source, struct snapshot_reader *r);

#endif
