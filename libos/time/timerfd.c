/* timerfd: a timer whose expiries are read from a descriptor.
 *
 * tfd->lock (an object lock) protects everything; the timer's function takes it too.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/ioctl.h>
#include <linux/poll.h>
#include <linux/time.h>
#include <linux/timerfd.h>

#include "interval.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "usercopy.h"
#include "vfs.h"

#define SETTIME_FLAGS (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)

struct timerfd {
    struct lock lock;
    struct interval interval;
    u64 ticks; /* expiries not read yet */
    u32 settime_flags;
    struct waitq wait;
};

static void timerfd_fire(struct ktimer *t)
{
    struct timerfd *tfd = container_of(t, struct timerfd, interval.timer);

    lock(&tfd->lock);
    u64 times = interval_expired(&tfd->interval);
    tfd->ticks += times;
    unlock(&tfd->lock);
    if (times)
        waitq_wake_all(&tfd->wait, POLLIN | POLLRDNORM);
}

/* Takes the expiries counted so far; 0 if none. */
static u64 take_ticks(struct timerfd *tfd)
{
    lock(&tfd->lock);
    u64 ticks = tfd->ticks;
    tfd->ticks = 0;
    unlock(&tfd->lock);
    return ticks;
}

static long timerfd_read(struct file *f, struct uio *u, u64 *pos)
{
    struct timerfd *tfd = f->private;
    u64 ticks;

    if (u->left < sizeof(ticks))
        return -EINVAL;
    ticks = take_ticks(tfd);
    if (!ticks) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event(&tfd->wait, (ticks = take_ticks(tfd)) != 0, HOST_FOREVER))
            return -ERESTARTSYS;
    }
    if (uio_copy_out(u, &ticks, sizeof(ticks)) != sizeof(ticks))
        return -EFAULT;
    return sizeof(ticks);
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
    struct timerfd *tfd = f->private;

    poll_wait(pt, &tfd->wait);
    return READ_ONCE(tfd->ticks) ? POLLIN | POLLRDNORM : 0;
}

static void timerfd_release(struct file *f)
{
    struct timerfd *tfd = f->private;

    ktimer_cancel(&tfd->interval.timer);
    kfree(tfd);
}

/* For restoring a saved timer: sets the count. */
static long timerfd_ioctl(struct file *f, u32 cmd, uptr arg)
{
    struct timerfd *tfd = f->private;
    u64 ticks;

    if (cmd != TFD_IOC_SET_TICKS)
        return -ENOTTY;
    if (get_user(ticks, arg))
        return -EFAULT;
    if (!ticks)
        return -EINVAL;
    lock(&tfd->lock);
    tfd->ticks = ticks;
    unlock(&tfd->lock);
    waitq_wake_all(&tfd->wait, POLLIN | POLLRDNORM);
    return 0;
}

static void timerfd_fdinfo(struct file *f, struct textbuf *b)
{
    struct timerfd *tfd = f->private;
    struct itimerspec_k its;

    lock(&tfd->lock);
    interval_get(&tfd->interval, &its);
    text_add(b, "clockid: %d\nticks: %lu\nsettime flags: 0%o\n", tfd->interval.clockid, tfd->ticks,
             tfd->settime_flags);
    unlock(&tfd->lock);
    text_add(b, "it_value: (%ld, %ld)\nit_interval: (%ld, %ld)\n", its.value.sec, its.value.nsec,
             its.interval.sec, its.interval.nsec);
}

static const struct file_ops timerfd_ops = {
    .release = timerfd_release,
    .read = timerfd_read,
    .poll = timerfd_poll,
    .ioctl = timerfd_ioctl,
    .fdinfo = timerfd_fdinfo,
};

long sys_timerfd_create(int clockid, int flags)
{
    long fd;
    bool alarm = clockid == CLOCK_REALTIME_ALARM || clockid == CLOCK_BOOTTIME_ALARM;
    struct timerfd *tfd;
    struct file *f;

    if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK))
        return -EINVAL;
    if (clockid != CLOCK_REALTIME && clockid != CLOCK_MONOTONIC && clockid != CLOCK_BOOTTIME &&
        !alarm)
        return -EINVAL;
    if (alarm && !capable(CAP_WAKE_ALARM))
        return -EPERM;
    tfd = kzalloc(sizeof(*tfd));
    if (!tfd)
        return -ENOMEM;
    waitq_init(&tfd->wait);
    interval_init(&tfd->interval, clockid, timerfd_fire);
    f = file_anon("[timerfd]", &timerfd_ops, tfd, O_RDWR | (flags & O_NONBLOCK));
    if (IS_ERR(f)) {
        kfree(tfd);
        return PTR_ERR(f);
    }
    fd = fd_install(f, 0, flags & TFD_CLOEXEC);
    if (fd < 0)
        file_put(f);
    return fd;
}

/* The timerfd behind fd with a reference on the file, or an error. */
static struct file *timerfd_get(int fd)
{
    struct file *f = fd_get_io(fd);

    if (!f)
        return ERR_PTR(-EBADF);
    if (f->ops != &timerfd_ops) {
        file_put(f);
        return ERR_PTR(-EINVAL);
    }
    return f;
}

long sys_timerfd_settime(int fd, int flags, uptr new, uptr old)
{
    struct itimerspec_k was;
    u64 value, period;
    struct file *f;
    long rc = itimerspec_from_user(new, &value, &period);

    if (rc)
        return rc;
    if (flags & ~SETTIME_FLAGS)
        return -EINVAL;
    f = timerfd_get(fd);
    if (IS_ERR(f))
        return PTR_ERR(f);
    struct timerfd *tfd = f->private;
    lock(&tfd->lock);
    interval_get(&tfd->interval, &was);
    tfd->settime_flags = (u32)flags;
    tfd->ticks = 0;
    interval_set(&tfd->interval, value, period, flags & TFD_TIMER_ABSTIME);
    unlock(&tfd->lock);
    file_put(f);
    return old ? put_user(was, old) : 0;
}

long sys_timerfd_gettime(int fd, uptr cur)
{
    struct itimerspec_k its;
    struct file *f = timerfd_get(fd);

    if (IS_ERR(f))
        return PTR_ERR(f);
    struct timerfd *tfd = f->private;
    lock(&tfd->lock);
    interval_get(&tfd->interval, &its);
    unlock(&tfd->lock);
    file_put(f);
    return put_user(its, cur);
}
