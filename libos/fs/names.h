/* Names of one in-memory directory.  fs/names.c */
#ifndef LIBOS_FS_NAMES_H
#define LIBOS_FS_NAMES_H

#include "list.h"
#include "types.h"

struct inode;

struct name_entry {
    struct list order;       /* by cookie */
    struct name_entry *next; /* hash chain */
    u64 cookie;              /* position in the directory, never reused */
    struct inode *inode;     /* a reference; NULL: the name is hidden (overlay whiteout) */
    u32 hash;
    u32 len;
    char name[];
};

struct name_table {
    struct name_entry **buckets; /* NULL while the directory is small */
    u32 size, count;
    u64 next_cookie;
    struct list order;
    struct name_entry *hint; /* where the last listing stopped */
};

#define FIRST_COOKIE 2 /* 0 and 1 are "." and ".." */

void names_init(struct name_table *t);
/* Drops all entries and their references. */
void names_free(struct name_table *t);
struct name_entry *names_find(struct name_table *t, const char *name, size_t len);
/* Appends a name, which isn't there yet; takes a reference on inode.  NULL: no memory. */
struct name_entry *names_add(struct name_table *t, const char *name, size_t len,
                             struct inode *inode);
/* Removes the entry and drops its reference. */
void names_remove(struct name_table *t, struct name_entry *e);
/* Points the entry at another inode (NULL: whiteout), references changing hands. */
void names_replace(struct name_entry *e, struct inode *inode);
/* First entry at or after a position, NULL at the end; the one after an entry. */
struct name_entry *names_from(struct name_table *t, u64 cookie);
struct name_entry *names_next(struct name_table *t, struct name_entry *e);

#endif
