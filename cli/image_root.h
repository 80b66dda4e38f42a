/* --image: which image, and what it says about how it wants to be run. */
#ifndef BAILEY_CLI_IMAGE_ROOT_H
#define BAILEY_CLI_IMAGE_ROOT_H

#include "image/config.h"
#include "image/digest.h"
#include "image/erofs_file.h"
#include "monitor/monitor.h"
#include "string_list.h"

struct image_root {
    char *path; /* of the file, NULL: no --image */
    char digest[DIGEST_TEXT];
    struct erofs_file file;
    char **devices; /* files of what it was made from, or NULL */
    struct image_config config;
};

/* Finds and checks the image `ref`.  0 or an exit code after a message. */
int image_root_open(struct image_root *r, const char *ref);
/* The program to be run: what the image puts before `given`, or its own command if nothing
 * is given.  The words are borrowed. */
void image_root_program(const struct image_root *r, char **given, struct strings *argv);
/* Finds the image of a saved sandbox, by its digest in the store or where it was then:
 * config->root_image becomes its file (*path, to be freed), root_devices what it was made from
 * (to be freed). */
int image_root_resume(struct sandbox_config *config, bool carried, size_t layers, char **path);
void image_root_close(struct image_root *r);

/* Prints an image's error the way the command line does. */
int complain_image(const struct image_error *err);

#endif
