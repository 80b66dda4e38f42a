/* madvise: what a program may say about its memory, and what we make of it.
 *
 * Advice that gives pages back or asks for them goes to the host, one call for the
 * range.  Advice about fork and dumps is kept in the VMAs.  The rest is accepted.
 */
#include <linux/errno.h>
#include <linux/mman.h>

#include "../../abi/host_abi.h"
#include "internal.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "vfs.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define FALLOC_KEEP_SIZE  1u
#define FALLOC_PUNCH_HOLE 2u

struct advice {
    u32 set, clear; /* VMA flags */
    int host;       /* HOST_* for host_discard, 0: none */
    bool known;
    bool (*allowed)(const struct vma *v); /* NULL: every VMA */
};

static bool private_anon(const struct vma *v)
{
    return v->kind == VMA_ANON && !(v->flags & VMA_SHARED);
}
static bool not_locked(const struct vma *v) { return !(v->flags & VMA_LOCKED); }
static bool not_fixed(const struct vma *v) { return v->kind != VMA_FIXED; }

static const struct advice advices[] = {
    [MADV_NORMAL] = {.known = true},
    [MADV_RANDOM] = {.known = true},
    [MADV_SEQUENTIAL] = {.known = true},
    [MADV_WILLNEED] = {.known = true, .host = HOST_ADVISE_WILLNEED},
    [MADV_DONTNEED] = {.known = true, .host = HOST_DISCARD_ZERO, .allowed = not_locked},
    [MADV_FREE] = {.known = true, .host = HOST_DISCARD_FREE, .allowed = private_anon},
    [MADV_DONTFORK] = {.known = true, .set = VMA_DONTFORK},
    [MADV_DOFORK] = {.known = true, .clear = VMA_DONTFORK, .allowed = not_fixed},
    [MADV_MERGEABLE] = {.known = true},
    [MADV_UNMERGEABLE] = {.known = true},
    [MADV_HUGEPAGE] = {.known = true,
                       .host = HOST_ADVISE_HUGEPAGE,
                       .set = VMA_HUGEPAGE,
                       .clear = VMA_NOHUGEPAGE},
    [MADV_NOHUGEPAGE] = {.known = true,
                         .host = HOST_ADVISE_NOHUGEPAGE,
                         .set = VMA_NOHUGEPAGE,
                         .clear = VMA_HUGEPAGE},
    [MADV_DONTDUMP] = {.known = true, .set = VMA_DONTDUMP},
    [MADV_DODUMP] = {.known = true, .clear = VMA_DONTDUMP},
    [MADV_WIPEONFORK] = {.known = true, .set = VMA_WIPEONFORK, .allowed = private_anon},
    [MADV_KEEPONFORK] = {.known = true, .clear = VMA_WIPEONFORK},
    [MADV_COLD] = {.known = true},
    [MADV_PAGEOUT] = {.known = true},
    [MADV_POPULATE_READ] = {.known = true, .host = HOST_DISCARD_POPULATE_READ},
    [MADV_POPULATE_WRITE] = {.known = true, .host = HOST_DISCARD_POPULATE_WRITE},
    [MADV_DONTNEED_LOCKED] = {.known = true, .host = HOST_DISCARD_ZERO},
};

/* Whole and allowed?  -ENOMEM for holes, which do not stop the rest. */
static long check_range(struct mm *mm, uptr addr, uptr end, const struct advice *a)
{
    struct vma *v;
    uptr at = addr;
    long rc = 0;

    for (v = vma_next(mm, addr); v && v->start < end; v = vma_next(mm, v->end)) {
        if (v->start > at)
            rc = -ENOMEM;
        if (a->allowed && !a->allowed(v))
            return -EINVAL;
        at = v->end;
    }
    return at < end ? -ENOMEM : rc;
}

long vma_change_flags(struct mm *mm, uptr addr, uptr end, u32 set, u32 clear, struct vma **dead)
{
    struct vma *v;
    long rc = vma_split(mm, addr);

    if (!rc)
        rc = vma_split(mm, end);
    if (rc)
        return rc;
    for (v = vma_next(mm, addr); v && v->start < end; v = vma_next(mm, v->end)) {
        vma_count(mm, v, -1);
        v->flags = (v->flags & ~clear) | set;
        vma_count(mm, v, 1);
        v = vma_join(mm, v, dead);
    }
    return 0;
}

