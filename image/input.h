/* Where trees come from.  All return 0, or -1 with *err set. */
#ifndef BAILEY_IMAGE_INPUT_H
#define BAILEY_IMAGE_INPUT_H

#include "error.h"
#include "tree.h"

/* A host directory; names of other file systems below it included. */
int input_dir(struct tree *t, const char *path, struct image_error *err);

/* A tar archive from a descriptor, plain, gzip or zstd, into what t has already.  Contents go
 * to `spool`, a file open for reading and writing, from *spooled on.  layer 0: names are
 * names; otherwise ".wh.NAME" and ".wh..wh..opq" remove what lower layers had. */
int input_tar(struct tree *t, int fd, const char *shown, int spool, uint64_t *spooled,
              uint32_t layer, struct image_error *err);

/* An OCI image layout: all layers of its image for this machine, and its configuration as
 * JSON text (allocated). */
int input_oci(struct tree *t, const char *path, int spool, uint64_t *spooled, char **config,
              struct image_error *err);

/* An image made by Bailey or mkfs.erofs; it stays open for as long as the tree lives. */
struct erofs_file;
int input_image(struct tree *t, const struct erofs_file *image, int spool, uint64_t *spooled,
                struct image_error *err);

/* A Debian system, by mmdebstrap. */
int input_debian(struct tree *t, const char *suite, const char *packages, int spool,
                 uint64_t *spooled, struct image_error *err);

#endif
