/* The page pool: contiguous ranges of one large, sparse, shared memory object.
 *
 * Free space is kept as ranges only (never as pages): a treap ordered by address whose
 * nodes know the longest range below them, so that first fit takes a logarithmic number of
 * steps and neighbours merge when they are freed.  An untouched range costs one node.
 *
 * A freed range is given back to the host with a hole, so that its pages are zero when they
 * are next used.  Small ranges (1, 2, 4, 8 or 16 pages) come and go quickly with temporary
 * files: up to 256 pages of each size wait in `recent`, and are cleared by hand when reused,
 * which spares the host call and the page faults after it.  When they are too many, half of
 * them go back, in order of address and so with few host calls.  When there are none, 16
 * pages are got ready with one host call.
 *
 * Locking: pool.lock guards everything; it is taken with no other lock below it than
 * kalloc's.  Holes are made and pages cleared outside it, on ranges nobody else can see.
 */
#include <linux/errno.h>

#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "thread.h"

struct range {
    struct range *left, *right;
    u32 start, pages; /* in pages from POOL_BASE */
    u32 best;         /* longest range in this subtree */
    u32 priority;
};

#define RECENT_CLASSES 5
#define RECENT_PAGES   256u /* of each class */
#define REFILL_PAGES   16u
#define FIRST_PAGE     16u /* offset 0 is never handed out */

static struct {
    struct lock lock;
    bool ready;
    u32 seed;
    u64 charged; /* pages that hold data */
    struct range *root;
} pool;

static struct recent {
    u32 count;
    u32 start[RECENT_PAGES];           /* first page * 2, + 1 if the pages are zero */
} recent[RECENT_CLASSES] SPARSE_TABLE; /* under pool.lock */

static u32 best_of(const struct range *r) { return r ? r->best : 0; }

static void update(struct range *r)
{
    r->best = MAX(r->pages, MAX(best_of(r->left), best_of(r->right)));
}

/* Every start in l is below every start in r. */
static struct range *merge(struct range *l, struct range *r)
{
    if (!l || !r)
        return l ? l : r;
    if (l->priority > r->priority) {
        l->right = merge(l->right, r);
        update(l);
        return l;
    }
    r->left = merge(l, r->left);
    update(r);
    return r;
}

/* Starts below `at` go to *l, the others to *r. */
static void split(struct range *t, u32 at, struct range **l, struct range **r)
{
    if (!t) {
        *l = *r = NULL;
    } else if (t->start < at) {
        split(t->right, at, &t->right, r);
        update(t);
        *l = t;
    } else {
        split(t->left, at, l, &t->left);
        update(t);
        *r = t;
    }
}

/* Takes the range that ends at (last) or starts at (first) an address off the tree. */
static struct range *take_last_ending(struct range **t, u32 end)
{
    struct range *r = *t;
    if (!r)
        return NULL;
    if (r->right) {
        struct range *found = take_last_ending(&r->right, end);
        update(r);
        return found;
    }
    if (r->start + r->pages != end)
        return NULL;
    *t = r->left;
    return r;
}

static struct range *take_first_starting(struct range **t, u32 start)
{
    struct range *r = *t;
    if (!r)
        return NULL;
    if (r->left) {
        struct range *found = take_first_starting(&r->left, start);
        update(r);
        return found;
    }
    if (r->start != start)
        return NULL;
    *t = r->right;
    return r;
}

/* First fit; the caller knows that there is one. */
static u32 take_pages(struct range **t, u32 pages, struct range **emptied)
{
    struct range *r = *t;
    u32 start;
    if (best_of(r->left) >= pages) {
        start = take_pages(&r->left, pages, emptied);
    } else if (r->pages >= pages) {
        start = r->start;
        r->start += pages;
        r->pages -= pages;
        if (r->pages == 0) {
            *emptied = r;
            *t = merge(r->left, r->right);
            return start;
        }
    } else {
        start = take_pages(&r->right, pages, emptied);
    }
    update(r);
    return start;
}

static u32 next_priority(void)
{
    pool.seed = pool.seed * 1664525u + 1013904223u;
    return pool.seed;
}

/* Under the lock.  Without memory for a node the range is lost, not the sandbox. */
static void add_range(u32 start, u32 pages)
{
    struct range *below, *above;
    split(pool.root, start, &below, &above);
    struct range *r = take_last_ending(&below, start);
    struct range *next = take_first_starting(&above, start + pages);
    if (next && r) {
        r->pages += next->pages;
        kfree(next);
    } else if (next) {
        r = next;
        r->start = start;
    } else if (!r) {
        r = kmalloc(sizeof(*r));
        if (r) {
            r->start = start;
            r->pages = 0;
            r->priority = next_priority();
        }
    }
    if (r) {
        r->pages += pages;
        r->left = r->right = NULL;
        update(r);
    }
    pool.root = merge(merge(below, r), above);
}

static int class_of(u64 pages)
{
    return pages <= 16 && (pages & (pages - 1)) == 0 ? __builtin_ctzl(pages) : -1;
}

