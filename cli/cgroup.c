/* Control groups; see cgroup.h.  The names in use:
 *
 *   base/                 the caller's group
 *   base/bailey-PID       the sandbox's processes, with the limits
 *   base/bailey-PID.out   this process, where the kernel wants base empty
 *
 * Everything is tried and nothing insisted on: whatever fails leaves things as they were.
 */
#define _GNU_SOURCE
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERIOD_US   100000
#define OWN_THREADS 8 /* of the library OS itself */
/* The library OS keeps programs to the limit; its own memory, page tables and stacks of the
 * host come on top. */
#define MEMORY_ROOM(limit) ((limit) / 8 + (32u << 20))
#define PATIENCE           50 /* times 20 ms, for processes that are being reaped */

static int open_file(const struct cgroup *g, const char *group, const char *file, int flags)
{
    char path[4400];

    snprintf(path, sizeof(path), "%s/%s%s%s", g->base, group, *group ? "/" : "", file);
    return open(path, flags | O_CLOEXEC);
}

static bool put(const struct cgroup *g, const char *group, const char *file, const char *text)
{
    int fd = open_file(g, group, file, O_WRONLY);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return done;
}

static bool put_number(const struct cgroup *g, const char *file, uint64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    return put(g, g->own, file, text);
}

static bool put_pid(const struct cgroup *g, const char *group, pid_t pid)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", (int)pid);
    return pid == 0 || put(g, group, "cgroup.procs", text);
}

static void get(const struct cgroup *g, const char *group, const char *file, char *text,
                size_t size)
{
    int fd = open_file(g, group, file, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && strchr(" \n", at[n]))
            return true;
    return false;
}

static bool make(const struct cgroup *g, const char *group)
{
    char path[4400];

    snprintf(path, sizeof(path), "%s/%s", g->base, group);
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

/* Not rmdir(2): the monitor's filter knows this one. */
static bool unmake(const struct cgroup *g, const char *group)
{
    char path[4400];

    snprintf(path, sizeof(path), "%s/%s", g->base, group);
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0;
}

/* The line of version 2: "0::/path". */
static bool find_base(struct cgroup *g, const char *self, const char *mount)
{
    char line[4096];
    FILE *file = fopen(self, "re");

    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "0::/", 4) == 0 &&
            snprintf(g->base, sizeof(g->base), "%s%s", mount, line[4] ? line + 3 : "") >=
                (int)sizeof(g->base))
            g->base[0] = 0;
    }
    if (file)
        fclose(file);
    return g->base[0] != 0;
}

/* Gives the groups below base these controllers; base must be empty for it. */
static bool enable(struct cgroup *g, const char *const *wanted, pid_t helper)
{
    char now[512], text[64] = "";

    get(g, "", "cgroup.subtree_control", now, sizeof(now));
    for (; *wanted; wanted++)
        if (!has_word(now, *wanted))
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "+%s ", *wanted);
    if (!*text || put(g, "", "cgroup.subtree_control", text))
        return true;
    snprintf(g->aside, sizeof(g->aside), "%s.out", g->own);
    return make(g, g->aside) && put_pid(g, g->aside, getpid()) && put_pid(g, g->aside, helper) &&
           put(g, "", "cgroup.subtree_control", text);
}

static void set_limits(const struct cgroup *g, const struct cgroup_limits *l)
{
    char text[64];

    if (l->memory) {
        put_number(g, "memory.max", l->memory + MEMORY_ROOM(l->memory));
        put_number(g, "memory.swap.max", 0);
        put_number(g, "memory.oom.group", 1);
    }
    if (l->pids)
        put_number(g, "pids.max", l->pids + OWN_THREADS);
    if (l->cpus) {
        snprintf(text, sizeof(text), "%" PRIu64 " %d", l->cpus * PERIOD_US, PERIOD_US);
        put(g, g->own, "cpu.max", text);
    }
}

int cgroup_begin(struct cgroup *g, const char *self, const char *mount,
                 const struct cgroup_limits *l, pid_t helper)
{
    static const char *const names[] = {"memory", "pids", "cpu"};
    const uint64_t asked[] = {l->memory, l->pids, l->cpus};
    const char *wanted[4] = {NULL};
    char there[512];
    size_t n = 0;

    g->base[0] = g->aside[0] = g->own[0] = 0; /* a page is dear, and mostly one is enough */
    if (!l->memory && !l->pids && !l->cpus)
        return -1;
    if (!find_base(g, self, mount))
        return -1;
    get(g, "", "cgroup.controllers", there, sizeof(there));
    for (size_t i = 0; i < 3; i++)
        if (asked[i] && has_word(there, names[i]))
            wanted[n++] = names[i];
    snprintf(g->own, sizeof(g->own), "bailey-%d", (int)getpid());
    if (n && make(g, g->own)) {
        if (enable(g, wanted, helper)) {
            set_limits(g, l);
            int fd = open_file(g, g->own, "cgroup.procs", O_WRONLY);
            if (fd >= 0)
                return fd;
        }
        cgroup_end(g, helper);
    }
    g->base[0] = 0;
    return -1;
}

bool cgroup_out_of_memory(const struct cgroup *g)
{
    char text[512];

    if (!g->base[0])
        return false;
    get(g, g->own, "memory.events", text, sizeof(text));
    const char *at = strstr(text, "oom_kill ");
    return at && strtoul(at + 9, NULL, 10) > 0;
}

void cgroup_end(struct cgroup *g, pid_t helper)
{
    if (!g->base[0])
        return;
    for (int i = 0; !unmake(g, g->own) && errno == EBUSY && i < PATIENCE; i++)
        poll(NULL, 0, 20);
    if (g->aside[0]) { /* as it was */
        put(g, "", "cgroup.subtree_control", "-memory");
        put(g, "", "cgroup.subtree_control", "-pids");
        put(g, "", "cgroup.subtree_control", "-cpu");
        put_pid(g, "", helper);
        put_pid(g, "", getpid());
        unmake(g, g->aside);
    }
    g->base[0] = 0;
}
