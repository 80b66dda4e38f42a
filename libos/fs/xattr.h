/* Extended attributes kept in memory.  fs/xattr.c */
#ifndef LIBOS_FS_XATTR_H
#define LIBOS_FS_XATTR_H

#include "types.h"

struct inode;
struct xattr;

struct xattrs {
    struct xattr *first; /* zeroed: none */
};

/* May the caller read (or write) the attribute of this name on i?  The rules of the name
 * spaces user., trusted., security. and system.; 0 or -errno. */
long xattr_permission(struct inode *i, const char *name, bool write);

/* Bodies of the inode operations: bytes or -errno; n 0 asks for the size. */
long xattrs_get(struct inode *i, struct xattrs *x, const char *name, void *buf, size_t n);
long xattrs_set(struct inode *i, struct xattrs *x, const char *name, const void *buf, size_t n,
                int flags);
long xattrs_list(struct inode *i, struct xattrs *x, char *buf, size_t n);
long xattrs_remove(struct inode *i, struct xattrs *x, const char *name);
/* Adds one as it is; 0 or -ENOMEM.  The caller holds the inode's lock. */
long xattrs_put(struct xattrs *x, const char *name, const void *buf, size_t n);
/* Number n (0, 1 ...) of them; false: there are no more. */
bool xattrs_nth(const struct xattrs *x, u32 n, const char **name, const void **value, size_t *size);
bool xattr_listed(const char *name); /* does the caller get to know of it? */
void xattrs_free(struct xattrs *x);

#endif
