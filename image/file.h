/* Files that appear under their name when they are complete. */
#ifndef BAILEY_IMAGE_FILE_H
#define BAILEY_IMAGE_FILE_H

#include <stdint.h>

#include "error.h"

struct new_file {
    int fd;
    char path[4352]; /* its temporary name, in the directory where it will be */
};

/* A new empty file beside `target`. */
int new_file_open(struct new_file *f, const char *target, struct image_error *err);
/* Gives it its name, once it is on disk.  mode is its access mode. */
int new_file_commit(struct new_file *f, const char *target, unsigned mode, struct image_error *err);
/* Gives it up; nothing after a commit. */
void new_file_drop(struct new_file *f);
/* A copy of the file `from` under a new name. */
int copy_to_new_file(const char *from, const char *target, struct image_error *err);
/* A file without a name in the directory of `target`; descriptor or -1. */
int spool_open(const char *target, struct image_error *err);
/* Everything from one descriptor to another. */
int copy_file(int from, int to, struct image_error *err);

#endif
