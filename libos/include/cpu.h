/* CPUID as the program sees it.  core/cpuid.c. */
#ifndef LIBOS_CPU_H
#define LIBOS_CPU_H

#include "thread.h"

struct cpuid {
    u32 eax, ebx, ecx, edx;
};
struct cpuid cpuid_read(u32 leaf, u32 subleaf);
/* A general protection fault at regs->rip: if the instruction is CPUID, answers it. */
bool cpuid_serve(struct regs *regs);
/* A CPUID instruction that was rewritten, with the program's registers. */
void cpuid_dispatch(struct regs *regs);
bool cpuid_kept(u32 leaf); /* is the answer that of every CPU? */
/* Is CPUID an instruction worth rewriting here? */
bool cpuid_slow(void);
void cpuid_forget(void); /* a resume: maybe on another CPU */

#endif
