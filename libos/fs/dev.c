/* Devices: which file_ops belong to which number, and the tree of /dev.
 *
 * /dev is a tmpfs like in a container, so programs can make links and directories there.
 * Special inodes of any file system (mknod) find their driver by number here.
 */
#include <linux/errno.h>
#include <linux/stat.h>

#include "dev.h"
#include "lib.h"
#include "mm.h"
#include "thread.h"
#include "tty.h"

#define OWN_MAJOR 240 /* for local use: what is in /dev/bailey */

static const struct device {
    const char *name;
    u32 mode, major, minor;
    const struct file_ops *ops;
} devices[] = {
    {"null", 0666, 1, 3, &dev_null_fops},
    {"zero", 0666, 1, 5, &dev_zero_fops},
    {"full", 0666, 1, 7, &dev_full_fops},
    {"random", 0666, 1, 8, &dev_random_fops},
    {"urandom", 0666, 1, 9, &dev_random_fops},
    {"kmsg", 0644, 1, 11, &dev_kmsg_fops},
    {"tty", 0666, 5, 0, &dev_tty_fops},
    {"console", 0600, 5, 1, &dev_tty_fops},
    {"ptmx", 0666, 5, 2, &ptmx_fops},
    {"save", 0444, OWN_MAJOR, 0, &dev_save_fops},
    {"generation", 0444, OWN_MAJOR, 1, &dev_generation_fops},
};

static u64 device_number(u32 major, u32 minor) /* as Linux encodes st_rdev */
{
    return (minor & 0xff) | (u64)major << 8 | (u64)(minor & ~0xffu) << 12;
}

const struct file_ops *device_ops(u32 mode, u64 rdev)
{
    size_t i;

    if (!S_ISCHR(mode))
        return NULL;
    if (rdev >> 8 >= 136 && rdev >> 8 <= 143) /* /dev/pts/N */
        return &dev_tty_fops;
    for (i = 0; i < ARRAY_SIZE(devices); i++)
        if (rdev == device_number(devices[i].major, devices[i].minor))
            return devices[i].ops;
    return NULL;
}

/* ---- the tree ------------------------------------------------------------------------------- */

static long populate(struct dentry *root, const char *name, u32 mode, u64 rdev, const char *target)
{
    struct inode *dir = root->inode;
    struct dentry *d = dentry_alloc(root, name, strlen(name));
    long rc;

    if (!d)
        return -ENOMEM;
    lock(&dir->lock);
    if (S_ISLNK(mode))
        rc = dir->ops->symlink(dir, d, target);
    else if (S_ISDIR(mode))
        rc = dir->ops->mkdir(dir, d, mode & 07777);
    else
        rc = dir->ops->mknod(dir, d, mode, rdev);
    if (!rc) {
        d->inode->uid = d->inode->gid = 0; /* whoever the program runs as */
        dentry_hash(d);
    }
    unlock(&dir->lock);
    dentry_put(d);
    return rc;
}

struct super *devfs_new(void)
{
    static const char *const links[][2] = {
        {"fd", "/proc/self/fd"},
        {"stdin", "/proc/self/fd/0"},
        {"stdout", "/proc/self/fd/1"},
        {"stderr", "/proc/self/fd/2"},
    };
    struct super *s = tmpfs_new(0, 0755);
    struct dentry *own;
    size_t i;
    long rc;

    if (!s)
        return NULL;
    s->root->inode->uid = s->root->inode->gid = 0;
    rc = populate(s->root, "pts", S_IFDIR | 0755, 0, NULL);
    rc = rc ? rc : populate(s->root, "shm", S_IFDIR | 01777, 0, NULL);
    rc = rc ? rc : populate(s->root, "mqueue", S_IFDIR | 01777, 0, NULL);
    rc = rc ? rc : populate(s->root, "bailey", S_IFDIR | 0755, 0, NULL);
    own = rc ? NULL : dentry_lookup(s->root, "bailey", 6);
    for (i = 0; !rc && i < ARRAY_SIZE(devices); i++)
        rc = populate(devices[i].major == OWN_MAJOR ? own : s->root, devices[i].name,
                      S_IFCHR | devices[i].mode, device_number(devices[i].major, devices[i].minor),
                      NULL);
    for (i = 0; !rc && i < ARRAY_SIZE(links); i++)
        rc = populate(s->root, links[i][0], S_IFLNK | 0777, 0, links[i][1]);
    if (own)
        dentry_put(own);
    if (rc)
        panic("building /dev: error %ld", -rc);
    return s;
}
