/* Deadlines and signal masks of poll, select and epoll_wait. */
#include <linux/errno.h>

#include "../../abi/host_abi.h"
#include "pollwait.h"
#include "usercopy.h"

u64 poll_deadline(u64 ns) { return ns ? deadline_in(ns) : POLL_NOW; }

long poll_deadline_user(uptr timeout, u64 *deadline)
{
    u64 ns;
    long rc;

    *deadline = HOST_FOREVER;
    if (!timeout)
        return 0;
    rc = timespec_from_user(timeout, &ns);
    if (rc == 0)
        *deadline = poll_deadline(ns);
    return rc;
}

u64 restart_deadline(u32 nr, u64 fresh)
{
    struct restart *again = &current()->restart;
    bool mine = again->valid && again->nr == nr && again->calls + 1 == current()->syscalls;

    again->valid = false;
    return mine ? again->deadline : fresh;
}

long restart_later(u32 nr, u64 deadline)
{
    struct thread *t = current();

    t->restart =
        (struct restart){.valid = true, .nr = nr, .calls = t->syscalls, .deadline = deadline};
    return -ERESTART_RESTARTBLOCK;
}

long sigmask_enter(uptr mask, size_t size)
{
    struct signal_state *sig = &current()->sig;
    sigset_k set;

    if (!mask)
        return 0;
    if (size != sizeof(set))
        return -EINVAL;
    if (copy_from_user(&set, mask, sizeof(set)))
        return -EFAULT;
    sig->saved_mask = sig->blocked;
    sig->restore_mask = true;
    signal_set_mask(set & ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP)));
    return 0;
}

void sigmask_leave(long rc)
{
    struct signal_state *sig = &current()->sig;

    /* The handler runs under the call's mask and returns to the saved one: then
     * signal_deliver puts it back. */
    if (!sig->restore_mask || rc == -EINTR || rc == -ERESTARTNOHAND)
        return;
    sig->restore_mask = false;
    signal_set_mask(sig->saved_mask);
}
