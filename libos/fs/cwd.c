/* Root, working directory and umask: contexts, chdir, fchdir, chroot, getcwd, umask. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "fs.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

struct fs_ctx *fs_ctx_new(void)
{
    struct fs_ctx *c = kzalloc(sizeof(*c));

    if (!c)
        return NULL;
    c->refs = 1;
    c->umask = 022;
    c->root = c->cwd = (struct path_s){root_mount, root_mount->root};
    path_get(&c->root);
    path_get(&c->cwd);
    return c;
}

struct fs_ctx *fs_ctx_copy(struct fs_ctx *old)
{
    struct fs_ctx *c = kzalloc(sizeof(*c));

    if (!c)
        return NULL;
    c->refs = 1;
    lock(&old->lock);
    c->umask = old->umask;
    c->root = old->root;
    c->cwd = old->cwd;
    path_get(&c->root);
    path_get(&c->cwd);
    unlock(&old->lock);
    return c;
}

void fs_ctx_put(struct fs_ctx *c)
{
    if (!c || !ref_put(&c->refs))
        return;
    path_put(&c->root);
    path_put(&c->cwd);
    kfree(c);
}

/* Puts p (a reference is taken) in place of one of the context's. */
static void change_place(struct path_s *which, const struct path_s *p)
{
    struct fs_ctx *c = current_fs();
    struct path_s old;

    dentry_get(p->dentry);
    lock(&c->lock);
    old = *which;
    __atomic_store_n(&c->seq, c->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    *which = *p;
    __atomic_store_n(&c->seq, c->seq + 1, __ATOMIC_RELEASE);
    unlock(&c->lock);
    path_put(&old);
}

void fs_set_cwd(const struct path_s *p) { change_place(&current_fs()->cwd, p); }

long sys_chdir(uptr name)
{
    struct path_s p;
    long rc = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

    if (rc)
        return rc;
    rc = inode_permission(p.dentry->inode, MAY_EXEC);
    if (rc == 0)
        fs_set_cwd(&p);
    path_put(&p);
    return rc;
}

long sys_fchdir(int fd)
{
    struct file *f = fd_get(fd);
    long rc = -ENOTDIR;

    if (!f)
        return -EBADF;
    if (S_ISDIR(f->inode->mode) && f->path.mnt)
        rc = inode_permission(f->inode, MAY_EXEC);
    if (rc == 0)
        fs_set_cwd(&f->path);
    file_put(f);
    return rc;
}

long sys_chroot(uptr name)
{
    struct path_s p;
    long rc = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

    if (rc)
        return rc;
    rc = inode_permission(p.dentry->inode, MAY_EXEC);
    if (rc == 0 && !capable(CAP_SYS_CHROOT))
        rc = -EPERM;
    if (rc == 0)
        change_place(&current_fs()->root, &p);
    path_put(&p);
    return rc;
}

static const char unreachable[] = "(unreachable)";

static long cwd_text(const struct path_s *cwd, char *buf, char **start)
{
    size_t room = sizeof(unreachable) - 1;
    bool reachable;

    if (cwd->dentry->flags & DENTRY_DELETED)
        return -ENOENT;
    *start = path_text_from(cwd, buf + room, PATH_MAX_ - room, &reachable);
    if (IS_ERR(*start))
        return PTR_ERR(*start);
    if (!reachable) {
        *start -= room;
        memcpy(*start, unreachable, room);
    }
    return (long)strlen(*start) + 1;
}

long sys_getcwd(uptr out, size_t size)
{
    struct fs_ctx *c = current_fs();
    char *buf = kmalloc(PATH_MAX_), *start;
    struct path_s cwd;
    long rc;

    if (!buf)
        return -ENOMEM;
    lock(&c->lock);
    cwd = c->cwd;
    path_get(&cwd);
    unlock(&c->lock);
    rc = cwd_text(&cwd, buf, &start);
    path_put(&cwd);
    if (rc > 0 && (size_t)rc > size)
        rc = -ERANGE;
    if (rc > 0 && copy_to_user(out, start, (size_t)rc))
        rc = -EFAULT;
    kfree(buf);
    return rc;
}

long sys_umask(u32 mask)
{
    return __atomic_exchange_n(&current_fs()->umask, mask & 0777, __ATOMIC_RELAXED);
}
