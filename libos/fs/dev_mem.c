/* /dev/null, zero, full, random, urandom, kmsg. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/random.h>

#include "dev.h"
#include "lib.h"
#include "mm.h"
#include "random.h"
#include "thread.h"
#include "usercopy.h"

static long read_nothing(struct file *f, struct uio *u, u64 *pos)
{
    (void)f;
    (void)u;
    (void)pos;
    return 0;
}

static long write_all(struct file *f, struct uio *u, u64 *pos)
{
    size_t n = u->left;

    (void)f;
    uio_advance(u, n);
    *pos += n;
    return (long)n;
}

/* Seeking is accepted and means nothing. */
static s64 seek_anywhere(struct file *f, s64 off, int whence)
{
    (void)off;
    if (whence < 0 || whence > 2)
        return -EINVAL;
    return (s64)(f->pos = 0);
}

const struct file_ops dev_null_fops = {
    .read = read_nothing,
    .write = write_all,
    .llseek = seek_anywhere,
};

/* ---- zero, full -------------------------------------------------------------------------------
 */

static long read_zeros(struct file *f, struct uio *u, u64 *pos)
{
    size_t want = u->left, n = uio_zero(u, want);

    (void)f;
    *pos += n;
    return n || !want ? (long)n : -EFAULT;
}

static long write_full(struct file *f, struct uio *u, u64 *pos)
{
    (void)f;
    (void)pos;
    return u->left ? -ENOSPC : 0;
}

/* Mapping it gives anonymous memory, shared if asked for. */
static long zero_mmap(struct file *f, struct mapping_request *r)
{
    (void)f;
    r->kind = VMA_ANON;
    return 0;
}

const struct file_ops dev_zero_fops = {
    .read = read_zeros,
    .write = write_all,
    .llseek = seek_anywhere,
    .mmap = zero_mmap,
};
const struct file_ops dev_full_fops = {
    .read = read_zeros,
    .write = write_full,
    .llseek = seek_anywhere,
};

/* ---- random ------------------------------------------------------------------------------------
 */

static long random_read(struct file *f, struct uio *u, u64 *pos)
{
    size_t n;

    (void)f;
    if (!u->left)
        return 0;
    n = random_uio(u);
    *pos += n;
    return n ? (long)n : -EFAULT;
}

static long random_write(struct file *f, struct uio *u, u64 *pos)
{
    u8 chunk[256];
    size_t done = 0;

    (void)f;
    while (u->left) {
        size_t want = MIN(u->left, sizeof(chunk)), n = uio_copy_in(chunk, u, want);

        random_mix(chunk, n);
        done += n;
        if (n < want)
            break;
    }
    *pos += done;
    return done ? (long)done : -EFAULT;
}

static long random_ioctl(struct file *f, u32 cmd, uptr arg)
{
    (void)f;
    switch (cmd) {
    case RNDGETENTCNT:
        return put_user((int)256, arg);
    case RNDRESEEDCRNG:
        if (!capable(CAP_SYS_ADMIN))
            return -EPERM;
        random_reseed();
        return 0;
    case RNDADDTOENTCNT:
    case RNDADDENTROPY:
    case RNDZAPENTCNT:
    case RNDCLEARPOOL:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

const struct file_ops dev_random_fops = {
    .read = random_read,
    .write = random_write,
    .llseek = seek_anywhere,
    .ioctl = random_ioctl,
};

/* ---- kmsg: lines written go to the sandbox's log ------------------------------------------------
 */

static long kmsg_open(struct file *f) { return f->fmode & FMODE_READ ? -EPERM : 0; }

static long kmsg_write(struct file *f, struct uio *u, u64 *pos)
{
    char line[256];
    size_t total = u->left, n = uio_copy_in(line, u, MIN(total, sizeof(line) - 1));

    (void)f;
    (void)pos;
    if (total && !n)
        return -EFAULT;
    line[n] = 0;
    if (n && line[n - 1] == '\n')
        line[n - 1] = 0;
    klog("kmsg: %s", line);
    uio_advance(u, u->left);
    return (long)total;
}

const struct file_ops dev_kmsg_fops = {.open = kmsg_open, .write = kmsg_write};
