/* /dev/tty and /dev/console: the terminal of the session, a pseudo terminal (tty/) or the one
 * the sandbox was started on.
 *
 * There is at most one of the latter, a host stream among the descriptors given at the start.  It
 * is the controlling terminal of program 1's session; its file is kept for good, so that
 * programs whose descriptors all lead elsewhere can still ask for a password.
 */
#include <linux/errno.h>

#include "../ipc/hostio.h"
#include "dev.h"
#include "ipc.h"
#include "thread.h"
#include "tty.h"

static struct file *terminal; /* set once, before the program starts */

void tty_attach(struct file *f)
{
    if (!terminal && hostio_is_tty(f))
        terminal = file_get(f);
}

bool tty_of_session(s32 sid, u32 *number, s32 *foreground)
{
    const struct hostio *h;

    if (pty_of_session(sid, number, foreground))
        return true;
    if (!terminal || sid != terminal_session())
        return false;
    h = terminal->private;
    *number = (u32)h->boot.rdev;
    *foreground = terminal_foreground();
    return true;
}

static long tty_open(struct file *f)
{
    long rc = pty_open_controlling(f);

    if (rc != -ENXIO)
        return rc;
    if (!terminal || current()->proc->sid != terminal_session())
        return -ENXIO;
    dentry_put(f->path.dentry);
    f->path.dentry = dentry_get(terminal->path.dentry);
    f->inode = terminal->inode;
    f->ops = terminal->ops;
    return f->ops->open ? f->ops->open(f) : 0;
}

const struct file_ops dev_tty_fops = {.open = tty_open};
