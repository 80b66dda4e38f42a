/* The images a layered image is made from: finding and checking them. */
#ifndef BAILEY_IMAGE_LAYERS_H
#define BAILEY_IMAGE_LAYERS_H

#include "erofs_file.h"
#include "store.h"

/* Where an image of this digest is: in the store, or in the directory of `beside` as
 * DIGEST.erofs; its contents are checked (`again`: even if they were before). */
int layer_find(const struct store *s, const char *digest, const char *beside, bool again,
               char path[STORE_PATH], struct image_error *err);

/* Finds all that `f` was made from and adds it.  Their files go to *paths (NULL-terminated,
 * one allocation; NULL if there are none), if paths isn't NULL. */
int layers_add(struct erofs_file *f, bool again, char ***paths, struct image_error *err);

/* An image with everything it was made from. */
int layered_open(struct erofs_file *f, const char *path, struct image_error *err);

#endif
