/* munmap and mprotect: one host call for the whole range, then the tree. */
#include <linux/errno.h>
#include <linux/mman.h>

#include "../../abi/host_abi.h"
#include "internal.h"
#include "lib.h"
#include "vfs.h"

long unmap_locked(struct mm *mm, uptr addr, uptr end, struct vma **dead)
{
    struct vma *v = vma_next(mm, addr);
    long rc;

    if (!v || v->start >= end)
        return 0;
    rc = vma_split(mm, addr);
    if (!rc)
        rc = vma_split(mm, end);
    if (rc)
        return rc;
    mm_forget_text(mm, addr, end);
    rc = host_unmap(addr, end - addr);
    if (rc < 0)
        return rc;
    vma_cut(mm, addr, end, dead);
    return 0;
}

/* Under mm->lock: the first VMA from `from` on that is part of an attachment at addr, of
 * `file` if that is known already. */
static struct vma *attached_part(struct mm *mm, uptr from, uptr addr, const struct file *file,
                                 const struct file_ops *ops)
{
    struct vma *v;

    for (v = vma_next(mm, from); v; v = vma_next(mm, v->end)) {
        if (!v->file || v->file->ops != ops || v->start < addr || v->start - addr != v->offset)
            continue;
        if (!file || v->file == file)
            return v;
    }
    return NULL;
}

long mm_unmap_attached(struct mm *mm, uptr addr, const struct file_ops *ops)
{
    struct vma *v, *dead = NULL;
    const struct file *file = NULL;
    long rc = -EINVAL;

    lock(&mm->lock);
    while ((v = attached_part(mm, addr, addr, file, ops))) {
        file = v->file; /* the dead VMA keeps it */
        rc = unmap_locked(mm, v->start, v->end, &dead);
        if (rc)
            break;
    }
    unlock(&mm->lock);
    vma_drop(dead);
    return rc;
}

long mm_unmap(struct mm *mm, uptr addr, size_t len)
{
    struct vma *dead = NULL;
    uptr end;
    long rc;

    if ((addr & ~PAGE_MASK) || !len || len > USER_MAX || addr > USER_MAX - len)
        return -EINVAL;
    end = PAGE_ALIGN(addr + len);
    if (addr < INSIDE_END && end > INSIDE_BASE)
        return -EINVAL;
    lock(&mm->lock);
    rc = unmap_locked(mm, addr, end, &dead);
    unlock(&mm->lock);
    vma_drop(dead);
    return rc;
}

/* May every VMA in [addr, end) take `prot`?  *stop: where the run of mapped, permitted
 * pages ends; the error that stopped it. */
static long protect_allowed(struct mm *mm, uptr addr, uptr end, u32 prot, uptr *stop)
{
    struct vma *v;
    uptr at = addr;
    u64 more = 0;

    while (at < end) {
        v = vma_find(mm, at);
        *stop = at;
        if (!v)
            return -ENOMEM;
        if ((prot & PROT_WRITE) && (v->flags & VMA_SHARED) && !(v->flags & VMA_MAYWRITE))
            return -EACCES;
        if ((prot & PROT_EXEC) && (v->flags & VMA_NOEXEC))
            return -EACCES;
        if ((prot & PROT_WRITE) && !(v->prot & PROT_WRITE)) {
            more += vma_charge(prot, v->flags, MIN(v->end, end) - at);
            if (more && limit_check(mm, 0, more))
                return -ENOMEM;
        }
        at = v->end;
    }
    *stop = end;
    return 0;
}

/* The tree's part, after the host agreed; edges are split. */
static void protect_tree(struct mm *mm, uptr addr, uptr end, u32 prot, struct vma **dead)
{
    struct vma *v;

    for (v = vma_next(mm, addr); v && v->start < end; v = vma_next(mm, v->end)) {
        vma_count(mm, v, -1);
        v->prot = prot;
        vma_count(mm, v, 1);
        v = vma_join(mm, v, dead);
    }
}

long mm_protect(struct mm *mm, uptr addr, size_t len, u32 prot)
{
    struct vma *dead = NULL;
    long rc = 0, err;
    uptr stop = addr, end;

    if (addr & ~PAGE_MASK)
        return -EINVAL;
    if (!len)
        return 0;
    if (len > USER_MAX || addr > USER_MAX - len)
        return -ENOMEM;
    end = PAGE_ALIGN(addr + len);
    if (addr < INSIDE_END && end > INSIDE_BASE)
        return -ENOMEM;
    lock(&mm->lock);
    /* As on Linux, what comes before the first obstacle is changed. */
    err = protect_allowed(mm, addr, end, prot, &stop);
    if (stop > addr) {
        rc = vma_split(mm, addr);
        if (!rc)
            rc = vma_split(mm, stop);
        if (!rc) {
            mm_forget_text(mm, addr, stop);
            rc = host_protect(addr, stop - addr, prot);
        }
        if (rc >= 0) {
            protect_tree(mm, addr, stop, prot, &dead);
            rc = 0;
        }
    }
    unlock(&mm->lock);
    vma_drop(dead);
    return rc ? rc : err;
}
