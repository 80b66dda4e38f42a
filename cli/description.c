/* See description.h. */
#define _GNU_SOURCE
#include "description.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "runtime.h"
#include "snapshot/cpu.h"

/* ---- making ------------------------------------------------------------------------------ */

static int add_volume(struct snapshot_pairs *p, const struct sandbox_volume *v)
{
    char real[PATH_MAX];
    const char *host = realpath(v->host, real) ? real : v->host;

    return snapshot_pairs_add(p, "mount", "%s %s %s", v->guest, host, v->read_only ? "ro" : "rw") |
           snapshot_pairs_add(p, "volume-host", "%s", host) |
           snapshot_pairs_add(p, "volume-guest", "%s", v->guest) |
           snapshot_pairs_add(p, "volume-mode", v->read_only ? "ro" : "rw");
}

static int add_root(struct snapshot_pairs *p, const struct sandbox_config *c)
{
    char real[PATH_MAX];
    const char *path = c->root_mode == SANDBOX_ROOT_DIR ? c->root_dir : c->root_image;

    if (c->root_mode == SANDBOX_ROOT_HOST)
        return snapshot_pairs_add(p, "root", "host");
    if (realpath(path, real))
        path = real;
    size_t layers = 0;
    while (c->root_devices && c->root_devices[layers])
        layers++;
    if (layers && snapshot_pairs_add(p, "root-layers", "%zu", layers))
        return -1;
    if (c->root_mode == SANDBOX_ROOT_IMAGE && c->root_digest &&
        snapshot_pairs_add(p, "root-digest", "%s", c->root_digest))
        return -1;
    return snapshot_pairs_add(p, c->root_mode == SANDBOX_ROOT_DIR ? "root-dir" : "root-image", "%s",
                              path);
}

/* Where the guest has a file system of its own, the working directory is mounted, before all
 * volumes. */
static bool is_mounted(const char *workdir)
{
    static const char *const covered[] = {"/tmp", "/run", "/dev/shm"};
    char real[PATH_MAX];
    bool found = false;

    if (!realpath(workdir, real))
        return false;
    for (size_t i = 0; i < sizeof(covered) / sizeof(covered[0]); i++) {
        size_t n = strlen(covered[i]);
        found |= strncmp(real, covered[i], n) == 0 && (real[n] == 0 || real[n] == '/');
    }
    return found;
}

int description_make(struct snapshot_pairs *to, const struct sandbox_config *c)
{
    char here[PATH_MAX];
    const char *workdir = c->workdir;
    int rc = 0;

    if (!workdir && c->root_mode == SANDBOX_ROOT_HOST)
        workdir = getcwd(here, sizeof(here));
    for (size_t i = 0; c->argv[i]; i++)
        rc |= snapshot_pairs_add(to, "argv", "%s", c->argv[i]);
    if (workdir)
        rc |= snapshot_pairs_add(to, "workdir", "%s", workdir);
    if (workdir && c->root_mode == SANDBOX_ROOT_HOST && is_mounted(workdir))
        rc |= snapshot_pairs_add(to, "workdir-mounted", "yes");
    rc |= snapshot_pairs_add(to, "uid", "%u", c->uid) | snapshot_pairs_add(to, "gid", "%u", c->gid);
    rc |= snapshot_pairs_add(to, "memory", "%" PRIu64, c->memory_limit) |
          snapshot_pairs_add(to, "pids", "%u", c->pids_max) | add_root(to, c);
    if (c->timeout_seconds)
        rc |= snapshot_pairs_add(to, "timeout", "%u", c->timeout_seconds);
    if (c->hostname)
        rc |= snapshot_pairs_add(to, "hostname", "%s", c->hostname);
    if (c->cpu_level)
        rc |= snapshot_pairs_add(to, "cpu", "x86-64-v%u", c->cpu_level);
    if (c->read_only)
        rc |= snapshot_pairs_add(to, "read-only", "yes");
    for (size_t i = 0; i < c->volume_count; i++)
        rc |= add_volume(to, &c->volumes[i]);
    return rc ? complain("save", NULL, "no memory") : 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

static uint32_t number(const char *value) { return (uint32_t)strtoul(value, NULL, 10); }

static void take(struct description *d, const char *name, const char *value, size_t *argc)
{
    struct sandbox_config *c = &d->config;
    struct sandbox_volume *v = &d->volumes[c->volume_count];

    if (strcmp(name, "argv") == 0)
        d->argv[(*argc)++] = value;
    else if (strcmp(name, "workdir") == 0)
        c->workdir = value;
    else if (strcmp(name, "uid") == 0)
        c->uid = number(value);
    else if (strcmp(name, "gid") == 0)
        c->gid = number(value);
    else if (strcmp(name, "memory") == 0)
        c->memory_limit = strtoull(value, NULL, 10);
    else if (strcmp(name, "pids") == 0)
        c->pids_max = number(value);
    else if (strcmp(name, "timeout") == 0)
        c->timeout_seconds = number(value);
    else if (strcmp(name, "name") == 0)
        c->name = name_valid(value) ? value : NULL;
    else if (strcmp(name, "cpu") == 0)
        c->cpu_level = cpu_level_parse(value);
    else if (strcmp(name, "workdir-mounted") == 0)
        d->workdir_mounted = true;
    else if (strcmp(name, "root-layers") == 0)
        d->layers = number(value) <= MONITOR_VOLUMES_MAX ? number(value) : 0;
    else if (strcmp(name, "read-only") == 0)
        c->read_only = true;
    else if (strcmp(name, "root-dir") == 0) {
        c->root_dir = value;
        c->root_mode = SANDBOX_ROOT_DIR;
    } else if (strcmp(name, "root-image") == 0) {
        c->root_image = value;
        c->root_mode = SANDBOX_ROOT_IMAGE;
    } else if (strcmp(name, "root-digest") == 0)
        c->root_digest = value;
    else if (c->volume_count < MONITOR_VOLUMES_MAX && strcmp(name, "volume-host") == 0)
        v->host = value;
    else if (c->volume_count < MONITOR_VOLUMES_MAX && strcmp(name, "volume-guest") == 0)
        v->guest = value;
    else if (c->volume_count < MONITOR_VOLUMES_MAX && strcmp(name, "volume-mode") == 0) {
        v->read_only = strcmp(value, "ro") == 0;
        c->volume_count += v->host && v->guest;
    }
}

int description_read(struct description *d, const void *bytes, size_t size, const char *path)
{
    const char *name, *value;
    size_t at = 0, argc = 0;

    memset(d, 0, sizeof(*d));
    sandbox_config_init(&d->config);
    d->config.volumes = d->volumes;
    while (snapshot_pairs_next(bytes, size, &at, &name, &value))
        argc++;
    d->argv = need(calloc(argc + 1, sizeof(*d->argv)));
    at = argc = 0;
    while (snapshot_pairs_next(bytes, size, &at, &name, &value))
        take(d, name, value, &argc);
    if (argc == 0)
        return complain(path, NULL, "the file does not say how the sandbox was started");
    d->config.argv = d->argv;
    return 0;
}
