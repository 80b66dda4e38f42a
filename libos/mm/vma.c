/* VMAs: making, splitting, joining, counting.  Under mm->lock but for vma_drop. */
#include <linux/errno.h>
#include <linux/mman.h>

#include "internal.h"
#include "kalloc.h"
#include "lib.h"
#include "vfs.h"

struct vma *vma_alloc(void) { return kzalloc(sizeof(struct vma)); }

/* Shared mappings that may be written keep a file from being sealed against writing; some
 * files count all of their mappings. */
void vma_count_writers(const struct vma *v, int sign)
{
    if (v->file && v->file->ops->mapped)
        v->file->ops->mapped(v->file, sign);
    if (v->file && (v->flags & (VMA_SHARED | VMA_MAYWRITE)) == (VMA_SHARED | VMA_MAYWRITE))
        __atomic_fetch_add(&v->file->inode->mapped_shared, sign, __ATOMIC_RELAXED);
}

struct vma *vma_clone(const struct vma *v)
{
    struct vma *n = kmalloc(sizeof(*n));

    if (!n)
        return NULL;
    *n = *v;
    n->left = n->right = n->up = NULL;
    if (n->file)
        file_get(n->file);
    vma_count_writers(n, 1);
    return n;
}

void vma_count(struct mm *mm, const struct vma *v, int sign)
{
    s64 len = (s64)(v->end - v->start) * sign;

    mm->total += len;
    mm->peak = MAX(mm->peak, mm->total);
    if (v->flags & VMA_LOCKED)
        mm->locked += len;
    if (!(v->flags & (VMA_SHARED | VMA_STACK)) && (v->prot & PROT_WRITE))
        mm->data += len;
    commit_add(sign * (s64)vma_charge(v->prot, v->flags, v->end - v->start));
}

static void set_bounds(struct vma *v, uptr start, uptr end)
{
    if (v->file)
        v->offset += start - v->start;
    v->start = start;
    v->end = end;
    v->filled = MIN(MAX(v->filled, start), end);
}

long vma_split(struct mm *mm, uptr addr)
{
    struct vma *v = vma_find(mm, addr), *n;

    if (!v || v->start == addr)
        return 0;
    if (mm->count >= VMA_COUNT_MAX)
        return -ENOMEM;
    n = vma_clone(v);
    if (!n)
        return -ENOMEM;
    set_bounds(n, addr, n->end);
    set_bounds(v, v->start, addr);
    vma_tree_update(mm, v);
    vma_tree_insert(mm, n);
    return 0;
}

static bool alike(const struct vma *a, const struct vma *b)
{
    if (a->end != b->start || a->prot != b->prot || a->kind != b->kind)
        return false;
    if ((a->flags ^ b->flags) & ~VMA_WARM)
        return false;
    if (a->file != b->file || a->name != b->name || a->kind == VMA_FIXED)
        return false;
    if (!a->file)
        return true;
    if (a->handle != b->handle || a->inode != b->inode || a->host_base != b->host_base)
        return false;
    if (a->offset + (a->end - a->start) != b->offset)
        return false;
    return a->kind != VMA_POOL || a->filled == a->end || b->filled == b->start;
}

/* Lets a take over b, which lies right above it. */
static void absorb(struct mm *mm, struct vma *a, struct vma *b, struct vma **dead)
{
    vma_tree_remove(mm, b);
    a->flags |= b->flags & VMA_WARM;
    a->end = b->end;
    a->filled = a->filled == b->start ? b->filled : a->filled;
    vma_tree_update(mm, a);
    b->up = *dead;
    *dead = b;
}

struct vma *vma_join(struct mm *mm, struct vma *v, struct vma **dead)
{
    struct vma *o = vma_prev(mm, v->start);

    if (o && alike(o, v)) {
        absorb(mm, o, v, dead);
        v = o;
    }
    /* More than one when a split at the edge of a range turned out needless. */
    while ((o = vma_next(mm, v->end)) && alike(v, o))
        absorb(mm, v, o, dead);
    return v;
}

struct vma *vma_enter(struct mm *mm, struct vma *v, struct vma **dead)
{
    struct vma *below = vma_prev(mm, v->start), *above = vma_next(mm, v->end);

    vma_count(mm, v, 1);
    if (below && alike(below, v)) {
        below->flags |= v->flags & VMA_WARM;
        below->end = v->end;
        below->filled = below->filled == v->start ? v->filled : below->filled;
        vma_tree_update(mm, below);
    } else if (above && alike(v, above)) {
        above->flags |= v->flags & VMA_WARM;
        above->start = v->start;
        above->offset = v->offset;
        above->filled = v->filled == v->end ? above->filled : v->filled;
        vma_tree_update(mm, above);
        above = NULL;
        below = vma_find(mm, v->start);
    } else {
        vma_tree_insert(mm, v);
        return v;
    }
    v->up = *dead;
    *dead = v;
    if (above && alike(below, above))
        absorb(mm, below, above, dead);
    return below;
}

static void bury(struct mm *mm, struct vma *n, struct vma **dead)
{
    if (!n)
        return;
    bury(mm, n->left, dead);
    bury(mm, n->right, dead);
    vma_count(mm, n, -1);
    n->up = *dead;
    *dead = n;
}

void vma_cut(struct mm *mm, uptr start, uptr end, struct vma **dead)
{
    bury(mm, vma_tree_cut(mm, start, end), dead);
}

void vma_drop(struct vma *dead)
{
    while (dead) {
        struct vma *next = dead->up;

        vma_count_writers(dead, -1);
        if (dead->file)
            file_put(dead->file);
        kfree(dead);
        dead = next;
    }
}
