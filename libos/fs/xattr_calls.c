/* Extended attributes: the system calls.  Rights by name space are the file system's. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/xattr.h>

#include "fs.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

struct xname {
    char text[XATTR_NAME_MAX + 1];
};

static long get_name(struct xname *n, uptr name)
{
    long len = strncpy_from_user(n->text, name, sizeof(n->text));

    if (len == 0 || len == -ENAMETOOLONG)
        return -ERANGE;
    return len < 0 ? len : 0;
}

/* ---- on a place --------------------------------------------------------------------------- */

static long place_set(const struct path_s *p, uptr name, uptr value, size_t n, int flags)
{
    struct inode *i = p->dentry->inode;
    struct xname x;
    void *buf;
    long rc;

    if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    rc = get_name(&x, name);
    if (rc)
        return rc;
    if (n > XATTR_SIZE_MAX)
        return -E2BIG;
    if (p->mnt && path_readonly(p))
        return -EROFS;
    if (!i->ops || !i->ops->setxattr)
        return -EOPNOTSUPP;
    buf = kmalloc(n + 1);
    if (!buf)
        return -ENOMEM;
    rc = copy_from_user(buf, value, n);
    if (rc == 0)
        rc = i->ops->setxattr(i, p->dentry, x.text, buf, n, flags);
    kfree(buf);
    return rc;
}

static long place_get(const struct path_s *p, uptr name, uptr value, size_t n)
{
    struct inode *i = p->dentry->inode;
    struct xname x;
    void *buf = NULL;
    long rc = get_name(&x, name);

    if (rc)
        return rc;
    if (!i->ops || !i->ops->getxattr)
        return -EOPNOTSUPP;
    n = MIN(n, (size_t)XATTR_SIZE_MAX);
    if (n && !(buf = kmalloc(n)))
        return -ENOMEM;
    rc = i->ops->getxattr(i, p->dentry, x.text, buf, n);
    if (rc > 0 && n && copy_to_user(value, buf, (size_t)rc))
        rc = -EFAULT;
    kfree(buf);
    return rc;
}

static long place_list(const struct path_s *p, uptr list, size_t n)
{
    struct inode *i = p->dentry->inode;
    void *buf = NULL;
    long rc;

    if (!i->ops || !i->ops->listxattr)
        return 0;
    n = MIN(n, (size_t)XATTR_LIST_MAX);
    if (n && !(buf = kmalloc(n)))
        return -ENOMEM;
    rc = i->ops->listxattr(i, p->dentry, buf, n);
    if (rc > 0 && n && copy_to_user(list, buf, (size_t)rc))
        rc = -EFAULT;
    kfree(buf);
    return rc;
}

static long place_remove(const struct path_s *p, uptr name)
{
    struct inode *i = p->dentry->inode;
    struct xname x;
    long rc = get_name(&x, name);

    if (rc)
        return rc;
    if (p->mnt && path_readonly(p))
        return -EROFS;
    if (!i->ops || !i->ops->removexattr)
        return -EOPNOTSUPP;
    return i->ops->removexattr(i, p->dentry, x.text);
}

/* ---- by path, by link, by descriptor ----------------------------------------------------------
 */

#define BY_PATH(name, lookup, call)                                                                \
    ({                                                                                             \
        struct path_s p;                                                                           \
        long rc__ = path_lookup_user(AT_FDCWD, (name), (lookup), &p);                              \
        if (rc__ == 0) {                                                                           \
            rc__ = (call);                                                                         \
            path_put(&p);                                                                          \
        }                                                                                          \
        rc__;                                                                                      \
    })

#define BY_FD(fd, call)                                                                            \
    ({                                                                                             \
        struct file *f = fd_get_io(fd);                                                            \
        long rc__ = -EBADF;                                                                        \
        if (f) {                                                                                   \
            struct path_s p = f->path;                                                             \
            rc__ = (call);                                                                         \
            file_put(f);                                                                           \
        }                                                                                          \
        rc__;                                                                                      \
    })

long sys_setxattr(uptr path, uptr name, uptr value, size_t n, int flags)
{
    return BY_PATH(path, LOOKUP_FOLLOW, place_set(&p, name, value, n, flags));
}

long sys_lsetxattr(uptr path, uptr name, uptr value, size_t n, int flags)
{
    return BY_PATH(path, 0, place_set(&p, name, value, n, flags));
}

long sys_fsetxattr(int fd, uptr name, uptr value, size_t n, int flags)
{
    return BY_FD(fd, place_set(&p, name, value, n, flags));
}

long sys_getxattr(uptr path, uptr name, uptr value, size_t n)
{
    return BY_PATH(path, LOOKUP_FOLLOW, place_get(&p, name, value, n));
}

long sys_lgetxattr(uptr path, uptr name, uptr value, size_t n)
{
    return BY_PATH(path, 0, place_get(&p, name, value, n));
}

long sys_fgetxattr(int fd, uptr name, uptr value, size_t n)
{
    return BY_FD(fd, place_get(&p, name, value, n));
}

long sys_listxattr(uptr path, uptr list, size_t n)
{
    return BY_PATH(path, LOOKUP_FOLLOW, place_list(&p, list, n));
}

long sys_llistxattr(uptr path, uptr list, size_t n)
{
    return BY_PATH(path, 0, place_list(&p, list, n));
}

long sys_flistxattr(int fd, uptr list, size_t n) { return BY_FD(fd, place_list(&p, list, n)); }

long sys_removexattr(uptr path, uptr name)
{
    return BY_PATH(path, LOOKUP_FOLLOW, place_remove(&p, name));
}

long sys_lremovexattr(uptr path, uptr name) { return BY_PATH(path, 0, place_remove(&p, name)); }
long sys_fremovexattr(int fd, uptr name) { return BY_FD(fd, place_remove(&p, name)); }
