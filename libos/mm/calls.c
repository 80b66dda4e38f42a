/* mmap, munmap, mprotect as system calls: arguments of Linux checked here. */
#include <linux/errno.h>
#include <linux/mman.h>

#include "internal.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "vfs.h"

#define MAP_KNOWN                                                                                  \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE |       \
     MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB |          \
     MAP_32BIT | MAP_FIXED_NOREPLACE | MAP_UNINITIALIZED)

static long check_type(u32 flags, bool file)
{
    switch (flags & MAP_TYPE) {
    case MAP_PRIVATE:
    case MAP_SHARED:
        return 0;
    case MAP_SHARED_VALIDATE:
        if (!file)
            return -EINVAL;
        /* MAP_SYNC among them: no file system here is on persistent memory. */
        return flags & ~MAP_KNOWN ? -EOPNOTSUPP : 0;
    default:
        return -EINVAL;
    }
}

/* Memory nobody may touch, laid over a range that holds the inside (MemorySanitizer bars
 * the gaps of its layout like this): the parts on both sides; the inside is barred anyway. */
static long bar_around_inside(struct mm *mm, uptr addr, size_t len, u32 flags)
{
    uptr end = addr + PAGE_ALIGN(len);
    long rc = 0;

    if (addr < INSIDE_BASE)
        rc = mm_map(mm, addr, INSIDE_BASE - addr, PROT_NONE, flags, NULL, 0, NULL);
    if (rc >= 0 && end > INSIDE_END)
        rc = mm_map(mm, INSIDE_END, end - INSIDE_END, PROT_NONE, flags, NULL, 0, NULL);
    return rc < 0 ? rc : (long)addr;
}

static bool bars_inside(uptr addr, size_t len, u32 prot, u32 flags)
{
    if (prot != PROT_NONE || !(flags & MAP_FIXED) || (flags & MAP_TYPE) != MAP_PRIVATE)
        return false;
    if ((addr & ~PAGE_MASK) || addr < USER_MIN || len > USER_MAX || addr > USER_MAX - len)
        return false;
    return addr <= INSIDE_BASE && addr + len >= INSIDE_END;
}

static long map_call(uptr addr, size_t len, u32 prot, u32 flags, struct file *file, u64 offset)
{
    long rc = check_type(flags, file);

    if (rc)
        return rc;
    if (flags & MAP_HUGETLB)
        return file ? -EINVAL : -ENOMEM; /* as where no huge pages are set aside */
    if ((flags & MAP_GROWSDOWN) && (flags & MAP_TYPE) != MAP_PRIVATE)
        return -EINVAL;
    if (!file && bars_inside(addr, len, prot, flags))
        return bar_around_inside(current()->proc->mm, addr, len, flags);
    return mm_map(current()->proc->mm, addr, len, prot, flags, file, offset, NULL);
}

long sys_mmap(uptr addr, size_t len, u32 prot, u32 flags, int fd, u64 off)
{
    struct file *file;
    long rc;

    if (off & ~PAGE_MASK)
        return -EINVAL;
    if (flags & MAP_ANONYMOUS)
        return map_call(addr, len, prot, flags, NULL, 0);
    file = fd_get_io(fd);
    if (!file)
        return -EBADF;
    rc = map_call(addr, len, prot, flags, file, off);
    file_put(file);
    return rc;
}

long sys_munmap(uptr addr, size_t len) { return mm_unmap(current()->proc->mm, addr, len); }

/* PROT_GROWSDOWN reaches down to the start of a growing mapping. */
static long grows_down_start(struct mm *mm, uptr *addr, size_t *len)
{
    struct vma *v;
    long rc = 0;

    lock(&mm->lock);
    v = vma_find(mm, *addr);
    if (!v) {
        rc = -ENOMEM;
    } else if (!(v->flags & VMA_GROWSDOWN)) {
        rc = -EINVAL;
    } else {
        *len += *addr - v->start;
        *addr = v->start;
    }
    unlock(&mm->lock);
    return rc;
}

long sys_mprotect(uptr addr, size_t len, u32 prot)
{
    struct mm *mm = current()->proc->mm;
    u32 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    long rc;

    if (addr & ~PAGE_MASK)
        return -EINVAL;
    if (!len)
        return 0;
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || grows == PROT_GROWSUP)
        return -EINVAL;
    prot &= ~grows;
    if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
        return -EINVAL;
    prot &= ~PROT_SEM;
    if (grows) {
        rc = grows_down_start(mm, &addr, &len);
        if (rc)
            return rc;
    }
    return mm_protect(mm, addr, len, prot);
}

long sys_pkey_mprotect(uptr addr, size_t len, u32 prot, int pkey)
{
    return pkey == -1 ? sys_mprotect(addr, len, prot) : -EINVAL;
}

/* No keys, as on a CPU without them: glibc and programs fall back. */
long sys_pkey_alloc(u32 flags, u32 rights)
{
    if (flags || (rights & ~3u))
        return -EINVAL;
    return -ENOSPC;
}

long sys_pkey_free(int pkey) { return -EINVAL; }
