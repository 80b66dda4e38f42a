/* Limits by a control group (version 2) where one was delegated to the caller, as `systemd-run
 * --user --scope -p Delegate=yes bailey run ...` does: they hold from one moment to the next,
 * where the monitor's own sums are looked at some times a second.  Without one nothing changes. */
#ifndef BAILEY_CLI_CGROUP_H
#define BAILEY_CLI_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_limits {
    uint64_t memory; /* bytes; 0: none, as the others */
    uint64_t pids, cpus;
};

struct cgroup {
    char own[32];    /* below base: the sandbox's */
    char aside[40];  /* ... this process's, as a group with groups below it may hold none; "" */
    char base[4096]; /* the group the caller was in; "": there is none */
};

/* Makes a group with these limits.  `self` and `mount` are /proc/self/cgroup and /sys/fs/cgroup;
 * `helper` is a process of the caller's that is in the same group, or 0.  The descriptor a process
 * enters it by (writing "0"), or -1: no such group can be had. */
int cgroup_begin(struct cgroup *g, const char *self, const char *mount,
                 const struct cgroup_limits *limits, pid_t helper);
/* Was something in it killed for memory? */
bool cgroup_out_of_memory(const struct cgroup *g);
/* Takes it away, once nothing is in it any more. */
void cgroup_end(struct cgroup *g, pid_t helper);

#endif
