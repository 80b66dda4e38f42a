/* The file being written: no name until it is whole.
 *
 * O_TMPFILE leaves nothing behind even after kill -9; where the file system has no such
 * thing, a name beside the final one is used. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int output_open(struct output *out, const char *path, struct snapshot_error *err)
{
    struct stat st;

    *out = (struct output){.fd = -1};
    if (strcmp(path, "-") == 0) {
        out->fd = STDOUT_FILENO;
        return 0;
    }
    /* A pipe, /dev/null or a terminal: written in place. */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        out->fd = S_ISDIR(st.st_mode) ? -1 : open(path, O_WRONLY | O_CLOEXEC);
        out->own = true;
        return out->fd < 0 ? fail_errno(err, S_ISDIR(st.st_mode) ? EISDIR : errno, path, NULL) : 0;
    }
    out->path = strdup(path);
    out->directory = directory_of(path);
    if (!out->path || !out->directory ||
        asprintf(&out->temporary, "%s.%d.part", path, (int)getpid()) < 0) {
        out->temporary = NULL;
        return fail_errno(err, ENOMEM, path, NULL);
    }
    out->own = true;
    out->fd = open(out->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (out->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        out->fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        out->named = out->fd >= 0;
    }
    return out->fd < 0 ? fail_errno(err, errno, path, NULL) : 0;
}

static int give_name(struct output *out)
{
    char from[64];

    if (!out->named) {
        snprintf(from, sizeof(from), "/proc/self/fd/%d", out->fd);
        unlink(out->temporary);
        if (linkat(AT_FDCWD, from, AT_FDCWD, out->temporary, AT_SYMLINK_FOLLOW) < 0)
            return -1;
        out->named = true;
    }
    if (rename(out->temporary, out->path) < 0)
        return -1;
    out->named = false;
    int dir = open(out->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = dir < 0 ? 0 : fsync(dir);
    if (dir >= 0)
        close(dir);
    /* Some file systems can't sync directories. */
    return rc < 0 && errno != EINVAL ? -1 : 0;
}

int output_finish(struct output *out, const char *path, struct snapshot_error *err)
{
    int rc = 0;

    if (fsync(out->fd) < 0 && errno != EINVAL && errno != EROFS)
        rc = fail_errno(err, errno, path, NULL);
    if (rc == 0 && out->path && give_name(out) < 0)
        rc = fail_errno(err, errno, path, NULL);
    return rc;
}

void output_close(struct output *out)
{
    if (out->named)
        unlink(out->temporary);
    if (out->own && out->fd >= 0)
        close(out->fd);
    free(out->path);
    free(out->directory);
    free(out->temporary);
    *out = (struct output){.fd = -1};
}
