/* Descriptors that name a process: pidfd_open, pidfd_send_signal, pidfd_getfd.
 *
 * The file holds a reference on struct process, whose number is not reused while it
 * lives; it is readable once the process is a zombie. */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "lib.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"
#include "vfs.h"

#define EPERM          1
#define ESRCH          3
#define EBADF          9
#define EFAULT         14
#define EINVAL         22
#define PIDFD_NONBLOCK O_NONBLOCK

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
    struct process *p = f->private;

    poll_wait(pt, &p->pidfd_wait);
    return READ_ONCE(p->zombie) ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *f) { process_put(f->private); }

static void pidfd_info(struct file *f, struct textbuf *b)
{
    const struct process *p = f->private;

    text_add(b, "Pid:\t%d\nNSpid:\t%d\n", p->pid, p->pid);
}

static const struct file_ops pidfd_ops = {
    .poll = pidfd_poll,
    .release = pidfd_release,
    .fdinfo = pidfd_info,
};

long pidfd_install(struct process *p, u32 flags)
{
    struct file *f = file_anon("anon_inode:[pidfd]", &pidfd_ops, p, O_RDWR | flags);
    long fd;

    if (IS_ERR(f))
        return PTR_ERR(f);
    ref_get(&p->refs);
    fd = fd_install(f, 0, true);
    if (fd < 0)
        file_put(f);
    return fd;
}

struct process *pidfd_process(int fd)
{
    struct file *f = fd_get(fd);
    struct process *p = NULL;

    if (!f)
        return NULL;
    if (f->ops == &pidfd_ops) {
        p = f->private;
        ref_get(&p->refs);
    }
    file_put(f);
    return p;
}

bool pidfd_nonblocking(int fd)
{
    struct file *f = fd_get(fd);
    bool nonblocking = f && (f->flags & O_NONBLOCK);

    if (f)
        file_put(f);
    return nonblocking;
}

long sys_pidfd_open(int pid, u32 flags)
{
    struct process *p;
    long rc;

    if (pid <= 0 || (flags & ~(u32)PIDFD_NONBLOCK))
        return -EINVAL;
    p = process_find(pid);
    if (!p)
        return pid_in_use(pid) ? -EINVAL : -ESRCH; /* a thread that leads no process */
    rc = pidfd_install(p, flags);
    process_put(p);
    return rc;
}

/* pidfd_send_signal takes a directory /proc/PID too. */
static struct process *process_of_directory(int fd)
{
    struct file *f = fd_get(fd);
    struct process *p = f && f->inode ? proc_of_inode(f->inode) : NULL;

    if (f)
        file_put(f);
    return p;
}

long sys_pidfd_send_signal(int fd, int sig, uptr info, u32 flags)
{
    struct siginfo_k si;
    struct process *p;
    long rc = -EFAULT;

    if (flags)
        return -EINVAL;
    p = pidfd_process(fd);
    if (!p)
        p = process_of_directory(fd);
    if (!p)
        return -EBADF;
    if (sig < 0 || sig > NSIG)
        rc = -EINVAL;
    else if (p->zombie)
        rc = -ESRCH;
    else if (!info)
        rc = signal_process_checked(p, sig, NULL);
    else if (copy_from_user(&si, info, sizeof(si)) == 0) {
        if (si.signo != sig)
            rc = -EINVAL;
        else if (si.code >= 0 && p != current()->proc)
            rc = -EPERM;
        else
            rc = signal_process_checked(p, sig, &si);
    }
    process_put(p);
    return rc;
}

long sys_pidfd_getfd(int fd, int number, u32 flags)
{
    struct process *p;
    struct file *f = NULL;
    long rc;

    if (flags)
        return -EINVAL;
    p = pidfd_process(fd);
    if (!p)
        return -EBADF;
    lock(&p->lock);
    rc = p->zombie || !p->files ? -ESRCH : 0;
    if (rc == 0 && p->leader && p->leader->cred.uid != current()->cred.uid &&
        !capable(CAP_SYS_PTRACE))
        rc = -EPERM;
    if (rc == 0) {
        lock(&p->files->lock);
        if (number >= 0 && (u32)number < p->files->size && p->files->fd[number])
            f = file_get(p->files->fd[number]);
        unlock(&p->files->lock);
        rc = f ? 0 : -EBADF;
    }
    unlock(&p->lock);
    process_put(p);
    if (rc == 0) {
        rc = fd_install(f, 0, true);
        if (rc < 0)
            file_put(f);
    }
    return rc;
}
