/* What the overlay needs of the file system below it, beyond inode_ops: a read-only layer
 * that nobody changes.  hostfs (a cached export) and erofs (an image) are such layers.
 *
 * Directories and inodes of a lower layer are asked for by the overlay only, which holds
 * references on them.
 */
#ifndef LIBOS_FS_LOWER_H
#define LIBOS_FS_LOWER_H

#include "vfs.h"

/* inode->private of a lower inode begins with this. */
struct lower_node {
    struct inode *upper; /* the overlay's inode over it, weak: overlay.c */
    u32 users;           /* open files */
    bool gone;           /* `carried` is all there is */
    /* What a self-contained save took along (carry.c), or NULL. */
    struct filemem *carried;
    struct dentry *carried_name; /* with a reference */
};

struct lower_entry {
    const char *name; /* NUL-terminated; valid until the next call */
    size_t len;
    u64 ino;
    u8 type;        /* DT_* */
    char text[256]; /* room for the name */
};

struct lower_ops {
    /* Data of a regular file.  Between open and close it may be read and mapped. */
    long (*open)(struct dentry *d);
    void (*close)(struct inode *i);
    long (*read)(struct inode *i, struct uio *u, u64 pos); /* bytes, 0 at the end */
    s64 (*seek)(struct inode *i, s64 off, int whence, u64 size);
    /* Says how to map it; -ENODEV: it can't be, only read. */
    long (*map)(struct inode *i, struct mapping_request *r);
    /* The entry at *pos (0: the first) without "." and "..": 1 with *pos behind it; 0 at the
     * end. */
    long (*next)(struct dentry *dir, u64 *pos, struct lower_entry *e);
    /* Extended attributes, whoever asks: size or -ENODATA, as getxattr; full name number n,
     * 1 or 0 at the end.  NULL: there are none. */
    long (*xattr_get)(struct inode *i, const char *name, void *buf, size_t n);
    long (*xattr_name)(struct inode *i, u32 n, char *name); /* XATTR_NAME_ROOM bytes */
    bool in_memory; /* going through all of it costs no host call */
};
#define XATTR_NAME_ROOM 288

static inline struct lower_node *lower_node(const struct inode *i) { return i->private; }
static inline const struct lower_ops *lower_ops(const struct inode *i)
{
    return i->super->lower_ops;
}

#endif
