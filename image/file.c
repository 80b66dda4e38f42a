#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int directory_length(const char *target)
{
    const char *slash = strrchr(target, '/');

    return slash ? (int)(slash - target) + 1 : 0;
}

int new_file_open(struct new_file *f, const char *target, struct image_error *err)
{
    int n = directory_length(target);

    f->fd = -1;
    if (strlen(target) + 16 > sizeof(f->path))
        return image_fail(err, ENAMETOOLONG, "%s", target);
    snprintf(f->path, sizeof(f->path), "%.*s.%s.XXXXXX", n, target, target + n);
    f->fd = mkostemp(f->path, O_CLOEXEC);
    return f->fd < 0 ? image_fail(err, errno, "%s", target) : 0;
}

static int sync_directory(const char *target)
{
    char path[4352];
    int n = directory_length(target);

    snprintf(path, sizeof(path), "%.*s", n ? n : 1, n ? target : ".");
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    int rc = fsync(dir);
    close(dir);
    return rc;
}

int new_file_commit(struct new_file *f, const char *target, unsigned mode, struct image_error *err)
{
    mode_t mask = umask(0);

    umask(mask);
    if (fchmod(f->fd, mode & ~mask) < 0 || fsync(f->fd) < 0 || rename(f->path, target) < 0)
        return image_fail(err, errno, "%s", target);
    close(f->fd);
    f->fd = -1;
    return sync_directory(target) < 0 ? image_fail(err, errno, "%s", target) : 0;
}

void new_file_drop(struct new_file *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    unlink(f->path);
    f->fd = -1;
}

int spool_open(const char *target, struct image_error *err)
{
    struct new_file f;

    if (new_file_open(&f, target, err) < 0)
        return -1;
    unlink(f.path);
    return f.fd;
}

int copy_file(int from, int to, struct image_error *err)
{
    static char buffer[1 << 16];
    ssize_t n;

    while ((n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0)) > 0)
        ;
    if (n == 0)
        return 0;
    while ((n = read(from, buffer, sizeof(buffer))) > 0)
        if (write(to, buffer, (size_t)n) != n)
            return image_fail(err, errno, "copying");
    return n < 0 ? image_fail(err, errno, "copying") : 0;
}

int copy_to_new_file(const char *from, const char *target, struct image_error *err)
{
    struct new_file file;
    int in = open(from, O_RDONLY | O_CLOEXEC);

    if (in < 0)
        return image_fail(err, errno, "%s", from);
    int rc = new_file_open(&file, target, err);
    if (rc == 0)
        rc = copy_file(in, file.fd, err);
    if (rc == 0)
        rc = new_file_commit(&file, target, 0644, err);
    new_file_drop(&file);
    close(in);
    return rc;
}
