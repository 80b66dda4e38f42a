/* What a mapping may not exceed: the address range, RLIMIT_AS, RLIMIT_DATA and the
 * sandbox's memory limit.
 *
 * The memory limit is kept by commitment, as Linux does under vm.overcommit_memory=2:
 * private writable memory counts when it is mapped, for all processes of the sandbox
 * together, and ENOMEM is the answer at the limit.  Not counted are MAP_NORESERVE
 * (sanitizer shadows), stacks (mapped large, used little) and read-only file pages.
 * The pool accounts for its own pages.
 */
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "internal.h"
#include "lib.h"
#include "thread.h"

/* One for the sandbox: .data is shared by all its processes. */
static s64 committed;

bool range_allowed(uptr addr, size_t len)
{
    if (addr < USER_MIN || len > USER_MAX || addr > USER_MAX - len)
        return false;
    return addr + len <= INSIDE_BASE || addr >= INSIDE_END;
}

u64 limit_of(int resource)
{
    struct thread *t = current();

    return t && t->proc ? t->proc->rlimits[resource][0] : RLIM64_INFINITY;
}

u64 vma_charge(u32 prot, u32 flags, size_t len)
{
    if (flags & (VMA_SHARED | VMA_NORESERVE | VMA_STACK | VMA_HIDDEN))
        return 0;
    return prot & PROT_WRITE ? len : 0;
}

void commit_add(s64 bytes)
{
    if (bytes)
        __atomic_fetch_add(&committed, bytes, __ATOMIC_RELAXED);
}

long limit_check(struct mm *mm, u64 len, u64 data)
{
    u64 limit = boot()->memory_limit;
    s64 now = __atomic_load_n(&committed, __ATOMIC_RELAXED);

    if (mm->total + len > limit_of(RLIMIT_AS))
        return -ENOMEM;
    if (data && mm->data + data > limit_of(RLIMIT_DATA))
        return -ENOMEM;
    if (limit && data && (u64)now + data + pool_used() > limit)
        return -ENOMEM;
    return 0;
}
