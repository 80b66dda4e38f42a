/* Nodes by a number they have where they come from: files with several names are one. */
#ifndef BAILEY_IMAGE_NODE_TABLE_H
#define BAILEY_IMAGE_NODE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct node;
struct node_entry {
    uint64_t dev, ino;
    struct node *node; /* NULL: a free place */
};
struct node_table { /* open hash table; zeroed: empty */
    struct node_entry *entries;
    size_t size, count;
};

/* NULL if there is none. */
struct node *node_table_find(const struct node_table *t, uint64_t dev, uint64_t ino);
/* Adds one that isn't there yet; -1: no memory. */
int node_table_add(struct node_table *t, uint64_t dev, uint64_t ino, struct node *n);
void node_table_free(struct node_table *t);

#endif
