/* What of the host's tree the host base shows. */
#ifndef BAILEY_MONITOR_POLICY_H
#define BAILEY_MONITOR_POLICY_H

#include <stdbool.h>
#include <stddef.h>

enum visibility {
    POLICY_HIDDEN,   /* does not exist inside */
    POLICY_TRAVERSE, /* a directory shown with its permitted children only */
    POLICY_SYSTEM,   /* shown as far as anybody on the host may read it */
    POLICY_WORKDIR,  /* the working directory and below: as the user may read it */
};

/* Path relative to "/", without leading slash, "" for the root itself, free of empty,
 * "." and ".." components.  workdir: the same form; "" if none is shown. */
enum visibility policy_visible(const char *path, const char *workdir);

/* The i-th directory of the host that is shown, without leading slash; NULL after the last. */
const char *policy_shown(size_t i);

/* May this directory be shown because it is the working directory?  Not the places that
 * hold everybody's homes, nor the kernel's own file systems. */
bool policy_workdir(const char *path);

/* The working directory is somebody's home: its dot files and directories are hidden. */
bool policy_is_home(const char *path);

#endif
