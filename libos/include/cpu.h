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

#endif
