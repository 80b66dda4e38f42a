/* What an image says about how it wants to be run: the part of an OCI image's configuration
 * that `bailey run` uses. */
#ifndef BAILEY_IMAGE_CONFIG_H
#define BAILEY_IMAGE_CONFIG_H

#include <stddef.h>

#include "error.h"

struct image_words {
    char **items; /* NULL-terminated, or NULL */
    size_t count;
};

struct image_config {
    struct image_words entrypoint, cmd, env;
    char *user, *workdir; /* NULL: not said */
    char *base;           /* digest of the image this one was made from, NULL: none */
};

void image_config_free(struct image_config *c);
/* From the text kept in an image.  Unknown keys are passed over. */
int image_config_parse(struct image_config *c, const char *text, struct image_error *err);
/* From an OCI configuration blob. */
int image_config_parse_oci(struct image_config *c, const char *text, struct image_error *err);
/* As text (allocated); NULL if it says nothing. */
char *image_config_text(const struct image_config *c);

void image_words_add(struct image_words *w, const char *word);
void image_words_clear(struct image_words *w);
/* Words of a command line option: a JSON array, or separated by spaces. */
int image_words_parse(struct image_words *w, const char *text, struct image_error *err);

#endif
