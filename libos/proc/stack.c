/* The initial stack: strings, auxiliary vector, environment, arguments, count; in the
 * order the x86-64 System V ABI and Linux have them. */
#include <linux/auxvec.h>
#include <linux/resource.h>

#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "random.h"
#include "usercopy.h"

#define ENOMEM        12
#define E2BIG         7
#define MAP_PRIVATE   2u
#define MAP_FIXED     0x10u
#define MAP_ANONYMOUS 0x20u
#define MAP_NORESERVE 0x4000u
#define MAP_STACK     0x20000u
#define STACK_DEFAULT (8UL << 20)
#define STACK_MAX     (1UL << 30)

extern const char vdso_image_start[], vdso_image_end[];

static const char platform[] = "x86_64";

struct builder {
    uptr sp;
    bool failed;
};

static uptr push_bytes(struct builder *b, const void *p, size_t n)
{
    b->sp -= n;
    if (copy_to_user(b->sp, p, n))
        b->failed = true;
    return b->sp;
}

static u32 fill_auxv(uptr *v, const struct loaded *l, uptr random, uptr platform_at, uptr exe_at,
                     uptr vdso)
{
    const struct cred *c = &current()->cred;
    const struct boot_info *b = boot();
    const uptr aux[][2] = {
        {AT_SYSINFO_EHDR, vdso},
        {AT_MINSIGSTKSZ, b->minsigstksz},
        {AT_HWCAP, b->hwcap},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, 100},
        {AT_PHDR, l->phdr},
        {AT_PHENT, 56},
        {AT_PHNUM, l->phnum},
        {AT_BASE, l->base},
        {AT_FLAGS, 0},
        {AT_ENTRY, l->program_entry},
        {AT_UID, c->uid},
        {AT_EUID, c->euid},
        {AT_GID, c->gid},
        {AT_EGID, c->egid},
        {AT_SECURE, 0},
        {AT_RANDOM, random},
        {AT_HWCAP2, b->hwcap2 & ~2UL /* fsgsbase: gs is set by arch_prctl */},
        {AT_EXECFN, exe_at},
        {AT_PLATFORM, platform_at},
        {AT_NULL, 0},
    };

    memcpy(v, aux, sizeof(aux));
    return ARRAY_SIZE(aux) * 2;
}

static long map_stack(struct mm *mm, bool exec)
{
    u64 size = current()->proc->rlimits[RLIMIT_STACK][0];
    long rc;

    size = size > STACK_MAX ? STACK_DEFAULT : PAGE_ALIGN(MAX(size, 128UL << 10));
    rc = mm_map(mm, mm->stack_top - size, size, exec ? 7 : 3,
                MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, NULL, 0,
                "[stack]");
    return rc < 0 ? rc : 0;
}

/* The program's copy of the vDSO, where Linux puts it: first below mmap_base. */
static long map_vdso(struct mm *mm)
{
    size_t size = (size_t)(vdso_image_end - vdso_image_start);
    long at = mm_map(mm, 0, size, 3, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0, "[vdso]");

    if (at < 0)
        return at;
    if (copy_to_user((uptr)at, vdso_image_start, size))
        return -ENOMEM;
    mm->vdso_base = (uptr)at;
    return mm_protect(mm, (uptr)at, size, 5);
}

/* Writes the pointers of `count` consecutive strings and a NULL at `table`. */
static const char *put_table(struct builder *b, uptr table, const char *s, u32 count, uptr strings,
                             const char *data)
{
    for (u32 i = 0; i < count; i++) {
        uptr at = strings + (uptr)(s - data);
        if (put_user(at, table + i * 8))
            b->failed = true;
        s += strlen(s) + 1;
    }
    if (put_user((uptr)0, table + count * 8UL))
        b->failed = true;
    return s;
}

long stack_build(struct mm *mm, const struct exec_args *a, const struct loaded *l, const char *exe,
                 uptr *sp)
{
    struct process *p = current()->proc;
    struct builder b = {.sp = mm->stack_top - 8};
    uptr strings, random, platform_at, exe_at, table;
    u8 seed[16];
    const char *env;
    u32 auxc;
    long rc = map_stack(mm, l->exec_stack);

    if (rc == 0)
        rc = map_vdso(mm);
    if (rc)
        return rc;
    random_bytes(seed, sizeof(seed));
    exe_at = push_bytes(&b, exe, strlen(exe) + 1);
    strings = push_bytes(&b, a->data, a->len);
    platform_at = push_bytes(&b, platform, sizeof(platform));
    random = push_bytes(&b, seed, sizeof(seed));
    auxc = fill_auxv(p->auxv, l, random, platform_at, exe_at, mm->vdso_base);
    p->auxc = auxc;

    table = (b.sp & ~15UL) - auxc * 8UL - (a->argc + a->envc + 3) * 8UL;
    table &= ~15UL;
    b.sp = table;
    if (put_user((uptr)a->argc, table))
        b.failed = true;
    env = put_table(&b, table + 8, a->data, a->argc, strings, a->data);
    p->arg_start = strings;
    p->arg_end = p->env_start = strings + (uptr)(env - a->data);
    p->env_end = strings + a->len;
    put_table(&b, table + 8 + (a->argc + 1) * 8UL, env, a->envc, strings, a->data);
    if (copy_to_user(table + 8 + (a->argc + a->envc + 2) * 8UL, p->auxv, auxc * 8UL))
        b.failed = true;
    *sp = table;
    return b.failed ? -E2BIG : 0;
}
