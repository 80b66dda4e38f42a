/* sendfile and copy_file_range: file to file through a bounce buffer. */
#include <linux/errno.h>
#include <linux/fs.h>

#include "lib.h"
#include "transfer.h"

#define BOUNCE 0x10000UL

/* Writes n bytes of buf; how many were taken, the error in *rc. */
static size_t write_all(struct file *out, u64 *pos, u8 *buf, size_t n, long *rc)
{
    size_t done = 0;

    while (done < n) {
        struct uio u;
        struct iov v;

        uio_init(&u, &v, (uptr)buf + done, n - done, true);
        *rc = file_write(out, &u, pos);
        if (*rc <= 0)
            break;
        done += (size_t)*rc;
    }
    return done;
}

static void give_back(struct file *in, u64 *pos, size_t n)
{
    if (!n)
        return;
    if (pos)
        *pos -= n;
    else if (in->ops->llseek)
        in->ops->llseek(in, -(s64)n, SEEK_CUR);
}

long transfer(struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, size_t n)
{
    size_t size = MIN(PAGE_ALIGN(n), BOUNCE), done = 0;
    u8 *buf = kpages_alloc(size);
    long rc = 0;

    if (!buf)
        return -ENOMEM;
    while (done < n) {
        struct uio u;
        struct iov v;
        size_t taken;

        uio_init(&u, &v, (uptr)buf, MIN(size, n - done), true);
        rc = file_read(in, &u, in_pos);
        if (rc <= 0)
            break;
        size_t got = (size_t)rc;
        taken = write_all(out, out_pos, buf, got, &rc);
        done += taken;
        if (taken < got) {
            give_back(in, in_pos, got - taken);
            break;
        }
    }
    kpages_free(buf, size);
    return done ? (long)done : rc;
}
