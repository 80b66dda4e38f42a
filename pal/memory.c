/* Memory calls of the contract: one host call each. */
#include "pal.h"

#define MAP_SHARED       1
#define MAP_PRIVATE      2
#define MAP_FIXED        0x10
#define MAP_ANONYMOUS    0x20
#define MAP_NORESERVE    0x4000
#define MAP_POPULATE     0x8000
#define MREMAP_MAYMOVE   1
#define MREMAP_FIXED     2
#define MREMAP_DONTUNMAP 4

static bool outside(uptr addr, size_t len)
{
    return addr + len >= addr && addr + len <= USER_MAX &&
           (addr + len <= INSIDE_BASE || addr >= INSIDE_END);
}

/* The one thing the library OS maps for itself. */
static bool in_root_image(uptr addr, size_t len, int prot)
{
    return addr >= ROOT_IMAGE_BASE && len <= ROOT_IMAGE_SIZE &&
           addr + len <= ROOT_IMAGE_BASE + ROOT_IMAGE_SIZE && prot == HOST_PROT_READ;
}

long host_map(uintptr_t addr, size_t len, int prot, int flags, int handle, uint64_t offset)
{
    int host = MAP_FIXED;

    if (!outside(addr, len) && !in_root_image(addr, len, prot))
        return -12; /* ENOMEM: as if there were nothing there */
    host |= flags & HOST_MAP_SHARED ? MAP_SHARED : MAP_PRIVATE;
    if (flags & HOST_MAP_POPULATE)
        host |= MAP_POPULATE;
    if (flags & HOST_MAP_NORESERVE)
        host |= MAP_NORESERVE;
    if (handle == HOST_POOL)
        handle = boot()->pool_handle;
    else if (handle < 0) {
        host |= MAP_ANONYMOUS;
        offset = 0;
    }
    return gate(HOST_NR_mmap, (long)addr, (long)len, prot, host, handle, (long)offset);
}

long host_unmap(uintptr_t addr, size_t len)
{
    return outside(addr, len) ? gate(HOST_NR_munmap, (long)addr, (long)len, 0, 0, 0, 0) : -22;
}

long host_protect(uintptr_t addr, size_t len, int prot)
{
    return outside(addr, len) ? gate(HOST_NR_mprotect, (long)addr, (long)len, prot, 0, 0, 0) : -12;
}

long host_discard(uintptr_t addr, size_t len, int how)
{
    return gate(HOST_NR_madvise, (long)addr, (long)len, how, 0, 0, 0);
}

long host_move(uintptr_t old_addr, size_t old_len, size_t new_len, uintptr_t new_addr, int keep)
{
    int flags = 0;

    if (!outside(old_addr, old_len) || !outside(new_addr, new_len))
        return -14;
    if (old_addr != new_addr)
        flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);
    return gate(HOST_NR_mremap, (long)old_addr, (long)old_len, (long)new_len, flags, (long)new_addr,
                0);
}
