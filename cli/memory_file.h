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

/* What resumes of one snapshot share: its private memory, as the inside maps it
 * (abi/boot.h). */
struct memory_base {
    struct snapshot_reader *reader;
    bool in_file;    /* a warm snapshot nobody can change: its pages are mapped from there */
    int pages, runs; /* -1: not made yet */
};
void memory_base_init(struct memory_base *b, struct snapshot_reader *r);
void memory_base_close(struct memory_base *b);
/* The source that takes from b. */
void resume_source(struct memory_source *source, struct memory_base *b);

#endif
