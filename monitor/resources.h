/* Limits the monitor keeps itself, whatever the inside does: memory, threads, CPU time. */
#ifndef BAILEY_MONITOR_RESOURCES_H
#define BAILEY_MONITOR_RESOURCES_H

#include "sandbox.h"

/* In the first host process, before the filter: what the kernel keeps for all that come
 * from it (descriptors, sizes of files, processes where there are user namespaces). */
void limits_apply(const struct sandbox_config *config);
/* The same for what the program is told. */
void limits_tell(const struct sandbox_config *config, struct boot_info *boot);

/* May a file be made this long?  0 or -EFBIG. */
int limits_size(const struct sandbox *s, uint64_t size);

/* ms until limits_check wants to be called again; -1: there is nothing to look at. */
int limits_interval(const struct sandbox *s);
/* Ends the sandbox if it is over a limit. */
void limits_check(struct sandbox *s);

/* CPU time all of it has used. */
uint64_t limits_cpu_ns(const struct sandbox *s);

#endif