static bool any_warm(struct mm *mm, uptr addr, uptr end)
{
    struct vma *v;

    for (v = vma_next(mm, addr); v && v->start < end; v = vma_next(mm, v->end))
        if (v->flags & VMA_WARM)
            return true;
    return false;
}

/* Host calls stop at holes, so with holes each VMA is advised for itself. */
static long advise_host(struct mm *mm, uptr addr, uptr end, int how, bool holes)
{
    bool gives_back = how == HOST_DISCARD_ZERO || how == HOST_DISCARD_FREE;
    struct vma *v;
    long rc;

    if (!holes && !(gives_back && any_warm(mm, addr, end)))
        return host_discard(addr, end - addr, how);
    for (v = vma_next(mm, addr); v && v->start < end; v = vma_next(mm, v->end)) {
        uptr from = MAX(addr, v->start), to = MIN(end, v->end);

        if (gives_back && v->flags & VMA_WARM)
            rc = backing_renew(v, from, to);
        else
            rc = host_discard(from, to - from, how);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static long advise(struct mm *mm, uptr addr, uptr end, const struct advice *a, int advice)
{
    bool hint = advice == MADV_WILLNEED || advice == MADV_HUGEPAGE || advice == MADV_NOHUGEPAGE;
    struct vma *dead = NULL;
    long rc, host = 0;

    if (a->host == HOST_DISCARD_POPULATE_READ || a->host == HOST_DISCARD_POPULATE_WRITE)
        mm_settle();
    lock(&mm->lock);
    rc = check_range(mm, addr, end, a);
    if (rc && rc != -ENOMEM)
        goto out;
    if (a->set || a->clear) {
        long err = vma_change_flags(mm, addr, end, a->set, a->clear, &dead);

        rc = err ? err : rc;
        mm->fork_advice |= !!(a->set & (VMA_DONTFORK | VMA_WIPEONFORK));
    }
    if (a->host)
        host = advise_host(mm, addr, end, a->host, rc == -ENOMEM);
    if (host < 0 && !hint)
        rc = host;
out:
    unlock(&mm->lock);
    vma_drop(dead);
    return rc;
}

/* A hole in the file behind a shared mapping.  The file's own operation makes it, without
 * mm->lock. */
static long advise_remove(struct mm *mm, uptr addr, uptr end)
{
    while (addr < end) {
        struct file *f = NULL;
        struct vma *v;
        u64 off = 0;
        uptr stop = end;
        long rc = 0;

        lock(&mm->lock);
        v = vma_find(mm, addr);
        if (!v) {
            rc = -ENOMEM;
        } else if (!v->file || !(v->flags & VMA_SHARED) || (v->flags & VMA_LOCKED)) {
            rc = -EINVAL;
        } else if (!(v->flags & VMA_MAYWRITE)) {
            rc = -EACCES;
        } else {
            f = file_get(v->file);
            off = v->offset + (addr - v->start);
            stop = MIN(end, v->end);
        }
        unlock(&mm->lock);
        if (rc)
            return rc;
        rc = -EOPNOTSUPP;
        if (f->ops->fallocate)
            rc = f->ops->fallocate(f, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, off, stop - addr);
        file_put(f);
        if (rc)
            return rc;
        addr = stop;
    }
    return 0;
}

long sys_madvise(uptr addr, size_t len, int advice)
{
    struct mm *mm = current()->proc->mm;
    uptr end;

    if (advice == MADV_HWPOISON || advice == MADV_SOFT_OFFLINE)
        return -EPERM;
    if (advice != MADV_REMOVE &&
        (advice < 0 || advice >= (int)ARRAY_SIZE(advices) || !advices[advice].known))
        return -EINVAL;
    if ((addr & ~PAGE_MASK) || PAGE_ALIGN(len) < len || addr + PAGE_ALIGN(len) < addr)
        return -EINVAL;
    if (!len)
        return 0;
    end = addr + PAGE_ALIGN(len);
    if (end > USER_MAX || (addr < INSIDE_END && end > INSIDE_BASE))
        return -ENOMEM;
    if (advice == MADV_REMOVE)
        return advise_remove(mm, addr, end);
    return advise(mm, addr, end, &advices[advice], advice);
}
