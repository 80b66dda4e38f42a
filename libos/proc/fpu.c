/* Vector state of a new program: everything in its initial state, default rounding. */
#include "lib.h"
#include "proc_internal.h"

struct xsave_area { /* only the parts set here; the rest stays zero = initial */
    u16 fcw;
    u8 pad[22];
    u32 mxcsr, mxcsr_mask;
    u8 pad2[480];
    u64 xstate_bv;
    u8 pad3[56];
    u8 more[11008 - 576]; /* as large as any CPU's standard form without AMX tiles needs */
} __attribute__((aligned(64)));

static const struct xsave_area initial = {.fcw = 0x37f, .mxcsr = 0x1f80};

void arch_reset_fpu(void)
{
    u64 mask = boot()->xcr0 & ~(1UL << 9 | 3UL << 17); /* not protection keys, not AMX */

    __asm__ volatile("xrstor64 (%0)" ::"r"(&initial), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
}
