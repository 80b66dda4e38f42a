/* The overlay: an in-memory upper layer over a read-only one.  fs/overlay*.c */
#ifndef LIBOS_FS_OVERLAY_H
#define LIBOS_FS_OVERLAY_H

#include "lower.h"
#include "tmpfs.h"

struct overlay {
    struct super super;
    struct filemem_quota quota;
    struct lock lock;   /* lower_node->upper of the lower inodes, and pinning */
    struct list pinned; /* nodes of lower origin that have changed */
};

/* inode->private.  In a directory, base.names holds what differs from the lower one: new
 * names, and whiteouts.  A regular file's base.mem is used once `in_lower` is false. */
struct overlay_node {
    struct tmpfs_node base;
    struct dentry *lower; /* where it came from (a reference); NULL: made inside */
    bool in_lower;        /* regular file: data still in the lower one */
    bool pinned;
    bool own_xattrs;  /* base.xattrs counts, the lower inode's attributes don't */
    struct list link; /* overlay->pinned */
    struct inode *inode;
};

static inline struct overlay *overlay_of(const struct super *s)
{
    return container_of(s, struct overlay, super);
}
static inline struct overlay_node *overlay_node(const struct inode *i) { return i->private; }
static inline struct inode *lower_inode(const struct inode *i)
{
    return overlay_node(i)->lower->inode;
}
static inline bool data_in_lower(const struct inode *i)
{
    return __atomic_load_n(&overlay_node(i)->in_lower, __ATOMIC_ACQUIRE);
}

/* ---- overlay.c ---- */
/* The inode over a lower dentry, with a reference; NULL: no memory. */
struct inode *overlay_inode(struct overlay *o, struct dentry *lower);
/* A new inode without lower part. */
struct inode *overlay_inode_new(struct inode *dir, u32 mode);
/* Keeps an inode of lower origin for good because it now differs from the lower one; lets
 * go of it when its last name is gone. */
void overlay_pin(struct inode *i);
void overlay_unpin(struct inode *i);

/* Operations common to all kinds. */
long overlay_getattr(struct dentry *d, struct inode *i, struct kstat *st);
long overlay_setattr(struct dentry *d, struct inode *i, const struct setattr *a);
long overlay_getxattr(struct inode *i, struct dentry *d, const char *name, void *buf, size_t n);
long overlay_setxattr(struct inode *i, struct dentry *d, const char *name, const void *buf,
                      size_t n, int flags);
long overlay_listxattr(struct inode *i, struct dentry *d, char *buf, size_t n);
long overlay_removexattr(struct inode *i, struct dentry *d, const char *name);
void overlay_evict(struct inode *i);
/* Attribute number n, whoever asks: its size, with name (XATTR_NAME_ROOM bytes) and value (room
 * bytes) filled in; -ENODATA: there are no more.  For the end of a run. */
long overlay_xattr(struct inode *i, u32 n, char *name, void *value, size_t room);

/* ---- overlay_dir.c ---- */
extern const struct inode_ops overlay_dir_inode_ops;
extern const struct file_ops overlay_dir_ops;
/* Lower dentry of a name in dir, with a reference; NULL: there is none; or ERR_PTR.  The first
 * takes the lower directory itself. */
struct dentry *lower_child(struct dentry *lower, const char *name, size_t len);
struct dentry *overlay_lower_child(struct inode *dir, const char *name, size_t len);

/* ---- overlay_file.c ---- */
extern const struct file_ops overlay_file_ops;
/* Moves the data of a file into memory, at most `want` bytes of it (truncation to that
 * size follows or is meant). */
long overlay_copy_up(struct inode *i, u64 want);

#endif
