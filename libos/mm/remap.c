/* mremap.
 *
 * Growing in place is one more mapping behind the old one (the host joins them);
 * moving is one host call for anonymous and host-stream memory, and one per run for
 * the pool, whose host mappings are per run.
 */
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "../../abi/host_abi.h"
#include "internal.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"

struct remap {
    uptr from;
    size_t old_len, new_len;
    u32 flags;
    uptr to; /* where it goes */
    struct vma *dead;
};

static long check(const struct remap *r)
{
    const u32 known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

    if ((r->flags & ~known) || (r->from & ~PAGE_MASK) || !r->new_len)
        return -EINVAL;
    if ((r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(r->flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((r->flags & MREMAP_DONTUNMAP) && r->old_len != r->new_len)
        return -EINVAL;
    if (!(r->flags & MREMAP_FIXED))
        return 0;
    if ((r->to & ~PAGE_MASK) || !range_allowed(r->to, r->new_len))
        return -EINVAL;
    if (r->from + r->old_len > r->to && r->to + r->new_len > r->from)
        return -EINVAL;
    return 0;
}

static long check_growth(struct mm *mm, const struct vma *v, size_t more)
{
    if ((v->flags & VMA_LOCKED) && !capable(CAP_IPC_LOCK_) &&
        mm->locked + more > limit_of(RLIMIT_MEMLOCK))
        return -EAGAIN;
    if (v->kind == VMA_FIXED)
        return -EFAULT;
    return limit_check(mm, more, vma_charge(v->prot, v->flags, more));
}

static void place_at(struct vma *n, const struct vma *v, uptr from, uptr start, size_t len)
{
    n->start = start;
    n->end = start + len;
    if (n->file)
        n->offset = v->offset + (from - v->start);
    n->filled = MIN(MAX(v->filled, from) - from + start, n->end);
}

/* Maps [start, start + len) as the continuation of v at `from` (an address in v's terms,
 * at or past its end). */
static long map_more(struct mm *mm, const struct vma *v, uptr from, uptr start, size_t len,
                     struct vma **dead)
{
    struct vma *n = vma_clone(v);
    long rc;

    if (!n)
        return -ENOMEM;
    place_at(n, v, from, start, len);
    rc = backing_map(n, false);
    if (rc) {
        n->up = *dead;
        *dead = n;
        return rc;
    }
    vma_enter(mm, n, dead);
    return 0;
}

static bool fits_in_place(struct mm *mm, const struct vma *v, const struct remap *r)
{
    uptr end = r->from + r->new_len;

    if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) || !r->old_len)
        return false;
    return v->end == r->from + r->old_len && end > r->from && range_allowed(r->from, r->new_len) &&
           vma_range_free(mm, v->end, end);
}

static long choose_target(struct mm *mm, struct remap *r)
{
    long rc;

    if (!(r->flags & MREMAP_FIXED)) {
        r->to = vma_gap_high(mm, r->new_len, INSIDE_END, mm->mmap_base);
        if (!r->to)
            r->to = vma_gap_high(mm, r->new_len, USER_MIN, INSIDE_BASE);
        return r->to ? 0 : -ENOMEM;
    }
    rc = vma_split(mm, r->to);
    if (!rc)
        rc = vma_split(mm, r->to + r->new_len);
    if (!rc)
        mm_forget_text(mm, r->to, r->to + r->new_len);
    return rc;
}

/* What is new at the end is mapped like any mapping. */
static long move_piecewise(const struct vma *n, const struct remap *r, size_t new_len, int keep)
{
    struct vma tail = *n;
    long rc = backing_move_host(r->from, r->old_len, r->to, keep);

    if (rc < 0 || new_len <= r->old_len)
        return rc;
    tail.start += r->old_len;
    tail.offset += r->old_len;
    tail.filled = MAX(tail.filled, tail.start);
    return backing_map(&tail, false);
}

/* The pages themselves; n is the VMA at the new place, len bytes long, v the old one. */
static long move_pages(struct vma *v, struct vma *n, const struct remap *r, size_t len)
{
    int keep = !!(r->flags & MREMAP_DONTUNMAP);
    long rc;

    if (!r->old_len)
        return backing_map(n, false);
    if (v->kind != VMA_POOL) {
        rc = v->flags & VMA_WARM ? -EFAULT : host_move(r->from, r->old_len, len, r->to, keep);
        if (rc == -EFAULT)
            rc = move_piecewise(n, r, len, keep);
        return rc < 0 ? rc : 0;
    }
    if (v->flags & VMA_SHARED) { /* what is in it does not hang on the address */
        rc = backing_map(n, false);
        if (!rc && !keep)
            rc = host_unmap(r->from, r->old_len);
        return rc < 0 ? rc : 0;
    }
    return backing_move(v, n, r->from, r->old_len, r->to, keep);
}

/* v covers exactly [from, from + old_len), or old_len is 0. */
static long move(struct mm *mm, struct vma *v, struct remap *r)
{
    bool in_image = v->kind == VMA_HOST && v->host_end != ~0ULL && r->old_len;
    bool in_pool = v->kind == VMA_POOL && !(v->flags & VMA_SHARED);
    bool grows = (in_pool || in_image) && r->new_len > r->old_len; /* the new part by itself */
    size_t len = grows ? r->old_len : r->new_len;
    struct vma *n;
    long rc = choose_target(mm, r);

    if (rc)
        return rc;
    v = vma_find(mm, r->from); /* the target may have been cut from it */
    n = vma_clone(v);
    if (!n)
        return -ENOMEM;
    place_at(n, v, r->from, r->to, len);
    mm_forget_text(mm, r->from, r->from + r->old_len);
    rc = move_pages(v, n, r, len);
    if (!rc && v->flags & VMA_WARM && r->flags & MREMAP_DONTUNMAP)
        rc = backing_renew(v, r->from, r->from + r->old_len);
    if (rc) {
        n->up = r->dead;
        r->dead = n;
        return rc;
    }
    vma_cut(mm, r->to, r->to + r->new_len, &r->dead);
    if (r->old_len && !(r->flags & MREMAP_DONTUNMAP))
        vma_cut(mm, r->from, r->from + r->old_len, &r->dead);
    if (grows) /* v may be on the dead list by now, but is not freed before the unlock */
        rc = map_more(mm, v, r->from + r->old_len, r->to + len, r->new_len - len, &r->dead);
    vma_enter(mm, n, &r->dead);
    return rc;
}

static long grow_or_move(struct mm *mm, struct vma *v, struct remap *r)
{
    size_t old = r->old_len, more = r->new_len - MIN(r->new_len, old);
    long rc = 0;

    if (r->flags & MREMAP_DONTUNMAP)
        more = r->new_len;
    if (more) {
        rc = check_growth(mm, v, more);
        if (rc)
            return rc;
    }
    if (more && fits_in_place(mm, v, r)) {
        r->to = r->from;
        return map_more(mm, v, v->end, v->end, more, &r->dead);
    }
    if (!(r->flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    if (old) {
        rc = vma_split(mm, r->from);
        if (!rc)
            rc = vma_split(mm, r->from + old);
        if (rc)
            return rc;
        v = vma_find(mm, r->from);
    }
    return move(mm, v, r);
}

static long remap_locked(struct mm *mm, struct remap *r)
{
    struct vma *v = vma_find(mm, r->from);
    size_t cut;
    long rc;

    if (!v)
        return -EFAULT;
    if (!r->old_len && !(v->flags & VMA_SHARED))
        return -EINVAL;
    if (r->old_len > v->end - r->from)
        return -EFAULT;
    if (r->new_len < r->old_len) {
        cut = r->old_len - r->new_len;
        rc = unmap_locked(mm, r->from + r->new_len, r->from + r->old_len, &r->dead);
        if (rc)
            return rc;
        r->old_len -= cut;
        v = vma_find(mm, r->from);
    }
    if (r->old_len == r->new_len && !(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
        r->to = r->from;
        return 0;
    }
    return grow_or_move(mm, v, r);
}

long sys_mremap(uptr addr, size_t old_len, size_t new_len, u32 flags, uptr new_addr)
{
    struct mm *mm = current()->proc->mm;
    struct remap r = {.from = addr, .flags = flags, .to = new_addr};
    long rc;

    if (old_len > USER_MAX || new_len > USER_MAX)
        return -EINVAL;
    r.old_len = PAGE_ALIGN(old_len);
    r.new_len = PAGE_ALIGN(new_len);
    rc = check(&r);
    if (rc)
        return rc;
    lock(&mm->lock);
    rc = remap_locked(mm, &r);
    unlock(&mm->lock);
    vma_drop(r.dead);
    return rc ? rc : (long)r.to;
}
