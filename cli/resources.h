/* Limits of a run: --cpus, --cpu-time, --files, --output, and what enforces the last. */
#ifndef BAILEY_CLI_RESOURCES_H
#define BAILEY_CLI_RESOURCES_H

#include "cgroup.h"
#include "monitor/monitor.h"

/* What the command line asks for; 0: no limit. */
struct limits {
    uint64_t cpus, cpu_seconds, files, output;
};

int limits_take_cpus(struct limits *l, const char *shown, const char *value);
int limits_take_cpu_time(struct limits *l, const char *shown, const char *value);
int limits_take_files(struct limits *l, const char *shown, const char *value);
int limits_take_output(struct limits *l, const char *shown, const char *value);

/* Puts them into the configuration, and this process and all that come from it on its
 * CPUs.  0 or an exit code. */
int limits_settle(const struct limits *l, struct sandbox_config *config);

/* By a control group, where there is one: from now on to the end of the run.  The second is to be
 * called when the run has ended, before *err is told. */
void limits_start(struct cgroup *group, const struct limits *l, struct sandbox_config *config);
void limits_end(struct cgroup *group, struct sandbox_config *config, struct error *err);

/* Output that is counted: standard output and error become pipes to a process that passes
 * on so many bytes.  It ends, and the sandbox with it, when there are more. */
struct relay {
    int pid, saved[2];
};
int relay_start(struct relay *relay, uint64_t bytes, struct sandbox_config *config);
/* Gives the streams back once everything has been passed on; true if there was too much.
 * (The program may have ended by the closed pipe before it could be ended.) */
bool relay_end(struct relay *relay);

#endif
