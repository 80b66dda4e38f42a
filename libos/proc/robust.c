/* Robust futexes: what a thread that ends tells the waiters of those it still held.
 *
 * The list is the program's and lies in its memory; nothing of it is trusted but that it ends
 * somewhere.  Locking: none of its own.
 */
#include <linux/futex.h>

#include "lib.h"
#include "proc_internal.h"
#include "ptrace.h"
#include "usercopy.h"

#define EFAULT       14
#define EINVAL       22
#define ESRCH        3

#define ROBUST_LIMIT 2048

static void robust_death(uptr addr, u32 tid, bool pi)
{
    u32 val, seen;

    if (addr & 3 || user_load32(addr, &val))
        return;
    while ((val & FUTEX_TID_MASK) == tid) {
        u32 new = (val & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        if (user_cmpxchg32(addr, val, new, &seen))
            return;
        if (seen == val) {
            if ((val & FUTEX_WAITERS) || pi)
                futex_wake_addr(addr, 1);
            return;
        }
        val = seen;
    }
}

void robust_list_exit(struct thread *t)
{
    uptr head = t->robust_list, entry, pending;
    s64 offset;

    t->robust_list = 0;
    if (!head || get_user(entry, head) || get_user(offset, head + 8) ||
        get_user(pending, head + 16))
        return;
    for (int i = 0; (entry & ~1UL) != head && i < ROBUST_LIMIT; i++) {
        uptr at = entry & ~1UL, next;
        bool pi = entry & 1, end = get_user(next, at) != 0;
        if (at != (pending & ~1UL))
            robust_death(at + (uptr)offset, (u32)t->tid, pi);
        if (end)
            return;
        entry = next;
    }
    if (pending)
        robust_death((pending & ~1UL) + (uptr)offset, (u32)t->tid, pending & 1);
}

long sys_set_robust_list(uptr head, size_t len)
{
    if (len != 24)
        return -EINVAL;
    current()->robust_list = head;
    current()->robust_len = len;
    return 0;
}

long sys_get_robust_list(int pid, uptr head, uptr len)
{
    struct process *owner;
    struct thread *t = find_thread(pid, &owner);
    long rc = t ? 0 : -ESRCH;
    uptr list = 0;

    if (owner) {
        lock(&owner->lock);
        t = thread_find(owner, pid);
        rc = t ? trace_access(owner, t) : -ESRCH;
    }
    if (!rc)
        list = t->robust_list;
    if (owner)
        unlock(&owner->lock);
    put_owner(owner);
    if (rc)
        return rc;
    return put_user((size_t)24, len) || put_user(list, head) ? -EFAULT : 0;
}
