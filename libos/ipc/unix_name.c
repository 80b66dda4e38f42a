/* Names of AF_UNIX sockets: paths and abstract names.
 *
 * A path leads to an inode whose `ipc` is the bound socket, set and cleared under the
 * inode's lock; the socket keeps the place so that the inode stays.  Abstract names are
 * in a hash table under names_lock.  Neither holds a reference on the socket: release
 * takes the name away before the object can go.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "lib.h"
#include "unix.h"

#define PATH_AT      2 /* offset of sun_path */
#define NAME_MAX_LEN (PATH_AT + 108u)
#define BUCKETS      64

static struct lock names_lock;
static struct unix_sock *abstract[BUCKETS];
static u32 auto_name;

void unix_addr_put(struct unix_addr *a)
{
    if (a && ref_put(&a->refs))
        kfree(a);
}

static struct unix_addr *addr_new(const u8 *name, u32 len)
{
    struct unix_addr *a = kmalloc(sizeof(*a) + len);

    if (!a)
        return NULL;
    a->refs = 1;
    a->len = len;
    memcpy(a->bytes, name, len);
    return a;
}

static struct unix_sock **bucket_of(const u8 *name, u32 len)
{
    return &abstract[hash_bytes(name, len) % BUCKETS];
}

/* Under names_lock. */
static struct unix_sock *abstract_find(const u8 *name, u32 len)
{
    struct unix_sock *u = *bucket_of(name, len);

    while (u && (u->addr->len != len || memcmp(u->addr->bytes, name, len)))
        u = u->next_bound;
    return u;
}

/* ---- looking up ------------------------------------------------------------------- */

static long check_name(const u8 *name, u32 len)
{
    if (len <= PATH_AT || len > NAME_MAX_LEN || *(const u16 *)name != AF_UNIX)
        return -EINVAL;
    return 0;
}

static void path_of(const u8 *name, u32 len, char *path)
{
    memcpy(path, name + PATH_AT, len - PATH_AT);
    path[len - PATH_AT] = '\0';
}

static struct unix_sock *at_inode(struct inode *i)
{
    struct unix_sock *u;
    long rc = inode_permission(i, MAY_WRITE);

    if (rc)
        return ERR_PTR(rc);
    if ((i->mode & S_IFMT) != S_IFSOCK)
        return ERR_PTR(-ECONNREFUSED);
    lock(&i->lock);
    u = i->ipc;
    if (u && !ref_get_unless_zero(&u->s.refs))
        u = NULL;
    unlock(&i->lock);
    return u ? u : ERR_PTR(-ECONNREFUSED);
}

static struct unix_sock *find_path(const u8 *name, u32 len)
{
    char path[NAME_MAX_LEN + 1];
    struct unix_sock *u;
    struct path_s p;
    long rc;

    path_of(name, len, path);
    rc = path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &p);
    if (rc)
        return ERR_PTR(rc);
    u = at_inode(p.dentry->inode);
    path_put(&p);
    return u;
}

static struct unix_sock *find_abstract(const u8 *name, u32 len)
{
    struct unix_sock *u;

    lock(&names_lock);
    u = abstract_find(name, len);
    if (u && !ref_get_unless_zero(&u->s.refs))
        u = NULL;
    unlock(&names_lock);
    return u ? u : ERR_PTR(-ECONNREFUSED);
}

struct unix_sock *unix_find(const u8 *name, u32 len, u16 type)
{
    struct unix_sock *u;
    long rc = check_name(name, len);

    if (rc)
        return ERR_PTR(rc);
    u = name[PATH_AT] ? find_path(name, len) : find_abstract(name, len);
    if (!IS_ERR(u) && u->s.type != type) {
        unix_put(u);
        return ERR_PTR(-EPROTOTYPE);
    }
    return u;
}

/* ---- binding ---------------------------------------------------------------------- */

