/* poll(2) and ppoll(2). */
#include <linux/errno.h>

#include "../../abi/host_abi.h"
#include "lib.h"
#include "pollwait.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define RLIMIT_NOFILE_ 7
#define FEW            16 /* descriptors kept on the stack */

struct poll_set {
    struct pollfd *fds;
    u32 n;
};

static u32 poll_one(struct pollwait *pw, struct pollfd *p, bool wait)
{
    u32 want = (u16)p->events | POLLERR | POLLHUP;
    struct file *f;
    u32 mask;

    if (p->fd < 0)
        return 0;
    f = fd_get_io(p->fd);
    if (!f)
        return POLLNVAL;
    mask = pollwait_ask(pw, f, want, wait) & want;
    file_put(f);
    return mask;
}

static long poll_scan(void *arg, struct pollwait *pw, bool wait)
{
    struct poll_set *s = arg;
    long count = 0;

    for (u32 i = 0; i < s->n; i++) {
        u32 mask = poll_one(pw, &s->fds[i], wait);

        s->fds[i].revents = (short)mask;
        if (mask) {
            count++;
            wait = false; /* something is there: no need to queue on the rest */
        }
    }
    return count;
}

static long write_back(uptr ufds, const struct poll_set *s)
{
    for (u32 i = 0; i < s->n; i++) {
        uptr to = ufds + i * sizeof(struct pollfd) + offsetof(struct pollfd, revents);

        if (put_user(s->fds[i].revents, to))
            return -EFAULT;
    }
    return 0;
}

/* Ready descriptors, 0, -EINTR, or another error. */
static long do_poll(uptr ufds, u32 n, u64 deadline)
{
    struct pollfd few[FEW];
    struct poll_set s = {few, n};
    long rc;

    if (n > current()->proc->rlimits[RLIMIT_NOFILE_][0])
        return -EINVAL;
    if (n > FEW)
        s.fds = kmalloc(n * sizeof(*s.fds));
    if (!s.fds)
        return -ENOMEM;
    rc = copy_from_user(s.fds, ufds, n * sizeof(*s.fds));
    if (!rc) {
        rc = pollwait_run(poll_scan, &s, deadline);
        if (rc >= 0 && write_back(ufds, &s))
            rc = -EFAULT;
    }
    if (s.fds != few)
        kfree(s.fds);
    return rc;
}

long sys_poll(uptr fds, unsigned int nfds, int timeout)
{
    u64 fresh = timeout < 0 ? HOST_FOREVER : poll_deadline((u64)timeout * 1000000);
    u64 deadline = restart_deadline(NR_poll, fresh);
    long rc = do_poll(fds, nfds, deadline);

    return rc == -EINTR ? restart_later(NR_poll, deadline) : rc;
}

/* Linux writes the time left into the timespec; where it can't, the call can't be
 * restarted with it. */
static long remaining(uptr timeout, u64 deadline, long rc)
{
    u64 now = now_mono();
    struct timespec_k left = {0, 0};

    if (!timeout)
        return rc;
    if (deadline > now && deadline != HOST_FOREVER)
        left = ns_to_timespec(deadline - now);
    if (deadline != HOST_FOREVER && copy_to_user(timeout, &left, sizeof(left)) &&
        rc == -ERESTARTNOHAND)
        return -EINTR;
    return rc;
}

long sys_ppoll(uptr fds, unsigned int nfds, uptr timeout, uptr sigmask, size_t size)
{
    u64 deadline;
    long rc;

    rc = poll_deadline_user(timeout, &deadline);
    if (rc)
        return rc;
    rc = sigmask_enter(sigmask, size);
    if (rc)
        return rc;
    rc = do_poll(fds, nfds, deadline);
    if (rc == -EINTR)
        rc = -ERESTARTNOHAND;
    sigmask_leave(rc);
    return remaining(timeout, deadline, rc);
}
