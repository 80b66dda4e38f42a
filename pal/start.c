/* Threads and their slots as the PAL has them; the first one. */
#include "enter.h"
#include "host_vdso.h"
#include "pal.h"

void pal_thread_init(struct thread *t)
{
    t->self = t;
    t->stack_top = (u64)t + SLOT_SIZE - 64;
    t->regs = (struct regs *)(t->stack_top - sizeof(struct regs));
    t->entry = (u64)syscall_entry;
    t->cpuid_entry = (u64)cpuid_entry;
}

void set_signal_stack(u64 base, u64 size)
{
    struct {
        u64 sp;
        s32 flags;
        u64 size;
    } stack = {base, 0, size};

    gate(HOST_NR_sigaltstack, (long)&stack, 0, 0, 0, 0, 0);
}

/* Until its signal stack is set, a forked thread would take an interrupt on that of the
 * thread it was forked from, which may be in use there: both are the same shared memory.
 * So nobody interrupts it before; whoever wanted to has left a mark in t->attention, which
 * is looked at after `interruptible` is set. */
void pal_thread_setup(struct thread *t)
{
    write_gsbase((u64)t);
    set_signal_stack((u64)t + SLOT_ALTSTACK, SLOT_MESSAGE - SLOT_ALTSTACK);
    write_fsbase(t->fs_base);
    __atomic_store_n(&t->interruptible, true, __ATOMIC_SEQ_CST);
}

_Noreturn void pal_start(struct boot_info *b)
{
    struct thread *t = slot_thread(0);

    pal_thread_init(t);
    pal_thread_setup(t);
    host_vdso_find(&b->vdso);
    upcall_start(b);
}
