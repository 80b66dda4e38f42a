/* CPUID where the host makes it fault: programs started with --cpu are shown a level of the
 * architecture, not the CPU they are on.  The answers come with the boot information and
 * never change, so there is nothing to lock.
 *
 * And CPUID where it is slow: in a virtual machine it leaves the machine, which takes
 * microseconds, and the C library executes some fifty of them in every program it starts.  Those of
 * the ELF interpreter are rewritten (pal/known.c) to come here, where answers are kept, but for
 * those that say which CPU it is.  Entries are published by their number, under a lock; a resume,
 * which may be on another machine, forgets them. */
#include <cpuid.h>

#include "cpu.h"
#include "lib.h"
#include "lock.h"
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

/* ---- answers kept ------------------------------------------------------------------- */

#define KEPT       48u
#define HYPERVISOR (1u << 31) /* leaf 1, ecx */
#define HYBRID     (1u << 15) /* leaf 7, edx: CPUs of several kinds */
#define RDTSCP     (1u << 27) /* leaf 0x80000001, edx */
#define OWN_LEAF   1u         /* has the number of the CPU in it */

static struct {
    struct lock lock;
    u32 count;
    bool asked, slow, numbered;
    struct {
        u32 leaf, subleaf;
        struct cpuid answer;
    } at[KEPT];
} kept;

/* Leaves whose answer is that of every CPU of the machine: not 1, 0xb, 0x1f, 0x8000001e.  Of those
 * the first, which every program asks for, is kept for each CPU. */
bool cpuid_kept(u32 leaf)
{
    return leaf == 0 || leaf == 2 || leaf == 4 || leaf == 7 || leaf == 0xd || leaf == 0x14 ||
           leaf == 0x19 || leaf == 0x80000000 || (leaf >= 0x80000001 && leaf <= 0x80000008) ||
           leaf == 0x8000001d;
}

static bool has_subleaves(u32 leaf)
{
    return leaf == 4 || leaf == 7 || leaf == 0xd || leaf == 0x14 || leaf == 0x8000001d;
}

bool cpuid_slow(void)
{
    if (boot()->cpu_leaf_count)
        return false;
    if (!READ_ONCE(kept.asked)) {
        kept.slow = (cpuid_read(1, 0).ecx & HYPERVISOR) && !(cpuid_read(7, 0).edx & HYBRID);
        kept.numbered = kept.slow && cpuid_read(0x80000001, 0).edx & RDTSCP;
        __atomic_store_n(&kept.asked, true, __ATOMIC_RELEASE);
    }
    return kept.slow;
}

void cpuid_forget(void)
{
    kept.count = 0;
    kept.asked = false;
}

static bool find_kept(u32 leaf, u32 subleaf, struct cpuid *answer)
{
    u32 n = __atomic_load_n(&kept.count, __ATOMIC_ACQUIRE);

    for (u32 i = 0; i < n; i++)
        if (kept.at[i].leaf == leaf && kept.at[i].subleaf == subleaf) {
            *answer = kept.at[i].answer;
            return true;
        }
    return false;
}

static void keep(u32 leaf, u32 subleaf, const struct cpuid *answer)
{
    struct cpuid other;

    lock(&kept.lock);
    if (kept.count < KEPT && !find_kept(leaf, subleaf, &other)) {
        kept.at[kept.count].leaf = leaf;
        kept.at[kept.count].subleaf = subleaf;
        kept.at[kept.count].answer = *answer;
        __atomic_store_n(&kept.count, kept.count + 1, __ATOMIC_RELEASE);
    }
    unlock(&kept.lock);
}

/* What Linux numbers this CPU, in the key of an answer. */
static u32 cpu_number(void)
{
    u32 number;

    __asm__ volatile("rdtscp" : "=c"(number) : : "eax", "edx");
    return number;
}

static struct cpuid answer(u32 leaf, u32 subleaf)
{
    bool own = leaf == OWN_LEAF;
    struct cpuid r;
    u32 key;

    if (!cpuid_slow() || (own ? !kept.numbered : !cpuid_kept(leaf)))
        return cpuid_read(leaf, subleaf);
    key = own ? cpu_number() : has_subleaves(leaf) ? subleaf : 0;
    if (find_kept(leaf, key, &r))
        return r;
    r = cpuid_read(leaf, subleaf);
    if (!own || cpu_number() == key) /* nor was moved meanwhile */
        keep(leaf, key, &r);
    return r;
}

void cpuid_dispatch(struct regs *regs)
{
    struct cpuid r = answer((u32)regs->rax, (u32)regs->rcx);

    regs->rax = r.eax;
    regs->rbx = r.ebx;
    regs->rcx = r.ecx;
    regs->rdx = r.edx;
}
