/* ptrace(2).
 *
 * Requests are for a stopped tracee of the calling thread, but for those that make one and
 * PTRACE_INTERRUPT and PTRACE_KILL.  What goes through the tracer's memory is copied without
 * trace_lock.
 */
#include <linux/audit.h>
#include <linux/errno.h>
#include <linux/ptrace.h>

#include "../signal/internal.h"
#include "internal.h"
#include "lib.h"
#include "mm.h"
#include "syscalls_gen.h"
#include "usercopy.h"

/* Stopped, and to be handled: under trace_lock. */
static struct thread *stopped_mine(s32 pid)
{
    struct thread *t = trace_mine(pid);

    return t && t->tracee.stopped && !t->tracee.listening ? t : NULL;
}

/* The process, referenced, of the tracee that `find` knows by this number; NULL: none. */
static struct process *process_of(struct thread *(*find)(s32 pid), s32 pid)
{
    struct process *p = NULL;
    struct thread *t;

    lock(&trace_lock);
    t = find(pid);
    if (t) {
        p = t->proc;
        ref_get(&p->refs);
    }
    unlock(&trace_lock);
    return p;
}

/* ---- memory --------------------------------------------------------------------------------- */

static long word(s32 pid, uptr addr, u64 *value, bool write)
{
    struct process *p = process_of(stopped_mine, pid);
    long rc;

    if (!p)
        return -ESRCH;
    rc = mm_remote_access(p, addr, value, sizeof(*value), write ? MM_WRITE | MM_FORCE : MM_FORCE);
    process_put(p);
    return rc == -EINTR ? -ERESTARTNOINTR : rc == sizeof(*value) ? 0 : rc == -ESRCH ? rc : -EIO;
}

static long peek(s32 pid, uptr addr, uptr data)
{
    u64 value;
    long rc = word(pid, addr, &value, false);

    return rc ? rc : put_user(value, data);
}

/* ---- going on ------------------------------------------------------------------------------- */

static long go_on(s32 pid, enum trace_mode mode, u64 sig)
{
    struct thread *t;

    lock(&trace_lock);
    t = stopped_mine(pid);
    if (t && sig <= NSIG)
        trace_let_go(t, mode, (int)sig);
    unlock(&trace_lock);
    return !t ? -ESRCH : sig > NSIG ? -EIO : 0;
}

static long detach(s32 pid, u64 sig)
{
    struct thread *t;

    if (sig > NSIG)
        return -EIO;
    lock(&trace_lock);
    t = stopped_mine(pid);
    if (t) {
        t->tracee.inject = (int)sig;
        trace_free(t);
    }
    unlock(&trace_lock);
    return t ? 0 : -ESRCH;
}

static long interrupt(s32 pid)
{
    struct thread *t;
    long rc = -ESRCH;

    lock(&trace_lock);
    t = trace_mine(pid);
    if (t && !t->tracee.seized) {
        rc = -EIO;
    } else if (t) {
        t->tracee.interrupt = true;
        thread_kick(t, ATTN_SIGNAL);
        rc = 0;
    }
    unlock(&trace_lock);
    return rc;
}

static long listen(s32 pid)
{
    struct thread *t;
    long rc = -ESRCH;

    lock(&trace_lock);
    t = stopped_mine(pid);
    if (t && t->tracee.seized && t->tracee.code >> 8 == PTRACE_EVENT_STOP) {
        t->tracee.listening = true;
        t->tracee.untold = false;
        thread_wake(t);
        rc = 0;
    } else if (t) {
        rc = -EIO;
    }
    unlock(&trace_lock);
    return rc;
}

static long end(s32 pid)
{
    struct process *p = process_of(trace_mine, pid);

    if (!p)
        return -ESRCH;
    signal_process(p, SIGKILL, NULL);
    process_put(p);
    return 0;
}

/* ---- what it stopped for ----------------------------------------------------------------------
 */

static long get_siginfo(s32 pid, uptr data)
{
    struct siginfo_k info = {0};
    struct thread *t;
    long rc = -ESRCH;

    lock(&trace_lock);
    t = stopped_mine(pid);
    if (t) {
        info = t->tracee.info;
        rc = t->tracee.has_info ? 0 : -EINVAL;
    }
    unlock(&trace_lock);
    return rc ? rc : put_user(info, data);
}

static long set_siginfo(s32 pid, uptr data)
{
    struct siginfo_k info;
    struct thread *t;
    long rc = -ESRCH;

    if (get_user(info, data))
        return -EFAULT;
    lock(&trace_lock);
    t = stopped_mine(pid);
    if (t && t->tracee.has_info)
        t->tracee.info = info;
    if (t)
        rc = t->tracee.has_info ? 0 : -EINVAL;
    unlock(&trace_lock);
    return rc;
}

static long sigmask(s32 pid, u64 size, uptr data, bool set)
{
    struct thread *t;
    sigset_k mask = 0;

    if (size != sizeof(mask))
        return -EINVAL;
    if (set && get_user(mask, data))
        return -EFAULT;
    lock(&trace_lock);
    t = stopped_mine(pid);
    if (t && set)
        t->sig.blocked = mask & ~UNMASKABLE;
    else if (t)
        mask = t->sig.restore_mask ? t->sig.saved_mask : t->sig.blocked;
    unlock(&trace_lock);
    return !t ? -ESRCH : set ? 0 : put_user(mask, data);
}

