/* The host's side of a VMA: which host mappings give it its pages.
 *
 * Anonymous and host-stream VMAs are one host mapping.  A VMA_POOL VMA is one host
 * mapping per contiguous run of pool pages behind the file.  Pages past the end of the
 * file are mapped from beyond the end of the pool object itself: the host answers
 * an access with SIGBUS, as Linux does for a file, keeps doing so across mprotect, and
 * mm_fault turns to backing_fill, which maps what the file has grown by since.
 *
 * When a file shrinks, the address space of who does it loses the pages past the new end,
 * private copies too (backing_shrink).  Known difference: in other address spaces they read
 * as zeros instead of raising SIGBUS; they stay with the file (filemem->mapped) as long as it
 * lives.
 */
#include <linux/errno.h>

#include "../../abi/host_abi.h"
#include "internal.h"
#include "lib.h"
#include "vfs.h"

static int host_flags(const struct vma *v)
{
    int flags = v->flags & VMA_SHARED ? HOST_MAP_SHARED : HOST_MAP_PRIVATE;

    return v->flags & VMA_NORESERVE ? flags | HOST_MAP_NORESERVE : flags;
}

static u64 file_end(const struct vma *v) { return PAGE_ALIGN(READ_ONCE(v->inode->size)); }

/* Maps [from, to) of v, page by page of the file, run by run of the pool. */
static long map_runs(struct vma *v, uptr from, uptr to, int flags)
{
    struct filemem *fm = inode_filemem(v->inode);
    u64 off = v->offset + (from - v->start);

    while (from < to) {
        u64 at;
        size_t run;
        long rc = filemem_extent(fm, off, to - from, &at, &run);

        if (rc < 0)
            return rc;
        rc = host_map(from, run, v->prot, flags, HOST_POOL, at);
        if (rc < 0)
            return rc;
        from += run;
        off += run;
    }
    return 0;
}

static long map_pool(struct vma *v, int flags)
{
    u64 end = file_end(v), off = v->offset;
    long rc;

    if (!inode_filemem(v->inode))
        return -ENODEV;
    v->filled = v->start;
    if (off < end)
        v->filled += MIN(end - off, v->end - v->start);
    rc = map_runs(v, v->start, v->filled, flags);
    if (rc < 0 || v->filled == v->end)
        return rc;
    return host_map(v->filled, v->end - v->filled, v->prot, host_flags(v), HOST_POOL, POOL_SIZE);
}

/* A file in an image ends where the next one begins: what lies past its end is mapped as
 * above. */
static long map_host(struct vma *v, int flags)
{
    u64 len = v->end - v->start, held = len;
    long rc = 0;

    if (v->offset >= v->host_end)
        held = 0;
    else if (len > v->host_end - v->offset)
        held = v->host_end - v->offset;
    u64 at = v->host_base + v->offset;
    int handle = v->host_end == ~0ULL ? v->handle : erofs_place(&at);
    if (held)
        rc = host_map(v->start, held, v->prot, flags, handle, at);
    if (rc < 0 || held == len)
        return rc;
    return host_map(v->start + held, len - held, v->prot, host_flags(v), HOST_POOL, POOL_SIZE);
}

long backing_map(struct vma *v, bool populate)
{
    int flags = host_flags(v) | (populate ? HOST_MAP_POPULATE : 0);
    long rc;

    switch (v->kind) {
    case VMA_HOST:
        rc = map_host(v, flags);
        break;
    case VMA_POOL:
        rc = map_pool(v, flags);
        break;
    default:
        rc = host_map(v->start, v->end - v->start, v->prot, flags, -1, 0);
        break;
    }
    return rc < 0 ? rc : 0;
}

long backing_fill(struct vma *v, uptr addr)
{
    uptr page = ALIGN_DOWN(addr, PAGE_SIZE), to;
    long rc;

    if (v->kind != VMA_POOL)
        return -EFAULT;
    u64 end = file_end(v), off = v->offset + (v->filled - v->start);
    if (page < v->filled || off >= end)
        return -EFAULT;
    to = v->filled + MIN(end - off, v->end - v->filled);
    if (page >= to)
        return -EFAULT;
    rc = map_runs(v, v->filled, to, host_flags(v));
    if (rc < 0)
        return rc;
    v->filled = to;
    return 0;
}

/* Pages of a pool VMA past the end of its file are not there to be given back. */
long backing_renew(const struct vma *v, uptr from, uptr to)
{
    struct vma part = *v;

    if (v->kind == VMA_POOL)
        to = MIN(to, v->filled);
    if (from >= to)
        return 0;
    part.offset += from - v->start;
    part.start = part.filled = from;
    part.end = to;
    return backing_map(&part, false);
}

/* The host moves one mapping of its own at a time (its joins follow its own bookkeeping).
 * So: as much as goes in one call, again until all is moved. */
long backing_move_host(uptr from, size_t len, uptr to, int keep)
{
    size_t done = 0, part;
    long rc;

    for (; done < len; done += part) {
        part = len - done;
        while ((rc = host_move(from + done, part, part, to + done, keep)) == -EFAULT &&
               part > PAGE_SIZE)
            part = PAGE_ALIGN(part / 2);
        if (rc < 0)
            return rc;
    }
    return 0;
}

long backing_shrink(struct vma *v)
{
    u64 end = file_end(v);
    uptr to = v->offset < end ? v->start + MIN(end - v->offset, v->end - v->start) : v->start;

    if (to >= v->filled)
        return 0;
    v->filled = to;
    return host_map(to, v->end - to, v->prot, host_flags(v), HOST_POOL, POOL_SIZE);
}

long backing_move(struct vma *v, struct vma *n, uptr from, size_t len, uptr to, int keep)
{
    struct filemem *fm = inode_filemem(v->inode);
    uptr end = from + len, filled = MIN(MAX(v->filled, from), end);
    u64 off = v->offset + (from - v->start), at;
    size_t run;
    long rc;

    while (from < filled) {
        rc = filemem_extent(fm, off, filled - from, &at, &run);
        if (rc >= 0)
            rc = backing_move_host(from, run, to, keep);
        if (rc < 0)
            return rc;
        from += run;
        to += run;
        off += run;
    }
    n->filled = to;
    rc = from < end ? host_move(from, end - from, end - from, to, keep) : 0;
    return rc < 0 ? rc : 0;
}
