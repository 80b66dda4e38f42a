/* How a sandbox was started, as a snapshot keeps it ("config" in snapshot/snapshot.h). */
#ifndef BAILEY_CLI_DESCRIPTION_H
#define BAILEY_CLI_DESCRIPTION_H

#include "monitor/monitor.h"
#include "snapshot/snapshot.h"

/* Describes config in *to, which stays the caller's to free: all but its name. */
int description_make(struct snapshot_pairs *to, const struct sandbox_config *config);

/* The way back; strings point into the description. */
struct description {
    struct sandbox_config config;
    struct sandbox_volume volumes[MONITOR_VOLUMES_MAX];
    const char **argv;
    bool workdir_mounted; /* has a place among the file systems of the host */
    size_t layers;        /* of its image, without the first */
};
/* 0, or an exit code after a message. */
int description_read(struct description *d, const void *bytes, size_t size, const char *path);

#endif
