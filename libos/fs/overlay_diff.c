/* What a run changed: the difference between an overlay and its lower layer.
 *
 * Every inode of lower origin that changed is pinned, so the list of pinned nodes leads to
 * everything: such a node is shown as changed at its lower path, if that path still leads
 * to it, and the table of a directory says what was made or removed in it.  What is new,
 * or was moved from elsewhere, is shown as added with all that lies below it.
 *
 * A changed file that has several names in the lower layer is shown under each that still
 * leads to it.  Only the directories know these names, so all of them are gone through for
 * it, where that is cheap (an image); elsewhere it is shown under the name it was found by.
 */
#include <linux/errno.h>
#include <linux/stat.h>

#include "lib.h"
#include "overlay.h"

#define PATH_LIMIT  (2 * PATH_MAX_)
#define DEPTH_LIMIT 100 /* of the search for other names: what the stack has room for */

/* Changed files of several lower names, by their lower inode number: an open hash table. */
struct several {
    struct inode **slots;
    u64 size; /* a power of two above twice their count; 0: there are none */
};

struct diff {
    void (*emit)(void *ctx, char kind, const char *path, struct inode *i);
    void *ctx;
    char *path; /* the name in hand, PATH_LIMIT bytes */
    size_t len;
    struct several several;
};

static void show(struct diff *f, char kind, struct inode *i) { f->emit(f->ctx, kind, f->path, i); }

/* Appends a component; false if there is no room for it. */
static bool push(struct diff *f, const char *name, size_t len)
{
    if (f->len + len + 2 > PATH_LIMIT)
        return false;
    if (f->len > 1)
        f->path[f->len++] = '/';
    memcpy(f->path + f->len, name, len);
    f->len += len;
    f->path[f->len] = 0;
    return true;
}

static void pop(struct diff *f, size_t len)
{
    f->len = len;
    f->path[len] = 0;
}

static void show_tree(struct diff *f, struct inode *i);

static void show_lower_names(struct diff *f, struct inode *dir)
{
    struct dentry *lower = overlay_node(dir)->lower;
    struct lower_entry l;
    size_t len = f->len;

    for (u64 pos = 0; lower_ops(lower->inode)->next(lower, &pos, &l) > 0;) {
        if (names_find(&tmpfs_node(dir)->names, l.name, l.len))
            continue;
        struct dentry *d = overlay_lower_child(dir, l.name, l.len);
        if (!d || IS_ERR(d))
            continue;
        struct inode *i = overlay_inode(overlay_of(dir->super), d);
        if (i && push(f, l.name, l.len))
            show_tree(f, i);
        pop(f, len);
        if (i)
            inode_put(i);
        dentry_put(d);
    }
}

/* Something new with everything below it. */
static void show_tree(struct diff *f, struct inode *i)
{
    struct name_entry *e;
    size_t len = f->len;

    show(f, 'A', i);
    if (!S_ISDIR(i->mode))
        return;
    list_for_each(e, &tmpfs_node(i)->names.order, order)
    {
        if (e->inode && push(f, e->name, e->len))
            show_tree(f, e->inode);
        pop(f, len);
    }
    if (overlay_node(i)->lower)
        show_lower_names(f, i);
}

/* The names made and removed in a directory that stands where it stood. */
static void show_names(struct diff *f, struct inode *dir)
{
    struct name_entry *e;
    size_t len = f->len;

    list_for_each(e, &tmpfs_node(dir)->names.order, order)
    {
        struct dentry *l = overlay_lower_child(dir, e->name, e->len);
        bool existed = l && !IS_ERR(l);
        if (existed)
            dentry_put(l);
        if (!push(f, e->name, e->len))
            continue;
        bool dir = e->inode && S_ISDIR(e->inode->mode);
        if (!e->inode || (existed && dir)) /* another directory: nothing of the old one stays */
            show(f, 'D', NULL);
        if (existed && e->inode && !dir)
            show(f, 'C', e->inode);
        else if (e->inode)
            show_tree(f, e->inode);
        pop(f, len);
    }
}

