/* From a URI to something the host's *at calls can work on.
 *
 * A place is a directory descriptor opened before and a relative path that was checked:
 * resolving it below the descriptor, without symbolic links, cannot leave the export.
 */
#ifndef BAILEY_MONITOR_PLACE_H
#define BAILEY_MONITOR_PLACE_H

#include <fcntl.h>

#include "policy.h"
#include "sandbox.h"

struct place {
    struct export *export;
    int dir;          /* borrowed */
    const char *path; /* relative to dir; "" is dir itself */
    const char *full; /* as in the URI, for the policy */
    enum visibility shown;
};

/* 0 or -errno: -EINVAL for what is no URI at all, -ENOENT for what policy hides.
 * The place points into `uri`. */
int place_find(struct sandbox *s, const char *uri, struct place *place);

/* Opens it (openat2, beneath, no links).  Descriptor or -errno. */
int place_open(struct sandbox *s, const struct place *place, int flags, unsigned mode);

/* The directory of the place's last component, and that component; the directory must be
 * given back with place_parent_close.  -EBUSY for an export itself. */
struct parent {
    int dir;
    bool own;
    const char *name;
};
int place_parent(struct sandbox *s, const struct place *place, struct parent *parent);
void place_parent_close(struct parent *parent);

/* Opens again, for reading or writing, what an O_PATH descriptor names. */
int place_reopen(const struct sandbox *s, int path_fd, int flags);

/* System files are looked at with the rights of nobody when the monitor is root. */
void place_identity(bool nobody);

#endif
