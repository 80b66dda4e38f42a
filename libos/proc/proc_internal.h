/* Shared by the files of proc/ only. */
#ifndef LIBOS_PROC_INTERNAL_H
#define LIBOS_PROC_INTERNAL_H

#include <linux/sched.h>

#include "proc.h"

void pid_hold(s32 pid);
void pid_drop(s32 pid);
bool pid_in_use(s32 pid);
void thread_table_set(s32 tid, struct thread *t);
void process_table_set(s32 pid, struct process *p);
struct process *process_of_tid(s32 tid);
u32 thread_count(void);
void process_drop_shares(struct process *p);
/* Wakes the parent of a vfork: the child has its own memory now, or is gone. */
void vfork_done(struct thread *t);
/* Moves the calling thread's identity to another slot and address space. */
bool mm_shared(struct mm *mm);

#endif
