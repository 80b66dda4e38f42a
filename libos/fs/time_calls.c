/* utimensat, futimesat, utimes, utime. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "fs.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define UTIME_NOW_  0x3fffffffL
#define UTIME_OMIT_ 0x3ffffffeL

struct times {
    struct timespec_k t[2]; /* access, modification */
};

static const struct times times_now = {{{0, UTIME_NOW_}, {0, UTIME_NOW_}}};

static bool valid(const struct timespec_k *t)
{
    return t->nsec == UTIME_NOW_ || t->nsec == UTIME_OMIT_ || (u64)t->nsec < NSEC;
}

/* Times beyond what a 64-bit count of nanoseconds holds (the years 1678 to 2262) are cut. */
static s64 to_ns(const struct timespec_k *t)
{
    const s64 limit = INT64_MAX / (s64)NSEC - 1;
    s64 sec = MAX(MIN(t->sec, limit), -limit);

    return sec * (s64)NSEC + t->nsec;
}

static void take(struct setattr *a, const struct timespec_k *t, u32 bit, s64 *out, s64 now)
{
    if (t->nsec == UTIME_OMIT_)
        return;
    a->mask |= bit;
    *out = t->nsec == UTIME_NOW_ ? now : to_ns(t);
}

static long change_times(struct path_s *p, const struct times *t)
{
    struct inode *i = p->dentry->inode;
    struct setattr a = {0};
    s64 now = (s64)now_real();
    bool both_now = t->t[0].nsec == UTIME_NOW_ && t->t[1].nsec == UTIME_NOW_;

    if (t->t[0].nsec == UTIME_OMIT_ && t->t[1].nsec == UTIME_OMIT_)
        return 0;
    if (p->mnt && path_readonly(p))
        return -EROFS;
    if (!inode_owner_or_capable(i)) {
        long rc = both_now ? inode_permission(i, MAY_WRITE) : -EPERM;
        if (rc)
            return rc;
    }
    take(&a, &t->t[0], ATTR_ATIME, &a.atime, now);
    take(&a, &t->t[1], ATTR_MTIME, &a.mtime, now);
    return dentry_setattr(p->dentry, &a);
}

static long set_times(int dirfd, uptr name, const struct times *t, int flags)
{
    struct path_s p;
    long rc;

    if (!valid(&t->t[0]) || !valid(&t->t[1]))
        return -EINVAL;
    if (!name && dirfd != AT_FDCWD) { /* futimens */
        if (flags)
            return -EINVAL;
        struct file *f = fd_get_io(dirfd);
        if (!f)
            return -EBADF;
        rc = change_times(&f->path, t);
        file_put(f);
        return rc;
    }
    u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
    if (flags & AT_EMPTY_PATH)
        lookup |= LOOKUP_EMPTY;
    rc = path_lookup_user(dirfd, name, lookup, &p);
    if (rc)
        return rc;
    rc = change_times(&p, t);
    path_put(&p);
    return rc;
}

long sys_utimensat(int dirfd, uptr name, uptr times, int flags)
{
    struct times t = times_now;

    if (times) {
        if (copy_from_user(t.t, times, sizeof(t.t)))
            return -EFAULT;
        if (t.t[0].nsec == UTIME_OMIT_ && t.t[1].nsec == UTIME_OMIT_)
            return 0; /* nothing is looked at, not even the path */
    }
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return set_times(dirfd, name, &t, flags);
}

/* The older calls know microseconds and neither "now" nor "leave". */
long sys_futimesat(int dirfd, uptr name, uptr times)
{
    struct times t = times_now;
    struct timeval_k v[2];

    if (times) {
        if (copy_from_user(v, times, sizeof(v)))
            return -EFAULT;
        for (int n = 0; n < 2; n++) {
            if ((u64)v[n].usec >= 1000000)
                return -EINVAL;
            t.t[n] = (struct timespec_k){v[n].sec, v[n].usec * 1000};
        }
    }
    return set_times(dirfd, name, &t, 0);
}

long sys_utimes(uptr name, uptr times) { return sys_futimesat(AT_FDCWD, name, times); }

long sys_utime(uptr name, uptr times)
{
    struct times t = times_now;
    s64 v[2];

    if (times) {
        if (copy_from_user(v, times, sizeof(v)))
            return -EFAULT;
        t.t[0] = (struct timespec_k){v[0], 0};
        t.t[1] = (struct timespec_k){v[1], 0};
    }
    return set_times(AT_FDCWD, name, &t, 0);
}
