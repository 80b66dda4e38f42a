/* Shared by the files of ptrace/. */
#ifndef LIBOS_PTRACE_INTERNAL_H
#define LIBOS_PTRACE_INTERNAL_H

#include "proc.h"
#include "ptrace.h"
#include "thread.h"

#define CLD_EXITED_   1
#define CLD_TRAPPED   4
#define CAP_PTRACE    19
#define TRACE_OPTIONS 0x1000ff /* PTRACE_O_*, but for SUSPEND_SECCOMP */

/* attach.c, under trace_lock unless said. */
void trace_attach(struct thread *t, struct thread *tracer, bool seize, u32 options);
void trace_free(struct thread *t); /* nobody traces it any more; it goes on */
/* Lets a stopped tracee go on. */
void trace_let_go(struct thread *t, enum trace_mode mode, int sig);
/* The caller's tracee of that number, or NULL. */
struct thread *trace_mine(s32 tid);
long trace_me(void);
long trace_attach_to(s32 tid, bool seize, u32 options);
/* SIGCHLD and a wake for the tracer's process; not under trace_lock. */
void trace_tell(struct process *tracer, s32 tid, u32 uid, int code, int status);

/* state.c: a stopped tracee's registers; under trace_lock. */
bool trace_save_state(struct thread *t);
void trace_load_state(struct thread *t);
void trace_drop_state(struct thread *t);

#define USER_REGS     27 /* struct user_regs_struct, as words */
#define FPREGS_SIZE   512
#define XSTATE_OFFSET 512 /* the header of the extended state */

void trace_get_regs(const struct thread *t, u64 *regs);
long trace_set_regs(struct thread *t, const u64 *regs);
/* The calls on registers: copy to and from the tracer. */
long trace_call_regs(s32 pid, uptr data, bool write);
long trace_call_fpregs(s32 pid, uptr data, bool write);
long trace_call_regset(s32 pid, u64 type, uptr iov, bool write);
long trace_peek_user(s32 pid, u64 offset, uptr data);
long trace_poke_user(s32 pid, u64 offset, u64 value);
long trace_arch(s32 pid, u64 value, int code);

#endif
