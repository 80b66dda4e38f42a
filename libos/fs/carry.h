/* Data of base files that a self-contained save takes along.  fs/carry.c */
#ifndef LIBOS_FS_CARRY_H
#define LIBOS_FS_CARRY_H

#include "lower.h"

/* Nobody asks for it any more. */
void carry_drop(struct inode *i);
/* The file is not there, or is another one: from now on its data are what was carried.  False:
 * nothing was. */
bool carry_take(struct inode *i);
static inline bool carry_counts(const struct inode *i) { return lower_node(i)->gone; }

/* As the operations of lower.h, for a file that counts as gone. */
long carry_read(struct inode *i, struct uio *u, u64 pos);
long carry_map(struct inode *i, struct mapping_request *r);

/* Is this a copy of a sandbox that was saved with what it needs of its base? */
bool carry_taken(void);

/* Calls what for each file there is. */
void hostfs_each(void (*what)(struct inode *i, void *arg), void *arg);
void erofs_each(void (*what)(struct inode *i, void *arg), void *arg);

#endif
