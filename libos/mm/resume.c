/* An address space in a new host process, after a resume.
 *
 * The host maps what the tree says; then private memory that differs from what is mapped
 * is read in, run by run, from the stream the monitor gives (abi/boot.h).  Mappings that
 * receive pages are writable until then.
 *
 * Locking: none; nobody runs in the address space yet.
 */
#include <linux/errno.h>
#include <linux/mman.h>

#include "../../abi/boot.h"
#include "../../abi/host_abi.h"
#include "internal.h"
#include "kalloc.h"
#include "lib.h"
#include "thread.h"
#include "vfs.h"

#define PIECES 512u /* runs read with one call */

struct runs {
    struct boot_run *run; /* in order of address */
    u64 count, data;
};

static long read_all(void *buf, size_t len, u64 offset)
{
    char *p = buf;

    while (len) {
        struct host_iovec v = {p, len};
        long n = host_read(boot()->pages_handle, &v, 1, offset, 0);

        if (n == -EINTR)
            continue;
        if (n <= 0)
            return n ? n : -EIO;
        p += n;
        offset += (u64)n;
        len -= (size_t)n;
    }
    return 0;
}

static long load_runs(struct mm *mm, struct runs *r)
{
    struct boot_space s;
    long rc = mm->space ? read_all(&s, sizeof(s), (mm->space - 1) * sizeof(s)) : -EIO;

    if (rc)
        return rc;
    *r = (struct runs){NULL, s.count, s.data};
    if (!s.count)
        return 0;
    r->run = kpages_alloc(s.count * sizeof(*r->run));
    return r->run ? read_all(r->run, s.count * sizeof(*r->run), s.runs) : -ENOMEM;
}

/* First run that ends after addr. */
static u64 find_run(const struct runs *r, uptr addr)
{
    u64 lo = 0, hi = r->count;

    while (lo < hi) {
        u64 mid = lo + (hi - lo) / 2;
        if (r->run[mid].addr + r->run[mid].len <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool receives(const struct vma *v, const struct runs *r)
{
    u64 n = find_run(r, v->start);

    return !(v->flags & VMA_SHARED) && n < r->count && r->run[n].addr < v->end;
}

/* The host handle behind a mapped file is a new one. */
static long renew_handle(struct vma *v)
{
    struct mapping_request m = {.offset = v->offset,
                                .len = v->end - v->start,
                                .prot = v->prot,
                                .shared = v->flags & VMA_SHARED,
                                .handle = -1,
                                .host_end = ~0ULL};
    long rc;

    if (v->kind != VMA_HOST)
        return 0;
    if (v->host_end != ~0ULL) { /* the image is the same, whatever became of the file since */
        v->handle = erofs_handle();
        return 0;
    }
    rc = v->file->ops->mmap(v->file, &m);
    if (rc)
        return rc;
    v->kind = m.kind; /* of a file of the base that was changed since: memory */
    v->handle = m.handle;
    v->host_base = m.host_base;
    v->host_end = m.host_end;
    v->inode = m.inode;
    return 0;
}

static long map_one(struct vma *v, bool fill)
{
    u32 prot = v->prot;
    long rc = renew_handle(v);

    if (rc)
        return rc;
    if (fill)
        v->prot = PROT_READ | PROT_WRITE;
    rc = backing_map(v, false);
    v->prot = prot;
    if (!rc && v->flags & VMA_HUGEPAGE)
        host_discard(v->start, v->end - v->start, HOST_ADVISE_HUGEPAGE);
    return rc;
}

static long map_all(struct mm *mm, const struct runs *r)
{
    struct vma *v;
    long rc = 0;

    for (v = vma_next(mm, 0); v && !rc; v = vma_next(mm, v->end))
        rc = map_one(v, receives(v, r));
    return rc;
}

/* Reads the runs [first, first + n) with as few calls as the host makes of it. */
static long fill_some(const struct runs *r, u64 first, u32 n, u64 *data, struct host_iovec *v)
{
    u32 at = 0;

    for (u32 i = 0; i < n; i++)
        v[i] = (struct host_iovec){(void *)r->run[first + i].addr, r->run[first + i].len};
    while (at < n) {
        long got = host_read(boot()->pages_handle, v + at, (int)(n - at), *data, 0);

        if (got == -EINTR)
            continue;
        if (got <= 0)
            return got ? got : -EIO;
        *data += (u64)got;
        for (; at < n && (u64)got >= v[at].len; at++)
            got -= (long)v[at].len;
        if (at < n) {
            v[at].base = (char *)v[at].base + got;
            v[at].len -= (size_t)got;
        }
    }
    return 0;
}

static long fill(const struct runs *r)
{
    struct host_iovec *v = kmalloc(PIECES * sizeof(*v));
    u64 data = r->data;
    long rc = v ? 0 : -ENOMEM;

    for (u64 n = 0; n < r->count && !rc; n += PIECES)
        rc = fill_some(r, n, (u32)MIN(r->count - n, (u64)PIECES), &data, v);
    kfree(v);
    return rc;
}

static long protect_all(struct mm *mm, const struct runs *r)
{
    struct vma *v;
    long rc = 0;

    for (v = vma_next(mm, 0); v && !rc; v = vma_next(mm, v->end))
        if (v->prot != (PROT_READ | PROT_WRITE) && receives(v, r))
            rc = host_protect(v->start, v->end - v->start, (int)v->prot);
    return rc;
}

long mm_resume(struct mm *mm)
{
    struct runs r = {NULL, 0, 0};
    long rc = load_runs(mm, &r);

    if (!rc)
        rc = map_all(mm, &r);
    if (!rc && r.count)
        rc = fill(&r);
    if (!rc)
        rc = protect_all(mm, &r);
    if (r.run)
        kpages_free(r.run, r.count * sizeof(*r.run));
    return rc;
}
