/* run --diff: what a run changed in memory, written to a host stream at its end.
 *
 * Either one line a name ("A /path": added, C changed, D deleted), or a tar archive
 * (diff_tar.c).
 *
 * Called when program 1 has ended and the other processes have too, or at rest, so nothing
 * moves and no lock is taken.
 */
#include "diff.h"

#include <linux/errno.h>
#include <linux/stat.h>

#include "lib.h"
#include "overlay.h"
#include "proc.h"

void diff_flush(struct diff_output *o)
{
    for (size_t at = 0; at < o->used && !o->error;) {
        struct host_iovec v = {o->buffer + at, o->used - at};
        long n = host_write(o->handle, &v, 1, HOST_AT_POSITION, 0);
        if (n > 0)
            at += n;
        else if (n != -EINTR)
            o->error = n ? n : -EIO;
    }
    o->used = 0;
}

void diff_put(struct diff_output *o, const void *data, size_t n)
{
    const char *p = data;
    while (n && !o->error) {
        size_t part = MIN(n, DIFF_BUFFER - o->used);
        memcpy(o->buffer + o->used, p, part);
        o->used += part;
        p += part;
        n -= part;
        if (o->used == DIFF_BUFFER)
            diff_flush(o);
    }
}

/* Places where something is mounted are the sandbox's own. */
static bool is_mount_point(const struct diff_output *o, const char *path)
{
    char *buf = kmalloc(PATH_MAX_);
    bool found = false;
    struct mount *m;

    list_for_each(m, &mount_list, all)
    {
        if (!buf || !m->mountpoint || m->parent != o->mount)
            continue;
        char *at = dentry_path(m->mountpoint, buf, PATH_MAX_);
        found |= !IS_ERR(at) && strcmp(at, path) == 0;
    }
    kfree(buf);
    return found;
}

static void emit(void *ctx, char kind, const char *path, struct inode *i)
{
    struct diff_output *o = ctx;
    bool dir = i && S_ISDIR(i->mode);

    if (o->error || (i && S_ISSOCK(i->mode) && !o->list) || is_mount_point(o, path))
        return;
    const char *last = strrchr(path, '/') + 1;
    size_t room = strlen(o->prefix) + strlen(path) + 8;
    char *name = kmalloc(room);
    if (!name) {
        o->error = -ENOMEM;
    } else if (o->list) {
        int n = snprintf(name, room, "%c %s%s\n", kind, o->prefix, path);
        diff_put(o, name, n);
    } else {
        snprintf(name, room, "%s%.*s%s%s%s", o->prefix, (int)(last - path), path, i ? "" : ".wh.",
                 last, dir ? "/" : "");
        diff_tar_entry(o, kind, name + 1, i);
    }
    kfree(name);
}

static void diff_mounts(struct diff_output *o)
{
    char *buf = kmalloc(PATH_MAX_);
    struct mount *m;

    list_for_each(m, &mount_list, all)
    {
        struct path_s top = {m, m->root};
        if (!buf || m->gone || m->root != m->super->root || strcmp(m->super->type, "overlay") != 0)
            continue;
        o->mount = m;
        o->prefix = m->parent ? path_text(&top, buf, PATH_MAX_) : "";
        if (!IS_ERR(o->prefix))
            overlay_diff(m->super, emit, o);
    }
    kfree(buf);
}

long diff_write(int handle, bool list)
{
    struct diff_output o = {.handle = handle, .list = list, .buffer = kpages_alloc(DIFF_BUFFER)};

    if (!o.buffer)
        return -ENOMEM;
    if (!list)
        o.error = diff_tar_begin(&o);
    diff_mounts(&o);
    if (!list)
        diff_tar_end(&o);
    diff_flush(&o);
    kpages_free(o.buffer, DIFF_BUFFER);
    return o.error;
}
