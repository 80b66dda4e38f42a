/* Extended attributes kept in memory, for tmpfs and the overlay.
 *
 * A file has few: a list in order of creation.  Locking: the inode's lock, taken here.
 * The name spaces follow Linux: user. on regular files and directories only, trusted. for
 * CAP_SYS_ADMIN only (invisible to others), security. readable by all and set by
 * CAP_SYS_ADMIN (security.capability: CAP_SETFCAP), everything else unsupported.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <linux/xattr.h>

#include "kalloc.h"
#include "lib.h"
#include "thread.h"
#include "vfs.h"
#include "xattr.h"

struct xattr {
    struct xattr *next;
    char *name;
    size_t size;
    char value[];
};

static bool starts(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static long user_permission(struct inode *i, bool write)
{
    if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
        return write ? -EPERM : -ENODATA;
    if (write && S_ISDIR(i->mode) && (i->mode & S_ISVTX) && current()->cred.fsuid != i->uid &&
        !capable(CAP_FOWNER))
        return -EPERM;
    return inode_permission(i, write ? MAY_WRITE : MAY_READ);
}

static long space_permission(struct inode *i, const char *name, bool write)
{
    if (starts(name, "user."))
        return user_permission(i, write);
    if (starts(name, "trusted.")) {
        if (capable(CAP_SYS_ADMIN))
            return 0;
        return write ? -EPERM : -ENODATA;
    }
    if (starts(name, "security.")) {
        bool caps = strcmp(name, XATTR_NAME_CAPS) == 0;
        return !write || capable(caps ? CAP_SETFCAP : CAP_SYS_ADMIN) ? 0 : -EPERM;
    }
    return -EOPNOTSUPP;
}

long xattr_permission(struct inode *i, const char *name, bool write)
{
    long rc = space_permission(i, name, write);
    if (rc)
        return rc;
    return strchr(name, '.')[1] ? 0 : -EINVAL; /* nothing behind the name space */
}

/* The link that points at the attribute, or at the NULL it would be hung on. */
static struct xattr **find(struct xattrs *x, const char *name)
{
    struct xattr **p = &x->first;
    while (*p && strcmp((*p)->name, name) != 0)
        p = &(*p)->next;
    return p;
}

long xattrs_get(struct inode *i, struct xattrs *x, const char *name, void *buf, size_t n)
{
    long rc = xattr_permission(i, name, false);
    if (rc)
        return rc;
    lock(&i->lock);
    struct xattr *a = *find(x, name);
    if (!a)
        rc = -ENODATA;
    else if (n && n < a->size)
        rc = -ERANGE;
    else
        rc = a->size;
    if (rc > 0 && n)
        memcpy(buf, a->value, a->size);
    unlock(&i->lock);
    return rc;
}

static struct xattr *xattr_new(const char *name, const void *buf, size_t n)
{
    size_t len = strlen(name) + 1;
    struct xattr *a = kmalloc(sizeof(*a) + n + len);
    if (!a)
        return NULL;
    a->next = NULL;
    a->size = n;
    memcpy(a->value, buf, n);
    a->name = a->value + n;
    memcpy(a->name, name, len);
    return a;
}

long xattrs_set(struct inode *i, struct xattrs *x, const char *name, const void *buf, size_t n,
                int flags)
{
    long rc = xattr_permission(i, name, true);
    if (rc)
        return rc;
    if (n > XATTR_SIZE_MAX)
        return -E2BIG;
    struct xattr *a = xattr_new(name, buf, n), *old;
    if (!a)
        return -ENOMEM;
    lock(&i->lock);
    struct xattr **p = find(x, name);
    old = *p;
    if (old ? flags & XATTR_CREATE : flags & XATTR_REPLACE) {
        rc = old ? -EEXIST : -ENODATA;
        old = a;
    } else {
        if (old)
            a->next = old->next;
        *p = a;
        i->ctime = now_real();
    }
    unlock(&i->lock);
    kfree(old);
    return rc;
}

long xattrs_put(struct xattrs *x, const char *name, const void *buf, size_t n)
{
    struct xattr *a = xattr_new(name, buf, n), **p = find(x, name);
    if (!a)
        return -ENOMEM;
    if (*p) {
        kfree(a); /* twice in the image: the first counts */
        return 0;
    }
    *p = a;
    return 0;
}

bool xattr_listed(const char *name)
{
    if (starts(name, "trusted."))
        return capable(CAP_SYS_ADMIN);
    return starts(name, "user.") || starts(name, "security.");
}

long xattrs_list(struct inode *i, struct xattrs *x, char *buf, size_t n)
{
    size_t used = 0;
    lock(&i->lock);
    for (struct xattr *a = x->first; a; a = a->next) {
        size_t len = strlen(a->name) + 1;
        if (!xattr_listed(a->name))
            continue;
        if (n && used + len <= n)
            memcpy(buf + used, a->name, len);
        used += len;
    }
    unlock(&i->lock);
    return n && used > n ? -ERANGE : (long)used;
}

long xattrs_remove(struct inode *i, struct xattrs *x, const char *name)
{
    long rc = xattr_permission(i, name, true);
    if (rc)
        return rc;
    lock(&i->lock);
    struct xattr **p = find(x, name), *a = *p;
    if (a) {
        *p = a->next;
        i->ctime = now_real();
    }
    unlock(&i->lock);
    kfree(a);
    return a ? 0 : -ENODATA;
}

bool xattrs_nth(const struct xattrs *x, u32 n, const char **name, const void **value, size_t *size)
{
    const struct xattr *a = x->first;

    while (a && n--)
        a = a->next;
    if (!a)
        return false;
    *name = a->name;
    *value = a->value;
    *size = a->size;
    return true;
}

void xattrs_free(struct xattrs *x)
{
    while (x->first) {
        struct xattr *a = x->first;
        x->first = a->next;
        kfree(a);
    }
}
