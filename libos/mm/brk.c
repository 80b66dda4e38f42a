/* The heap: one VMA named "[heap]" from brk_start, grown and shrunk at its end. */
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "../../abi/host_abi.h"
#include "internal.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"

static const char heap_name[] = "[heap]";

static long grow(struct mm *mm, uptr from, uptr to, struct vma **dead)
{
    struct vma *v;
    long rc;

    if (!range_allowed(from, to - from) || !vma_range_free(mm, from, to))
        return -ENOMEM;
    if (to - mm->brk_start > limit_of(RLIMIT_DATA) || limit_check(mm, to - from, to - from))
        return -ENOMEM;
    v = vma_alloc();
    if (!v)
        return -ENOMEM;
    v->start = from;
    v->end = to;
    v->prot = PROT_READ | PROT_WRITE;
    v->flags = VMA_MAYWRITE | (u32)mm->def_flags;
    v->name = heap_name;
    rc = backing_map(v, false);
    if (rc) {
        v->up = *dead;
        *dead = v;
        return rc;
    }
    vma_enter(mm, v, dead);
    return 0;
}

static long shrink(struct mm *mm, uptr from, uptr to, struct vma **dead)
{
    long rc = vma_split(mm, to);

    if (!rc)
        rc = vma_split(mm, from);
    if (!rc)
        rc = host_unmap(to, from - to);
    if (rc < 0)
        return rc;
    vma_cut(mm, to, from, dead);
    return 0;
}

long sys_brk(uptr want)
{
    struct mm *mm = current()->proc->mm;
    struct vma *dead = NULL;
    uptr old, new;
    long rc = 0;

    lock(&mm->lock);
    if (want < mm->brk_start || want > USER_MAX)
        goto out;
    old = PAGE_ALIGN(mm->brk);
    new = PAGE_ALIGN(want);
    if (new > old)
        rc = grow(mm, old, new, &dead);
    else if (new < old)
        rc = shrink(mm, old, new, &dead);
    if (!rc)
        mm->brk = want;
out:
    want = mm->brk;
    unlock(&mm->lock);
    vma_drop(dead);
    return (long)want;
}
