/* Writing an image: an uncompressed EROFS file system, the same bytes for the same tree. */
#ifndef BAILEY_IMAGE_WRITE_H
#define BAILEY_IMAGE_WRITE_H

#include "error.h"
#include "tree.h"

struct write_options {
    bool clamp; /* no mtime is above `epoch` (SOURCE_DATE_EPOCH, --timestamp) */
    int64_t epoch;
    const char *config; /* JSON kept behind the file system, or NULL */
};

/* Writes t to fd, an empty file open for reading and writing; *size receives its length.
 * 0 or -1. */
int image_write(struct tree *t, int fd, const struct write_options *options, uint64_t *size,
                struct image_error *err);

#endif
