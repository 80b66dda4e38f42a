/* stat, lstat, fstat, newfstatat, statx. */
#include <asm/stat.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "fs.h"
#include "syscalls_gen.h"
#include "usercopy.h"

/* Times before 1970 have a whole second below them and a positive rest. */
static s64 seconds(s64 ns) { return ns / (s64)NSEC - (ns % (s64)NSEC < 0); }
static u64 rest_of(s64 ns) { return (u64)(ns - seconds(ns) * (s64)NSEC); }

static long give_stat(uptr out, const struct kstat *k)
{
    struct stat st = {
        .st_dev = k->dev,
        .st_ino = k->ino,
        .st_nlink = k->nlink,
        .st_mode = k->mode,
        .st_uid = k->uid,
        .st_gid = k->gid,
        .st_rdev = k->rdev,
        .st_size = (long)k->size,
        .st_blksize = k->blksize,
        .st_blocks = (long)k->blocks,
        .st_atime = (u64)seconds(k->atime),
        .st_atime_nsec = rest_of(k->atime),
        .st_mtime = (u64)seconds(k->mtime),
        .st_mtime_nsec = rest_of(k->mtime),
        .st_ctime = (u64)seconds(k->ctime),
        .st_ctime_nsec = rest_of(k->ctime),
    };

    return copy_to_user(out, &st, sizeof(st));
}

static long stat_fd(int fd, struct kstat *k)
{
    struct file *f = fd_get(fd);

    if (unlikely(!f))
        return -EBADF;
    long rc = path_getattr(&f->path, k);
    file_put(f);
    return rc;
}

static long stat_path(int dirfd, const char *name, u32 lookup, struct kstat *k)
{
    struct path_s p;
    long rc = path_lookup(dirfd, name, lookup, &p);

    if (rc)
        return rc;
    rc = path_getattr(&p, k);
    path_put(&p);
    return rc;
}

/* fstatat(fd, "", AT_EMPTY_PATH) is what newer C libraries make of fstat. */
static long stat_at(int dirfd, uptr name, u32 flags, struct kstat *k)
{
    struct user_path p;
    u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;

    if (flags & AT_EMPTY_PATH) {
        lookup |= LOOKUP_EMPTY;
        if (!name)
            p.text[0] = 0;
    }
    if (name || !(flags & AT_EMPTY_PATH)) {
        long rc = user_path_get(&p, name);
        if (rc)
            return rc;
    }
    if (!p.text[0] && (flags & AT_EMPTY_PATH) && dirfd >= 0)
        return stat_fd(dirfd, k);
    return stat_path(dirfd, p.text, lookup, k);
}

long sys_fstat(int fd, uptr out)
{
    struct kstat k;
    long rc = stat_fd(fd, &k);

    return rc ? rc : give_stat(out, &k);
}

long sys_newfstatat(int dirfd, uptr name, uptr out, int flags)
{
    struct kstat k;

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return -EINVAL;
    long rc = stat_at(dirfd, name, (u32)flags, &k);
    return rc ? rc : give_stat(out, &k);
}

long sys_stat(uptr name, uptr out) { return sys_newfstatat(AT_FDCWD, name, out, 0); }

long sys_lstat(uptr name, uptr out)
{
    return sys_newfstatat(AT_FDCWD, name, out, AT_SYMLINK_NOFOLLOW);
}

/* ---- statx ------------------------------------------------------------------------- */

static struct statx_timestamp stamp(s64 ns)
{
    return (struct statx_timestamp){.tv_sec = seconds(ns), .tv_nsec = (u32)rest_of(ns)};
}

static u32 dev_major(u64 dev) { return (u32)((dev >> 8) & 0xfff) | ((u32)(dev >> 32) & ~0xfffu); }
static u32 dev_minor(u64 dev) { return (u32)(dev & 0xff) | ((u32)(dev >> 12) & ~0xffu); }

long sys_statx(int dirfd, uptr name, int flags, unsigned int mask, uptr out)
{
    struct kstat k;

    if (mask & STATX__RESERVED)
        return -EINVAL;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    long rc = stat_at(dirfd, name, (u32)flags, &k);
    if (rc)
        return rc;
    struct statx st = {
        .stx_mask = STATX_BASIC_STATS | (k.btime ? STATX_BTIME : 0),
        .stx_blksize = k.blksize,
        .stx_nlink = k.nlink,
        .stx_uid = k.uid,
        .stx_gid = k.gid,
        .stx_mode = (u16)k.mode,
        .stx_ino = k.ino,
        .stx_size = k.size,
        .stx_blocks = k.blocks,
        .stx_atime = stamp(k.atime),
        .stx_mtime = stamp(k.mtime),
        .stx_ctime = stamp(k.ctime),
        .stx_btime = stamp(k.btime),
        .stx_rdev_major = dev_major(k.rdev),
        .stx_rdev_minor = dev_minor(k.rdev),
        .stx_dev_major = dev_major(k.dev),
        .stx_dev_minor = dev_minor(k.dev),
    };
    return copy_to_user(out, &st, sizeof(st));
}
