/* The inside image embedded in this executable. */
#ifndef BAILEY_MONITOR_IMAGE_H
#define BAILEY_MONITOR_IMAGE_H

#include <stdint.h>
#include "../abi/gate.h"
#include "error.h"

struct image {
    const uint8_t *bytes; /* the ELF file, page-aligned in memory and in the executable */
    uint64_t file_offset; /* of the ELF file within /proc/self/exe */
    struct image_header header;
};

/* Finds the image.  0, or -1 with *err. */
int image_find(struct image *image, struct error *err);
/* Copies its writable data to where it belongs in the segment. */
void image_copy_data(const struct image *image, uint8_t *segment);
/* Maps its text at IMAGE_BASE from the executable open at exe_fd, for processes that are split
 * off.  0 or -errno. */
int image_map_text(const struct image *image, int exe_fd);
void image_unmap_text(void);
/* 32 bytes that tell one inside image from another; no proof against anybody. */
void image_identity(uint8_t id[32]);

#endif
