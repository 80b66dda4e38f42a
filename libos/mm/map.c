/* mm_map: everything behind mmap(2) but the descriptor. */
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "../../abi/host_abi.h"
#include "internal.h"
#include "lib.h"
#include "rewrite.h"
#include "thread.h"
#include "vfs.h"

/* Of MAP_*: what the tree keeps. */
static u32 vma_flags_of(struct mm *mm, u32 flags)
{
    u32 f = (u32)mm->def_flags;

    if ((flags & MAP_TYPE) != MAP_PRIVATE)
        f |= VMA_SHARED;
    if (flags & MAP_GROWSDOWN)
        f |= VMA_GROWSDOWN;
    if (flags & MAP_NORESERVE)
        f |= VMA_NORESERVE;
    if (flags & MAP_LOCKED)
        f |= VMA_LOCKED;
    if (flags & MAP_STACK)
        f |= VMA_STACK;
    return f;
}

/* Where to put len bytes: the hint if it is free, else as high as possible below
 * mmap_base, else below the inside, else anywhere. */
static uptr choose_address(struct mm *mm, uptr hint, size_t len, u32 flags)
{
    uptr at;

    hint = ALIGN_DOWN(hint, PAGE_SIZE);
    if (flags & MAP_32BIT)
        return vma_gap_low(mm, len, 0x40000000, 0x80000000);
    if (hint && range_allowed(hint, len) && vma_range_free(mm, hint, hint + len))
        return hint;
    at = vma_gap_high(mm, len, INSIDE_END, mm->mmap_base);
    if (!at)
        at = vma_gap_high(mm, len, USER_MIN, INSIDE_BASE);
    return at ? at : vma_gap_low(mm, len, INSIDE_END, USER_MAX);
}

static long place(struct mm *mm, struct vma *v, uptr addr, size_t len, u32 flags)
{
    uptr at = addr;

    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (addr & ~PAGE_MASK)
            return -EINVAL;
        if (addr < USER_MIN)
            return -EPERM;
        if (!range_allowed(addr, len))
            return -ENOMEM;
        if ((flags & MAP_FIXED_NOREPLACE) && !vma_range_free(mm, addr, addr + len))
            return -EEXIST;
    } else {
        at = choose_address(mm, addr, len, flags);
        if (!at)
            return -ENOMEM;
    }
    v->start = at;
    v->end = at + len;
    return 0;
}

long mm_room(struct mm *mm, size_t len)
{
    uptr at;

    if (len > USER_MAX)
        return -ENOMEM;
    lock(&mm->lock);
    at = choose_address(mm, 0, len, MAP_PRIVATE | MAP_ANONYMOUS);
    unlock(&mm->lock);
    return at ? (long)at : -ENOMEM;
}

/* Limits count what goes away under MAP_FIXED as free. */
static long check_limits(struct mm *mm, const struct vma *v)
{
    u64 len = v->end - v->start, data = vma_charge(v->prot, v->flags, len);
    struct vma *o;

    if (limit_check(mm, len, data) == 0)
        return 0;
    for (o = vma_next(mm, v->start); o && o->start < v->end; o = vma_next(mm, o->end)) {
        u64 n = MIN(o->end, v->end) - MAX(o->start, v->start);

        len -= n;
        data -= MIN(data, vma_charge(o->prot, o->flags, n));
    }
    return limit_check(mm, len, data);
}

/* Puts v in place, replacing what is there. */
static long install(struct mm *mm, struct vma *v, bool populate, struct vma **dead)
{
    long rc = 0;

    if (mm->count + 2 >= VMA_COUNT_MAX)
        return -ENOMEM;
    if (!vma_range_free(mm, v->start, v->end)) {
        rc = vma_split(mm, v->start);
        if (!rc)
            rc = vma_split(mm, v->end);
        if (rc)
            return rc;
        mm_forget_text(mm, v->start, v->end);
    }
    rc = backing_map(v, populate);
    if (rc) {
        host_unmap(v->start, v->end - v->start);
        vma_cut(mm, v->start, v->end, dead);
        return rc;
    }
    vma_cut(mm, v->start, v->end, dead);
    vma_enter(mm, v, dead);
    return 0;
}

/* Asks the file how to map it.  Not under mm->lock. */
static long ask_file(struct vma *v, struct file *file, u64 offset, size_t len)
{
    struct mapping_request r = {
        .offset = offset,
        .len = len,
        .prot = v->prot,
        .shared = v->flags & VMA_SHARED,
        .kind = VMA_ANON,
        .handle = -1,
        .host_end = ~0ULL,
    };
    long rc = file->ops->mmap(file, &r);

    if (rc < 0)
        return rc;
    v->kind = r.kind;
    v->handle = r.handle;
    v->host_base = r.host_base;
    v->host_end = r.host_end;
    v->offset = offset;
    v->file = file;
    if (r.kind == VMA_POOL)
        v->inode = r.inode;
    if (r.kind == VMA_ANON) /* /dev/zero, private */
        v->file = NULL;
    else
        file_get(file);
    vma_count_writers(v, 1);
    return 0;
}

/* Shared anonymous memory is an unlinked in-memory file. */
static long share_anon(struct vma *v, size_t len)
{
    struct file *f = memfd_file_new("dev/zero", len, 0);
    long rc;

    if (IS_ERR(f))
        return PTR_ERR(f);
    if (!f)
        return -ENOMEM;
    rc = ask_file(v, f, 0, len);
    file_put(f);
    return rc;
}

