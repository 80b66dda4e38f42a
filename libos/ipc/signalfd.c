/* signalfd: reading pending signals as records.
 *
 * A signalfd holds nothing but its mask; what it reads are the pending signals of the
 * thread and process that reads, as in Linux.  Whoever makes a signal pending wakes the
 * process's signalfd_wait.
 *
 * Locking: the mask is one word; pending sets are signal/'s (signal_take).
 */
#include <asm/siginfo.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/signalfd.h>

#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "usercopy.h"
#include "vfs.h"

struct signalfd {
    sigset_k mask;
};

/* Which members are meaningful follows from the code, and for the kernel's own codes from
 * the signal. */
static void convert(struct signalfd_siginfo *out, const struct siginfo_k *in)
{
    memset(out, 0, sizeof(*out));
    out->ssi_signo = (u32)in->signo;
    out->ssi_errno = in->errno_;
    out->ssi_code = in->code;
    if (in->code == SI_TIMER) {
        out->ssi_tid = (u32)in->timer.tid;
        out->ssi_overrun = (u32)in->timer.overrun;
        out->ssi_ptr = in->timer.value;
        out->ssi_int = (s32)in->timer.value;
    } else if (in->code <= 0) {
        out->ssi_pid = (u32)in->rt.pid;
        out->ssi_uid = in->rt.uid;
        if (in->code != SI_USER && in->code != SI_TKILL) {
            out->ssi_ptr = in->rt.value;
            out->ssi_int = (s32)in->rt.value;
        }
    } else if (in->signo == SIGCHLD) {
        out->ssi_pid = (u32)in->chld.pid;
        out->ssi_uid = in->chld.uid;
        out->ssi_status = in->chld.status;
        out->ssi_utime = in->chld.utime;
        out->ssi_stime = in->chld.stime;
    } else if (in->signo == SIGPOLL && in->code != SI_KERNEL) {
        out->ssi_band = (u32)in->poll.band;
        out->ssi_fd = in->poll.fd;
    } else if (in->signo == SIGSEGV || in->signo == SIGBUS || in->signo == SIGILL ||
               in->signo == SIGFPE || in->signo == SIGTRAP) {
        out->ssi_addr = in->fault.addr;
    } else if (in->code != SI_KERNEL) {
        out->ssi_pid = (u32)in->rt.pid;
        out->ssi_uid = in->rt.uid;
    }
}

static long signalfd_read(struct file *f, struct uio *u, u64 *pos)
{
    struct signalfd *sfd = f->private;
    struct signalfd_siginfo record;
    struct siginfo_k info;
    long done = 0;

    if (u->left < sizeof(record))
        return -EINVAL;
    while (u->left >= sizeof(record)) {
        int sig = signal_take(READ_ONCE(sfd->mask), &info);

        if (!sig && !done && !(f->flags & O_NONBLOCK)) {
            long rc =
                wait_event(&current()->proc->shared.signalfd_wait,
                           (sig = signal_take(READ_ONCE(sfd->mask), &info)) != 0, HOST_FOREVER);
            if (rc && !sig)
                return -ERESTARTSYS;
        }
        if (!sig)
            break;
        convert(&record, &info);
        if (uio_copy_out(u, &record, sizeof(record)) != sizeof(record))
            return done ? done : -EFAULT;
        done += (long)sizeof(record);
    }
    return done ? done : -EAGAIN;
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
    struct signalfd *sfd = f->private;
    struct thread *t = current();
    sigset_k pending;

    poll_wait(pt, &t->proc->shared.signalfd_wait);
    lock(&t->proc->sighand->lock);
    pending = t->sig.pending.set | t->proc->shared.pending.set;
    unlock(&t->proc->sighand->lock);
    return pending & sfd->mask ? POLLIN : 0;
}

static void signalfd_release(struct file *f) { kfree(f->private); }

static void signalfd_fdinfo(struct file *f, struct textbuf *b)
{
    struct signalfd *sfd = f->private;

    text_add(b, "sigmask:\t%016lx\n", sfd->mask);
}

static const struct file_ops signalfd_fops = {
    .read = signalfd_read,
    .poll = signalfd_poll,
    .release = signalfd_release,
    .fdinfo = signalfd_fdinfo,
};

static long change_mask(int fd, sigset_k mask)
{
    struct file *f = fd_get_io(fd);
    long rc = -EINVAL;

    if (!f)
        return -EBADF;
    if (f->ops == &signalfd_fops) {
        WRITE_ONCE(((struct signalfd *)f->private)->mask, mask);
        waitq_wake_all(&current()->proc->shared.signalfd_wait, POLLIN);
        rc = fd;
    }
    file_put(f);
    return rc;
}

static long create(sigset_k mask, int flags)
{
    struct signalfd *sfd = kzalloc(sizeof(*sfd));
    struct file *f;
    long fd;

    if (!sfd)
        return -ENOMEM;
    sfd->mask = mask;
    f = file_anon("anon_inode:[signalfd]", &signalfd_fops, sfd, O_RDWR | (flags & SFD_NONBLOCK));
    if (IS_ERR(f)) {
        kfree(sfd);
        return PTR_ERR(f);
    }
    fd = fd_install(f, 0, flags & SFD_CLOEXEC);
    if (fd < 0)
        file_put(f);
    return fd;
}

long sys_signalfd4(int fd, uptr mask, size_t size, int flags)
{
    sigset_k set;

    if (flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
        return -EINVAL;
    if (size != sizeof(set))
        return -EINVAL;
    if (copy_from_user(&set, mask, sizeof(set)))
        return -EFAULT;
    set &= ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
    return fd == -1 ? create(set, flags) : change_mask(fd, set);
}

long sys_signalfd(int fd, uptr mask, size_t size) { return sys_signalfd4(fd, mask, size, 0); }
