/* Host signals: traps, faults and interrupts.
 *
 * One handler, on the slot's signal stack, with every host signal blocked.  It serves
 * nothing: it saves the interrupted program's registers into t->regs and edits the
 * host's frame so that returning from the signal continues in the library OS, on its
 * stack, with the program's vector registers live in the CPU.
 *
 * What a handler can see, by the address it interrupted:
 *   program code (vDSO) save, continue at upcall_exception
 *   exit window         t->regs is complete and unchanged: run the exit again
 *   fix-up range        the copy ends short at its fix-up address
 *   anything else here  an interrupt only leaves a mark (attention, wake_seq) that the
 *                       code will look at before it sleeps or leaves; a fault is a bug
 * The handler finds its thread from the signal stack's address, never from gs, which
 * the program may own.
 */
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

#include "pal.h"
#include "../libos/include/mm.h"
#include "../libos/include/rewrite.h"

#define INTERRUPT_SIGNAL SIGURG
#define VECTOR_DEBUG     1
#define EFLAGS_TF        0x100UL

struct ex_entry {
    u64 start, end, fixup;
};
extern const struct ex_entry __ex_table_start[], __ex_table_end[];

static bool in_range(u64 rip, void (*start)(void), void (*end)(void))
{
    return rip >= (u64)start && rip < (u64)end;
}

static bool in_inside_range(u64 a) { return a >= INSIDE_BASE && a < INSIDE_END; }

/* Code of ours, as opposed to the program's.  The host's vDSO lies in the inside range but
 * runs on the program's stack as part of it. */
static bool inside(const struct sigcontext_64 *sc)
{
    u64 ip = sc->ip;

    if (!in_inside_range(ip))
        return false;
    if (ip >= HOSTVDSO_BASE && ip < SEG_BASE)
        return in_inside_range(sc->sp);
    return true;
}

static void save_regs(struct regs *r, const struct sigcontext_64 *sc)
{
    *r = (struct regs){
        .r15 = sc->r15,
        .r14 = sc->r14,
        .r13 = sc->r13,
        .r12 = sc->r12,
        .rbp = sc->bp,
        .rbx = sc->bx,
        .r11 = sc->r11,
        .r10 = sc->r10,
        .r9 = sc->r9,
        .r8 = sc->r8,
        .rax = sc->ax,
        .rcx = sc->cx,
        .rdx = sc->dx,
        .rsi = sc->si,
        .rdi = sc->di,
        .orig_rax = NOT_A_SYSCALL,
        .rip = sc->ip,
        .cs = 0x33,
        .eflags = sc->flags,
        .rsp = sc->sp,
        .ss = 0x2b,
    };
}

/* Continues at upcall_exception(t, vector) when the handler returns. */
static void enter_libos(struct thread *t, struct sigcontext_64 *sc, int vector)
{
    sc->di = (u64)t;
    sc->si = (u64)vector;
    sc->sp = ((u64)t->regs & ~15UL) - 8; /* as after a call */
    sc->ip = (u64)upcall_exception;
    sc->flags &= ~0x40500UL; /* TF, DF, AC */
    WRITE_ONCE(t->state, THREAD_INSIDE);
}

/* The program may have put its own value into gs: keep it for the way out. */
static void take_gs(struct thread *t)
{
    u64 gs = read_gsbase();
    if (gs != (u64)t) {
        t->user_gs = gs;
        __atomic_fetch_or(&t->attention, ATTN_GS, __ATOMIC_RELAXED);
        write_gsbase((u64)t);
    }
}

static bool fix_up(struct sigcontext_64 *sc)
{
    for (const struct ex_entry *e = __ex_table_start; e < __ex_table_end; e++) {
        if (sc->ip >= e->start && sc->ip < e->end) {
            sc->ip = e->fixup;
            return true;
        }
    }
    return false;
}

static void on_syscall(struct thread *t, siginfo_t *info, struct sigcontext_64 *sc)
{
    if (inside(sc))
        panic("system call %d from inside at %llx", info->si_syscall, sc->ip);
    take_gs(t);
    save_regs(t->regs, sc);
    t->regs->orig_rax = (u32)info->si_syscall; /* -1 too is a number, which nobody has */
    t->regs->rcx = t->regs->rip;
    t->regs->r11 = t->regs->eflags;
    enter_libos(t, sc, 0);
}

