#include "node_table.h"

#include <stdlib.h>

static struct node_entry *slot(const struct node_table *t, uint64_t dev, uint64_t ino)
{
    for (size_t at = (size_t)(ino * 0x9e3779b97f4a7c15UL >> 20);; at++) {
        struct node_entry *e = &t->entries[at & (t->size - 1)];
        if (!e->node || (e->ino == ino && e->dev == dev))
            return e;
    }
}

static int grow(struct node_table *t)
{
    struct node_table old = *t;

    t->size = old.size ? old.size * 2 : 256;
    t->entries = calloc(t->size, sizeof(*t->entries));
    if (!t->entries) {
        *t = old;
        return -1;
    }
    for (size_t i = 0; i < old.size; i++)
        if (old.entries[i].node)
            *slot(t, old.entries[i].dev, old.entries[i].ino) = old.entries[i];
    free(old.entries);
    return 0;
}

struct node *node_table_find(const struct node_table *t, uint64_t dev, uint64_t ino)
{
    return t->size ? slot(t, dev, ino)->node : NULL;
}

int node_table_add(struct node_table *t, uint64_t dev, uint64_t ino, struct node *n)
{
    if (t->count * 2 >= t->size && grow(t) < 0)
        return -1;
    *slot(t, dev, ino) = (struct node_entry){dev, ino, n};
    t->count++;
    return 0;
}

void node_table_free(struct node_table *t)
{
    free(t->entries);
    *t = (struct node_table){0};
}
