/* msync and mincore. */
#include <linux/errno.h>
#include <linux/mman.h>

#include "internal.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "usercopy.h"
#include "vfs.h"

/* The file of the first shared host mapping in [*addr, end), with a reference; *addr moves
 * behind it.  Pool pages are their own storage: nothing to write back. */
static struct file *next_file(struct mm *mm, uptr *addr, uptr end, bool invalidate, long *rc)
{
    struct file *f = NULL;

    lock(&mm->lock);
    while (*addr < end && !f) {
        struct vma *v = vma_next(mm, *addr);

        if (!v || v->start > *addr) {
            *rc = -ENOMEM;
            *addr = v ? MIN(v->start, end) : end;
            continue;
        }
        if (invalidate && (v->flags & VMA_LOCKED)) {
            *rc = -EBUSY;
            *addr = end;
            break;
        }
        if (v->kind == VMA_HOST && (v->flags & VMA_SHARED))
            f = file_get(v->file);
        *addr = v->end;
    }
    unlock(&mm->lock);
    return f;
}

long sys_msync(uptr addr, size_t len, int flags)
{
    struct mm *mm = current()->proc->mm;
    uptr end = addr + PAGE_ALIGN(len);
    struct file *f;
    long rc = 0, err;

    if ((addr & ~PAGE_MASK) || (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)))
        return -EINVAL;
    if ((flags & MS_ASYNC) && (flags & MS_SYNC))
        return -EINVAL;
    if (end < addr)
        return -ENOMEM;
    while ((f = next_file(mm, &addr, end, flags & MS_INVALIDATE, &rc))) {
        err = (flags & MS_SYNC) && f->ops->fsync ? f->ops->fsync(f, true) : 0;
        file_put(f);
        if (err < 0)
            return err;
    }
    return rc;
}

/* Which pages the host holds in memory is not known here; mapped memory counts as
 * present, as it does on a machine that has not paged out anything. */
long sys_mincore(uptr addr, size_t len, uptr vec)
{
    struct mm *mm = current()->proc->mm;
    size_t pages = PAGE_ALIGN(len) / PAGE_SIZE;
    u8 present[256];

    if (addr & ~PAGE_MASK)
        return -EINVAL;
    if (!user_range_ok(addr, len))
        return -ENOMEM;
    memset(present, 1, sizeof(present));
    while (pages) {
        size_t n = MIN(pages, sizeof(present)), i;

        lock(&mm->lock);
        for (i = 0; i < n; i++) {
            struct vma *v = vma_find(mm, addr + i * PAGE_SIZE);

            if (!v)
                break;
        }
        unlock(&mm->lock);
        if (copy_to_user(vec, present, i))
            return -EFAULT;
        if (i < n)
            return -ENOMEM;
        pages -= n;
        vec += n;
        addr += n * PAGE_SIZE;
    }
    return 0;
}
