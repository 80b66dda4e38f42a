/* Private to the PAL. */
#ifndef BAILEY_PAL_H
#define BAILEY_PAL_H

#include "../libos/include/lib.h"
#include "../libos/include/stats.h"
#include "../libos/include/thread.h"
#include "host_numbers.h"

long gate(long nr, long a1, long a2, long a3, long a4, long a5, long a6);
/* With --stats they are counted; the monitor's by themselves (control.c). */
#define gate(nr, ...)                                                                              \
    (stats_count(&stats.host[(nr) & (SYSCALL_MAX - 1)]), (gate)((nr), __VA_ARGS__))

static inline void write_gsbase(u64 v) { __asm__ volatile("wrgsbase %0" ::"r"(v)); }
static inline u64 read_gsbase(void)
{
    u64 v;
    __asm__ volatile("rdgsbase %0" : "=r"(v));
    return v;
}
static inline void write_fsbase(u64 v) { __asm__ volatile("wrfsbase %0" ::"r"(v)); }
static inline u64 read_fsbase(void)
{
    u64 v;
    __asm__ volatile("rdfsbase %0" : "=r"(v));
    return v;
}

static inline struct thread *slot_thread(u32 slot)
{
    return (struct thread *)(SEG_BASE + SEG_SLOTS + (u64)slot * SLOT_SIZE);
}
static inline struct thread *thread_of_stack(const void *p)
{
    return (struct thread *)((uptr)p & ~(SLOT_SIZE - 1));
}

/* Fills the fixed part of a slot's thread: self, stack, entry. */
void pal_thread_init(struct thread *t);
/* Per host thread: gs, fs and signal stack.  Runs on the new thread. */
void pal_thread_setup(struct thread *t);
void set_signal_stack(u64 base, u64 size);

void pal_note_writable(int handle);

/* entry.S */
void syscall_entry(void);
void syscall_entry_end(void);
void cpuid_entry(void);
void exit_begin(void);
void exit_end(void);
void exit_restart(void);
void thread_start_asm(void);
_Noreturn void space_exit_asm(void);
/* Leaves to program code with t->regs; does not return. */
_Noreturn void exit_to_program(struct thread *t);

#endif
