/* An address space in a new host process, after a resume.
 *
 * The host maps what the tree says, and private memory that differs from that, run by run
 * (abi/boot.h): long runs are mapped from the stream of pages, to be copied by the host when they
 * are written to; where there are many, short ones are read, since a host mapping costs more than
 * a few pages.  Mappings that receive what is read are writable until then.
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
#include "proc.h"
#include "thread.h"
#include "vfs.h"

#define PIECES   512u            /* runs read with one call */
#define MAP_LEN  (4 * PAGE_SIZE) /* shorter runs are read, */
#define MAPS_FEW 256u            /* if there are more than so many: what is mapped, copies share */
#define MAPS_MAX 8192u           /* with more of them, longer ones, too: the host counts mappings */

struct runs {
    struct boot_run *run;   /* in order of address: `few`, or of the heap */
    u64 count, short_len;   /* shorter ones are read */
    const struct vma *last; /* whose answer of receives() is known */
    bool last_receives;
    struct boot_run few[24]; /* a page of the heap would be one of every copy's */
};

static long read_all(void *buf, size_t len, u64 offset)
{
    char *p = buf;

    while (len) {
        struct host_iovec v = {p, len};
        long n = host_read(boot()->runs_handle, &v, 1, offset, 0);

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

static bool is_read(const struct runs *r, const struct boot_run *run)
{
    return run->len < r->short_len && run->at != BOOT_RUN_ZERO;
}

static u64 count_mapped(const struct runs *r)
{
    u64 count = 0;

    for (u64 n = 0; n < r->count; n++)
        count += !is_read(r, &r->run[n]);
    return count;
}

static long load_runs(struct mm *mm, struct runs *r)
{
    struct boot_space s;
    long rc = mm->space ? read_all(&s, sizeof(s), (mm->space - 1) * sizeof(s)) : -EIO;

    if (rc)
        return rc;
    r->count = s.count;
    r->short_len = s.count > MAPS_FEW ? MAP_LEN : 0;
    if (boot()->pages_state == BOOT_PAGES_COMING) /* what is read would have to be waited for */
        r->short_len = 0;
    if (!s.count)
        return 0;
    r->run = s.count <= ARRAY_SIZE(r->few) ? r->few : kpages_alloc(s.count * sizeof(*r->run));
    if (!r->run)
        return -ENOMEM;
    rc = read_all(r->run, s.count * sizeof(*r->run), s.runs);
    while (!rc && count_mapped(r) > MAPS_MAX && r->short_len < MAP_LEN << 20)
        r->short_len = MAX(2 * r->short_len, 2 * PAGE_SIZE);
    return rc;
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

/* Is anything read into it? */
static bool receives(const struct vma *v, struct runs *r)
{
    u64 n;

    if (v == r->last || v->flags & VMA_SHARED)
        return v == r->last && r->last_receives;
    for (n = find_run(r, v->start); n < r->count && r->run[n].addr < v->end; n++)
        if (is_read(r, &r->run[n]))
            break;
    r->last = v;
    r->last_receives = n < r->count && r->run[n].addr < v->end;
    return r->last_receives;
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
    if (v->host_end != ~0ULL &&
        !erofs_gone()) /* the image is the same, whatever became of the file since */
        return 0;
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

/* A mapped file of a volume that is not what it was: its reader would find other bytes, or none. */
static _Noreturn void say_stale(const struct vma *v)
{
    char buf[256], *path = path_text(&v->file->path, buf, sizeof(buf));

    start_fail(ESTALE, "resume: mapped, and changed since the save:", IS_ERR(path) ? "" : path);
}

/* What lies beside the runs that will be mapped: the host takes longer to replace a mapping than to
 * make two. */
static long map_beside(struct vma *v, const struct runs *r)
{
    uptr at = v->start;
    long rc = 0;

    for (u64 n = find_run(r, at); n < r->count && r->run[n].addr < v->end && !rc; n++) {
        const struct boot_run *run = &r->run[n];
        if (is_read(r, run))
            continue;
        if (run->addr > at)
            rc = backing_renew(v, at, run->addr);
        at = run->addr + run->len;
    }
    return rc || at >= v->end ? rc : backing_renew(v, at, v->end);
}

static long map_one(struct vma *v, struct runs *r)
{
    bool fill = receives(v, r);
    u32 prot = v->prot;
    long rc = renew_handle(v);

    if (rc == -EACCES && v->file)
        say_stale(v);
    if (rc)
        return rc;
    if (fill)
        v->prot = PROT_READ | PROT_WRITE;
    rc = v->flags & VMA_SHARED || v->kind == VMA_POOL ? backing_map(v, false) : map_beside(v, r);
    v->prot = prot;
    if (!rc && v->flags & VMA_HUGEPAGE)
        host_discard(v->start, v->end - v->start, HOST_ADVISE_HUGEPAGE);
    return rc;
}

static long map_all(struct mm *mm, struct runs *r)
{
    struct vma *v;
    long rc = 0;

    for (v = vma_next(mm, 0); v && !rc; v = vma_next(mm, v->end))
        rc = map_one(v, r);
    return rc;
}

/* ---- runs that are mapped ---------------------------------------------------------- */

static long map_part(struct vma *v, const struct boot_run *run, struct runs *r)
{
    uptr from = MAX(v->start, run->addr), to = MIN(v->end, run->addr + run->len);
    u32 prot = receives(v, r) ? PROT_READ | PROT_WRITE : v->prot;
    int flags = HOST_MAP_PRIVATE | (v->flags & VMA_NORESERVE ? HOST_MAP_NORESERVE : 0);
    int handle = boot()->pages_handle + (int)run->stream;

    if (v->flags & VMA_SHARED)
        return 0;
    v->flags |= VMA_WARM;
    if (run->at == BOOT_RUN_ZERO)
        return host_map(from, to - from, (int)prot, flags, -1, 0);
    return host_map(from, to - from, (int)prot, flags, handle, run->at + (from - run->addr));
}

static long map_runs(struct mm *mm, struct runs *r)
{
    long rc = 0;

    for (u64 n = 0; n < r->count; n++) {
        const struct boot_run *run = &r->run[n];
        struct vma *v = is_read(r, run) ? NULL : vma_next(mm, run->addr);

        for (; v && v->start < run->addr + run->len && rc >= 0; v = vma_next(mm, v->end))
            rc = map_part(v, run, r);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Is more to come?  Then some of it has. */
static bool pages_await(void)
{
    struct boot_info *b = boot();
    u32 seen = __atomic_load_n(&b->pages_progress, __ATOMIC_SEQ_CST);

    if (__atomic_load_n(&b->pages_state, __ATOMIC_SEQ_CST) != BOOT_PAGES_COMING)
        return false;
    host_wait(&b->pages_progress, seen, host_time(HOST_CLOCK_MONOTONIC) + 1000000000ULL);
    return true;
}

void mm_settle(void)
{
    while (pages_await())
        ;
}

/* ---- runs that are read -------------------------------------------------------------- */

/* Reads runs that stand one after another in a stream with as few calls as the host makes
 * of it. */
static long read_some(const struct mm *mm, struct host_iovec *v, u32 n, int handle, u64 at)
{
    u32 done = 0;

    while (done < n) {
        long got = host_read(handle, v + done, (int)(n - done), at, 0);

        if (!got)
            WRITE_ONCE(boot()->pages_wish, BOOT_WISH(mm->space - 1, (u64)v[done].base));
        if (got == -EINTR || (!got && pages_await()))
            continue;
        if (got <= 0)
            return got ? got : -EIO;
        at += (u64)got;
        for (; done < n && (u64)got >= v[done].len; done++)
            got -= (long)v[done].len;
        if (done < n) {
            v[done].base = (char *)v[done].base + got;
            v[done].len -= (size_t)got;
        }
    }
    return 0;
}

static long read_runs(const struct mm *mm, const struct runs *r)
{
    struct host_iovec *v = kmalloc(PIECES * sizeof(*v));
    u64 at = 0, end = 0, stream = 0;
    long rc = v ? 0 : -ENOMEM;
    u32 n = 0;

    for (u64 i = 0; i < r->count && !rc; i++) {
        const struct boot_run *run = &r->run[i];

        if (!is_read(r, run))
            continue;
        if (n && (n == PIECES || run->at != end || run->stream != stream)) {
            rc = read_some(mm, v, n, boot()->pages_handle + (int)stream, at);
            n = 0;
        }
        if (!n)
            at = run->at;
        stream = run->stream;
        v[n++] = (struct host_iovec){(void *)run->addr, run->len};
        end = run->at + run->len;
    }
    if (n && !rc)
        rc = read_some(mm, v, n, boot()->pages_handle + (int)stream, at);
    kfree(v);
    return rc;
}

static long protect_all(struct mm *mm, struct runs *r)
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
    struct runs r = {.count = 0};
    long rc = load_runs(mm, &r);

    if (!rc)
        rc = map_all(mm, &r);
    if (!rc)
        rc = map_runs(mm, &r);
    if (!rc && r.count)
        rc = read_runs(mm, &r);
    if (!rc)
        rc = protect_all(mm, &r);
    if (r.run && r.run != r.few)
        kpages_free(r.run, r.count * sizeof(*r.run));
    return rc;
}
