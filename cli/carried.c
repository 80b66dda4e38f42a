/* See carried.h. */
#include "carried.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "complain.h"

static const struct {
    const char *name;
    run_take *take;
} carried[] = {
    {"net", run_take_net},       {"publish", run_take_publish}, {"dns", run_take_dns},
    {"cpus", run_take_cpus},     {"files", run_take_files},     {"cpu-time", run_take_cpu_time},
    {"output", run_take_output},
};

static int add_all(struct snapshot_pairs *to, const char *name, const struct strings *list)
{
    int rc = 0;

    for (size_t i = 0; i < list->count; i++)
        rc |= snapshot_pairs_add(to, name, "%s", list->items[i]);
    return rc;
}

static int add_limit(struct snapshot_pairs *to, const char *name, uint64_t value)
{
    return value ? snapshot_pairs_add(to, name, "%" PRIu64, value) : 0;
}

int carried_describe(struct snapshot_pairs *to, const struct settings *s)
{
    int rc = add_all(to, "net", &s->net) | add_all(to, "publish", &s->ports) |
             add_all(to, "dns", &s->servers) | add_limit(to, "cpus", s->limits.cpus) |
             add_limit(to, "cpu-time", s->limits.cpu_seconds) |
             add_limit(to, "files", s->limits.files) | add_limit(to, "output", s->limits.output);

    return rc ? complain("save", NULL, "no memory") : 0;
}

static bool network_given(const struct settings *s)
{
    return s->net.count || s->ports.count || s->servers.count;
}

static int take(struct settings *s, const char *name, const char *value, const char *path)
{
    char shown[400];

    for (size_t i = 0; i < sizeof(carried) / sizeof(carried[0]); i++) {
        if (strcmp(name, carried[i].name) != 0)
            continue;
        snprintf(shown, sizeof(shown), "%.300s: --%s", path, name);
        return carried[i].take(s, shown, value);
    }
    return 0;
}

/* Not asked for: "none". */
static int grant(const struct settings *s, const char *path)
{
    static const char hint[] = "give --net and -p as it may have them, or --grant for all it asks";

    for (size_t i = 0; i < s->net.count; i++)
        if (strcmp(s->net.items[i], "none") != 0)
            return complain(path, hint, "it asks for the network: --net %s", s->net.items[i]);
    if (s->ports.count)
        return complain(path, hint, "it asks for a port of the host: -p %s", s->ports.items[0]);
    return 0;
}

static void limit(uint64_t *given, uint64_t of_file)
{
    if (!*given)
        *given = of_file;
}

static void give_network(struct settings *given, struct settings *of_file)
{
    given->network = of_file->network;
    given->net = of_file->net;
    given->ports = of_file->ports;
    given->servers = of_file->servers;
}

int carried_read(struct settings *given, const void *bytes, size_t size, bool all, const char *path)
{
    struct settings of_file = {0};
    const char *name, *value;
    size_t at = 0;
    int code = 0;

    while (!code && snapshot_pairs_next(bytes, size, &at, &name, &value))
        code = take(&of_file, name, value, path);
    bool takes_over = !network_given(given);
    if (!code && takes_over && !all)
        code = grant(&of_file, path);
    limit(&given->limits.cpus, of_file.limits.cpus);
    limit(&given->limits.cpu_seconds, of_file.limits.cpu_seconds);
    limit(&given->limits.files, of_file.limits.files);
    limit(&given->limits.output, of_file.limits.output);
    if (takes_over)
        give_network(given, &of_file);
    else
        carried_free(&of_file);
    return code;
}

void carried_free(struct settings *given)
{
    strings_free(&given->net);
    strings_free(&given->ports);
    strings_free(&given->servers);
    network_free(&given->network);
}
