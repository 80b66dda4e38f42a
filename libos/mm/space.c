/* Life of an address space, and where things go in it.
 *
 * The layout is that of Linux: the stack near the top, mappings downwards from a random
 * distance below it, the heap after the program.  exec takes stack_top and sets brk.
 */
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/resource.h>

#include "../../abi/host_abi.h"
#include "internal.h"
#include "kalloc.h"
#include "lib.h"
#include "proc.h"
#include "random.h"
#include "vfs.h"

/* Bits of randomness, in pages: as Linux on x86-64. */
#define STACK_RANDOM_BITS 22
#define STACK_GAP_MIN     (128UL << 20)
#define STACK_GAP_MAX     (1UL << 30)
#define MMAP_RANDOM_BITS  28

static void choose_layout(struct mm *mm)
{
    u64 random[2], gap = limit_of(RLIMIT_STACK);

    random_bytes(random, sizeof(random));
    if (current()->personality & ADDR_NO_RANDOMIZE)
        memset(random, 0, sizeof(random));
    mm->stack_top = USER_MAX - ((random[0] & ((1UL << STACK_RANDOM_BITS) - 1)) << PAGE_SHIFT);
    if (gap < STACK_GAP_MIN || gap > STACK_GAP_MAX) /* more is mapped for no stack */
        gap = STACK_GAP_MIN;
    gap = PAGE_ALIGN(gap);
    gap += (1UL << (STACK_RANDOM_BITS + PAGE_SHIFT)) + (1UL << 20);
    mm->mmap_base = USER_MAX - gap - ((random[1] & ((1UL << MMAP_RANDOM_BITS) - 1)) << PAGE_SHIFT);
}

struct mm *mm_new(void)
{
    struct mm *mm = kzalloc(sizeof(*mm));

    if (!mm)
        return NULL;
    mm->refs = 1;
    mm->users = 1;
    lock_init(&mm->lock);
    lock_init(&mm->aio_lock);
    list_init(&mm->aio);
    choose_layout(mm);
    return mm;
}

static void drop_all(struct mm *mm)
{
    struct vma *dead = NULL;

    aio_exit(mm);
    lock(&mm->lock);
    vma_cut(mm, 0, USER_MAX, &dead);
    unlock(&mm->lock);
    vma_drop(dead);
}

static long copy_vmas(struct mm *new, struct mm *old)
{
    struct vma *v, *n;

    for (v = vma_next(old, 0); v; v = vma_next(old, v->end)) {
        n = vma_clone(v);
        if (!n)
            return -ENOMEM;
        n->flags &= ~(VMA_LOCKED | VMA_ONFAULT);
        vma_tree_insert(new, n);
        vma_count(new, n, 1);
    }
    return 0;
}

struct mm *mm_copy(struct mm *old)
{
    struct mm *mm = kzalloc(sizeof(*mm));
    long rc;

    if (!mm)
        return NULL;
    *mm = *old;
    mm->refs = 1;
    mm->users = 1;
    mm->root = NULL;
    mm->count = 0;
    mm->total = mm->locked = mm->data = mm->peak = 0;
    mm->def_flags = 0;
    mm->sites = sites_copy(old->sites);
    lock_init(&mm->lock);
    lock_init(&mm->aio_lock);
    list_init(&mm->aio);
    rc = copy_vmas(mm, old);
    if (rc) {
        mm_put(mm);
        return NULL;
    }
    return mm;
}

void mm_fork_child(struct mm *mm)
{
    struct vma *v, *dead = NULL;

    if (!mm->fork_advice)
        return;
    lock(&mm->lock);
    for (v = vma_next(mm, 0); v; v = vma_next(mm, v->end)) {
        if (v->flags & VMA_WIPEONFORK)
            backing_renew(v, v->start, v->end);
        if (v->flags & VMA_DONTFORK) {
            uptr start = v->start, end = v->end;

            host_unmap(start, end - start);
            vma_cut(mm, start, end, &dead);
            v = dead; /* its end is still right */
        }
    }
    unlock(&mm->lock);
    vma_drop(dead);
}

void mm_clear(struct mm *mm)
{
    host_unmap(USER_MIN, INSIDE_BASE - USER_MIN);
    host_unmap(INSIDE_END, USER_MAX - INSIDE_END);
    drop_all(mm);
    sites_free(mm->sites);
    mm->sites = NULL;
    mm->brk = mm->brk_start = 0;
    mm->vdso_base = 0;
    mm->loader_dev = mm->loader_ino = 0;
    mm->def_flags = 0;
    mm->fork_advice = false;
    mm->peak = 0;
    choose_layout(mm);
}

void mm_drop_maps(struct mm *mm) { drop_all(mm); }

void mm_put(struct mm *mm)
{
    if (!ref_put(&mm->refs))
        return;
    drop_all(mm);
    sites_free(mm->sites);
    kfree(mm);
}
