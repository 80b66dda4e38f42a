/* Walls around what the host has: the library OS keeps honest programs to their limits
 * exactly; what is here holds the others, without any right of root.
 *
 * Where the kernel has a limit per process that all of them inherit, that is used.  Sums
 * over the sandbox (memory, threads, CPU time) are looked at a few times a second: all its
 * processes are children of ours, and what they use the kernel says.  An overshoot lasts
 * for that time at most; the sandbox ends then.
 */
#include "resources.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"
#include "serve.h"

#define OWN_THREADS 8   /* of the library OS itself */
#define OWN_HANDLES 256 /* host descriptors the library OS keeps for itself */
#define RELAXED_MS  100
#define CLOSE_MS    20 /* memory above half of the limit */
/* Memory of the library OS, stacks and copies shared after a fork count as well, so the
 * wall stands somewhat behind the line the library OS holds. */
#define MEMORY_ROOM(limit) ((limit) / 4 + (64u << 20))

struct usage {
    uint64_t memory, threads, cpu_ns;
};

static bool close_to_limit;

void limits_apply(const struct sandbox_config *config)
{
    const rlim_t threads = config->pids_max + OWN_THREADS, size = config->output_limit;
    const rlim_t files = config->files_max + OWN_HANDLES;

    if (config->output_limit)
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){size, size});
    if (config->files_max)
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){files, files});
    /* Processes are counted per user and user namespace, so one of our own makes it a limit
     * of this sandbox. */
    if (config->pids_max && unshare(CLONE_NEWUSER) == 0)
        setrlimit(RLIMIT_NPROC, &(struct rlimit){threads, threads});
}

static void tell(struct boot_info *boot, int resource, uint64_t limit)
{
    for (int i = 0; limit && i < 2; i++)
        if (boot->rlimits[resource][i] > limit)
            boot->rlimits[resource][i] = limit;
}

void limits_tell(const struct sandbox_config *config, struct boot_info *boot)
{
    tell(boot, RLIMIT_NOFILE, config->files_max);
    tell(boot, RLIMIT_FSIZE, config->output_limit);
}

int limits_size(const struct sandbox *s, uint64_t size)
{
    return s->config->output_limit && size > s->config->output_limit ? -EFBIG : 0;
}

/* ---- what is used ---------------------------------------------------------------------- */

static void add_process(struct usage *u, pid_t pid)
{
    char path[64], line[128];
    unsigned long long value;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *status = fopen(path, "re");
    while (status && fgets(line, sizeof(line), status)) {
        if (sscanf(line, "RssAnon: %llu", &value) == 1)
            u->memory += value << 10;
        else if (sscanf(line, "Threads: %llu", &value) == 1)
            u->threads += value;
    }
    if (status)
        fclose(status);
    int64_t ns = process_cpu_ns(pid);
    u->cpu_ns += ns > 0 ? (uint64_t)ns : 0;
}

static uint64_t bytes_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

/* Of those that have ended and were reaped. */
static uint64_t past_cpu_ns(void)
{
    struct rusage r;

    if (getrusage(RUSAGE_CHILDREN, &r) < 0)
        return 0;
    return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000u;
}

static struct usage look(const struct sandbox *s)
{
    struct usage u = {.memory = bytes_of(s->segment_fd) + bytes_of(s->pool_fd),
                      .cpu_ns = past_cpu_ns()};
    const uint64_t most = s->config->pids_max,
                   enough = most ? 2 * (most + OWN_THREADS) : UINT64_MAX;
    char path[64];
    int pid;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "re");
    /* Of a storm of forks no more than shows that it is one: it grows while it is looked at. */
    while (children && u.threads <= enough && fscanf(children, "%d", &pid) == 1)
        if (getpgid(pid) == s->group)
            add_process(&u, pid);
    if (children)
        fclose(children);
    return u;
}

uint64_t limits_cpu_ns(const struct sandbox *s)
{
    place_identity(false);
    return look(s).cpu_ns;
}

/* ---- what may be used ---------------------------------------------------------------------- */

int limits_interval(const struct sandbox *s)
{
    const struct sandbox_config *c = s->config;

    if (!c->memory_limit && !c->pids_max && !c->cpu_ns)
        return -1;
    return close_to_limit ? CLOSE_MS : RELAXED_MS;
}

static void over(struct sandbox *s, int exit_code, const char *what, const char *option)
{
    sandbox_fail(s, "the sandbox was ended: %s than %s allows", what, option);
    error_hint(s->err, "raise the limit, if the program may have it");
    s->exit_code = s->err->exit_code = exit_code;
}

void limits_check(struct sandbox *s)
{
    const struct sandbox_config *c = s->config;

    /* What is copied for a save counts twice, for as long as it is written. */
    const unsigned times = s->copies ? 2 : 1;

    if (limits_interval(s) < 0)
        return;
    place_identity(false);
    struct usage u = look(s);
    u.memory /= times;
    u.threads /= times;
    close_to_limit = c->memory_limit && u.memory > c->memory_limit / 2;
    if (c->memory_limit && u.memory > c->memory_limit + MEMORY_ROOM(c->memory_limit))
        over(s, MONITOR_EXIT_KILLED, "it used more memory", "--memory");
    else if (c->pids_max && u.threads > c->pids_max + OWN_THREADS)
        over(s, MONITOR_EXIT_KILLED, "it had more processes and threads", "--pids");
    else if (c->cpu_ns && u.cpu_ns > c->cpu_ns)
        over(s, MONITOR_EXIT_TIMEOUT, "it used more CPU time", "--cpu-time");
}
