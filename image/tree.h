/* A file tree in memory: what an image is made from, wherever it comes from.
 *
 * Names lead to nodes; several names of one node are hard links.  Contents stay where they
 * are (a host file, a spool file, another image) until the image is written.
 */
#ifndef BAILEY_IMAGE_TREE_H
#define BAILEY_IMAGE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_PATH_MAX 4096

struct xattr_pair {
    char *name;
    void *value;
    size_t size;
};

/* Where the bytes of a regular file are. */
enum source { SOURCE_NONE, SOURCE_PATH, SOURCE_FD };

struct node;

struct tree_name {
    char *name;
    struct node *node;
};

struct node {
    uint32_t mode, uid, gid, rdev;
    int64_t mtime;
    uint32_t mtime_ns;
    uint64_t size;
    uint32_t names; /* how many lead here */
    char *target;   /* symbolic link */

    enum source source;
    char *path;      /* SOURCE_PATH: host file */
    int fd;          /* SOURCE_FD: borrowed, */
    uint64_t offset; /* where in it */

    struct xattr_pair *xattrs; /* by name */
    size_t xattr_count;

    struct tree_name *entries; /* directory, by the bytes of their names */
    size_t count, room;
    struct node *parent;
    uint32_t layer; /* OCI: the layer it came with */

    /* The writer's. */
    uint64_t at, nid, data;
    uint32_t device; /* which of the base's files has the data; 0: it is written */
    bool placed;
};

struct tree {
    struct node *root;
    uint64_t nodes;
};

/* Allocation failures end the program. */
struct node *node_new(struct tree *t, uint32_t mode);
void node_add_xattr(struct node *n, const char *name, const void *value, size_t size);
void node_clear_xattrs(struct node *n);

void tree_init(struct tree *t); /* with an empty root, 0755 */
void tree_free(struct tree *t);

/* Entry of a directory, NULL if there is none. */
struct node *dir_get(const struct node *dir, const char *name, size_t len);
/* Makes the name lead to n, whatever it led to before. */
void dir_put(struct tree *t, struct node *dir, const char *name, size_t len, struct node *n);
/* The same where the caller knows that names come in order and once each. */
void dir_append(struct node *dir, const char *name, size_t len, struct node *n);
void dir_remove(struct tree *t, struct node *dir, const char *name, size_t len);
void dir_remove_all(struct tree *t, struct node *dir, uint32_t keep_layer);

/* A path, with or without leading slash or "./".  The directory of its last component, made
 * (0755) where it is missing and `make` is true, and that component; NULL: a component is
 * "..", or something on the way is no directory.  *len is 0 for the root itself. */
struct node *tree_parent(struct tree *t, const char *path, bool make, const char **last,
                         size_t *len);
/* The node at a path, links not followed; NULL if there is none. */
struct node *tree_find(struct tree *t, const char *path);

#endif
