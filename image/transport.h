/* Images on their way: NAME.erofs.zst, the image compressed by zstd as any program reads it. */
#ifndef BAILEY_IMAGE_TRANSPORT_H
#define BAILEY_IMAGE_TRANSPORT_H

#include <stdbool.h>

#include "error.h"

/* Both copy everything from one descriptor to the other. */
int transport_pack(int from, int to, int level, struct image_error *err);
int transport_unpack(int from, int to, struct image_error *err);
bool transport_packed(int fd); /* does the file begin as a zstd frame does? */

#endif
