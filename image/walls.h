/* Whoever reads archives and images of strangers gives up what that does not need. */
#ifndef BAILEY_IMAGE_WALLS_H
#define BAILEY_IMAGE_WALLS_H

#include "store.h"

/* With Landlock, from here on and for good: every file may be read, nothing executed, nothing
 * written but below the store's directory and where `output` goes (either may be NULL), no TCP
 * port reached, and no process or abstract socket outside. */
void image_walls(const struct store *store, const char *output);

#endif
