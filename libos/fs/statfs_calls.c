/* statfs, fstatfs, ustat. */
#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "fs.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "tmpfs.h"
#include "usercopy.h"

#define ST_VALID 0x20

static u32 st_flags(u32 mount_flags)
{
    u32 st = ST_VALID;

    if (mount_flags & MS_RDONLY)
        st |= 1;
    if (mount_flags & MS_NOSUID)
        st |= 2;
    if (mount_flags & MS_NODEV)
        st |= 4;
    if (mount_flags & MS_NOEXEC)
        st |= 8;
    if (mount_flags & MS_NOATIME)
        st |= 0x400;
    if (mount_flags & MS_RELATIME)
        st |= 0x1000;
    return st;
}

void statfs_of_quota(const struct filemem_quota *q, struct statfs *st)
{
    u64 left = q->max > q->used ? q->max - q->used : 0;

    st->f_blocks = st->f_files = q->max;
    st->f_bfree = st->f_bavail = st->f_ffree = left;
    st->f_flags = 0x20; /* ST_VALID */
}

static long statfs_place(const struct path_s *p, uptr out)
{
    struct super *s = p->dentry->super;
    struct statfs st = {.f_bsize = PAGE_SIZE};
    long rc = s->statfs ? s->statfs(s, &st) : 0;

    if (rc)
        return rc;
    if (!st.f_type)
        st.f_type = (long)s->magic;
    if (!st.f_namelen)
        st.f_namelen = NAME_MAX_;
    if (!st.f_frsize)
        st.f_frsize = st.f_bsize;
    if (!st.f_fsid.val[0] && !st.f_fsid.val[1])
        st.f_fsid.val[0] = (int)s->dev;
    st.f_flags |= st_flags(p->mnt ? p->mnt->flags : 0);
    return copy_to_user(out, &st, sizeof(st));
}

long sys_statfs(uptr name, uptr out)
{
    struct path_s p;
    long rc = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW, &p);

    if (rc)
        return rc;
    rc = statfs_place(&p, out);
    path_put(&p);
    return rc;
}

long sys_fstatfs(int fd, uptr out)
{
    struct file *f = fd_get(fd);

    if (!f)
        return -EBADF;
    long rc = statfs_place(&f->path, out);
    file_put(f);
    return rc;
}

struct ustat {
    s32 tfree;
    u64 tinode;
    char fname[6], fpack[6];
};

long sys_ustat(unsigned int dev, uptr out)
{
    struct ustat u = {0};
    struct statfs st = {0};
    struct mount *m;
    long rc = -EINVAL;

    lock(&mount_lock);
    list_for_each(m, &mount_list, all)
    {
        if (m->super->dev == dev) { /* what has no statfs has no room, like /proc */
            rc = m->super->statfs ? m->super->statfs(m->super, &st) : 0;
            break;
        }
    }
    unlock(&mount_lock);
    if (rc)
        return rc;
    u.tfree = (s32)st.f_bfree;
    u.tinode = (u64)st.f_ffree;
    return copy_to_user(out, &u, sizeof(u));
}
