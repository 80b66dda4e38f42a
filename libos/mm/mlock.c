/* mlock and relatives.  Nothing inside is ever paged out by us and the host is not asked
 * to pin pages; the calls keep the counts and limits that programs see. */
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "internal.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"

static long check_limit(struct mm *mm, u64 more)
{
    u64 limit = limit_of(RLIMIT_MEMLOCK);

    if (capable(CAP_IPC_LOCK_))
        return 0;
    if (!limit)
        return -EPERM;
    return mm->locked + more > limit ? -ENOMEM : 0;
}

/* Can all of it be brought in? */
static bool can_be_had(struct mm *mm, uptr addr, uptr end, bool now)
{
    while (addr < end) {
        struct vma *v = vma_find(mm, addr);

        if (!v || (now && !v->prot))
            return false;
        addr = v->end;
    }
    return true;
}

static u64 locked_in(struct mm *mm, uptr addr, uptr end)
{
    struct vma *v;
    u64 n = 0;

    for (v = vma_next(mm, addr); v && v->start < end; v = vma_next(mm, v->end)) {
        if (v->flags & VMA_LOCKED)
            n += MIN(v->end, end) - MAX(v->start, addr);
    }
    return n;
}

static long change(uptr addr, size_t len, u32 set)
{
    struct mm *mm = current()->proc->mm;
    struct vma *dead = NULL;
    uptr end = PAGE_ALIGN(addr + len);
    long rc = 0, err = 0;

    addr = ALIGN_DOWN(addr, PAGE_SIZE);
    if (end == addr)
        return 0;
    lock(&mm->lock);
    if (set)
        rc = check_limit(mm, end - addr - locked_in(mm, addr, end));
    if (!rc && end < addr)
        rc = -EINVAL;
    if (!rc) {
        err = can_be_had(mm, addr, end, set == VMA_LOCKED) ? 0 : -ENOMEM;
        rc = vma_change_flags(mm, addr, end, set, VMA_LOCKED | VMA_ONFAULT, &dead);
    }
    unlock(&mm->lock);
    vma_drop(dead);
    return rc ? rc : err;
}

long sys_mlock(uptr addr, size_t len) { return change(addr, len, VMA_LOCKED); }

long sys_mlock2(uptr addr, size_t len, int flags)
{
    if (flags & ~MLOCK_ONFAULT)
        return -EINVAL;
    return change(addr, len, VMA_LOCKED | (flags ? VMA_ONFAULT : 0));
}

long sys_munlock(uptr addr, size_t len) { return change(addr, len, 0); }

static void change_all(struct mm *mm, u32 set)
{
    struct vma *dead = NULL;

    vma_change_flags(mm, USER_MIN, USER_MAX, set, VMA_LOCKED | VMA_ONFAULT, &dead);
    unlock(&mm->lock);
    vma_drop(dead);
}

long sys_mlockall(int flags)
{
    struct mm *mm = current()->proc->mm;
    u32 set = VMA_LOCKED | (flags & MCL_ONFAULT ? VMA_ONFAULT : 0);
    long rc = 0;

    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return -EINVAL;
    lock(&mm->lock);
    if (flags & MCL_CURRENT)
        rc = check_limit(mm, mm->total - mm->locked);
    else if (!capable(CAP_IPC_LOCK_) && !limit_of(RLIMIT_MEMLOCK))
        rc = -EPERM;
    if (!rc)
        mm->def_flags = flags & MCL_FUTURE ? set : 0;
    if (rc || !(flags & MCL_CURRENT)) {
        unlock(&mm->lock);
        return rc;
    }
    change_all(mm, set);
    return 0;
}

long sys_munlockall(void)
{
    struct mm *mm = current()->proc->mm;

    lock(&mm->lock);
    mm->def_flags = 0;
    change_all(mm, 0);
    return 0;
}
