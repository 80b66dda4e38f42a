/* The file a writer writes to. */
#ifndef BAILEY_SNAPSHOT_OUTPUT_H
#define BAILEY_SNAPSHOT_OUTPUT_H

#include "internal.h"

struct output {
    int fd;
    bool own;   /* to be closed */
    bool named; /* `temporary` exists */
    char *path; /* the name to be; NULL: it has one, or needs none */
    char *directory, *temporary;
};

int output_open(struct output *out, const char *path, struct snapshot_error *err);
int output_finish(struct output *out, const char *path, struct snapshot_error *err);
/* Removes what is not finished. */
void output_close(struct output *out);

#endif
