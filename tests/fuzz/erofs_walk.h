/* Goes through an image with the library OS's reader as programs would, and checks what it
 * says.  Its headers and the C library's don't go together, so it is a file of its own. */
#ifndef EROFS_WALK_H
#define EROFS_WALK_H

#include <stddef.h>

void erofs_walk(const void *image, size_t size);

#endif
