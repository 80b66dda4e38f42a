/* Memory of in-memory files: extents of the pool, sorted by file page.
 *
 * An extent is a contiguous range of the pool behind a contiguous range of the file, with
 * one bit for each page that holds data.  A page without its bit is zero in the pool and
 * reads as a hole without being touched; so a large extent costs nothing until used, and
 * extents grow geometrically: a small file has one of a page, a big one a few dozen.
 *
 * Once a program has mapped pages of a file (`mapped`), its extents stay the file's until
 * the file is gone: truncation makes holes but never hands pool pages to another file that
 * a stale mapping could still reach.  Bits stay set then, since stores through a mapping
 * are not seen here; a hole made in such a file is zeros that count as data.
 *
 * Locking: fm->lock; readers share it, also over copies to program memory.  Everything that
 * changes extents or bits holds it alone.
 */
#include <linux/errno.h>
#include <linux/resource.h>

#include "../../abi/host_abi.h"
#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "thread.h"
#include "uio.h"

struct extent {
    u64 page; /* in the file */
    u32 pages;
    u32 reserved;
    u64 off;  /* in the pool, bytes */
    u64 bits; /* pages that hold data, if map is NULL (pages <= 64) */
    u64 *map;
};

#define GROWTH_MAX 16384u     /* pages an extent grows by of its own accord: 64 MB */
#define EXTENT_MAX (1u << 26) /* pages: the whole pool */
#define DIRECT_MIN 8u         /* pages from which one host call beats page faults */

/* ---- the bits of one extent ------------------------------------------------ */

static u64 *bits_of(struct extent *e) { return e->map ? e->map : &e->bits; }

/* First page at or after `from` (below e->pages) whose bit is `value`, else e->pages. */
static u32 next_page(struct extent *e, u32 from, bool value)
{
    const u64 *w = bits_of(e);
    while (from < e->pages) {
        u64 word = (value ? w[from / 64] : ~w[from / 64]) >> (from % 64);
        if (word)
            return MIN(from + (u32)__builtin_ctzl(word), e->pages);
        from = ALIGN_UP(from + 1, 64u);
    }
    return e->pages;
}

/* The compiler's own would be a call into its library. */
static u32 count_bits(u64 w)
{
    w -= (w >> 1) & 0x5555555555555555UL;
    w = (w & 0x3333333333333333UL) + ((w >> 2) & 0x3333333333333333UL);
    w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
    return (w * 0x0101010101010101UL) >> 56;
}

/* Sets or clears [from, to); returns how many changed. */
static u32 mark_pages(struct extent *e, u32 from, u32 to, bool value)
{
    u64 *w = bits_of(e);
    u32 changed = 0;
    while (from < to) {
        u32 n = MIN(to - from, 64 - from % 64);
        u64 mask = (n == 64 ? ~0UL : (1UL << n) - 1) << (from % 64);
        u64 old = w[from / 64];
        u64 new = value ? old | mask : old & ~mask;
        w[from / 64] = new;
        changed += count_bits(old ^ new);
        from += n;
    }
    return changed;
}

static u32 count_missing(struct extent *e, u32 from, u32 to)
{
    const u64 *w = bits_of(e);
    u32 missing = 0;
    while (from < to) {
        u32 n = MIN(to - from, 64 - from % 64);
        u64 mask = (n == 64 ? ~0UL : (1UL << n) - 1) << (from % 64);
        missing += count_bits(~w[from / 64] & mask);
        from += n;
    }
    return missing;
}

static void *page_ptr(struct extent *e, u64 page)
{
    return pool_ptr(e->off + ((page - e->page) << PAGE_SHIFT));
}

/* ---- accounting ------------------------------------------------------------ */

static void uncharge(struct filemem *fm, u64 pages)
{
    u64 mapped = MIN(pages, fm->mapped_pages); /* which ones doesn't matter */
    fm->mapped_pages -= mapped;
    if (fm->quota)
        __atomic_sub_fetch(&fm->quota->used, pages - mapped, __ATOMIC_RELAXED);
    pool_uncharge(pages);
}

