/* Calls that wait for a signal. */
#include <asm/errno.h>

#include "../../abi/host_abi.h"
#include "internal.h"
#include "ktime.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

/* Until a signal is to be handled (or something else wants us at the boundary: then the
 * call starts again by itself). */
static long wait_for_any(void)
{
    for (;;) {
        u32 seq = thread_sleep_begin();

        if (signal_pending() || thread_sleep(seq, HOST_FOREVER))
            return -ERESTARTNOHAND;
    }
}

long sys_pause(void) { return wait_for_any(); }

long sys_rt_sigsuspend(uptr mask, size_t size)
{
    struct thread *t = current();
    sigset_k set;

    if (size != sizeof(sigset_k))
        return -EINVAL;
    if (get_user(set, mask))
        return -EFAULT;
    t->sig.saved_mask = t->sig.blocked;
    t->sig.restore_mask = true;
    signal_set_mask(set);
    return wait_for_any();
}

static long wait_taking(sigset_k wanted, u64 deadline, struct siginfo_k *info)
{
    struct thread *t = current();
    long rc = 0;
    int sig;

    WRITE_ONCE(t->sig.waiting, wanted);
    do {
        u32 seq = thread_sleep_begin();

        sig = signal_take(wanted, info);
        if (!sig)
            rc = thread_sleep(seq, deadline);
    } while (!sig && !rc);
    if (!sig)
        sig = signal_take(wanted, info); /* came together with the end of the wait */
    WRITE_ONCE(t->sig.waiting, 0);
    return sig ? sig : rc;
}

/* The deadline of this call, or of the one it continues. */
static long deadline_of(uptr timeout, u64 *deadline)
{
    struct restart *r = &current()->restart;
    u64 ns;
    long rc;

    *deadline = HOST_FOREVER;
    if (!timeout)
        return 0;
    rc = timespec_from_user(timeout, &ns);
    if (rc)
        return rc;
    if (r->valid && r->nr == NR_rt_sigtimedwait)
        *deadline = r->deadline;
    else
        *deadline = deadline_in(ns);
    r->valid = false;
    return 0;
}

long sys_rt_sigtimedwait(uptr set, uptr uinfo, uptr timeout, size_t size)
{
    struct restart *r = &current()->restart;
    struct siginfo_k info;
    sigset_k wanted;
    u64 deadline;
    long rc;

    if (size != sizeof(sigset_k))
        return -EINVAL;
    if (get_user(wanted, set))
        return -EFAULT;
    rc = deadline_of(timeout, &deadline);
    if (rc)
        return rc;
    rc = wait_taking(wanted & ~UNMASKABLE, deadline, &info);
    if (rc > 0 && uinfo && put_user(info, uinfo))
        return -EFAULT;
    if (rc == -ETIMEDOUT)
        return -EAGAIN;
    if (rc == -EINTR && !signal_pending()) { /* a stop ends it as well */
        *r = (struct restart){.valid = true, .nr = NR_rt_sigtimedwait, .deadline = deadline};
        return -ERESTART_RESTARTBLOCK;
    }
    return rc;
}
