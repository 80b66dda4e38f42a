/* From places back to paths: getcwd, /proc/self/fd, /proc/self/exe. */
#include <linux/errno.h>

#include "fs.h"
#include "lib.h"

struct text { /* grows towards lower addresses */
    char *start, *at;
    bool full;
};

static void put(struct text *t, const char *s, size_t n)
{
    if ((size_t)(t->at - t->start) < n) {
        t->full = true;
        return;
    }
    t->at -= n;
    memcpy(t->at, s, n);
}

static struct text text_in(char *buf, size_t len, bool deleted)
{
    struct text t = {buf, buf + len - 1, false};

    *t.at = 0;
    if (deleted)
        put(&t, " (deleted)", 10);
    return t;
}

static void put_name(struct text *t, const struct dentry *d)
{
    put(t, d->name, d->name_len);
    put(t, "/", 1);
}

static char *finish(struct text *t) { return t->full ? ERR_PTR(-ENAMETOOLONG) : t->at; }

char *dentry_path(struct dentry *d, char *buf, size_t len)
{
    struct text t = text_in(buf, len, d->flags & DENTRY_DELETED);

    lock(&dentry_rename_lock);
    if (d->parent == d)
        put(&t, "/", 1);
    for (; d->parent != d; d = d->parent)
        put_name(&t, d);
    unlock(&dentry_rename_lock);
    return finish(&t);
}

/* Walks up to `root`; false: it was never met, the place lies outside. */
static bool put_way(struct text *t, struct path_s p, const struct path_s *root)
{
    bool first = true;

    for (;;) {
        if (p.dentry == root->dentry && p.mnt == root->mnt)
            break;
        if (p.dentry == p.mnt->root) {
            if (!p.mnt->parent || p.mnt->gone) {
                if (first)
                    put(t, "/", 1);
                return false;
            }
            p.dentry = p.mnt->mountpoint;
            p.mnt = p.mnt->parent;
            continue;
        }
        put_name(t, p.dentry);
        first = false;
        if (p.dentry->parent == p.dentry)
            return false;
        p.dentry = p.dentry->parent;
    }
    if (first)
        put(t, "/", 1);
    return true;
}

char *path_text_from(const struct path_s *p, char *buf, size_t len, bool *reachable)
{
    struct fs_ctx *fs = current_fs();
    struct text t = text_in(buf, len, p->dentry->flags & DENTRY_DELETED);
    struct path_s root;

    lock(&fs->lock);
    root = fs->root;
    dentry_get(root.dentry);
    unlock(&fs->lock);
    lock(&dentry_rename_lock);
    *reachable = put_way(&t, *p, &root);
    unlock(&dentry_rename_lock);
    dentry_put(root.dentry);
    return finish(&t);
}

static char *anon_text(struct dentry *d, char *buf, size_t len)
{
    int n;

    if (d->name_len && d->name[d->name_len - 1] == ':')
        n = snprintf(buf, len, "%s[%lu]", d->name, d->inode->ino);
    else
        n = snprintf(buf, len, "%s%s",
                     strchr(d->name, ':') || d->name[0] == '/' ? "" : "anon_inode:", d->name);
    return (size_t)n < len ? buf : ERR_PTR(-ENAMETOOLONG);
}

char *path_text(const struct path_s *p, char *buf, size_t len)
{
    bool reachable;

    if (!p->mnt)
        return anon_text(p->dentry, buf, len);
    return path_text_from(p, buf, len, &reachable);
}

char *file_text(struct file *f, char *buf, size_t len) { return path_text(&f->path, buf, len); }
