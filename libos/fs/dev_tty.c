/* /dev/tty and /dev/console: the terminal the sandbox was started on.
 *
 * There is at most one terminal, a host stream among the standard descriptors.  Opening
 * the device finds a descriptor that still has it and opens the same stream again. */
#include <linux/errno.h>

#include "dev.h"
#include "ipc.h"
#include "thread.h"

/* The terminal's file among the standard descriptors of the process, with a reference. */
static struct file *find_terminal(struct process *p)
{
    struct files *files = p->files;
    struct file *found = NULL;
    u32 fd;

    lock(&files->lock);
    for (fd = 0; fd < 3 && fd < files->size && !found; fd++) {
        struct file *f = files->fd[fd];

        if (f && hostio_is_tty(f))
            found = file_get(f);
    }
    unlock(&files->lock);
    return found;
}

static long tty_open(struct file *f)
{
    struct file *tty = find_terminal(current()->proc);

    if (!tty)
        return -ENXIO;
    dentry_put(f->path.dentry);
    f->path.dentry = dentry_get(tty->path.dentry);
    f->inode = tty->inode;
    f->ops = tty->ops;
    file_put(tty);
    return f->ops->open ? f->ops->open(f) : 0;
}

const struct file_ops dev_tty_fops = {.open = tty_open};
