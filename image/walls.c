#include "walls.h"

#include <libgen.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "../monitor/landlock.h"

void image_walls(const struct store *store, const char *output)
{
    char directory[STORE_PATH];
    int rules;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        (rules = landlock_begin(LANDLOCK_BIND | LANDLOCK_CONNECT, true)) < 0)
        return; /* an old kernel: as it was */
    landlock_allow_path(rules, "/", LANDLOCK_READ | LANDLOCK_FILE);
    if (store)
        landlock_allow_path(rules, store->path, LANDLOCK_WRITE);
    if (output) {
        snprintf(directory, sizeof(directory), "%s", output);
        landlock_allow_path(rules, dirname(directory), LANDLOCK_WRITE);
    }
    landlock_enforce(rules);
}
