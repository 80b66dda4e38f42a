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
    u32 seals; /* F_SEAL_* of a memfd, or SEALS_NONE: cannot be sealed */
    bool sealable;
    union {
        struct filemem mem;      /* regular file */
        struct name_table names; /* directory */
        char *target;            /* symbolic link */
    };
};

static inline struct tmpfs_node *tmpfs_node(const struct inode *i) { return i->private; }

extern const struct file_ops tmpfs_file_ops, tmpfs_dir_ops;

/* Owner and group of something new in dir, with set-group-id inheritance. */
void inode_init_owner(struct inode *i, const struct inode *dir);
/* Prepares a node for the mode of i. */
void tmpfs_node_init(struct inode *i, struct tmpfs_node *n, struct filemem_quota *quota);
void tmpfs_node_free(struct inode *i, struct tmpfs_node *n);

/* Sets size of a regular file, under i->lock; honours seals. */
long tmpfs_set_size(struct inode *i, u64 size);
/* Mode, owner and times of a setattr (not the size), under i->lock; sets ctime. */
void setattr_copy(struct inode *i, const struct setattr *a);
/* What getattr reports of the inode itself. */
void inode_stat(const struct inode *i, struct kstat *st);
void inode_touch(struct inode *i); /* mtime and ctime now */
/* Reading: moves atime on if it is not later than the last change (relatime). */
void inode_accessed(struct file *f);

/* Bytes that RLIMIT_FSIZE lets a write of n at pos transfer; -EFBIG (and SIGXFSZ) if none. */
long write_limit(u64 pos, size_t n);

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020 /* newer than the oldest headers we build with */
#endif

#define SIZE_LIMIT 0x7fffffffffffffffULL /* largest file size */

/* Whole size of directories in stat. */
#define DIR_SIZE 4096

#endif
