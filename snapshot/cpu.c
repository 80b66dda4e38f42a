/* Features of the CPU by name, level and place in CPUID. */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpu.h"
#include "internal.h"

enum reg { EAX, EBX, ECX, EDX };

#define ABOVE 9 /* of no level */

static const struct feature {
    const char *name; /* as in /proc/cpuinfo */
    uint32_t leaf, subleaf;
    uint8_t reg, bit;
    uint8_t level; /* the first that has it */
} features[] = {
    {"sse3", 1, 0, ECX, 0, 2},
    {"pclmulqdq", 1, 0, ECX, 1, ABOVE},
    {"ssse3", 1, 0, ECX, 9, 2},
    {"fma", 1, 0, ECX, 12, 3},
    {"cx16", 1, 0, ECX, 13, 2},
    {"sse4_1", 1, 0, ECX, 19, 2},
    {"sse4_2", 1, 0, ECX, 20, 2},
    {"movbe", 1, 0, ECX, 22, 3},
    {"popcnt", 1, 0, ECX, 23, 2},
    {"aes", 1, 0, ECX, 25, ABOVE},
    {"xsave", 1, 0, ECX, 26, 3},
    {"osxsave", 1, 0, ECX, 27, 3},
    {"avx", 1, 0, ECX, 28, 3},
    {"f16c", 1, 0, ECX, 29, 3},
    {"rdrand", 1, 0, ECX, 30, ABOVE},
    {"fsgsbase", 7, 0, EBX, 0, ABOVE},
    {"bmi1", 7, 0, EBX, 3, 3},
    {"hle", 7, 0, EBX, 4, ABOVE},
    {"avx2", 7, 0, EBX, 5, 3},
    {"bmi2", 7, 0, EBX, 8, 3},
    {"erms", 7, 0, EBX, 9, ABOVE},
    {"rtm", 7, 0, EBX, 11, ABOVE},
    {"mpx", 7, 0, EBX, 14, ABOVE},
    {"avx512f", 7, 0, EBX, 16, 4},
    {"avx512dq", 7, 0, EBX, 17, 4},
    {"rdseed", 7, 0, EBX, 18, ABOVE},
    {"adx", 7, 0, EBX, 19, ABOVE},
    {"avx512ifma", 7, 0, EBX, 21, ABOVE},
    {"clflushopt", 7, 0, EBX, 23, ABOVE},
    {"clwb", 7, 0, EBX, 24, ABOVE},
    {"avx512pf", 7, 0, EBX, 26, ABOVE},
    {"avx512er", 7, 0, EBX, 27, ABOVE},
    {"avx512cd", 7, 0, EBX, 28, 4},
    {"sha_ni", 7, 0, EBX, 29, ABOVE},
    {"avx512bw", 7, 0, EBX, 30, 4},
    {"avx512vl", 7, 0, EBX, 31, 4},
    {"avx512vbmi", 7, 0, ECX, 1, ABOVE},
    {"pku", 7, 0, ECX, 3, ABOVE},
    {"ospke", 7, 0, ECX, 4, ABOVE},
    {"waitpkg", 7, 0, ECX, 5, ABOVE},
    {"avx512_vbmi2", 7, 0, ECX, 6, ABOVE},
    {"gfni", 7, 0, ECX, 8, ABOVE},
    {"vaes", 7, 0, ECX, 9, ABOVE},
    {"vpclmulqdq", 7, 0, ECX, 10, ABOVE},
    {"avx512_vnni", 7, 0, ECX, 11, ABOVE},
    {"avx512_bitalg", 7, 0, ECX, 12, ABOVE},
    {"avx512_vpopcntdq", 7, 0, ECX, 14, ABOVE},
    {"rdpid", 7, 0, ECX, 22, ABOVE},
    {"cldemote", 7, 0, ECX, 25, ABOVE},
    {"movdiri", 7, 0, ECX, 27, ABOVE},
    {"movdir64b", 7, 0, ECX, 28, ABOVE},
    {"avx512_4vnniw", 7, 0, EDX, 2, ABOVE},
    {"avx512_4fmaps", 7, 0, EDX, 3, ABOVE},
    {"fsrm", 7, 0, EDX, 4, ABOVE},
    {"avx512_vp2intersect", 7, 0, EDX, 8, ABOVE},
    {"serialize", 7, 0, EDX, 14, ABOVE},
    {"amx_bf16", 7, 0, EDX, 22, ABOVE},
    {"avx512_fp16", 7, 0, EDX, 23, ABOVE},
    {"amx_tile", 7, 0, EDX, 24, ABOVE},
    {"amx_int8", 7, 0, EDX, 25, ABOVE},
    {"avx_vnni", 7, 1, EAX, 4, ABOVE},
    {"avx512_bf16", 7, 1, EAX, 5, ABOVE},
    {"avx_ifma", 7, 1, EAX, 23, ABOVE},
    {"xsaveopt", 0xd, 1, EAX, 0, ABOVE},
    {"lahf_lm", 0x80000001, 0, ECX, 0, 2},
    {"abm", 0x80000001, 0, ECX, 5, 3},
    {"sse4a", 0x80000001, 0, ECX, 6, ABOVE},
    {"3dnowprefetch", 0x80000001, 0, ECX, 8, ABOVE},
    {"xop", 0x80000001, 0, ECX, 11, ABOVE},
    {"fma4", 0x80000001, 0, ECX, 16, ABOVE},
    {"tbm", 0x80000001, 0, ECX, 21, ABOVE},
    {"mwaitx", 0x80000001, 0, ECX, 29, ABOVE},
    {"rdtscp", 0x80000001, 0, EDX, 27, ABOVE},
    {"clzero", 0x80000008, 0, EBX, 0, ABOVE},
};
#define FEATURES (sizeof(features) / sizeof(features[0]))

