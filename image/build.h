/* From an input to an image file. */
#ifndef BAILEY_IMAGE_BUILD_H
#define BAILEY_IMAGE_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "error.h"

struct image_build {
    const char *input; /* directory, tar archive, OCI layout or image; NULL: Debian */
    const char *suite, *packages;
    const char *layer; /* tar archive to be laid over the input, as `run --diff` writes; or NULL */
    /* The input's digest, if it is an image whose data is to stay where it is: the new image
     * is a layer on it.  NULL: it is complete. */
    const char *base_digest;
    struct image_config config; /* what it says goes before what the input says */
    bool own;                   /* all files belong to: */
    uint32_t uid, gid;
    bool clamp; /* no time of a file is later than: */
    int64_t epoch;
};

/* Writes the image to a new file (complete and on disk when it has its name). */
int image_build(const struct image_build *b, const char *output, struct image_error *err);

#endif
