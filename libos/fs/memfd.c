/* Files of memory without a name: memfd_create, memfd_secret, shared anonymous mappings. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>

#include "fs.h"
#include "lib.h"
#include "mm.h"
#include "syscalls_gen.h"
#include "tmpfs.h"
#include "usercopy.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC        0x0010U
#endif

#define NAME_LIMIT (NAME_MAX_ - 6) /* "memfd:" goes before it */

/* The file system behind them, made at the first use and mounted nowhere. */
static struct super *nameless;
static struct lock nameless_lock;

static struct super *nameless_super(void)
{
    lock(&nameless_lock);
    if (!nameless)
        nameless = tmpfs_new(0, 0777);
    if (nameless)
        tmpfs_unlimited(nameless);
    unlock(&nameless_lock);
    return nameless;
}

static struct inode *nameless_inode(u32 mode)
{
    struct super *s = nameless_super();
    if (!s)
        return ERR_PTR(-ENOMEM);
    struct inode *dir = s->root->inode;
    struct inode *i = dir->ops->tmpfile(dir, mode);
    if (!IS_ERR(i))
        i->nlink = 0;
    return i;
}

/* Shown in /proc as "/NAME (deleted)"; flags: MFD_*. */
struct file *memfd_file_new(const char *name, u64 size, u32 flags)
{
    char text[NAME_MAX_ + 16];
    struct inode *i = nameless_inode(flags & MFD_NOEXEC_SEAL ? 0666 : 0777);
    if (IS_ERR(i))
        return (void *)i;
    i->size = size;
    i->flags |= INODE_SEALABLE;
    i->seals = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) ? 0 : F_SEAL_SEAL;
    if (flags & MFD_NOEXEC_SEAL)
        i->seals |= F_SEAL_EXEC;
    snprintf(text, sizeof(text), "/%s (deleted)", name);
    struct file *f = file_anon_on(i, text, &tmpfs_file_ops, NULL, O_RDWR | O_LARGEFILE);
    if (!IS_ERR(f))
        f->fmode |= FMODE_SEEK;
    inode_put(i);
    return f;
}

static long enter(struct file *f, bool cloexec)
{
    if (IS_ERR(f))
        return PTR_ERR(f);
    long fd = fd_install(f, 0, cloexec);
    if (fd < 0)
        file_put(f);
    return fd;
}

long sys_memfd_create(uptr uname, unsigned int flags)
{
    char name[NAME_MAX_ + 1] = "memfd:";
    const u32 known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;

    if ((flags & ~known) || (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL))
        return -EINVAL;
    long n = strncpy_from_user(name + 6, uname, NAME_LIMIT + 1);
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : n;
    struct file *f = memfd_file_new(name, 0, flags);
    return enter(f, flags & MFD_CLOEXEC);
}

/* ---- memory that can only be mapped, and shared ------------------------------------------ */

static long secret_mmap(struct file *f, struct mapping_request *r)
{
    return r->shared ? tmpfs_file_ops.mmap(f, r) : -EINVAL;
}

static const struct file_ops secret_ops = {.mmap = secret_mmap};

long sys_memfd_secret(unsigned int flags)
{
    struct inode *i;
    struct file *f;

    if (flags & ~(u32)O_CLOEXEC)
        return -EINVAL;
    i = nameless_inode(0600);
    if (IS_ERR(i))
        return PTR_ERR(i);
    i->flags |= INODE_SIZED_ONCE;
    f = file_anon_on(i, "/secretmem (deleted)", &secret_ops, NULL, O_RDWR | O_LARGEFILE);
    inode_put(i);
    return enter(f, flags & O_CLOEXEC);
}
