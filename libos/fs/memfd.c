/* Files of memory without a name: memfd_create, shared anonymous mappings. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>

#include "fs.h"
#include "lib.h"
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

/* Shown in /proc as "/NAME (deleted)"; flags: MFD_*. */
struct file *memfd_file_new(const char *name, u64 size, u32 flags)
{
    char text[NAME_MAX_ + 16];
    struct super *s = nameless_super();
    if (!s)
        return ERR_PTR(-ENOMEM);
    struct inode *dir = s->root->inode;
    struct inode *i = dir->ops->tmpfile(dir, flags & MFD_NOEXEC_SEAL ? 0666 : 0777);
    if (IS_ERR(i))
        return (void *)i;
    i->nlink = 0;
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
    if (IS_ERR(f))
        return PTR_ERR(f);
    return fd_install(f, 0, flags & MFD_CLOEXEC);
}
