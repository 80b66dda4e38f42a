/* /dev/bailey: what a program can know and want of being saved.
 *
 *   save        a read blocks until the sandbox was saved to the file that the user named
 *               (--save-to); the text is "original" or, in a copy, "resumed"
 *   generation  how often this sandbox was resumed, a number; ready for reading when that is
 *               another than was read last, also by O_ASYNC
 *
 * A text is made by the read at offset 0, the next gives its rest and then the end.
 *
 * Locking: none; readers of one open file at a time make one text after the other (pos_lock).
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "dev.h"
#include "freeze.h"
#include "kalloc.h"
#include "lib.h"

struct reading {
    struct freeze_ask ask;
    u32 seen; /* generation read last, and one */
    u32 len;
    char text[24];
};

static struct waitq resumed = {.waiters = LIST_INIT(resumed.waiters)};

void dev_bailey_resumed(void) { waitq_wake_all(&resumed, POLLIN | POLLRDNORM | POLLPRI); }

static long open_reading(struct file *f)
{
    f->private = kzalloc(sizeof(struct reading));
    return f->private ? 0 : -ENOMEM;
}

static void release_reading(struct file *f) { kfree(f->private); }

static long give(struct reading *r, struct uio *u, u64 *pos)
{
    size_t n, left = *pos < r->len ? r->len - *pos : 0;

    if (!left || !u->left)
        return 0;
    n = uio_copy_out(u, r->text + *pos, MIN(left, u->left));
    *pos += n;
    return n ? (long)n : -EFAULT;
}

static long save_read(struct file *f, struct uio *u, u64 *pos)
{
    struct reading *r = f->private;

    if (!*pos) {
        long rc = freeze_ask(&r->ask, !(f->flags & O_NONBLOCK));

        if (rc < 0)
            return rc;
        r->len = (u32)snprintf(r->text, sizeof(r->text), "%s\n",
                               rc == FREEZE_RESUMED ? "resumed" : "original");
    }
    return give(r, u, pos);
}

static long generation_read(struct file *f, struct uio *u, u64 *pos)
{
    struct reading *r = f->private;

    if (!*pos) {
        u32 now = freeze_record.generation;

        r->seen = now + 1;
        r->len = (u32)snprintf(r->text, sizeof(r->text), "%u\n", now);
    }
    return give(r, u, pos);
}

static u32 generation_poll(struct file *f, struct poll_table *pt)
{
    struct reading *r = f->private;

    poll_wait(pt, &resumed);
    return r->seen == freeze_record.generation + 1 ? 0 : POLLIN | POLLRDNORM | POLLPRI;
}

const struct file_ops dev_save_fops = {
    .open = open_reading,
    .release = release_reading,
    .read = save_read,
    .llseek = file_seek_endless,
};
const struct file_ops dev_generation_fops = {
    .open = open_reading,
    .release = release_reading,
    .read = generation_read,
    .llseek = file_seek_endless,
    .poll = generation_poll,
};
