/* Faults of program code that the host could not satisfy. */
#include <linux/mman.h>

#include "internal.h"
#include "lib.h"
#include "thread.h"

static u32 needed(bool write, bool exec)
{
    return exec ? PROT_EXEC : write ? PROT_WRITE : PROT_READ;
}

/* The host mapping is exact but in one case: pages of an in-memory file that appeared
 * after the mapping was made.  A fault on memory that allows the access and is no such
 * page can still be a race (another thread mapped it meanwhile), but saying so would
 * repeat a real SIGBUS for ever; a race is the program's own. */
static void vmas_shrink(struct mm *mm, struct filemem *fm)
{
    for (struct vma *v = vma_next(mm, 0); v; v = vma_next(mm, v->end))
        if (v->kind == VMA_POOL && inode_filemem(v->inode) == fm)
            backing_shrink(v);
}

void mm_file_shrunk(struct filemem *fm)
{
    struct mm *mm = current()->proc ? current()->proc->mm : NULL;

    if (!READ_ONCE(fm->mapped) || !mm)
        return;
    lock(&mm->lock);
    vmas_shrink(mm, fm);
    unlock(&mm->lock);
}

bool mm_fault(struct mm *mm, uptr addr, bool write, bool exec)
{
    struct vma *v;
    bool retry = false;

    lock(&mm->lock);
    v = vma_find(mm, addr);
    if (v && (v->prot & needed(write, exec)))
        retry = backing_fill(v, addr) == 0;
    unlock(&mm->lock);
    return retry;
}