/* Pages charged just now that got no data after all. */
static void uncharge_quota(struct filemem *fm, u64 pages)
{
    if (fm->quota)
        __atomic_sub_fetch(&fm->quota->used, pages, __ATOMIC_RELAXED);
    pool_uncharge(pages);
}

static long charge(struct filemem *fm, u64 pages)
{
    struct filemem_quota *q = fm->quota;
    if (pages == 0)
        return 0;
    if (q) {
        u64 used = __atomic_add_fetch(&q->used, pages, __ATOMIC_RELAXED);
        if (q->max && used > q->max) {
            __atomic_sub_fetch(&q->used, pages, __ATOMIC_RELAXED);
            return -ENOSPC;
        }
    }
    long rc = pool_charge(pages);
    if (rc && q)
        __atomic_sub_fetch(&q->used, pages, __ATOMIC_RELAXED);
    return rc;
}

static void add_data(struct filemem *fm, struct extent *e, u32 from, u32 to)
{
    fm->pages += mark_pages(e, from, to, true);
}

/* Forgets the data of [from, to): holes again, zero in the pool. */
static void drop_data(struct filemem *fm, struct extent *e, u32 from, u32 to)
{
    u32 n;

    if (fm->mapped) { /* still may hold data: mappings go on storing there */
        host_discard(POOL_BASE + e->off + ((u64)from << PAGE_SHIFT), (u64)(to - from) << PAGE_SHIFT,
                     HOST_DISCARD_HOLE);
        return;
    }
    n = mark_pages(e, from, to, false);
    if (n == 0)
        return;
    fm->pages -= n;
    uncharge(fm, n);
    host_discard(POOL_BASE + e->off + ((u64)from << PAGE_SHIFT), (u64)(to - from) << PAGE_SHIFT,
                 HOST_DISCARD_HOLE);
}

/* ---- the array of extents -------------------------------------------------- */

