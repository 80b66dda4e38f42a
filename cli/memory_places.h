/* Where the pages of a snapshot's private memory stand in the streams that the inside maps
 * (struct boot_space of abi/boot.h). */
#ifndef BAILEY_CLI_MEMORY_PLACES_H
#define BAILEY_CLI_MEMORY_PLACES_H

#include "monitor/memory_file.h"
#include "snapshot/snapshot.h"

#define SPACES_MAX 65536u

struct place {
    uint64_t addr, len, at; /* at: BOOT_RUN_ZERO, zeros */
    uint32_t frame, page;   /* of the file */
    uint32_t part;          /* the stream, which holds a part of the file's frames */
};
struct places {
    struct snapshot_pieces pieces;         /* what the file and its bases have */
    struct place *list;                    /* a place for each, by space and address */
    uint32_t spaces;                       /* with something in them */
    uint64_t *first;                       /* of each space, and one more */
    uint64_t size;                         /* of all streams together */
    bool in_file;                          /* the stream is the file itself */
    uint32_t parts, start[BOOT_PAGES_MAX]; /* first frame of each */
};
/* 0 or -1. */
int places_list(struct places *p, const struct snapshot_reader *r, bool in_file,
                struct snapshot_error *err);
/* Both: 0 or -1, with errno.  Cuts them into so many parts at most, of about the same size. */
int places_cut(struct places *p, uint32_t parts);
int places_write_runs(const struct places *p, int fd);
void places_free(struct places *p);

/* The frame that holds a page, or SNAPSHOT_NO_FRAME; space and address may be anything. */
uint32_t places_frame(const struct places *p, uint32_t space, uint64_t addr);
/* Writes pages that came from the file to their streams.  0 or -1. */
int places_fill(const struct places *p, const int *streams, uint32_t object, uint64_t offset,
                const void *data, uint64_t len);

int write_all_at(int fd, const void *data, uint64_t len, uint64_t offset);

#endif