static void on_interrupt(struct thread *t, struct sigcontext_64 *sc)
{
    u64 site;

    if (boot()->mailbox_signals || boot()->freeze || boot()->winsize_changed || boot()->job_mail ||
        boot()->save_done)
        __atomic_fetch_or(&t->attention, ATTN_MAILBOX, __ATOMIC_RELAXED);
    if (in_range(sc->ip, exit_begin, exit_end)) {
        write_gsbase((u64)t);
        sc->sp = (u64)t->regs;
        sc->ip = (u64)exit_restart;
        return;
    }
    if (inside(sc)) {
        __atomic_fetch_add(&t->wake_seq, 1, __ATOMIC_SEQ_CST);
        return;
    }
    if (t->proc && in_trampoline(t->proc->mm, sc->ip, &site))
        return; /* on its way in: the mark is looked at on the way out */
    take_gs(t);
    save_regs(t->regs, sc);
    enter_libos(t, sc, 1);
}

/* A program that is stepped doesn't step us: a rewritten call site is one step, which ends
 * where the call does. */
static bool step_of_ours(struct thread *t, struct sigcontext_64 *sc)
{
    u64 site;

    if (sc->trapno != VECTOR_DEBUG || in_range(sc->ip, exit_begin, exit_end))
        return false;
    if (t->proc && in_trampoline(t->proc->mm, sc->ip, &site))
        return true;
    if (!inside(sc))
        return false;
    sc->flags &= ~EFLAGS_TF;
    return true;
}

/* After a resume the streams of pages may still grow: what touched a page that has not come yet
 * says so, waits for more of them and touches it again.  Once all have come, again once, for a
 * fault may be older than the last page.  Where no more can come, the monitor ends all of it. */
static bool await_page(struct thread *t, const struct sigcontext_64 *sc)
{
    u32 seen = __atomic_load_n(&boot()->pages_progress, __ATOMIC_SEQ_CST);
    u32 state = __atomic_load_n(&boot()->pages_state, __ATOMIC_SEQ_CST);
    bool again = t->late_addr != sc->cr2 || t->late_ip != sc->ip;

    if (state == BOOT_PAGES_COMING) {
        const struct mm *mm = t->proc ? t->proc->mm : NULL;
        if (mm && mm->space)
            WRITE_ONCE(boot()->pages_wish, BOOT_WISH(mm->space - 1, sc->cr2));
        host_wait(&boot()->pages_progress, seen, HOST_FOREVER);
    } else {
        t->late_addr = sc->cr2;
        t->late_ip = sc->ip;
    }
    return state == BOOT_PAGES_COMING || again;
}

static void on_fault(struct thread *t, int sig, siginfo_t *info, struct sigcontext_64 *sc)
{
    u64 site;

    if (sig == SIGTRAP && step_of_ours(t, sc))
        return;
    t->fault = (struct fault){
        .addr = sc->cr2, .error = sc->err, .trapno = sc->trapno, .code = info->si_code};
    if (in_range(sc->ip, exit_begin, exit_end)) { /* iretq to a bad address */
        write_gsbase((u64)t);
        enter_libos(t, sc, sig);
        return;
    }
    /* A program with its own gs whose call site was rewritten: served like a trap. */
    if (in_range(sc->ip, syscall_entry, syscall_entry_end) && read_gsbase() != (u64)t &&
        sc->ip - (u64)syscall_entry < 9) {
        take_gs(t);
        save_regs(t->regs, sc);
        t->regs->orig_rax = sc->ax;
        t->regs->rip = sc->cx;
        t->regs->r11 = t->regs->eflags;
        enter_libos(t, sc, 0);
        return;
    }
    if (sig == SIGBUS && boot()->pages_state && await_page(t, sc))
        return;
    if (inside(sc)) {
        if (fix_up(sc))
            return;
        panic("fault %d inside at %llx, address %llx, stack %llx", sig, sc->ip, sc->cr2, sc->sp);
    }
    take_gs(t);
    save_regs(t->regs, sc);
    if (t->proc && in_trampoline(t->proc->mm, sc->ip, &site))
        t->regs->rip = site;
    enter_libos(t, sc, sig);
}

/* Installed by the monitor before the filter; see struct image_header in gate.S. */
void host_signal(int sig, siginfo_t *info, struct ucontext *uc);
void host_signal(int sig, siginfo_t *info, struct ucontext *uc)
{
    struct thread *t = thread_of_stack(uc);
    struct sigcontext_64 *sc = (struct sigcontext_64 *)&uc->uc_mcontext;

    if ((u64)uc - EXIT_STACK_BASE < EXIT_STACK_SIZE)
        return; /* the process is on its last instructions */
    if (sig == SIGSYS)
        on_syscall(t, info, sc);
    else if (sig == INTERRUPT_SIGNAL)
        on_interrupt(t, sc);
    else
        on_fault(t, sig, info, sc);
}
