/* Native asynchronous I/O: requests.
 *
 * Each is carried out at once, as Linux does where it need not wait for a disk; what it comes to
 * is an event, what is wrong with the request itself is the answer of the call.  IOCB_CMD_POLL is
 * refused, as by Linux before 4.18.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "aio.h"
#include "ipc.h"
#include "kalloc.h"
#include "proc.h"
#include "signal.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define MAX_RW     0x7ffff000UL
#define FAST_IOV   8
#define KEY        0 /* what io_submit leaves in aio_key */
#define IN_PROCESS (-ERESTARTNOINTR)

#ifndef IOCB_FLAG_IOPRIO
#define IOCB_FLAG_IOPRIO (1 << 1)
#endif

/* The buffer or the vector of a request; `*v` is to be freed if it isn't `fast`. */
static long import(struct uio *u, const struct iocb *cb, struct iov *fast, struct iov **v)
{
    *v = fast;
    if (cb->aio_lio_opcode == IOCB_CMD_PREADV || cb->aio_lio_opcode == IOCB_CMD_PWRITEV)
        return uio_import(u, cb->aio_buf, cb->aio_nbytes, fast, v);
    if (!user_range_ok(cb->aio_buf, MIN(cb->aio_nbytes, MAX_RW)))
        return -EFAULT;
    uio_init(u, fast, cb->aio_buf, MIN(cb->aio_nbytes, MAX_RW), false);
    return 0;
}

static long transfer(struct file *f, struct uio *u, const struct iocb *cb, bool write)
{
    s64 off = cb->aio_offset;
    long rc = 0;

    if (write && (cb->aio_rw_flags & RWF_APPEND))
        rc = rwf_end(f, &off);
    if (rc)
        return rc;
    u64 pos = (u64)off;
    rc = write ? file_write(f, u, &pos) : file_read(f, u, &pos);
    if (write && rc > 0) {
        long err = rwf_sync(f, cb->aio_rw_flags);
        rc = err < 0 ? err : rc;
    }
    return rc;
}

/* 0 and *res, or why the request isn't one. */
static long move(struct file *f, const struct iocb *cb, bool write, long *res)
{
    struct iov fast[FAST_IOV], *v;
    struct uio u;
    long rc = rwf_check(f, cb->aio_rw_flags);

    if (!rc && (cb->aio_flags & IOCB_FLAG_IOPRIO))
        rc = ioprio_check((u16)cb->aio_reqprio);
    if (rc)
        return rc;
    if (!(f->fmode & (write ? FMODE_WRITE : FMODE_READ)))
        return -EBADF;
    if (!(write ? f->ops->write : f->ops->read))
        return -EINVAL;
    rc = import(&u, cb, fast, &v);
    if (rc)
        return rc;
    if (cb->aio_offset < 0 && f->ops->llseek)
        rc = -EINVAL;
    else
        *res = transfer(f, &u, cb, write);
    if (v != fast)
        kfree(v);
    return rc;
}

static long sync(struct file *f, const struct iocb *cb, bool data_only, long *res)
{
    if (cb->aio_buf || cb->aio_offset || cb->aio_nbytes || cb->aio_rw_flags || !f->ops->fsync)
        return -EINVAL;
    *res = f->ops->fsync(f, data_only);
    return 0;
}

static long carry_out(struct file *f, const struct iocb *cb, long *res)
{
    switch (cb->aio_lio_opcode) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PREADV:
        return move(f, cb, false, res);
    case IOCB_CMD_PWRITE:
    case IOCB_CMD_PWRITEV:
        return move(f, cb, true, res);
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
        return sync(f, cb, cb->aio_lio_opcode == IOCB_CMD_FDSYNC, res);
    }
    return -EINVAL;
}

/* A signal that came first is an event; a save, or a fork in another thread, must not be seen:
 * the request was not there yet. */
static long interrupted(long res)
{
    if (res > -ERESTARTSYS || res < -ERESTART_RESTARTBLOCK)
        return res;
    return signal_pending() ? -EINTR : IN_PROCESS;
}

static long run(struct aio_context *c, const struct iocb *cb, uptr user, struct file *f,
                struct file *told)
{
    u32 key = KEY;
    long res = 0, rc;

    if (copy_to_user(user + offsetof(struct iocb, aio_key), &key, sizeof(key)))
        return -EFAULT;
    rc = carry_out(f, cb, &res);
    if (rc)
        return rc;
    res = interrupted(res);
    if (res == IN_PROCESS)
        return res;
    aio_complete(c, &(struct io_event){.data = cb->aio_data, .obj = user, .res = res});
    if (told)
        eventfd_signal(told);
    return 0;
}

static long with_eventfd(struct aio_context *c, const struct iocb *cb, uptr user, struct file *f)
{
    struct file *told;
    long rc;

    if (!(cb->aio_flags & IOCB_FLAG_RESFD))
        return run(c, cb, user, f, NULL);
    told = fd_get_io((int)cb->aio_resfd);
    if (!told)
        return -EBADF;
    rc = eventfd_is(told) ? run(c, cb, user, f, told) : -EINVAL;
    file_put(told);
    return rc;
}

static long submit_one(struct aio_context *c, uptr user)
{
    struct iocb cb;
    struct file *f;
    long rc;

    if (copy_from_user(&cb, user, sizeof(cb)))
        return -EFAULT;
    if (cb.aio_reserved2 || (s64)cb.aio_nbytes < 0)
        return -EINVAL;
    if (!aio_room(c))
        return -EAGAIN;
    f = fd_get_io((int)cb.aio_fildes);
    if (!f)
        return -EBADF;
    rc = with_eventfd(c, &cb, user, f);
    file_put(f);
    return rc;
}

long sys_io_submit(u64 ctx, long nr, uptr iocbpp)
{
    struct aio_context *c;
    long done = 0, rc = 0;

    if (nr < 0)
        return -EINVAL;
    c = aio_find(ctx);
    if (!c)
        return -EINVAL;
    for (; done < nr && done < (long)c->slots; done++) {
        uptr one;

        rc = copy_from_user(&one, iocbpp + (u64)done * sizeof(one), sizeof(one))
                 ? -EFAULT
                 : submit_one(c, one);
        if (rc)
            break;
    }
    aio_put(c);
    return done ? done : rc;
}

/* Nothing is ever under way when a call is made. */
long sys_io_cancel(u64 ctx, uptr iocb, uptr result)
{
    u32 key;

    (void)ctx;
    (void)result;
    return copy_from_user(&key, iocb + offsetof(struct iocb, aio_key), sizeof(key)) ? -EFAULT
                                                                                    : -EINVAL;
}
