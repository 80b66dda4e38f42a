/* Limits of a run; see resources.h. */
#define _GNU_SOURCE
#include "resources.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "number.h"

enum { FILES_MIN = 16, FILES_MAX = 1 << 20, CPUS_MAX = 1024 };

int limits_take_cpus(struct limits *l, const char *shown, const char *value)
{
    if (!parse_number(value, 1, CPUS_MAX, &l->cpus))
        return complain(shown, NULL, "'%s' is not a number from 1 to %d", value, CPUS_MAX);
    return 0;
}

int limits_take_cpu_time(struct limits *l, const char *shown, const char *value)
{
    unsigned seconds;

    if (!parse_seconds(value, &seconds))
        return complain(shown, "give it as 30, 30s, 5m or 1h", "'%s' is no time", value);
    l->cpu_seconds = seconds;
    return 0;
}

int limits_take_files(struct limits *l, const char *shown, const char *value)
{
    if (!parse_number(value, FILES_MIN, FILES_MAX, &l->files))
        return complain(shown, NULL, "'%s' is not a number from %d to %d", value, FILES_MIN,
                        FILES_MAX);
    return 0;
}

int limits_take_output(struct limits *l, const char *shown, const char *value)
{
    if (!parse_size(value, &l->output) || l->output == 0)
        return complain(shown, "give it as 64k or 10m", "'%s' is no size", value);
    return 0;
}

/* So many of the CPUs this process may use, beginning with the one it runs on: sandboxes
 * started one after the other do not all sit on the first. */
static int use_cpus(uint64_t wanted)
{
    cpu_set_t may, use;
    int here = sched_getcpu();

    if (sched_getaffinity(0, sizeof(may), &may) < 0)
        return complain_errno("--cpus", errno, NULL);
    CPU_ZERO(&use);
    for (int i = 0; i < CPU_SETSIZE && (uint64_t)CPU_COUNT(&use) < wanted; i++) {
        int cpu = (here + i) % CPU_SETSIZE;
        if (CPU_ISSET(cpu, &may))
            CPU_SET(cpu, &use);
    }
    if (sched_setaffinity(0, sizeof(use), &use) < 0)
        return complain_errno("--cpus", errno, NULL);
    return 0;
}

int limits_settle(const struct limits *l, struct sandbox_config *config)
{
    config->cpu_ns = l->cpu_seconds * 1000000000u;
    config->files_max = (uint32_t)l->files;
    config->output_limit = l->output;
    return l->cpus ? use_cpus(l->cpus) : 0;
}

void limits_start(struct cgroup *group, const struct limits *l, struct sandbox_config *config)
{
    const struct cgroup_limits limits = {config->memory_limit, config->pids_max, l->cpus};

    config->cgroup_fd = cgroup_begin(group, "/proc/self/cgroup", "/sys/fs/cgroup", &limits,
                                     (pid_t)config->guard_pid);
    config->cgroup = group->base[0] ? group->base : NULL;
}

void limits_end(struct cgroup *group, struct sandbox_config *config, struct error *err)
{
    if (config->cgroup_fd >= 0)
        close(config->cgroup_fd);
    if (err->text[0] && err->exit_code == MONITOR_EXIT_KILLED && cgroup_out_of_memory(group)) {
        snprintf(err->text, sizeof(err->text),
                 "the sandbox was ended: it used more memory than --memory allows");
        snprintf(err->hint, sizeof(err->hint), "raise the limit, if the program may have it");
    }
    cgroup_end(group, (pid_t)config->guard_pid);
}
