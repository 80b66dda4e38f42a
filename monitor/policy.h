/* What of the host's tree the host base shows. */
#ifndef BAILEY_MONITOR_POLICY_H
#define BAILEY_MONITOR_POLICY_H

#include <stdbool.h>

enum visibility {
    POLICY_HIDDEN,   /* does not exist inside */
    POLICY_TRAVERSE, /* a directory shown with its permitted children only */
    POLICY_SYSTEM,   /* shown as far as anybody on the host may read it */
    POLICY_WORKDIR,  /* the working directory and below: as the user may read it */
};

/* Path relative to "/", without leading slash, "" for the root itself, free of empty,
 * "." and ".." components.  workdir: the same form; "" if none is shown. */
enum visibility policy_visible(const char *path, const char *workdir);

#endif
