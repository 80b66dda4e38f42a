#include "place.h"

#include <errno.h>
#include <grp.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY     65534
#define OPEN_TRIES 8 /* openat2 asks for another try when a rename raced with it */

void place_identity(bool nobody)
{
    static int now = -1; /* -1: own */
    int want = nobody && geteuid() == 0 ? NOBODY : -1;

    if (want == now)
        return;
    /* Root's other groups would still open files of theirs; root itself needs none. */
    if (want != -1 && getgroups(0, NULL) > 0)
        syscall(SYS_setgroups, 0, NULL); /* of this thread: one that writes a file keeps its own */
    /* Group first on the way down: changing it needs the rights. */
    setfsgid(want == -1 ? getegid() : NOBODY);
    setfsuid(want == -1 ? geteuid() : NOBODY);
    now = want;
}

/* Relative, no empty, "." or ".." component; "" is allowed. */
static bool path_ok(const char *path)
{
    if (!*path)
        return true;
    for (;;) {
        size_t n = strcspn(path, "/");
        if (n == 0 || n > 255 || (n == 1 && path[0] == '.') ||
            (n == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        if (!path[n])
            return true;
        path += n + 1;
    }
}

int place_find(struct sandbox *s, const char *uri, struct place *place)
{
    char *end;

    if (strncmp(uri, "dir:", 4) != 0 || uri[4] < '0' || uri[4] > '9')
        return -EINVAL;
    unsigned long index = strtoul(uri + 4, &end, 10);
    if (*end != '/' || index >= s->export_count || !path_ok(end + 1))
        return -EINVAL;
    struct export *ex = &s->exports[index];
    if (ex->dir < 0)
        return -ENOENT;
    *place = (struct place){ex, ex->dir, end + 1, end + 1, POLICY_WORKDIR};
    if (ex->file) {
        if (*place->path)
            return -ENOTDIR;
        place->path = ex->file;
    }
    if (ex->host_base) {
        place->shown = policy_visible(place->full, s->workdir);
        if (place->shown == POLICY_HIDDEN)
            return -ENOENT;
        if (place->shown == POLICY_WORKDIR) { /* opened at start, with the user's rights */
            place->dir = s->workdir_fd;
            place->path += strlen(s->workdir);
            place->path += *place->path == '/';
        }
    }
    place_identity(place->shown == POLICY_SYSTEM);
    return 0;
}

static int open_beneath(int dir, const char *path, int flags, unsigned mode)
{
    struct open_how how = {
        .flags =
            (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW | (flags & O_PATH ? 0 : O_NOCTTY)),
        .mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;

    for (int i = 0; i < OPEN_TRIES; i++) {
        fd = syscall(SYS_openat2, dir, *path ? path : ".", &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd < 0 ? -errno : (int)fd;
}

int place_open(struct sandbox *s, const struct place *place, int flags, unsigned mode)
{
    return open_beneath(place->dir, place->path, flags, mode);
}

int place_parent(struct sandbox *s, const struct place *place, struct parent *parent)
{
    char above[4352];
    const char *slash = strrchr(place->path, '/');

    if (!*place->path || place->export->file)
        return -EBUSY;
    *parent = (struct parent){place->dir, false, place->path};
    if (!slash)
        return 0;
    size_t n = (size_t)(slash - place->path);
    if (n >= sizeof(above))
        return -ENAMETOOLONG;
    memcpy(above, place->path, n);
    above[n] = 0;
    int dir = open_beneath(place->dir, above, O_PATH | O_DIRECTORY, 0);
    if (dir < 0)
        return dir;
    *parent = (struct parent){dir, true, slash + 1};
    return 0;
}

void place_parent_close(struct parent *parent)
{
    if (parent->own)
        close(parent->dir);
}

int place_reopen(const struct sandbox *s, int path_fd, int flags)
{
    char name[16];

    snprintf(name, sizeof(name), "%d", path_fd);
    int fd = openat(s->proc_fds, name, flags | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}
