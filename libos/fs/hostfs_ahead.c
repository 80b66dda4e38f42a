/* Look-ups that see the whole path: asking the host costs the same for one name as for the
 * ten that follow it, and the path walk knows them (thread->walk_rest).  The host goes on
 * through symbolic links, and opens the file at the end if that is what the walk is for
 * (thread->walk_open).  What comes back is put into the dentry cache, where the walk finds it.
 *
 * Only for cached exports, whose names stay what they are.  Locking: the caller holds the
 * inode lock of d's directory.  Those of others are only tried: links lead anywhere, so there
 * is no order in which to wait for them, and what can't be put into the cache now is asked for
 * again.
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

/* Where an answer is being put. */
struct planting {
    struct dentry *asked; /* for which the caller holds the lock of the directory */
    struct dentry *at;    /* what the last record was about, with a reference */
    char *rest;           /* what comes below it; in `buf` */
    char buf[URI_MAX];
};

/* The dentry of a name below dir, made if it isn't cached; `step` NULL: there is no such
 * name.  With a reference, or NULL. */
static struct dentry *plant(struct planting *p, struct dentry *dir, const char *name, size_t len,
                            const struct host_step *step)
{
    u32 hash = hash_name(name, len);
    bool locked = dir == p->asked->parent;
    struct dentry *d;

    if (locked && p->asked->name_len == len && !memcmp(p->asked->name, name, len))
        return dentry_get(p->asked);
    if (!locked && !try_lock(&dir->inode->lock))
        return NULL;
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
    if (!locked)
        unlock(&dir->inode->lock);
    return d;
}

static void go(struct planting *p, struct dentry *to)
{
    dentry_put(p->at);
    p->at = to;
}

/* From a link to where its text begins. */
static bool go_through(struct planting *p, const char *text)
{
    size_t n = strlen(text), rest = strlen(p->rest);

    if (n + rest + 2 > sizeof(p->buf))
        return false;
    memmove(p->buf + n + 1, p->rest, rest + 1);
    memcpy(p->buf, text, n);
    p->buf[n] = '/';
    p->rest = p->buf;
    go(p, *text == '/' ? dentry_get(p->at->super->root) : dentry_parent(p->at));
    return true;
}

/* One record further; NULL: there is nothing by the next name.  False: no further. */
static bool plant_next(struct planting *p, const struct host_step *step)
{
    struct inode *dir = p->at->inode;
    size_t len = 0;

    for (; *p->rest == '/'; p->rest++)
        ;
    while (p->rest[len] && p->rest[len] != '/')
        len++;
    if (!len || !dir || !S_ISDIR(dir->mode))
        return false;
    struct dentry *d = plant(p, p->at, p->rest, len, step);
    if (!step)
        hostfs_node(dir)->misses++;
    if (!d)
        return false;
    p->rest += len;
    go(p, d);
    return true;
}

/* The answer about what comes after `step`, into the cache. */
static void plant_rest(struct planting *p, const struct host_step *step, long count, bool absent,
                       int opened)
{
    bool on = true;

    while (on && (count > 0 || absent)) {
        if (S_ISLNK(step->attr.mode) && !go_through(p, step->link))
            break;
        step = (const void *)((const char *)step + step->size);
        on = plant_next(p, count > 0 ? step : NULL);
        if (count-- <= 0)
            break;
    }
    struct inode *i = p->at->inode;
    if (opened >= 0 && on && count == 0 && i && i->super == p->asked->super && S_ISREG(i->mode))
        hostfs_park(i, opened);
    else if (opened >= 0)
        host_close(opened);
}

struct question {
    struct planting p;
    char uri[URI_MAX];
    char answer[ANSWER_ROOM] __attribute__((aligned(8)));
};

static long put_question(struct question *q, size_t known, int *absent, int *opened)
{
    *opened = -1;
    long count = current()->walk_open
                     ? host_walk(q->uri, known, q->answer, ANSWER_ROOM, absent, opened)
                     : -ENFILE;
    /* A descriptor may be more than can be had. */
    if (count < 0 && count != -ENOENT)
        count = host_walk(q->uri, known, q->answer, ANSWER_ROOM, absent, NULL);
    return count;
}

static long ask(struct dentry *d, struct question *q)
{
    const char *rest = current()->walk_rest;
    struct host_step *first = (void *)q->answer;
    char *uri = hostfs_uri(d, q->uri);
    int absent = 0, opened;

    if (IS_ERR(uri))
        return PTR_ERR(uri);
    memmove(q->uri, uri, strlen(uri) + 1);
    size_t known = strlen(q->uri) - d->name_len - 1;
    append_rest(q->uri, rest);
    long count = put_question(q, known, &absent, &opened);
    if (count == -ENOENT) {
        hostfs_node(d->parent->inode)->misses++;
        return 0;
    }
    if (count <= 0)
        return count < 0 ? count : -EIO;
    long rc = hostfs_found(d, &first->attr, first->link);
    if (rc) {
        if (opened >= 0)
            host_close(opened);
        return rc;
    }
    q->p.asked = d;
    q->p.at = dentry_get(d);
    strlcpy(q->p.buf, rest ? rest : "", sizeof(q->p.buf));
    q->p.rest = q->p.buf;
    plant_rest(&q->p, first, count - 1, absent, opened);
    dentry_put(q->p.at);
    return 0;
}

long hostfs_look_ahead(struct dentry *d)
{
    struct question *q = kmalloc(sizeof(*q));
    long rc = q ? ask(d, q) : -ENOMEM;

    kfree(q);
    return rc;
}