static const char *const level_names[] = {"", "", "x86-64-v2", "x86-64-v3", "x86-64-v4"};

/* XSAVE areas that come with a level: x87, SSE, then AVX, then AVX-512. */
static const uint32_t level_xcr0[] = {~0u, 3, 3, 7, 0xe7};

unsigned cpu_level_parse(const char *name)
{
    for (unsigned level = 2; level <= 4; level++)
        if (strcmp(name, level_names[level]) == 0)
            return level;
    return 0;
}

/* ---- this CPU ---- */

static struct boot_cpu_leaf read_leaf(uint32_t leaf, uint32_t subleaf)
{
    struct boot_cpu_leaf l = {.leaf = leaf, .subleaf = subleaf};

    if (leaf <= (uint32_t)__get_cpuid_max(leaf & 0x80000000, NULL))
        __cpuid_count(leaf, subleaf, l.eax, l.ebx, l.ecx, l.edx);
    return l;
}

static uint32_t *reg_of(struct boot_cpu_leaf *l, unsigned reg)
{
    uint32_t *const regs[] = {&l->eax, &l->ebx, &l->ecx, &l->edx};
    return regs[reg];
}

/* The features of a leaf stand together in the table, and in a virtual machine every CPUID is a way
 * out of it and back. */
static bool has(const struct feature *f)
{
    static _Thread_local struct boot_cpu_leaf last = {.leaf = ~0u};

    if (last.leaf != f->leaf || last.subleaf != f->subleaf)
        last = read_leaf(f->leaf, f->subleaf);
    return *reg_of(&last, f->reg) >> f->bit & 1;
}

