#include "reuse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE     65536u
#define TRIES_MAX 64u /* files of the same size that are compared with one */

/* ---- collecting ---------------------------------------------------------------------------- */

static void add(struct reuse *r, const struct node *n)
{
    if (r->count == r->room) {
        r->room = r->room ? r->room * 2 : 1024;
        r->entries = realloc(r->entries, r->room * sizeof(*r->entries));
        if (!r->entries) {
            fputs("bailey: image: out of memory\n", stderr);
            exit(125);
        }
    }
    r->entries[r->count++] = (struct reuse_entry){n->size, n->offset, n->fd};
}

static void collect(struct reuse *r, const struct node *n)
{
    if (S_ISREG(n->mode) && n->source == SOURCE_FD && n->size)
        add(r, n);
    for (size_t i = 0; i < n->count; i++)
        collect(r, n->entries[i].node);
}

static int by_size(const void *a, const void *b)
{
    const struct reuse_entry *x = a, *y = b;

    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    if (x->fd != y->fd)
        return x->fd < y->fd ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void reuse_collect(struct reuse *r, struct tree *base)
{
    collect(r, base->root);
    if (r->count)
        qsort(r->entries, r->count, sizeof(*r->entries), by_size);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool same(const struct reuse_entry *e, const struct node *n)
{
    static char a[PIECE], b[PIECE];

    for (uint64_t done = 0; done < n->size;) {
        size_t part = n->size - done < PIECE ? (size_t)(n->size - done) : PIECE;
        if (pread(e->fd, a, part, (off_t)(e->offset + done)) != (ssize_t)part ||
            pread(n->fd, b, part, (off_t)(n->offset + done)) != (ssize_t)part ||
            memcmp(a, b, part) != 0)
            return false;
        done += part;
    }
    return true;
}

static void find_same(const struct reuse *r, struct node *n)
{
    size_t low = 0, high = r->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r->entries[mid].size < n->size)
            low = mid + 1;
        else
            high = mid;
    }
    for (size_t i = low; i < r->count && i < low + TRIES_MAX && r->entries[i].size == n->size; i++)
        if (same(&r->entries[i], n)) {
            n->fd = r->entries[i].fd;
            n->offset = r->entries[i].offset;
            return;
        }
}

static void apply(const struct reuse *r, struct node *n, int spool)
{
    if (S_ISREG(n->mode) && n->source == SOURCE_FD && n->fd == spool && n->size)
        find_same(r, n);
    for (size_t i = 0; i < n->count; i++)
        apply(r, n->entries[i].node, spool);
}

void reuse_apply(const struct reuse *r, struct tree *t, int spool)
{
    if (r->count)
        apply(r, t->root, spool);
}

void reuse_free(struct reuse *r)
{
    free(r->entries);
    *r = (struct reuse){0};
}
