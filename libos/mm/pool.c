/* The page pool: contiguous ranges of one large, sparse, shared memory object.
 *
 * Free space is kept as ranges only (never as pages): a treap ordered by address whose
 * nodes know the longest range below them, so that first fit takes a logarithmic number of
 * steps and neighbours merge when they are freed.  An untouched range costs one node.
 *
 * A freed range is given back to the host with a hole, so that its pages are zero when they
 * are next used.  Small ranges come and go quickly (temporary files): a few of each size
 * wait dirty in `recent` and are cleared by hand when reused, which spares the host call
 * and the page faults after it.
 *
 * Locking: pool.lock guards everything; it is taken with no other lock below it than
 * kalloc's.  Host calls and clearing happen outside it, on ranges nobody else can see.
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

#define RECENT_CLASSES 5 /* 1, 2, 4, 8, 16 pages */
#define RECENT_DEPTH   32
#define FIRST_PAGE     16u /* offset 0 is never handed out */

static struct {
    struct lock lock;
    bool ready;
    u32 seed;
    u64 charged; /* pages that hold data */
    struct range *root;
    u32 recent[RECENT_CLASSES][RECENT_DEPTH];
    u32 recent_count[RECENT_CLASSES];
} pool;

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

long pool_alloc(size_t len, u64 *offset)
{
    u64 pages = PAGE_ALIGN(len) >> PAGE_SHIFT;
    struct range *emptied = NULL;
    bool dirty = false;
    u32 start = 0;

    if (len == 0 || len > POOL_SIZE)
        return -ENOMEM;
    int class = class_of(pages);
    lock(&pool.lock);
    if (!pool.ready) {
        add_range(FIRST_PAGE, (POOL_SIZE >> PAGE_SHIFT) - FIRST_PAGE);
        pool.ready = true;
    }
    if (class >= 0 && pool.recent_count[class]) {
        start = pool.recent[class][--pool.recent_count[class]];
        dirty = true;
    } else if (best_of(pool.root) >= pages) {
        start = take_pages(&pool.root, pages, &emptied);
    }
    unlock(&pool.lock);
    kfree(emptied);
    if (start == 0)
        return -ENOMEM;
    *offset = (u64)start << PAGE_SHIFT;
    if (dirty)
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
        bool kept = pool.recent_count[class] < RECENT_DEPTH;
        if (kept)
            pool.recent[class][pool.recent_count[class]++] = start;
        unlock(&pool.lock);
        if (kept)
            return;
    }
    host_discard(POOL_BASE + offset, pages << PAGE_SHIFT, HOST_DISCARD_HOLE);
    lock(&pool.lock);
    add_range(start, pages);
    unlock(&pool.lock);
}

long pool_charge(u64 pages)
{
    u64 used = __atomic_add_fetch(&pool.charged, pages, __ATOMIC_RELAXED);
    u64 limit = boot()->memory_limit;
    if (limit && (used << PAGE_SHIFT) + kalloc_used() > limit) {
        pool_uncharge(pages);
        return -ENOMEM;
    }
    return 0;
}

void pool_uncharge(u64 pages) { __atomic_sub_fetch(&pool.charged, pages, __ATOMIC_RELAXED); }

u64 pool_used(void) { return __atomic_load_n(&pool.charged, __ATOMIC_RELAXED) << PAGE_SHIFT; }
