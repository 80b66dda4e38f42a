/* Signal frames, exactly as Linux lays them out on x86-64:
 *
 *      interrupted rsp
 *      128 bytes red zone
 *      extended state, 64-byte aligned         <- uc.mcontext.fpstate
 *      rt_sigframe: return address, ucontext, siginfo; address = 8 mod 16   <- rsp
 *
 * On the alternate stack the red zone is not needed but Linux skips nothing else either.
 */
#include <asm/errno.h>

#include "internal.h"
#include "lib.h"
#include "rewrite.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define RED_ZONE              128
#define UC_FP_XSTATE_         1u
#define UC_SIGCONTEXT_SS_     2u
#define UC_STRICT_RESTORE_SS_ 4u

#define USER_CS               0x33
#define USER_SS               0x2b
#define EFLAGS_TF             0x100u
#define EFLAGS_DF             0x400u
#define EFLAGS_RF             0x10000u
/* AC OF DF TF SF ZF AF PF CF RF: what a program may set. */
#define EFLAGS_PROGRAM 0x50dd5u
#define EFLAGS_ALWAYS  0x202u

struct sigcontext_k { /* = struct sigcontext */
    u64 r8, r9, r10, r11, r12, r13, r14, r15;
    u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    u16 cs, gs, fs, ss;
    u64 err, trapno, oldmask, cr2;
    u64 fpstate;
    u64 reserved[8];
};

struct ucontext_k {
    u64 flags, link;
    struct altstack stack;
    struct sigcontext_k mc;
    sigset_k mask;
};

struct rt_sigframe {
    u64 return_address;
    struct ucontext_k uc;
    struct siginfo_k info;
};
_Static_assert(sizeof(struct sigcontext_k) == 256, "sigcontext");
_Static_assert(sizeof(struct rt_sigframe) == 440, "rt_sigframe");
_Static_assert(sizeof(struct siginfo_k) == 128, "siginfo");

/* Addresses of frame and extended state; 0 if they would leave the alternate stack. */
static uptr frame_address(struct thread *t, uptr sp, u64 flags, uptr *fpstate)
{
    bool on_alt = on_altstack(t, sp);
    uptr frame;

    sp -= RED_ZONE;
    if ((flags & SA_ONSTACK) && altstack_flags(t, sp) == 0) {
        sp = t->sig.alt_sp + t->sig.alt_size;
        on_alt = true;
    }
    *fpstate = ALIGN_DOWN(sp - xstate_frame_size(), 64);
    frame = ALIGN_DOWN(*fpstate - sizeof(struct rt_sigframe), 16) - 8;
    if (on_alt && !(frame > t->sig.alt_sp && frame - t->sig.alt_sp <= t->sig.alt_size))
        return 0;
    return frame;
}

static void fill_context(struct sigcontext_k *mc, const struct thread *t, const struct regs *r)
{
    mc->r8 = r->r8;
    mc->r9 = r->r9;
    mc->r10 = r->r10;
    mc->r11 = r->r11;
    mc->r12 = r->r12;
    mc->r13 = r->r13;
    mc->r14 = r->r14;
    mc->r15 = r->r15;
    mc->rdi = r->rdi;
    mc->rsi = r->rsi;
    mc->rbp = r->rbp;
    mc->rbx = r->rbx;
    mc->rdx = r->rdx;
    mc->rax = r->rax;
    mc->rcx = r->rcx;
    mc->rsp = r->rsp;
    mc->rip = r->rip;
    mc->eflags = r->eflags;
    mc->cs = USER_CS;
    mc->ss = USER_SS;
    mc->err = t->fault.error;
    mc->trapno = t->fault.trapno;
    mc->cr2 = t->fault.addr;
}

