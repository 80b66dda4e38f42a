/* Network and limits of a run, which a snapshot carries over to those who resume it.
 *
 * They stand in the description ("config") as the options were written: net, publish, dns,
 * cpus, cpu-time, files, output; memory, pids and timeout are description.h's own.
 */
#ifndef BAILEY_CLI_CARRIED_H
#define BAILEY_CLI_CARRIED_H

#include "description.h"
#include "settings.h"

int carried_describe(struct snapshot_pairs *to, const struct settings *s);

/* Completes what the caller gave anew in *given by what the description says.  A limit given
 * anew replaces that limit; any network option given anew replaces all of the network.  What
 * leads out of the sandbox is granted as volumes are (grant.h): where `all` says so.  0, or an
 * exit code after a message; strings point into the description. */
int carried_read(struct settings *given, const void *bytes, size_t size, bool all,
                 const char *path);
void carried_free(struct settings *given);

#endif