/* Does the lower path of a node still lead to it? */
static bool in_place(const struct dentry *d)
{
    for (; d->parent != d; d = d->parent) {
        struct inode *dir = lower_node(d->parent->inode)->upper;
        if (dir && names_find(&tmpfs_node(dir)->names, d->name, d->name_len))
            return false;
    }
    return true;
}

/* ---- files of several names -------------------------------------------------------------- */

static bool has_several(const struct overlay_node *n)
{
    const struct inode *l = n->lower->inode;

    return !S_ISDIR(l->mode) && l->nlink > 1 && lower_ops(l)->in_memory;
}

/* Where the file of this lower number is, or would be. */
static struct inode **several_slot(const struct several *s, u64 ino)
{
    for (u64 at = hash_u64(ino);; at++) {
        struct inode **slot = &s->slots[at & (s->size - 1)];
        if (!*slot || lower_inode(*slot)->ino == ino)
            return slot;
    }
}

static void find_several(struct several *s, struct overlay *o)
{
    struct overlay_node *n;
    u64 count = 0;

    list_for_each(n, &o->pinned, link) count += has_several(n);
    if (!count)
        return;
    for (s->size = 4; s->size <= count * 2; s->size *= 2)
        ;
    s->slots = kzalloc(s->size * sizeof(*s->slots));
    if (!s->slots) {
        s->size = 0;
        return;
    }
    list_for_each(n, &o->pinned, link)
    {
        if (has_several(n))
            *several_slot(s, lower_inode(n->inode)->ino) = n->inode;
    }
}

/* Shows their names in a directory that stands where it stood, and in all below it. */
static void show_several(struct diff *f, struct dentry *lower, u32 depth)
{
    struct inode *dir = lower_node(lower->inode)->upper; /* NULL: nothing changed in it */
    struct lower_entry l;
    size_t len = f->len;

    for (u64 pos = 0; lower_ops(lower->inode)->next(lower, &pos, &l) > 0; pop(f, len)) {
        if (dir && names_find(&tmpfs_node(dir)->names, l.name, l.len))
            continue;
        if (!push(f, l.name, l.len))
            continue;
        if (l.type != S_IFDIR >> 12) {
            struct inode *i = *several_slot(&f->several, l.ino);
            if (i)
                show(f, 'C', i);
            continue;
        }
        struct dentry *d = lower_child(lower, l.name, l.len);
        if (d && !IS_ERR(d)) {
            if (depth < DEPTH_LIMIT)
                show_several(f, d, depth + 1);
            dentry_put(d);
        }
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void show_pinned(struct diff *f, struct overlay_node *n)
{
    if (f->several.size && has_several(n))
        return;
    char *path = dentry_path(n->lower, f->path, PATH_LIMIT);
    if (IS_ERR(path) || !in_place(n->lower))
        return;
    size_t len = strlen(path);
    memmove(f->path, path, len + 1);
    f->len = len;
    if (n->lower->parent != n->lower)
        show(f, 'C', n->inode);
    if (S_ISDIR(n->inode->mode))
        show_names(f, n->inode);
}

void overlay_diff(struct super *s,
                  void (*emit)(void *ctx, char kind, const char *path, struct inode *i), void *ctx)
{
    struct diff f = {emit, ctx, kmalloc(PATH_LIMIT), 0, {NULL, 0}};
    struct overlay_node *n;
    if (!f.path)
        return;
    find_several(&f.several, overlay_of(s));
    list_for_each(n, &overlay_of(s)->pinned, link) show_pinned(&f, n);
    if (f.several.size) {
        f.path[0] = '/';
        pop(&f, 1);
        show_several(&f, overlay_node(s->root->inode)->lower, 0);
    }
    kfree(f.several.slots);
    kfree(f.path);
}
