/* Look-ups that see the whole path: asking the host costs the same for one name as for the
 * ten that follow it, and the path walk knows them (thread->walk_rest).  What comes back is
 * put into the dentry cache, where the walk finds it.
 *
 * Only for cached exports, whose names stay what they are.  Locking: the caller holds the
 * inode lock of d's directory; those of the directories below are taken on the way down.
 */
#include <linux/errno.h>
#include <linux/stat.h>

#include "dcache.h"
#include "hostfs.h"
#include "lib.h"
#include "thread.h"

#define ANSWER_ROOM 4096

/* Appends the plain components at the front of `rest` to the URI. */
static void append_rest(char *uri, const char *rest)
{
    size_t at = strlen(uri), len;

    while (rest && *rest) {
        for (len = 0; rest[len] && rest[len] != '/'; len++)
            ;
        if (len > 255 || at + len + 2 > URI_MAX || !strncmp(rest, "./", 2) ||
            !strncmp(rest, "../", 3) || !strcmp(rest, ".") || !strcmp(rest, ".."))
            return;
        uri[at++] = '/';
        memcpy(uri + at, rest, len);
        at += len;
        uri[at] = 0;
        for (rest += len; *rest == '/'; rest++)
            ;
    }
}

/* The dentry of a name below dir, made if it isn't cached; `step` NULL: there is no such
 * name.  With a reference, or NULL. */
static struct dentry *plant(struct dentry *dir, const char *name, size_t len,
                            const struct host_step *step)
{
    u32 hash = hash_name(name, len);
    struct dentry *d;

    lock(&dir->inode->lock);
    d = dcache_find(dir, name, len, hash);
    if (!d && !(dir->flags & DENTRY_DELETED) && (d = dentry_alloc(dir, name, len))) {
        d->checked_ns = now_mono();
        if (step && hostfs_found(d, &step->attr, step->link) < 0) {
            dentry_put(d);
            d = NULL;
        } else {
            dentry_hash(d);
        }
    }
    unlock(&dir->inode->lock);
    return d;
}

/* The answer about what comes below d, into the cache. */
static void plant_rest(struct dentry *d, const char *rest, const struct host_step *step, long count,
                       bool absent)
{
    struct dentry *dir = dentry_get(d), *next;

    for (; count > 0 || absent; count--) {
        size_t len = 0;
        while (rest[len] && rest[len] != '/')
            len++;
        if (!dir->inode || !S_ISDIR(dir->inode->mode))
            break;
        next = plant(dir, rest, len, count > 0 ? step : NULL);
        if (count <= 0) {
            hostfs_node(dir->inode)->misses++;
            absent = false;
        }
        dentry_put(dir);
        dir = next;
        if (!dir)
            return;
        if (count > 0)
            step = (const void *)((const char *)step + step->size);
        for (rest += len; *rest == '/'; rest++)
            ;
    }
    dentry_put(dir);
}

static long ask(struct dentry *d, char *buf)
{
    const char *rest = current()->walk_rest;
    struct host_step *answer = (void *)(buf + URI_MAX);
    char *uri = hostfs_uri(d, buf);
    int absent = 0;

    if (IS_ERR(uri))
        return PTR_ERR(uri);
    memmove(buf, uri, strlen(uri) + 1);
    size_t known = strlen(buf) - d->name_len - 1;
    append_rest(buf, rest);
    long count = host_walk(buf, known, answer, ANSWER_ROOM, &absent);
    if (count == -ENOENT) {
        hostfs_node(d->parent->inode)->misses++;
        return 0;
    }
    if (count <= 0)
        return count < 0 ? count : -EIO;
    long rc = hostfs_found(d, &answer->attr, answer->link);
    if (rc == 0 && rest && (count > 1 || absent))
        plant_rest(d, rest, (const void *)((const char *)answer + answer->size), count - 1, absent);
    return rc;
}

long hostfs_look_ahead(struct dentry *d)
{
    char *buf = kmalloc(URI_MAX + ANSWER_ROOM);
    long rc = buf ? ask(d, buf) : -ENOMEM;

    kfree(buf);
    return rc;
}
