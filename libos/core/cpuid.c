/* CPUID where the host makes it fault: programs started with --cpu are shown a level of the
 * architecture, not the CPU they are on.  The answers come with the boot information and
 * never change, so there is nothing to lock. */
#include <cpuid.h>

#include "cpu.h"
#include "lib.h"
#include "usercopy.h"

/* Of a leaf with one answer, the subleaf does not matter.  A leaf that is not listed answers
 * zero, as on AMD's CPUs. */
static struct cpuid look_up(u32 leaf, u32 subleaf)
{
    const struct boot_info *b = boot();
    const struct boot_cpu_leaf *leaves =
        (const struct boot_cpu_leaf *)((const u8 *)b + b->cpu_leaves);
    const struct boot_cpu_leaf *found = NULL;
    u32 of_leaf = 0;

    for (u32 i = 0; i < b->cpu_leaf_count; i++) {
        if (leaves[i].leaf != leaf)
            continue;
        of_leaf++;
        if (!found || leaves[i].subleaf == subleaf)
            found = &leaves[i];
    }
    if (!found || (of_leaf > 1 && found->subleaf != subleaf))
        return (struct cpuid){0};
    return (struct cpuid){found->eax, found->ebx, found->ecx, found->edx};
}

struct cpuid cpuid_read(u32 leaf, u32 subleaf)
{
    struct cpuid r;

    if (boot()->cpu_leaf_count)
        return look_up(leaf, subleaf);
    __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
    return r;
}

bool cpuid_serve(struct regs *regs)
{
    static const u8 instruction[] = {0x0f, 0xa2};
    u8 code[2];

    if (!boot()->cpu_leaf_count || get_user(code, regs->rip) ||
        memcmp(code, instruction, sizeof(code)) != 0)
        return false;
    struct cpuid r = look_up((u32)regs->rax, (u32)regs->rcx);
    regs->rax = r.eax;
    regs->rbx = r.ebx;
    regs->rcx = r.ecx;
    regs->rdx = r.edx;
    regs->rip += sizeof(code);
    return true;
}
