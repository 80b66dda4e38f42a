/* Shared by the files of mm/: the VMA tree, and the pieces every operation is made of.
 *
 * An operation on an address range goes: lock; check; split VMAs at the edges (changes
 * nothing anyone can see, may fail for memory); call the host; change the tree (cannot
 * fail any more); unlock; drop what was taken out.  File references are only dropped
 * after the unlock, because their release may take locks that stand above mm->lock.
 */
#ifndef LIBOS_MM_INTERNAL_H
#define LIBOS_MM_INTERNAL_H

#include "mm.h"
#include "rewrite.h"

#define VMA_COUNT_MAX 65530u

struct file;

/* tree.c: order and gaps, no accounting. */
void vma_tree_insert(struct mm *mm, struct vma *v);
void vma_tree_remove(struct mm *mm, struct vma *v);
/* v's bounds changed without changing the order. */
void vma_tree_update(struct mm *mm, struct vma *v);
/* Takes out all VMAs wholly inside [start, end); the subtree they formed. */
struct vma *vma_tree_cut(struct mm *mm, uptr start, uptr end);
struct vma *vma_prev(struct mm *mm, uptr addr); /* last with end <= addr, or NULL */
/* Highest / lowest free range of len bytes within [low, high); 0 if none. */
uptr vma_gap_high(struct mm *mm, size_t len, uptr low, uptr high);
uptr vma_gap_low(struct mm *mm, size_t len, uptr low, uptr high);
bool vma_range_free(struct mm *mm, uptr start, uptr end);

/* vma.c */
struct vma *vma_alloc(void);
/* A copy of v with its own references, in no tree. */
void vma_count_writers(const struct vma *v, int sign); /* when it gets or loses its file */
struct vma *vma_clone(const struct vma *v);
/* Makes addr a boundary between VMAs.  0 or -ENOMEM. */
long vma_split(struct mm *mm, uptr addr);
/* Enters v, counted, joined with its neighbours where they are alike; v may be gone
 * afterwards.  *dead receives what must be dropped after the unlock. */
struct vma *vma_enter(struct mm *mm, struct vma *v, struct vma **dead);
/* Joins v with its neighbours; the VMA that now covers it. */
struct vma *vma_join(struct mm *mm, struct vma *v, struct vma **dead);
/* Takes [start, end) (split at both ends before) out of the tree and the counters. */
void vma_cut(struct mm *mm, uptr start, uptr end, struct vma **dead);
/* Frees a list of VMAs linked by ->up; mm->lock not held. */
void vma_drop(struct vma *dead);
void vma_count(struct mm *mm, const struct vma *v, int sign);

/* Sets and clears flags of the VMAs in the range, splitting at its edges.  0 or -ENOMEM. */
long vma_change_flags(struct mm *mm, uptr addr, uptr end, u32 set, u32 clear, struct vma **dead);
/* munmap under mm->lock. */
long unmap_locked(struct mm *mm, uptr addr, uptr end, struct vma **dead);

/* limits.c */
bool range_allowed(uptr addr, size_t len); /* in program range, clear of the inside */
u64 limit_of(int resource);
/* Would `len` more bytes of address space, `data` of them private and writable, pass the
 * limits?  0 or -ENOMEM. */
long limit_check(struct mm *mm, u64 len, u64 data);
u64 vma_charge(u32 prot, u32 flags, size_t len); /* bytes it counts for the memory limit */
void commit_add(s64 bytes);

#define CAP_IPC_LOCK_ 14
#define MOUNT_NOEXEC  8u /* = MS_NOEXEC */

static inline void mm_forget_text(struct mm *mm, uptr start, uptr end)
{
    if (mm->sites && rewrite_forget)
        rewrite_forget(mm, start, end);
}

/* backing.c: the host's side of a VMA. */
long backing_map(struct vma *v, bool populate);
/* Backs pages of a VMA_POOL that came to exist since; addr lies in v.  0 if addr is now
 * backed. */
long backing_fill(struct vma *v, uptr addr);
/* Pages of a VMA_POOL past the end of the file go. */
long backing_shrink(struct vma *v);

/* Gives the pages of [from, to) back, which lies in the private v: mapped as for the first time. */
long backing_renew(const struct vma *v, uptr from, uptr to);

/* Moves [from, from + len), of which one VMA of ours may be several of the host's. */
long backing_move_host(uptr from, size_t len, uptr to, int keep);
/* Moves the host mappings of [from, from + len) of a private VMA_POOL v to n. */
long backing_move(struct vma *v, struct vma *n, uptr from, size_t len, uptr to, int keep);

#endif