static void take_context(struct regs *r, const struct sigcontext_k *mc)
{
    r->r8 = mc->r8;
    r->r9 = mc->r9;
    r->r10 = mc->r10;
    r->r11 = mc->r11;
    r->r12 = mc->r12;
    r->r13 = mc->r13;
    r->r14 = mc->r14;
    r->r15 = mc->r15;
    r->rdi = mc->rdi;
    r->rsi = mc->rsi;
    r->rbp = mc->rbp;
    r->rbx = mc->rbx;
    r->rdx = mc->rdx;
    r->rax = mc->rax;
    r->rcx = mc->rcx;
    r->rsp = mc->rsp;
    r->rip = mc->rip;
    r->eflags = (mc->eflags & EFLAGS_PROGRAM) | EFLAGS_ALWAYS;
    r->cs = USER_CS;
    r->ss = USER_SS;
    r->orig_rax = NOT_A_SYSCALL;
}

static void enter_handler(struct regs *r, uptr frame, int sig, u64 handler)
{
    r->rdi = (u64)sig;
    r->rsi = frame + offsetof(struct rt_sigframe, info);
    r->rdx = frame + offsetof(struct rt_sigframe, uc);
    r->rax = 0;
    r->rsp = frame;
    r->rip = handler;
    r->cs = USER_CS;
    r->ss = USER_SS;
    r->eflags &= ~(u64)(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
}

/* A program address is canonical and not ours: else leaving to it would fault inside.
 * The host's vDSO is in our range but runs as part of the program. */
static bool code_address_ok(uptr a)
{
    return user_range_ok(a, 1) || (a >= HOSTVDSO_BASE && a < SEG_BASE);
}

long frame_push(struct regs *regs, int sig, const struct siginfo_k *info,
                const struct ksigaction *a, sigset_k mask)
{
    struct thread *t = current();
    struct rt_sigframe f;
    uptr fpstate, at = frame_address(t, regs->rsp, a->flags, &fpstate);

    if (!at || !user_range_ok(at, sizeof(f)) || !(a->flags & SA_RESTORER))
        return -EFAULT;
    if (!code_address_ok(a->handler) || xstate_save(fpstate))
        return -EFAULT;
    memset(&f, 0, sizeof(f));
    f.return_address = a->restorer;
    f.uc.flags = UC_FP_XSTATE_ | UC_SIGCONTEXT_SS_ | UC_STRICT_RESTORE_SS_;
    f.uc.stack.sp = t->sig.alt_sp;
    f.uc.stack.flags = t->sig.alt_flags;
    f.uc.stack.size = t->sig.alt_size;
    fill_context(&f.uc.mc, t, regs);
    f.uc.mc.oldmask = mask;
    f.uc.mc.fpstate = fpstate;
    f.uc.mask = mask;
    f.info = *info;
    if (copy_to_user(at, &f, sizeof(f)))
        return -EFAULT;
    if (t->sig.alt_flags & SS_AUTODISARM_)
        altstack_reset(t);
    enter_handler(regs, at, sig, a->handler);
    return 0;
}

long sys_rt_sigreturn(void)
{
    struct thread *t = current();
    struct siginfo_k info = {.signo = SIGSEGV, .code = SI_KERNEL_};
    struct ucontext_k uc;
    uptr frame = t->regs->rsp - sizeof(u64);

    t->regs->orig_rax = NOT_A_SYSCALL;
    t->restart.valid = false;
    if (get_user(uc, frame + offsetof(struct rt_sigframe, uc)))
        goto bad;
    signal_set_mask(uc.mask);
    take_context(t->regs, &uc.mc);
    if (xstate_restore(uc.mc.fpstate))
        goto bad;
    if (!code_address_ok(t->regs->rip))
        goto bad;
    if (rewritten_rip)
        t->regs->rip = rewritten_rip(t->proc->mm, t->regs->rip);
    altstack_set(t, &uc.stack, t->regs->rsp, 0);
    set_attention(ATTN_FULL_EXIT);
    return 0;
bad:
    signal_force(SIGSEGV, &info);
    return 0;
}
