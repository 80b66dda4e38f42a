/* See grant.h. */
#include "grant.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"

/* The volume the caller gave for the same place inside; it says which directory of the host
 * that is, and may take away the right to write. */
static bool named(struct sandbox_volume *v, const struct volumes *given)
{
    for (size_t i = 0; i < given->count; i++) {
        if (strcmp(given->items[i].guest, v->guest) != 0)
            continue;
        v->host = given->items[i].host;
        v->read_only |= given->items[i].readonly;
        return true;
    }
    return false;
}

/* The host shows the working directory besides what everybody may see. */
static bool is_here(const char *workdir)
{
    char here[PATH_MAX], there[PATH_MAX];

    if (!workdir || !realpath(workdir, there) || !monitor_path_visible(there, there))
        return true;
    if (monitor_path_visible(there, NULL)) /* a system directory */
        return true;
    if (!getcwd(here, sizeof(here)))
        return false;
    size_t n = strlen(here);
    return strcmp(here, "/") != 0 && strncmp(there, here, n) == 0 &&
           (there[n] == 0 || there[n] == '/');
}

/* What is not there need not be granted: the sandbox does without it. */
static bool is_absent(const char **host, bool carried)
{
    if (**host && carried && access(*host, F_OK) < 0 && errno == ENOENT)
        *host = "";
    return !**host;
}

/* A working directory that is gone leaves its place to nothing: volumes keep theirs. */
static void keep_place_of_workdir(struct description *d)
{
    struct sandbox_config *c = &d->config;

    if (!d->workdir_mounted || !c->workdir || c->volume_count == MONITOR_VOLUMES_MAX ||
        access(c->workdir, F_OK) == 0)
        return;
    memmove(d->volumes + 1, d->volumes, c->volume_count * sizeof(d->volumes[0]));
    d->volumes[0] = (struct sandbox_volume){.host = "", .guest = c->workdir, .read_only = true};
    c->volume_count++;
}

int grant_check(struct description *d, const struct volumes *given, bool all, bool carried,
                const char *path)
{
    struct sandbox_config *c = &d->config;
    bool rootless = c->root_mode == SANDBOX_ROOT_DIR && is_absent(&c->root_dir, carried);

    for (size_t i = 0; i < c->volume_count; i++) {
        struct sandbox_volume *v = &d->volumes[i];
        if (!named(v, given) && !is_absent(&v->host, carried) && !all)
            return complain(path, "give -v HOST:GUEST if it may, or --grant for all it asks",
                            "it asks for %s, to be %s at %s", v->host,
                            v->read_only ? "read" : "written", v->guest);
    }
    keep_place_of_workdir(d);
    if (all)
        return 0;
    if (c->root_mode == SANDBOX_ROOT_DIR && !rootless)
        return complain(path, "give --grant if it may", "it asks for %s as its root", c->root_dir);
    if (c->root_mode == SANDBOX_ROOT_HOST && !is_here(c->workdir))
        return complain(path, "resume it there, or give --grant if it may",
                        "it asks for %s, where it was started", c->workdir);
    return 0;
}
