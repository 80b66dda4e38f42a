/* mount and umount2, as far as a program that is root inside needs them: tmpfs, proc,
 * sysfs, bind mounts, remounting with other flags.  name_to_handle_at. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "fs.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "tty.h"
#include "usercopy.h"

#define KEPT_FLAGS                                                                                 \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_NOATIME | MS_NODIRATIME |  \
     MS_RELATIME | MS_STRICTATIME)
#define PROPAGATION      (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define MNT_FORCE_       1
#define MNT_DETACH_      2
#define MNT_EXPIRE_      4
#define UMOUNT_NOFOLLOW_ 8

static u32 mode_option(const char *data)
{
    const char *m = strstr(data, "mode="), *end;

    return m ? (u32)parse_u64(m + 5, &end, 8) & 07777 : 01777;
}

static struct super *new_super(const char *type, const char *data)
{
    if (strcmp(type, "tmpfs") == 0 || strcmp(type, "ramfs") == 0)
        return tmpfs_new(0, mode_option(data));
    if (strcmp(type, "proc") == 0)
        return procfs_new();
    if (strcmp(type, "sysfs") == 0)
        return sysfs_new();
    if (strcmp(type, "devtmpfs") == 0)
        return devfs_new();
    if (strcmp(type, "devpts") == 0)
        return devpts();
    return ERR_PTR(-ENODEV);
}

static long attach(struct super *s, struct dentry *root, struct path_s *at, u32 flags,
                   const char *source)
{
    if (S_ISDIR(root->inode->mode) != S_ISDIR(at->dentry->inode->mode))
        return -ENOTDIR;
    return mount_attach_at(s, root, at, flags, source) ? 0 : -ENOMEM;
}

static long mount_bind(const char *source, struct path_s *at)
{
    struct path_s from;
    long rc = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);

    if (rc)
        return rc;
    rc = from.mnt ? attach(from.dentry->super, from.dentry, at, from.mnt->flags, from.mnt->source)
                  : -EINVAL;
    path_put(&from);
    return rc;
}

struct mount_args {
    char source[PATH_MAX_], type[64], data[1024];
};

static long get_text(char *buf, size_t n, uptr from)
{
    if (!from) {
        buf[0] = 0;
        return 0;
    }
    long rc = strncpy_from_user(buf, from, n);
    return rc < 0 ? rc : 0;
}

static long mount_new_fs(const struct mount_args *a, struct path_s *at, u32 flags)
{
    struct super *s = new_super(a->type, a->data);

    if (!s)
        return -ENOMEM;
    if (IS_ERR(s))
        return PTR_ERR(s);
    return attach(s, s->root, at, flags, a->source[0] ? a->source : a->type);
}

static long do_mount(const struct mount_args *a, struct path_s *at, u64 flags)
{
    bool at_root = at->mnt && at->dentry == at->mnt->root;

    if (!at->mnt)
        return -EINVAL;
    if (flags & MS_REMOUNT) {
        if (!at_root)
            return -EINVAL;
        WRITE_ONCE(at->mnt->flags, flags & KEPT_FLAGS);
        return 0;
    }
    if (flags & MS_BIND)
        return mount_bind(a->source, at);
    if (flags & PROPAGATION) /* there is only one name space to propagate to */
        return at_root ? 0 : -EINVAL;
    if (flags & MS_MOVE)
        return -EINVAL;
    return mount_new_fs(a, at, (flags & KEPT_FLAGS) | MS_RELATIME);
}

long sys_mount(uptr source, uptr target, uptr type, u64 flags, uptr data)
{
    struct mount_args *a;
    struct path_s at;
    long rc;

    if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
        flags &= ~(u64)MS_MGC_MSK;
    a = kmalloc(sizeof(*a));
    if (!a)
        return -ENOMEM;
    rc = get_text(a->type, sizeof(a->type), type);
    if (rc == 0)
        rc = get_text(a->source, sizeof(a->source), source);
    if (rc == 0 && get_text(a->data, sizeof(a->data), data))
        a->data[0] = 0;
    if (rc == 0)
        rc = path_lookup_user(AT_FDCWD, target, LOOKUP_FOLLOW, &at);
    if (rc == 0) {
        rc = capable(CAP_SYS_ADMIN) ? do_mount(a, &at, flags) : -EPERM;
        path_put(&at);
    }
    kfree(a);
    return rc;
}

/* ---- umount -----------------------------------------------------------------------------------
 */

static bool place_uses(struct fs_ctx *fs, struct mount *m)
{
    bool used = false;

    if (fs) {
        lock(&fs->lock);
        used = fs->cwd.mnt == m || fs->root.mnt == m;
        unlock(&fs->lock);
    }
    return used;
}

static bool process_uses(struct process *p, struct mount *m)
{
    struct files *t = p->files;
    struct thread *thread;
    bool used = place_uses(p->fs, m);

    list_for_each(thread, &p->threads, link) used |= place_uses(thread->own_fs, m);
    if (t && !used) {
        lock(&t->lock);
        for (u32 n = 0; n < t->size && !used; n++)
            used = t->fd[n] && t->fd[n]->path.mnt == m;
        unlock(&t->lock);
    }
    return used;
}

static bool mount_busy(struct mount *m)
{
    struct process *p;
    bool busy = mount_has_children(m);

    for (s32 pid = 0; !busy && (p = process_next(pid)); process_put(p)) {
        pid = p->pid;
        lock(&p->lock); /* an ending process gives up both under it */
        busy = process_uses(p, m);
        unlock(&p->lock);
    }
    return busy;
}

static long do_umount(struct path_s *p, int flags)
{
    struct mount *m = p->mnt;

    if (!m || p->dentry != m->root || m->gone)
        return -EINVAL;
    if (!m->parent)
        return -EBUSY;
    if (!(flags & MNT_DETACH_) && mount_busy(m))
        return -EBUSY;
    mount_detach(m);
    return 0;
}

long sys_umount2(uptr name, int flags)
{
    struct path_s p;
    long rc;

    if (flags & ~(MNT_FORCE_ | MNT_DETACH_ | MNT_EXPIRE_ | UMOUNT_NOFOLLOW_))
        return -EINVAL;
    rc = path_lookup_user(AT_FDCWD, name, flags & UMOUNT_NOFOLLOW_ ? 0 : LOOKUP_FOLLOW, &p);
    if (rc)
        return rc;
    rc = capable(CAP_SYS_ADMIN) ? do_umount(&p, flags) : -EPERM;
    path_put(&p);
    return rc;
}

/* No file system here can find a file again by a handle. */
long sys_name_to_handle_at(int dirfd, uptr name, uptr handle, uptr mount_id, int flags)
{
    struct path_s p;
    u32 lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;

    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | 0x200 | 1))
        return -EINVAL;
    long rc =
        path_lookup_user(dirfd, name, lookup | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &p);
    if (rc)
        return rc;
    path_put(&p);
    return -EOPNOTSUPP;
}
