/* A directory to try things in, which goes with all that is in it. */
#ifndef GUEST_SCRATCH_H
#define GUEST_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char scratch_dir[64], scratch_start[PATH_MAX];

/* Makes a directory in `place` and goes there. */
static void scratch_enter(const char *place)
{
    CHECK(getcwd(scratch_start, sizeof(scratch_start)) != NULL);
    snprintf(scratch_dir, sizeof(scratch_dir), "%s/scratch.XXXXXX", place);
    CHECK(mkdtemp(scratch_dir) && chdir(scratch_dir) == 0);
}

static void scratch_remove(int at, const char *name)
{
    struct stat st;
    struct dirent *e;
    DIR *d;

    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode)) {
        unlinkat(at, name, 0);
        return;
    }
    fchmodat(at, name, 0700, 0);
    d = fdopendir(openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    while (d && (e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            scratch_remove(dirfd(d), e->d_name);
    if (d)
        closedir(d);
    CHECK(unlinkat(at, name, AT_REMOVEDIR) == 0);
}

/* Back to where scratch_enter was called; nothing is left. */
static void scratch_leave(void)
{
    CHECK(chdir(scratch_start) == 0);
    scratch_remove(AT_FDCWD, scratch_dir);
}

#endif
