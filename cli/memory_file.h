/* Snapshot files for the monitor (monitor/memory_file.h). */
#ifndef BAILEY_CLI_MEMORY_FILE_H
#define BAILEY_CLI_MEMORY_FILE_H

#include <sys/utsname.h>

#include "monitor/memory_file.h"
#include "monitor/monitor.h"
#include "snapshot/snapshot.h"

struct save_file {
    const struct sandbox_config *config;
    const char *path; /* for saves that nobody gives a descriptor for */
    struct utsname host;
    struct snapshot_pairs description; /* of how it was started, all but its name */
    struct memory_sink sink;
};
/* Fills in the sink, and in config how and where it is saved.  The description is left empty. */
void save_file_init(struct save_file *f, struct sandbox_config *config);
/* What form a snapshot is wanted in, for the process that writes it: a descriptor, or -1 with
 * errno.  It takes the open base and the keys along. */
int save_form_pack(const struct snapshot_write_options *o);

/* A memory object that is filled and then closed to all changes, for hostile sandboxes share it:
 * a descriptor, and 0; or -1 with errno. */
int sealed_object_make(const char *name);
int sealed_object_close(int fd);

/* What resumes of one snapshot share: its private memory, as the inside maps it
 * (abi/boot.h), and, where there are going to be several, its memory objects. */
struct memory_base {
    struct snapshot_reader *reader;
    bool in_file;                 /* a warm snapshot: its pages are mapped from there */
    bool sealed;                  /* which nobody can change or cut short any more */
    struct memory_private memory; /* runs -1: not made yet */
    struct memory_piece {
        uint32_t object;
        uint64_t offset, len;
        uint8_t *bytes;
    } * pieces; /* of segment and pool; NULL: they are read from the snapshot */
    size_t piece_count;
    void *held; /* where the pieces are */
    size_t held_size;
    int ahead[MEMORY_POOL + 1]; /* segment and pool of the next copy; -1: it makes its own */
    int filled[2];              /* a pipe: a byte comes once they are filled */
};
void memory_base_init(struct memory_base *b, struct snapshot_reader *r);
/* Makes all of it now, for the processes forked from this one. */
int memory_base_make(struct memory_base *b, struct error *err);
void memory_base_close(struct memory_base *b);
/* With pieces: makes segment and pool of a process about to be split off, whose source gives them.
 * Whoever splits it off fills them while it prepares itself, and forgets them. */
int memory_ahead_make(struct memory_base *b, struct error *err);
void memory_ahead_fill(void *base);
void memory_ahead_forget(struct memory_base *b);
/* The source that takes from b. */
void resume_source(struct memory_source *source, struct memory_base *b);

#endif
