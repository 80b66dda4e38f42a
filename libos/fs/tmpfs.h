/* In-memory inodes: what tmpfs, memfds and the overlay's upper layer share. */
#ifndef LIBOS_FS_TMPFS_H
#define LIBOS_FS_TMPFS_H

#include "mm.h"
#include "names.h"
#include "vfs.h"
#include "xattr.h"

/* inode->private of an in-memory inode (the overlay's nodes begin with it). */
struct tmpfs_node {
    struct xattrs xattrs;
    union {
        struct filemem mem;      /* regular file */
        struct name_table names; /* directory */
        char *target;            /* symbolic link */
    };
};

static inline struct tmpfs_node *tmpfs_node(const struct inode *i) { return i->private; }

extern const struct file_ops tmpfs_file_ops, tmpfs_dir_ops;

/* What statfs says of files in memory; statfs_calls.c fills in the rest. */
struct statfs;
void statfs_of_quota(const struct filemem_quota *q, struct statfs *st);

/* Prepares a node for the mode of i. */
void tmpfs_node_init(struct inode *i, struct tmpfs_node *n, struct filemem_quota *quota);
void tmpfs_node_free(struct inode *i, struct tmpfs_node *n);

/* Takes the size limit away from a tmpfs. */
void tmpfs_unlimited(struct super *s);

/* Sets size of a regular file, under i->lock; honours seals. */
long tmpfs_set_size(struct inode *i, u64 size);
/* The body of setattr, size included. */
long tmpfs_setattr(struct dentry *d, struct inode *i, const struct setattr *a);
void inode_touch(struct inode *i); /* mtime and ctime now */

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020 /* newer than the oldest headers we build with */
#endif

#define SIZE_LIMIT 0x7fffffffffffffffULL /* largest file size */

/* Whole size of directories in stat. */
#define DIR_SIZE 4096

#endif