static long check_file(struct file *f, u32 prot, u32 *flags)
{
    bool shared = *flags & VMA_SHARED;

    if (!(f->fmode & FMODE_READ))
        return -EACCES;
    if (shared && (prot & PROT_WRITE) && !(f->fmode & FMODE_WRITE))
        return -EACCES;
    if (!f->ops->mmap)
        return -ENODEV;
    if (f->path.mnt && (f->path.mnt->flags & MOUNT_NOEXEC)) {
        if (prot & PROT_EXEC)
            return -EPERM;
        *flags |= VMA_NOEXEC;
    }
    if (!shared || (f->fmode & FMODE_WRITE))
        *flags |= VMA_MAYWRITE;
    return 0;
}

static long prepare(struct vma *v, struct file *file, u64 offset, size_t len)
{
    long rc;

    if (file) {
        rc = check_file(file, v->prot, &v->flags);
        if (rc)
            return rc;
        rc = ask_file(v, file, offset, len);
        if (rc || v->kind != VMA_ANON || !(v->flags & VMA_SHARED))
            return rc;
    }
    v->flags |= VMA_MAYWRITE;
    return v->flags & VMA_SHARED ? share_anon(v, len) : 0;
}

/* asked: with MAP_LOCKED, not by mlockall before. */
static long lock_limit(struct mm *mm, const struct vma *v, bool asked)
{
    if (!(v->flags & VMA_LOCKED) || capable(CAP_IPC_LOCK_))
        return 0;
    if (asked && !limit_of(RLIMIT_MEMLOCK))
        return -EPERM;
    return mm->locked + (v->end - v->start) > limit_of(RLIMIT_MEMLOCK) ? -EAGAIN : 0;
}

/* ThreadSanitizer reserves every address it doesn't use, the inside among them. */
static bool reserves_inside(uptr addr, size_t len, u32 prot, u32 flags)
{
    return prot == PROT_NONE && (flags & MAP_FIXED) && (flags & MAP_ANONYMOUS) &&
           addr < INSIDE_BASE && addr + len > INSIDE_END && addr + len <= USER_MAX;
}

/* The inside stays what it is: all a program sees of it is that nothing is mapped there. */
static long reserve_around_inside(struct mm *mm, uptr addr, size_t len, u32 flags)
{
    long rc = mm_map(mm, addr, INSIDE_BASE - addr, PROT_NONE, flags, NULL, 0, NULL);

    if (rc >= 0)
        rc = mm_map(mm, INSIDE_END, addr + len - INSIDE_END, PROT_NONE, flags, NULL, 0, NULL);
    return rc < 0 ? rc : (long)addr;
}

long mm_map(struct mm *mm, uptr addr, size_t len, u32 prot, u32 flags, struct file *file,
            u64 offset, const char *name)
{
    struct vma *v, *dead = NULL;
    bool populate = (flags & (MAP_POPULATE | MAP_LOCKED)) && !(flags & MAP_NONBLOCK);
    long rc;

    if (!len || (offset & ~PAGE_MASK))
        return -EINVAL;
    len = PAGE_ALIGN(len);
    if (!len || len > USER_MAX)
        return -ENOMEM;
    if (offset + len < offset)
        return -EOVERFLOW;
    if (unlikely(reserves_inside(addr, len, prot, flags)))
        return reserve_around_inside(mm, addr, len, flags);
    v = vma_alloc();
    if (!v)
        return -ENOMEM;
    v->prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
    v->flags = vma_flags_of(mm, flags);
    v->name = name;
    rc = prepare(v, file, offset, len);
    if (rc) {
        vma_drop(v);
        return rc;
    }

    lock(&mm->lock);
    rc = place(mm, v, addr, len, flags);
    if (!rc)
        rc = check_limits(mm, v);
    if (!rc)
        rc = lock_limit(mm, v, flags & MAP_LOCKED);
    if (!rc) {
        addr = v->start;
        rc = install(mm, v, populate, &dead);
    }
    unlock(&mm->lock);
    vma_drop(dead);
    if (rc) {
        vma_drop(v);
        return rc;
    }
    if (file && (prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC && rewrite_mapped)
        rewrite_mapped(mm, addr, len);
    return (long)addr;
}

#define ROOM 0x1000000UL /* a hole of less is likely one that the program made and minds */

/* Free room of len bytes that ends or starts within reach of `near`: with ROOM on either side
 * if there is such a place below it. */
static uptr gap_near(struct mm *mm, uptr near, size_t len)
{
    const uptr reach = 0x7fff0000UL;
    uptr low = near > reach ? near - reach : USER_MIN;
    uptr high = MIN(near + reach, USER_MAX);
    uptr at;

    if (low < INSIDE_END && low >= INSIDE_BASE)
        low = INSIDE_END;
    if (high > INSIDE_BASE && high <= INSIDE_END)
        high = INSIDE_BASE;
    low = MAX(low, USER_MIN);
    at = vma_gap_high(mm, len + 2 * ROOM, low, MIN(near, high));
    if (at)
        return at + ROOM;
    at = vma_gap_high(mm, len, low, MIN(near, high));
    return at ? at : vma_gap_low(mm, len, MAX(near, low), high);
}

long mm_map_near(struct mm *mm, uptr near, size_t len, u32 prot)
{
    struct vma *v = vma_alloc(), *dead = NULL;
    long rc = -ENOMEM;
    uptr at;

    if (!v)
        return -ENOMEM;
    v->prot = prot;
    v->flags = VMA_HIDDEN;
    lock(&mm->lock);
    at = gap_near(mm, near, len);
    if (at) {
        v->start = at;
        v->end = at + len;
        rc = install(mm, v, false, &dead);
    }
    unlock(&mm->lock);
    vma_drop(dead);
    if (rc)
        vma_drop(v);
    return rc ? rc : (long)at;
}