/* Gives u the address unless it has one; takes over a. */
static long set_addr(struct unix_sock *u, struct unix_addr *a)
{
    long rc = 0;

    lock(&u->s.lock);
    if (u->addr)
        rc = -EINVAL;
    else
        u->addr = a;
    unlock(&u->s.lock);
    if (rc)
        unix_addr_put(a);
    return rc;
}

static long bind_abstract(struct unix_sock *u, const u8 *name, u32 len)
{
    struct unix_addr *a = addr_new(name, len);
    struct unix_sock **b = bucket_of(name, len);
    long rc;

    if (!a)
        return -ENOMEM;
    lock(&names_lock);
    if (abstract_find(name, len)) {
        unlock(&names_lock);
        unix_addr_put(a);
        return -EADDRINUSE;
    }
    rc = set_addr(u, a);
    if (!rc) {
        u->next_bound = *b;
        *b = u;
    }
    unlock(&names_lock);
    return rc;
}

/* bind() without a name: five hexadecimal digits nobody uses. */
static long bind_auto(struct unix_sock *u)
{
    for (int tries = 0; tries < 0x100000; tries++) {
        char name[PATH_AT + 7];
        u32 n = __atomic_add_fetch(&auto_name, 1, __ATOMIC_RELAXED);
        long rc;

        *(u16 *)name = AF_UNIX;
        name[PATH_AT] = '\0';
        snprintf(name + PATH_AT + 1, 6, "%05x", n & 0xfffff);
        rc = bind_abstract(u, (const u8 *)name, PATH_AT + 6);
        if (rc != -EADDRINUSE)
            return rc;
    }
    return -ENOSPC;
}

static long bind_path(struct unix_sock *u, const u8 *name, u32 len)
{
    char path[NAME_MAX_LEN + 1];
    struct unix_addr *a;
    struct path_s p;
    u8 full[NAME_MAX_LEN + 1];
    long rc;

    path_of(name, len, path);
    len = PATH_AT + (u32)strlen(path) + 1;
    memcpy(full, name, PATH_AT);
    memcpy(full + PATH_AT, path, len - PATH_AT);
    a = addr_new(full, len);
    if (!a)
        return -ENOMEM;
    rc = path_mknod(AT_FDCWD, path, S_IFSOCK | 0777, 0, &p);
    if (rc) {
        unix_addr_put(a);
        return rc == -EEXIST ? -EADDRINUSE : rc;
    }
    rc = set_addr(u, a);
    if (rc) {
        path_put(&p);
        return rc;
    }
    u->path = p;
    lock(&p.dentry->inode->lock);
    p.dentry->inode->ipc = u;
    unlock(&p.dentry->inode->lock);
    return 0;
}

long unix_bind(struct socket *s, const u8 *name, u32 len)
{
    struct unix_sock *u = to_unix(s);
    long rc;

    if (len == PATH_AT && *(const u16 *)name == AF_UNIX)
        return u->addr ? 0 : bind_auto(u);
    rc = check_name(name, len);
    if (rc)
        return rc;
    if (READ_ONCE(u->addr)) {
        struct unix_sock *old = name[PATH_AT] ? unix_find(name, len, s->type) : NULL;
        bool taken = old && (!IS_ERR(old) || PTR_ERR(old) != -ENOENT);

        if (old && !IS_ERR(old))
            unix_put(old);
        return taken ? -EADDRINUSE : -EINVAL;
    }
    return name[PATH_AT] ? bind_path(u, name, len) : bind_abstract(u, name, len);
}

void unix_unbind(struct unix_sock *u)
{
    struct unix_sock **b;

    if (u->path.dentry) {
        struct inode *i = u->path.dentry->inode;

        lock(&i->lock);
        if (i->ipc == u)
            i->ipc = NULL;
        unlock(&i->lock);
        path_put(&u->path);
        u->path.dentry = NULL;
    }
    lock(&names_lock);
    if (u->addr) {
        b = bucket_of(u->addr->bytes, u->addr->len);
        while (*b && *b != u)
            b = &(*b)->next_bound;
        if (*b)
            *b = u->next_bound;
    }
    unlock(&names_lock);
}