/* ---- recently freed ranges ------------------------------------------------------ */

static void sort(u32 *a, u32 n)
{
    for (u32 i = 1; i < n; i++) {
        u32 v = a[i], j = i;
        for (; j > 0 && a[j - 1] > v; j--)
            a[j] = a[j - 1];
        a[j] = v;
    }
}

/* Gives the upper half of a full class back.  Returns with the lock held, but lets go of it. */
static void flush_half(int class)
{
    struct recent *r = &recent[class];
    u32 taken[RECENT_PAGES / 2], n = r->count / 2, pages = 1u << class;

    sort(r->start, r->count); /* low addresses stay: they are what first fit hands out */
    r->count -= n;
    memcpy(taken, r->start + r->count, n * sizeof(*taken));
    unlock(&pool.lock);
    for (u32 i = 0; i < n;) {
        u32 start = taken[i] >> 1, end = start;
        for (; i < n && taken[i] >> 1 == end; i++)
            end += pages;
        host_discard(POOL_BASE + ((u64)start << PAGE_SHIFT), (u64)(end - start) << PAGE_SHIFT,
                     HOST_DISCARD_HOLE);
        lock(&pool.lock);
        add_range(start, end - start);
        unlock(&pool.lock);
    }
    lock(&pool.lock);
}

static void keep_recent(int class, u32 start)
{
    struct recent *r = &recent[class];
    while (r->count == RECENT_PAGES >> class)
        flush_half(class);
    r->start[r->count++] = start * 2;
}

/* From `recent`, after getting some pages ready if need be; 0: none. */
static u32 take_recent(int class, bool *zero)
{
    struct recent *r = &recent[class];
    struct range *emptied = NULL;
    if (r->count == 0 && class < RECENT_CLASSES - 1 && best_of(pool.root) >= REFILL_PAGES) {
        u32 start = take_pages(&pool.root, REFILL_PAGES, &emptied);
        kfree(emptied);
        host_discard(POOL_BASE + ((u64)start << PAGE_SHIFT), REFILL_PAGES << PAGE_SHIFT,
                     HOST_DISCARD_POPULATE_WRITE);
        for (u32 at = REFILL_PAGES; at > 0; at -= 1u << class)
            r->start[r->count++] = (start + at - (1u << class)) * 2 + 1;
    }
    if (r->count == 0)
        return 0;
    u32 v = r->start[--r->count];
    *zero = v & 1;
    return v >> 1;
}

/* ---- the interface -------------------------------------------------------------------- */

static void make_ready(void)
{
    if (pool.ready)
        return;
    add_range(FIRST_PAGE, (POOL_SIZE >> PAGE_SHIFT) - FIRST_PAGE);
    pool.ready = true;
}

long pool_alloc(size_t len, u64 *offset)
{
    u64 pages = PAGE_ALIGN(len) >> PAGE_SHIFT;
    struct range *emptied = NULL;
    bool zero = true;
    u32 start = 0;

    if (len == 0 || len > POOL_SIZE)
        return -ENOMEM;
    int class = class_of(pages);
    lock(&pool.lock);
    make_ready();
    if (class >= 0)
        start = take_recent(class, &zero);
    if (start == 0 && best_of(pool.root) >= pages)
        start = take_pages(&pool.root, pages, &emptied);
    unlock(&pool.lock);
    kfree(emptied);
    if (start == 0)
        return -ENOMEM;
    *offset = (u64)start << PAGE_SHIFT;
    if (!zero)
        memset(pool_ptr(*offset), 0, pages << PAGE_SHIFT);
    return 0;
}

void pool_free(u64 offset, size_t len)
{
    u64 pages = PAGE_ALIGN(len) >> PAGE_SHIFT;
    u32 start = offset >> PAGE_SHIFT;
    int class = class_of(pages);

    if (class >= 0) {
        lock(&pool.lock);
        keep_recent(class, start);
        unlock(&pool.lock);
        return;
    }
    host_discard(POOL_BASE + offset, pages << PAGE_SHIFT, HOST_DISCARD_HOLE);
    lock(&pool.lock);
    add_range(start, pages);
    unlock(&pool.lock);
}

static bool exceeds_limit(u64 used)
{
    u64 limit = boot()->memory_limit;

    return limit && (used << PAGE_SHIFT) + kalloc_used() > limit;
}

long pool_charge(u64 pages)
{
    if (exceeds_limit(__atomic_add_fetch(&pool.charged, pages, __ATOMIC_RELAXED))) {
        pool_uncharge(pages);
        return -ENOMEM;
    }
    return 0;
}

bool pool_has(u64 pages)
{
    u64 used = __atomic_load_n(&pool.charged, __ATOMIC_RELAXED) + pages;

    return used <= POOL_SIZE >> PAGE_SHIFT && !exceeds_limit(used);
}

void pool_uncharge(u64 pages) { __atomic_sub_fetch(&pool.charged, pages, __ATOMIC_RELAXED); }

u64 pool_used(void) { return __atomic_load_n(&pool.charged, __ATOMIC_RELAXED) << PAGE_SHIFT; }
