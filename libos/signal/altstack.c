/* The alternate signal stack of a thread. */
#include <asm/errno.h>

#include "internal.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

bool on_altstack(const struct thread *t, uptr sp)
{
    /* With SS_AUTODISARM the stack is switched off while in use, so nobody is on it. */
    if (t->sig.alt_flags & SS_AUTODISARM_)
        return false;
    return sp > t->sig.alt_sp && sp - t->sig.alt_sp <= t->sig.alt_size;
}

u32 altstack_flags(const struct thread *t, uptr sp)
{
    if (!t->sig.alt_size)
        return SS_DISABLE_;
    return on_altstack(t, sp) ? SS_ONSTACK_ : 0;
}

void altstack_reset(struct thread *t)
{
    t->sig.alt_sp = 0;
    t->sig.alt_size = 0;
    t->sig.alt_flags = SS_DISABLE_;
}

long altstack_set(struct thread *t, const struct altstack *new, uptr sp, size_t min_size)
{
    u32 mode = new->flags & ~SS_AUTODISARM_;

    if (on_altstack(t, sp))
        return -EPERM;
    if (mode != SS_DISABLE_ && mode != SS_ONSTACK_ && mode != 0)
        return -EINVAL;
    if (mode == SS_DISABLE_) {
        t->sig.alt_sp = 0;
        t->sig.alt_size = 0;
    } else {
        if (new->size < min_size)
            return -ENOMEM;
        t->sig.alt_sp = new->sp;
        t->sig.alt_size = new->size;
    }
    t->sig.alt_flags = new->flags;
    return 0;
}

long sys_sigaltstack(uptr new, uptr old)
{
    struct thread *t = current();
    uptr sp = t->regs->rsp;
    struct altstack n, o = {.sp = t->sig.alt_sp, .size = t->sig.alt_size};
    long rc;

    o.flags = altstack_flags(t, sp) | (t->sig.alt_flags & SS_AUTODISARM_);
    if (new) {
        if (get_user(n, new))
            return -EFAULT;
        rc = altstack_set(t, &n, sp, MINSIGSTKSZ);
        if (rc)
            return rc;
    }
    return old ? put_user(o, old) : 0;
}
