#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void *must(void *p)
{
    if (!p) {
        fputs("bailey: image: out of memory\n", stderr);
        exit(125);
    }
    return p;
}

/* ---- nodes ---------------------------------------------------------------------------- */

struct node *node_new(struct tree *t, uint32_t mode)
{
    struct node *n = must(calloc(1, sizeof(*n)));

    n->mode = mode;
    n->fd = -1;
    t->nodes++;
    return n;
}

void node_clear_xattrs(struct node *n)
{
    for (size_t i = 0; i < n->xattr_count; i++) {
        free(n->xattrs[i].name);
        free(n->xattrs[i].value);
    }
    free(n->xattrs);
    n->xattrs = NULL;
    n->xattr_count = 0;
}

void node_add_xattr(struct node *n, const char *name, const void *value, size_t size)
{
    size_t at = 0;

    while (at < n->xattr_count && strcmp(n->xattrs[at].name, name) < 0)
        at++;
    if (at < n->xattr_count && strcmp(n->xattrs[at].name, name) == 0)
        return;
    n->xattrs = must(realloc(n->xattrs, (n->xattr_count + 1) * sizeof(*n->xattrs)));
    memmove(n->xattrs + at + 1, n->xattrs + at, (n->xattr_count - at) * sizeof(*n->xattrs));
    n->xattrs[at] = (struct xattr_pair){must(strdup(name)), must(malloc(size + 1)), size};
    memcpy(n->xattrs[at].value, value, size);
    n->xattr_count++;
}

static void node_put(struct tree *t, struct node *n)
{
    if (n->names && --n->names)
        return;
    for (size_t i = 0; i < n->count; i++) {
        node_put(t, n->entries[i].node);
        free(n->entries[i].name);
    }
    node_clear_xattrs(n);
    free(n->entries);
    free(n->target);
    free(n->path);
    free(n);
    t->nodes--;
}

void tree_init(struct tree *t)
{
    *t = (struct tree){0};
    t->root = node_new(t, S_IFDIR | 0755);
    t->root->parent = t->root;
    t->root->names = 1;
}

void tree_free(struct tree *t)
{
    if (t->root)
        node_put(t, t->root);
    t->root = NULL;
}

/* ---- directories ------------------------------------------------------------------------ */

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return c ? c : (a_len > b_len) - (a_len < b_len);
}

/* Where the name is, or would be. */
static size_t position(const struct node *dir, const char *name, size_t len, bool *found)
{
    size_t low = 0, high = dir->count;

    *found = false;
    while (low < high && !*found) {
        size_t mid = low + (high - low) / 2;
        const char *other = dir->entries[mid].name;
        int c = compare(name, len, other, strlen(other));
        *found = c == 0;
        if (c <= 0)
            high = mid;
        else
            low = mid + 1;
    }
    return high;
}

struct node *dir_get(const struct node *dir, const char *name, size_t len)
{
    bool found;
    size_t at = position(dir, name, len, &found);

    return found ? dir->entries[at].node : NULL;
}

static void insert(struct node *dir, size_t at, const char *name, size_t len, struct node *n)
{
    if (dir->count == dir->room) {
        dir->room = dir->room ? dir->room * 2 : 8;
        dir->entries = must(realloc(dir->entries, dir->room * sizeof(*dir->entries)));
    }
    memmove(dir->entries + at + 1, dir->entries + at, (dir->count - at) * sizeof(*dir->entries));
    dir->entries[at] = (struct tree_name){must(strndup(name, len)), n};
    dir->count++;
    n->names++;
    if (S_ISDIR(n->mode))
        n->parent = dir;
}

void dir_put(struct tree *t, struct node *dir, const char *name, size_t len, struct node *n)
{
    bool found;
    size_t at = position(dir, name, len, &found);

    if (!found) {
        insert(dir, at, name, len, n);
        return;
    }
    struct node *old = dir->entries[at].node;
    if (old == n)
        return;
    n->names++;
    if (S_ISDIR(n->mode))
        n->parent = dir;
    dir->entries[at].node = n;
    node_put(t, old);
}

void dir_append(struct node *dir, const char *name, size_t len, struct node *n)
{
    insert(dir, dir->count, name, len, n);
}

static void remove_at(struct tree *t, struct node *dir, size_t at)
{
    struct tree_name gone = dir->entries[at];

    dir->count--;
    memmove(dir->entries + at, dir->entries + at + 1, (dir->count - at) * sizeof(*dir->entries));
    node_put(t, gone.node);
    free(gone.name);
}

void dir_remove(struct tree *t, struct node *dir, const char *name, size_t len)
{
    bool found;
    size_t at = position(dir, name, len, &found);

    if (found)
        remove_at(t, dir, at);
}

void dir_remove_all(struct tree *t, struct node *dir, uint32_t keep_layer)
{
    for (size_t i = dir->count; i-- > 0;)
        if (dir->entries[i].node->layer != keep_layer)
            remove_at(t, dir, i);
}

/* ---- paths -------------------------------------------------------------------------------- */

/* The next component of *path: its length, 0 at the end; "." is skipped. */
static size_t component(const char **path)
{
    for (;;) {
        while (**path == '/')
            ++*path;
        size_t n = strcspn(*path, "/");
        if (n != 1 || **path != '.')
            return n;
        *path += 1;
    }
}

struct node *tree_parent(struct tree *t, const char *path, bool make, const char **last,
                         size_t *len)
{
    struct node *dir = t->root;

    if (strlen(path) > TREE_PATH_MAX) /* bounds the depth as well */
        return NULL;
    *len = component(&path);
    *last = path;
    while (*len) {
        const char *rest = path + *len;
        size_t next = component(&rest);
        if (*len > 255 || (*len == 2 && path[0] == '.' && path[1] == '.'))
            return NULL;
        *last = path;
        if (!next)
            return dir;
        struct node *child = dir_get(dir, path, *len);
        if (!child && make) {
            child = node_new(t, S_IFDIR | 0755);
            child->layer = dir->layer;
            dir_put(t, dir, path, *len, child);
        }
        if (!child || !S_ISDIR(child->mode))
            return NULL;
        dir = child;
        path = rest;
        *len = next;
    }
    return dir;
}

struct node *tree_find(struct tree *t, const char *path)
{
    const char *last;
    size_t len;
    struct node *dir = tree_parent(t, path, false, &last, &len);

    return !dir || !len ? dir : dir_get(dir, last, len);
}
