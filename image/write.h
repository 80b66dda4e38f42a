/* Writing an image: an uncompressed EROFS file system, the same bytes for the same tree. */
#ifndef BAILEY_IMAGE_WRITE_H
#define BAILEY_IMAGE_WRITE_H

#include "error.h"
#include "tree.h"

struct erofs_file;

struct write_options {
    bool clamp; /* no mtime is above `epoch` (SOURCE_DATE_EPOCH, --timestamp) */
    int64_t epoch;
    const char *config; /* JSON kept behind the file system, or NULL */
    /* The image a layer is made on, or NULL: data that the tree takes from its files stays
     * there.  `base_digest` is its own, those of its devices it knows. */
    const struct erofs_file *base;
    const char *base_digest;
};

/* Writes t to fd, an empty file open for reading and writing; *size receives its length.
 * 0 or -1. */
int image_write(struct tree *t, int fd, const struct write_options *options, uint64_t *size,
                struct image_error *err);

#endif
