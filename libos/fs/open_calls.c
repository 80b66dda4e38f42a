/* open, openat, openat2, creat, close. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "fs.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define VALID_FLAGS                                                                                \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | FASYNC | \
     O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH |          \
     __O_TMPFILE)
#define MAX_HOW 4096

/* The number is taken first: a full table must not leave a file created. */
static long open_at(int dirfd, uptr name, u32 flags, u32 mode, u32 lookup)
{
    struct user_path p;
    long rc = user_path_get(&p, name);

    if (rc)
        return rc;
    long fd = fd_reserve(0, flags & O_CLOEXEC);
    if (fd < 0)
        return fd;
    struct file *f = file_open(dirfd, p.text, flags, mode, lookup);
    if (IS_ERR(f)) {
        fd_unreserve((int)fd);
        return PTR_ERR(f);
    }
    fd_publish((int)fd, f);
    return fd;
}

/* open and openat ignore what they don't know. */
long sys_openat(int dirfd, uptr name, int flags, u32 mode)
{
    return open_at(dirfd, name, ((u32)flags & VALID_FLAGS) | O_LARGEFILE, mode, 0);
}

long sys_open(uptr name, int flags, u32 mode) { return sys_openat(AT_FDCWD, name, flags, mode); }

long sys_creat(uptr name, u32 mode)
{
    return sys_openat(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* A structure that may be longer than ours if what is beyond is zero. */
static long copy_how(struct open_how *how, uptr from, size_t size)
{
    u8 byte;

    if (size < sizeof(*how))
        return -EINVAL;
    if (size > MAX_HOW)
        return -E2BIG;
    if (copy_from_user(how, from, sizeof(*how)))
        return -EFAULT;
    for (size_t n = sizeof(*how); n < size; n++) {
        if (get_user(byte, from + n))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return 0;
}

static long lookup_of(u64 resolve)
{
    static const struct {
        u64 resolve;
        u32 lookup;
    } map[] = {
        {RESOLVE_NO_XDEV, LOOKUP_NO_XDEV},         {RESOLVE_NO_MAGICLINKS, LOOKUP_NO_MAGICLINKS},
        {RESOLVE_NO_SYMLINKS, LOOKUP_NO_SYMLINKS}, {RESOLVE_BENEATH, LOOKUP_BENEATH},
        {RESOLVE_IN_ROOT, LOOKUP_IN_ROOT},
    };
    u32 lookup = 0;

    for (size_t n = 0; n < ARRAY_SIZE(map); n++) {
        if (resolve & map[n].resolve)
            lookup |= map[n].lookup;
        resolve &= ~map[n].resolve;
    }
    if (resolve & ~(u64)RESOLVE_CACHED)
        return -EINVAL;
    if ((lookup & LOOKUP_BENEATH) && (lookup & LOOKUP_IN_ROOT))
        return -EINVAL;
    return resolve ? -EAGAIN : (long)lookup; /* RESOLVE_CACHED may always say "not cached" */
}

long sys_openat2(int dirfd, uptr name, uptr how_ptr, size_t size)
{
    struct open_how how;
    long rc = copy_how(&how, how_ptr, size);

    if (rc)
        return rc;
    if (how.flags & ~(u64)VALID_FLAGS)
        return -EINVAL;
    if (how.mode && (!(how.flags & (O_CREAT | __O_TMPFILE)) || (how.mode & ~07777ULL)))
        return -EINVAL;
    if ((how.flags & O_PATH) && (how.flags & ~(u64)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
        return -EINVAL;
    rc = lookup_of(how.resolve);
    if (rc < 0)
        return rc;
    return open_at(dirfd, name, (u32)how.flags, (u32)how.mode, (u32)rc);
}

long sys_close(int fd) { return fd_close(fd); }