static long set_options(s32 pid, u64 options)
{
    struct thread *t;

    lock(&trace_lock);
    t = stopped_mine(pid);
    if (t && !(options & ~(u64)TRACE_OPTIONS))
        t->tracee.options = (u32)options;
    unlock(&trace_lock);
    return !t ? -ESRCH : options & ~(u64)TRACE_OPTIONS ? -EINVAL : 0;
}

static long event_message(s32 pid, uptr data)
{
    struct thread *t;
    u64 message = 0;

    lock(&trace_lock);
    t = stopped_mine(pid);
    if (t)
        message = t->tracee.message;
    unlock(&trace_lock);
    return t ? put_user(message, data) : -ESRCH;
}

static size_t call_info(const struct thread *t, struct ptrace_syscall_info *i)
{
    const struct regs *r = t->regs;
    s64 rc = (s64)r->rax;

    *i = (struct ptrace_syscall_info){
        .arch = AUDIT_ARCH_X86_64, .instruction_pointer = r->rip, .stack_pointer = r->rsp};
    if (t->tracee.kind == TRACE_AT_ENTRY) {
        const u64 args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};

        i->op = PTRACE_SYSCALL_INFO_ENTRY;
        i->entry.nr = r->orig_rax;
        memcpy(i->entry.args, args, sizeof(args));
        return offsetof(struct ptrace_syscall_info, entry) + sizeof(i->entry);
    }
    if (t->tracee.kind == TRACE_AT_RETURN) {
        i->op = PTRACE_SYSCALL_INFO_EXIT;
        i->exit.rval = rc;
        i->exit.is_error = rc < 0 && rc >= -4095;
        return offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
    }
    return offsetof(struct ptrace_syscall_info, entry);
}

static long get_call_info(s32 pid, u64 size, uptr data)
{
    struct ptrace_syscall_info info;
    struct thread *t;
    size_t n = 0;

    lock(&trace_lock);
    t = stopped_mine(pid);
    if (t)
        n = call_info(t, &info);
    unlock(&trace_lock);
    if (!t)
        return -ESRCH;
    return copy_to_user(data, &info, MIN(n, size)) ? -EFAULT : (long)n;
}

/* ---- the call -----------------------------------------------------------------------------------
 */

#define GETREGS_     12
#define SETREGS_     13
#define GETFPREGS_   14
#define SETFPREGS_   15
#define ARCH_PRCTL_  30
#define SETOPTIONS_O 21 /* of old */

static long registers(long request, s32 pid, uptr addr, u64 data)
{
    switch (request) {
    case PTRACE_PEEKUSR:
        return trace_peek_user(pid, addr, data);
    case PTRACE_POKEUSR:
        return trace_poke_user(pid, addr, data);
    case GETREGS_:
        return trace_call_regs(pid, data, false);
    case SETREGS_:
        return trace_call_regs(pid, data, true);
    case GETFPREGS_:
        return trace_call_fpregs(pid, data, false);
    case SETFPREGS_:
        return trace_call_fpregs(pid, data, true);
    case PTRACE_GETREGSET:
        return trace_call_regset(pid, addr, data, false);
    case PTRACE_SETREGSET:
        return trace_call_regset(pid, addr, data, true);
    case ARCH_PRCTL_:
        return trace_arch(pid, addr, (int)data);
    default: { /* nothing Linux knows, but first the tracee is looked for */
        struct thread *t;

        lock(&trace_lock);
        t = stopped_mine(pid);
        unlock(&trace_lock);
        return t ? -EIO : -ESRCH;
    }
    }
}

static long about_stop(long request, s32 pid, uptr addr, u64 data)
{
    switch (request) {
    case PTRACE_GETSIGINFO:
        return get_siginfo(pid, data);
    case PTRACE_SETSIGINFO:
        return set_siginfo(pid, data);
    case PTRACE_GETSIGMASK:
        return sigmask(pid, addr, data, false);
    case PTRACE_SETSIGMASK:
        return sigmask(pid, addr, data, true);
    case PTRACE_SETOPTIONS:
    case SETOPTIONS_O:
        return set_options(pid, data);
    case PTRACE_GETEVENTMSG:
        return event_message(pid, data);
    case PTRACE_GET_SYSCALL_INFO:
        return get_call_info(pid, addr, data);
    default:
        return registers(request, pid, addr, data);
    }
}

static long seize(s32 pid, uptr addr, u64 options)
{
    return addr || (options & ~(u64)TRACE_OPTIONS) ? -EIO
                                                   : trace_attach_to(pid, true, (u32)options);
}

long sys_ptrace(long request, int pid, uptr addr, u64 data)
{
    switch (request) {
    case PTRACE_TRACEME:
        return trace_me();
    case PTRACE_ATTACH:
        return trace_attach_to(pid, false, 0);
    case PTRACE_SEIZE:
        return seize(pid, addr, data);
    case PTRACE_INTERRUPT:
        return interrupt(pid);
    case PTRACE_LISTEN:
        return listen(pid);
    case PTRACE_KILL:
        return end(pid);
    case PTRACE_DETACH:
        return detach(pid, data);
    case PTRACE_CONT:
        return go_on(pid, TRACE_CONT, data);
    case PTRACE_SYSCALL:
        return go_on(pid, TRACE_CALLS, data);
    case PTRACE_SINGLESTEP:
        return go_on(pid, TRACE_STEP, data);
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return peek(pid, addr, data);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return word(pid, addr, &data, true);
    default:
        return about_stop(request, pid, addr, data);
    }
}
