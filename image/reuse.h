/* Contents that the base of a new layer has already. */
#ifndef BAILEY_IMAGE_REUSE_H
#define BAILEY_IMAGE_REUSE_H

#include "tree.h"

struct reuse_entry {
    uint64_t size, offset;
    int fd;
};
struct reuse {
    struct reuse_entry *entries; /* by size */
    size_t count, room;
};

/* Remembers the contents of all files of the tree that come from descriptors. */
void reuse_collect(struct reuse *r, struct tree *base);
/* Makes files whose contents are in `spool`, but somewhere in the base as well, take them from
 * there: moved, copied and rewritten ones, and those of which only attributes changed. */
void reuse_apply(const struct reuse *r, struct tree *t, int spool);
void reuse_free(struct reuse *r);

#endif
