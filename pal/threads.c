/* Threads and address spaces of the contract. */
#include "../abi/gate.h"
#include "pal.h"

#define CLONE_VM             0x100
#define CLONE_FS             0x200
#define CLONE_FILES          0x400
#define CLONE_SIGHAND        0x800
#define CLONE_PARENT         0x8000
#define CLONE_THREAD         0x10000
#define CLONE_SYSVSEM        0x40000
#define CLONE_PARENT_SETTID  0x100000
#define CLONE_CHILD_CLEARTID 0x200000
#define SIGCHLD              17

/* These two words, exactly, are what the filter allows. */
#define THREAD_FLAGS                                                                               \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |            \
     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
#define SPACE_FLAGS                                                                                \
    (CLONE_FILES | CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)

/* The child's stack: below where struct regs will be, the address it returns to from
 * the gate. */
static long start(struct thread *t, long flags)
{
    u64 *sp = (u64 *)(((u64)t->regs - 64) & ~15UL);

    *sp = (u64)thread_start_asm;
    return gate(HOST_NR_clone, flags, (long)sp, (long)&t->host_tid, (long)&t->host_tid, 0, 0);
}

long host_thread_create(struct thread *t) { return start(t, THREAD_FLAGS); }
long host_space_fork(struct thread *t)
{
    t->new_space = true;
    return start(t, SPACE_FLAGS);
}

/* An interrupt may still come between giving back the slot and the end: it must find a
 * stack that nobody else gets. */
_Noreturn void host_space_exit(void)
{
    set_signal_stack(EXIT_STACK_BASE, EXIT_STACK_SIZE);
    space_exit_asm();
}

_Noreturn void host_thread_exit(void)
{
    for (;;)
        gate(HOST_NR_exit, 0, 0, 0, 0, 0, 0);
}

/* A forked process has none of the segment mapped.  Reading first maps 16 pages at a
 * time, writable; a write, as would come, only one. */
static void read_ahead(struct thread *t)
{
    extern char image_hot_end[];
    const u64 piece = 16 * PAGE_SIZE;

    (void)*(volatile char *)(SEG_BASE + SEG_BOOT);
    for (u64 a = SEG_BASE + SEG_DATA; a < (u64)image_hot_end; a += piece)
        (void)*(volatile char *)a;
    (void)*(volatile char *)t;
    (void)*(volatile char *)t->regs;
}

/* Has the monitor died while this process was made?  abi/gate.h says why it may have to ask. */
static bool orphaned(void)
{
    u8 byte;
    const struct host_iovec iov = {&byte, 1};

    return host_read(GATE_FD_LIFELINE, &iov, 1, HOST_AT_POSITION, 0) == 0;
}

_Noreturn void pal_thread_main(struct thread *t);
_Noreturn void pal_thread_main(struct thread *t)
{
    if (t->new_space) {
        if (orphaned())
            host_space_exit();
        read_ahead(t);
    }
    pal_thread_setup(t);
    upcall_thread_start(t);
}