/* Index of the first extent that ends after `page`. */
static u32 find(const struct filemem *fm, u64 page)
{
    const struct extent *e = fm->extents;
    u32 lo = 0, hi = fm->count;
    while (lo < hi) {
        u32 mid = lo + (hi - lo) / 2;
        if (e[mid].page + e[mid].pages <= page)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct extent *extent_at(const struct filemem *fm, u32 i)
{
    return i < fm->count ? (struct extent *)fm->extents + i : NULL;
}

static long make_room(struct filemem *fm)
{
    if (fm->extents && fm->count < fm->cap)
        return 0;
    u32 cap = fm->cap ? fm->cap * 2 : 1;
    void *p = krealloc(fm->extents, cap * sizeof(struct extent));
    if (!p)
        return -ENOMEM;
    fm->extents = p;
    fm->cap = cap;
    return 0;
}

/* Where a new extent for `page` begins and how long it should be, between its neighbours:
 * as long as asked for; longer when the file grows at its end (double the last extent) or
 * is written here and there (the more extents, the larger). */
static u32 plan(const struct filemem *fm, u32 i, u64 page, u64 want, u64 *start)
{
    struct extent *prev = i ? extent_at(fm, i - 1) : NULL;
    struct extent *next = extent_at(fm, i);
    u64 lo = prev ? prev->page + prev->pages : 0;
    u64 hi = next ? next->page : ~0UL >> PAGE_SHIFT;
    u64 pages = want;

    *start = page;
    if (prev && page == lo) {
        pages = MAX(want, MIN(prev->pages * 2, GROWTH_MAX));
    } else if (fm->count) {
        u64 chunk = MIN(1UL << MIN(fm->count, 20u), GROWTH_MAX);
        *start = MAX(ALIGN_DOWN(page, chunk), lo);
        pages = MAX(want + (page - *start), chunk - (*start & (chunk - 1)));
    }
    if (pages < 16) /* sizes the pool recycles */
        while (pages & (pages - 1))
            pages++;
    return MIN(MIN(pages, hi - *start), EXTENT_MAX);
}

/* An extent holding `page`, new if need be and then for `want` pages if possible; its index. */
static long reserve(struct filemem *fm, u64 page, u64 want)
{
    u32 i = find(fm, page);
    struct extent *e = extent_at(fm, i);
    if (e && e->page <= page)
        return i;

    struct extent n = {0};
    long rc = make_room(fm);
    if (rc)
        return rc;
    n.pages = plan(fm, i, page, want, &n.page);
    while ((rc = pool_alloc((u64)n.pages << PAGE_SHIFT, &n.off)) && n.pages > 1) {
        u64 end = n.page + n.pages; /* the pool is nearly used up: be modest */

        n.page = page;
        n.pages = (u32)MIN(n.pages / 2, end - page);
    }
    if (rc)
        return rc;
    if (n.pages > 64) {
        n.map = kzalloc(ALIGN_UP(n.pages, 64u) / 8);
        if (!n.map) {
            pool_free(n.off, (u64)n.pages << PAGE_SHIFT);
            return -ENOMEM;
        }
    }
    e = (struct extent *)fm->extents + i;
    memmove(e + 1, e, (fm->count - i) * sizeof(*e));
    *e = n;
    fm->count++;
    return i;
}

static void extent_free(struct filemem *fm, struct extent *e)
{
    u32 n = mark_pages(e, 0, e->pages, false);
    fm->pages -= n;
    uncharge(fm, n);
    pool_free(e->off, (u64)e->pages << PAGE_SHIFT);
    kfree(e->map);
}

/* ---- reading and writing ---------------------------------------------------- */

void filemem_init(struct filemem *fm) { memset(fm, 0, sizeof(*fm)); }

void filemem_free(struct filemem *fm)
{
    for (u32 i = 0; i < fm->count; i++)
        extent_free(fm, extent_at(fm, i));
    kfree(fm->extents);
    fm->extents = NULL;
    fm->count = fm->cap = 0;
}

/* Length in bytes from off to the end of the run (of data or hole) that off is in, at most
 * n; the memory behind it in *mem, NULL for a hole. */
static size_t run_at(const struct filemem *fm, u64 off, size_t n, const char **mem)
{
    u64 page = off >> PAGE_SHIFT, end;
    struct extent *e = extent_at(fm, find(fm, page));

    *mem = NULL;
    if (!e)
        return n;
    if (e->page > page) {
        end = e->page;
    } else {
        u32 rel = page - e->page;
        u32 hole = next_page(e, rel, false);
        if (hole > rel) {
            *mem = (char *)page_ptr(e, page) + (off & ~PAGE_MASK);
            end = e->page + hole;
        } else {
            end = e->page + next_page(e, rel, true);
        }
    }
    return MIN(n, (end << PAGE_SHIFT) - off);
}

long filemem_read(struct filemem *fm, struct uio *u, u64 off, size_t n)
{
    size_t done = 0;
    read_lock(&fm->lock);
    while (done < n) {
        const char *mem;
        size_t run = run_at(fm, off + done, n - done, &mem);
        size_t got = mem ? uio_copy_out(u, mem, run) : uio_zero(u, run);
        done += got;
        if (got < run)
            break;
    }
    read_unlock(&fm->lock);
    return done || n == 0 ? (long)done : -EFAULT;
}

long filemem_give(struct filemem *fm, u64 off, size_t n,
                  long (*give)(void *arg, const void *mem, size_t n), void *arg)
{
    const char *mem;
    long rc = 0;

    read_lock(&fm->lock);
    n = run_at(fm, off, n, &mem);
    if (mem)
        rc = give(arg, mem, n);
    read_unlock(&fm->lock);
    return rc;
}

/* Charges what a write of pages [from, to) of e needs, or of as many of them as there is
 * room for; the end of those, or -errno. */
static long charge_missing(struct filemem *fm, struct extent *e, u32 from, u32 to)
{
    long rc = charge(fm, count_missing(e, from, to));
    while (rc && to - from > 1) {
        to = from + (to - from) / 2;
        rc = charge(fm, count_missing(e, from, to));
    }
    return rc ? rc : (long)to;
}

/* Pages that are all new get their first data: bytes or -errno.  Many at once are written
 * through the pool's host handle: the host need not clear them first, nor map them here.  (A
 * limit on sizes of files would count the pool as one.) */
static long fill_new(struct extent *e, struct uio *u, u64 off, size_t n)
{
    u64 at = e->off + (off - (e->page << PAGE_SHIFT));
    if (n >= DIRECT_MIN << PAGE_SHIFT && boot()->pool_handle > 0 &&
        boot()->rlimits[RLIMIT_FSIZE][0] == RLIM64_INFINITY)
        return host_write_uio(boot()->pool_handle, u, n, at, 0);
    return uio_copy_in(pool_ptr(at), u, n);
}

/* Writes within one extent; bytes or -errno.  *n is what was tried: less if space is short. */
static long write_extent(struct filemem *fm, struct extent *e, struct uio *u, u64 off, size_t *n)
{
    u32 from = (off >> PAGE_SHIFT) - e->page;
    u32 to = ((off + *n - 1) >> PAGE_SHIFT) - e->page + 1;
    u32 missing = count_missing(e, from, to);
    char *mem = (char *)page_ptr(e, off >> PAGE_SHIFT) + (off & ~PAGE_MASK);

    if (missing) {
        long end = charge_missing(fm, e, from, to);
        if (end < 0)
            return end;
        if ((u32)end < to) {
            to = end;
            *n = ((e->page + to) << PAGE_SHIFT) - off;
            missing = count_missing(e, from, to);
        }
    }
    long got =
        missing && missing == to - from ? fill_new(e, u, off, *n) : (long)uio_copy_in(mem, u, *n);
    if (missing) {
        u32 used = got > 0 ? ((off + got - 1) >> PAGE_SHIFT) - e->page + 1 : from;
        u32 new = count_missing(e, from, used);
        uncharge_quota(fm, missing - new);
        add_data(fm, e, from, used);
    }
    return got;
}

long filemem_write(struct filemem *fm, struct uio *u, u64 off, size_t n)
{
    size_t done = 0;
    long rc = 0;
    write_lock(&fm->lock);
    while (done < n) {
        u64 at = off + done;
        u64 end = PAGE_ALIGN(off + n) >> PAGE_SHIFT;
        long i = reserve(fm, at >> PAGE_SHIFT, end - (at >> PAGE_SHIFT));
        if (i < 0) {
            rc = i;
            break;
        }
        struct extent *e = extent_at(fm, i);
        size_t room = MIN(n - done, ((e->page + e->pages) << PAGE_SHIFT) - at);
        rc = write_extent(fm, e, u, at, &room);
        if (rc < 0)
            break;
        done += rc;
        if ((size_t)rc < room) {
            rc = -EFAULT;
            break;
        }
    }
    write_unlock(&fm->lock);
    return done || n == 0 ? (long)done : rc;
}

/* ---- sizes and holes -------------------------------------------------------- */

/* Clears bytes [off, off + n) of one page if it holds data. */
static void zero_part(struct filemem *fm, u64 off, size_t n)
{
    u64 page = off >> PAGE_SHIFT;
    struct extent *e = extent_at(fm, find(fm, page));
    if (n && e && e->page <= page && !count_missing(e, page - e->page, page - e->page + 1))
        memset((char *)page_ptr(e, page) + (off & ~PAGE_MASK), 0, n);
}

void filemem_truncate(struct filemem *fm, u64 size)
{
    u64 first = PAGE_ALIGN(size) >> PAGE_SHIFT;
    write_lock(&fm->lock);
    for (u32 i = fm->count; i-- > 0;) {
        struct extent *e = extent_at(fm, i);
        if (e->page + e->pages <= first)
            break;
        u32 keep = e->page < first ? first - e->page : 0;
        if (fm->mapped) {
            drop_data(fm, e, keep, e->pages);
        } else if (keep == 0) {
            extent_free(fm, e);
            fm->count = i;
        } else {
            u32 n = mark_pages(e, keep, e->pages, false);
            fm->pages -= n;
            uncharge(fm, n);
            pool_free(e->off + ((u64)keep << PAGE_SHIFT), (u64)(e->pages - keep) << PAGE_SHIFT);
            e->pages = keep;
        }
    }
    if (size & ~PAGE_MASK)
        zero_part(fm, size, PAGE_SIZE - (size & ~PAGE_MASK));
    write_unlock(&fm->lock);
}

void filemem_punch(struct filemem *fm, u64 off, u64 len)
{
    u64 end = off + len;
    u64 first = PAGE_ALIGN(off), last = ALIGN_DOWN(end, PAGE_SIZE);

    write_lock(&fm->lock);
    if (first > last) { /* within one page */
        zero_part(fm, off, len);
    } else {
        zero_part(fm, off, first - off);
        zero_part(fm, last, end - last);
    }
    first >>= PAGE_SHIFT;
    last >>= PAGE_SHIFT;
    for (u32 i = find(fm, first); i < fm->count && first < last; i++) {
        struct extent *e = extent_at(fm, i);
        if (e->page >= last)
            break;
        drop_data(fm, e, e->page < first ? first - e->page : 0,
                  MIN(e->page + e->pages, last) - e->page);
    }
    write_unlock(&fm->lock);
}

/* Could all of [page, end) get data?  What can't is refused before any of it is taken. */
static long may_allocate(struct filemem *fm, u64 page, u64 end)
{
    const struct filemem_quota *q = fm->quota;
    u64 missing = 0;

    for (u32 i = find(fm, page); page < end; i++) {
        struct extent *e = extent_at(fm, i);
        u64 from = e ? MAX(page, e->page) : end, to = e ? MIN(end, e->page + e->pages) : end;

        if (from >= end) {
            missing += end - page;
            break;
        }
        missing += from - page + count_missing(e, from - e->page, to - e->page);
        page = to;
    }
    if (q && q->max && READ_ONCE(q->used) + missing > q->max)
        return -ENOSPC;
    return pool_has(missing) ? 0 : -ENOSPC;
}

long filemem_allocate(struct filemem *fm, u64 off, u64 len)
{
    u64 page = off >> PAGE_SHIFT, end = PAGE_ALIGN(off + len) >> PAGE_SHIFT;
    write_lock(&fm->lock);
    long rc = may_allocate(fm, page, end);
    while (page < end && !rc) {
        long i = reserve(fm, page, end - page);
        if (i < 0) {
            rc = i;
            break;
        }
        struct extent *e = extent_at(fm, i);
        u32 from = page - e->page, to = MIN(end, e->page + e->pages) - e->page;
        rc = charge(fm, count_missing(e, from, to));
        if (!rc)
            add_data(fm, e, from, to);
        page = e->page + to;
    }
    write_unlock(&fm->lock);
    return rc;
}

s64 filemem_seek(struct filemem *fm, u64 off, u64 size, bool data)
{
    s64 found = data ? -ENXIO : (s64)size;
    if (off >= size)
        return -ENXIO;
    read_lock(&fm->lock);
    while (off < size) {
        const char *mem;
        size_t run = run_at(fm, off, size - off, &mem);
        if ((mem != NULL) == data) {
            found = off;
            break;
        }
        off += run;
    }
    read_unlock(&fm->lock);
    return found;
}

long filemem_extent(struct filemem *fm, u64 off, size_t len, u64 *pool_off, size_t *run)
{
    u64 page = off >> PAGE_SHIFT, end = PAGE_ALIGN(off + len) >> PAGE_SHIFT;
    long rc = 0;
    write_lock(&fm->lock);
    fm->mapped = true;
    long i = reserve(fm, page, end - page);
    if (i < 0) {
        rc = i;
        goto out;
    }
    struct extent *e = extent_at(fm, i);
    u32 from = page - e->page, to = MIN(end, e->page + e->pages) - e->page;
    u32 missing = count_missing(e, from, to);
    rc = missing ? pool_charge(missing) : 0;
    if (rc)
        goto out;
    /* Stores through the mapping are not seen here: every page may hold data from now on.
     * A sparse file may be mapped that is larger than its file system. */
    fm->mapped_pages += missing;
    add_data(fm, e, from, to);
    *pool_off = e->off + ((page - e->page) << PAGE_SHIFT);
    *run = (u64)(to - from) << PAGE_SHIFT;
out:
    write_unlock(&fm->lock);
    return rc;
}
