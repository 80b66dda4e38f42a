/* The first instructions of a sandbox: take possession of the fresh host process.
 *
 * The monitor has mapped image, segment and pool, installed our signal handler and the
 * filter, and jumped here on the stack of slot 0.  What is left of the monitor's copy
 * (its text, heap, stack) is unmapped; the host's vDSO moves out of the program's sight.
 */
#include "pal.h"

#define MREMAP_MAYMOVE         1
#define MREMAP_FIXED           2
#define MAP_PRIVATE_FIXED_ANON 0x32

void pal_thread_init(struct thread *t)
{
    t->self = t;
    t->stack_top = (u64)t + SLOT_SIZE - 64;
    t->regs = (struct regs *)(t->stack_top - sizeof(struct regs));
    t->entry = (u64)syscall_entry;
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

/* vvar and vDSO are separate special mappings that can only be moved whole: at each
 * place the one length that works is found by trying. */
static void move_vdso(const struct boot_vdso *v)
{
    u64 done = 0;

    while (done < v->size) {
        u64 from = v->base_old + done, len = v->size - done;
        while (len > 0 && gate(HOST_NR_mremap, (long)from, (long)len, (long)len,
                               MREMAP_MAYMOVE | MREMAP_FIXED, (long)(HOSTVDSO_BASE + done), 0) < 0)
            len -= PAGE_SIZE;
        if (len == 0)
            panic("the host's vDSO cannot be moved from %llx", (unsigned long long)from);
        done += len;
    }
}

_Noreturn void pal_start(struct boot_info *b);
_Noreturn void pal_start(struct boot_info *b)
{
    struct thread *t = slot_thread(0);

    pal_thread_init(t);
    pal_thread_setup(t);
    if (b->vdso.size)
        move_vdso(&b->vdso);
    gate(HOST_NR_munmap, 0, INSIDE_BASE, 0, 0, 0, 0);
    gate(HOST_NR_munmap, INSIDE_END, USER_MAX - INSIDE_END, 0, 0, 0, 0);
    if (gate(HOST_NR_mmap, EXIT_STACK_BASE, EXIT_STACK_SIZE, 3, MAP_PRIVATE_FIXED_ANON, -1, 0) < 0)
        panic("no memory for the exit stack");
    upcall_start(b);
}