static uint64_t read_xcr0(void)
{
    uint32_t low, high;

    if (!(read_leaf(1, 0).ecx >> 27 & 1))
        return 3;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* ---- what a snapshot needs ---- */

int snapshot_cpu_describe(struct snapshot_pairs *pairs, unsigned level)
{
    struct boot_cpu_leaf xsave = read_leaf(0xd, 0);
    int rc = 0;

    cpu_leaf_limit(&xsave, level);

    if (level)
        rc = snapshot_pairs_add(pairs, "level", "%s", level_names[level]);
    for (size_t i = 0; rc == 0 && i < FEATURES; i++)
        if ((level == 0 || features[i].level <= level) && has(&features[i]))
            rc = snapshot_pairs_add(pairs, "feature", "%s", features[i].name);
    if (rc == 0)
        rc = snapshot_pairs_add(pairs, "xsave_size", "%u", xsave.ebx);
    if (rc == 0)
        rc = snapshot_pairs_add(
            pairs, "xcr0", "0x%llx",
            (unsigned long long)(level ? read_xcr0() & level_xcr0[level] : read_xcr0()));
    return rc;
}

static bool this_cpu_has(const char *name)
{
    for (size_t i = 0; i < FEATURES; i++)
        if (strcmp(features[i].name, name) == 0)
            return has(&features[i]);
    return false;
}

/* Appends a name, after a comma if it is not the first; the rest becomes "...". */
static void list(char *text, size_t size, const char *name)
{
    size_t used = strlen(text);

    if (used + strlen(name) + 8 < size)
        snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
    else if (used + 5 < size && strcmp(text + used - 3, "...") != 0)
        strcat(text, " ...");
}

static int missing(struct snapshot_error *err, const char *what, const char *names)
{
    fail(err, SNAPSHOT_MISUSE, "%s needs %s, this CPU hasn't it", what, names);
    fail_hint(err, "use a machine that has it; run --cpu LEVEL makes snapshots that need less");
    return -1;
}

int snapshot_cpu_check(const struct snapshot_reader *r, struct snapshot_error *err)
{
    const char *name, *value;
    char names[256] = "";
    size_t len, at = 0;
    const void *bytes = snapshot_meta(r, "cpu", &len);

    while (bytes && snapshot_pairs_next(bytes, len, &at, &name, &value))
        if (strcmp(name, "feature") == 0 && !this_cpu_has(value))
            list(names, sizeof(names), value);
    return names[0] ? missing(err, r->path, names) : 0;
}

int cpu_level_check(unsigned level, struct snapshot_error *err)
{
    char names[256] = "";

    for (size_t i = 0; i < FEATURES; i++)
        if (features[i].level <= level && !has(&features[i]))
            list(names, sizeof(names), features[i].name);
    return names[0] ? missing(err, level_names[level], names) : 0;
}

/* ---- what programs see ---- */

bool cpu_can_hide(void)
{
    enum { SET_CPUID = 0x1012 }; /* ARCH_SET_CPUID: 0 faults, 1 answers */

    if (syscall(SYS_arch_prctl, SET_CPUID, 0) < 0)
        return false;
    syscall(SYS_arch_prctl, SET_CPUID, 1);
    return true;
}

/* The XSAVE leaf: only the areas of the level.  Their places stay the CPU's; the size is up
 * to the end of the last one. */
static void limit_xsave(struct boot_cpu_leaf *l, unsigned level)
{
    uint32_t mask = level_xcr0[level], size = 576;

    if (l->subleaf >= 2 && (l->subleaf >= 32 || !(mask >> l->subleaf & 1)))
        l->eax = l->ebx = l->ecx = l->edx = 0;
    if (l->subleaf == 1)
        l->ecx = l->edx = 0;
    if (l->subleaf != 0)
        return;
    for (uint32_t i = 2; i < 8; i++) {
        struct boot_cpu_leaf area = read_leaf(0xd, i);
        if ((mask >> i & 1) && area.eax && area.ebx + area.eax > size)
            size = area.ebx + area.eax;
    }
    l->eax &= mask;
    l->edx = 0;
    l->ebx = l->ecx = size;
}

void cpu_leaf_limit(struct boot_cpu_leaf *l, unsigned level)
{
    if (level == 0)
        return;
    for (size_t i = 0; i < FEATURES; i++)
        if (features[i].leaf == l->leaf && features[i].subleaf == l->subleaf &&
            features[i].level > level)
            *reg_of(l, features[i].reg) &= ~(1u << features[i].bit);
    if (l->leaf == 0xd)
        limit_xsave(l, level);
    /* What is not in the list above is younger than all levels. */
    if (l->leaf == 7 && l->subleaf >= 1)
        l->eax = l->ebx = l->ecx = l->edx = 0;
    if (l->leaf == 7 && l->subleaf == 0) {
        l->eax = 0;
        l->ecx &= 1u << 2; /* UMIP is harmless */
        l->edx = 0;
    }
    /* AMX, tracing, keys in registers, AVX10 and what else comes after the XSAVE leaf. */
    if (l->leaf > 0x16 && l->leaf < 0x40000000)
        l->eax = l->ebx = l->ecx = l->edx = 0;
}

/* Leaves with more than one answer, and how many at most. */
static unsigned subleaves(uint32_t leaf)
{
    switch (leaf) {
    case 4:
    case 0x8000001d:
        return 8;
    case 7:
    case 0xb:
        return 4;
    case 0xd:
        return 20;
    default:
        return 1;
    }
}

static unsigned read_leaves(struct boot_cpu_leaf *to, unsigned max, uint32_t from, uint32_t most,
                            unsigned level)
{
    uint32_t last = __get_cpuid_max(from & 0x80000000, NULL);
    unsigned n = 0;

    if (from == 0x40000000)
        last = from; /* who the hypervisor is, no more */
    if (last > from + most)
        last = from + most;
    for (uint32_t leaf = from; leaf <= last && last >= from; leaf++) {
        for (unsigned i = 0; i < subleaves(leaf) && n < max; i++) {
            struct boot_cpu_leaf *l = &to[n++];
            *l = (struct boot_cpu_leaf){.leaf = leaf, .subleaf = i};
            __cpuid_count(leaf, i, l->eax, l->ebx, l->ecx, l->edx);
            cpu_leaf_limit(l, level);
        }
    }
    return n;
}

unsigned cpu_leaves(struct boot_cpu_leaf *leaves, unsigned max, unsigned level)
{
    unsigned n = read_leaves(leaves, max, 0, 0x1f, level);

    n += read_leaves(leaves + n, max - n, 0x40000000, 0, level);
    n += read_leaves(leaves + n, max - n, 0x80000000, 0x21, level);
    return n;
}
