/* The system-call table.  Prototypes and the table itself are generated from
 * libos/syscalls.tbl by tools/gen_syscalls.py into syscalls_gen.h / syscalls_gen.c. */
#ifndef LIBOS_SYSCALL_H
#define LIBOS_SYSCALL_H

#include "types.h"

#define SYSCALL_MAX 512

struct syscall_entry {
    const char *name;
    long (*call)(const u64 *args); /* NULL: -ENOSYS */
    const char *args;              /* kinds for --trace: "fd:i buf:p ..." as in the table */
    u8 nargs;
    u8 level; /* 0 none, 1 partial, 2 full */
};
extern const struct syscall_entry syscall_table[SYSCALL_MAX];

/* Serves the call in regs (orig_rax = number) and stores the result in regs->rax. */
struct regs;
void syscall_dispatch(struct regs *regs);
/* The same, for nobody to look at. */
void syscall_serve(struct regs *regs);

#endif
