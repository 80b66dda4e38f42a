/* Memory of the kernel segment.
 *
 * The heap range starts with an array of one `struct page_info` per page (sparse: it
 * costs one page per megabyte in use), which grows down, the pages follow.  A run of pages is
 * either
 *   - free: in one of the lists by size, described at its first and last page;
 *   - large: handed out as a whole, its length at its first page;
 *   - a slab: objects of one size class.  Which are free is kept in the page_info of
 *     its first page and in the free objects themselves, so objects of a power of two
 *     fill their pages completely.
 * Never-used memory begins at `frontier`; it is zero, and is made present 64 KB at a
 * time because one host call is cheaper than sixteen page faults.
 *
 * Locks: one per size class for its slabs, `pages.lock` for runs.  A class lock may be
 * held while pages.lock is taken.
 *
 * Freed runs are kept for reuse as they are up to DIRTY_MAX pages; beyond that, and before
 * a save, their memory goes back to the host and they read as zero again.
 */
#include "kalloc.h"

#include "../../abi/boot.h"
#include "../../abi/host_abi.h"
#include "lib.h"
#include "lock.h"
#include "poison.h"

enum page_kind { PAGE_UNUSED, PAGE_FREE, PAGE_LARGE, PAGE_SLAB, PAGE_SLAB_TAIL };

/* Pages are numbered from the start of the heap range; number 0 means "none" (it is
 * occupied by this array itself). */
struct page_info {
    u8 kind;
    u8 class;       /* slab: size class; slab tail: distance to the first page; free: zeroed */
    u16 inuse;      /* slab: objects handed out */
    u32 next, prev; /* free: list of its size; slab: list of slabs with room */
    union {
        u32 len; /* free, large: pages in the run */
        struct {
            u16 free;  /* slab: first free object + 1, 0: none */
            u16 fresh; /* slab: objects from here on were never handed out */
        };
    };
};

#define HEAP_PAGES ((SEG_HEAP_END - SEG_HEAP) >> PAGE_SHIFT)
#define INFO_PAGES (HEAP_PAGES * sizeof(struct page_info) >> PAGE_SHIFT)
#define POPULATE   16 /* pages */
/* At the start of a page table, behind what is known of them: it is brought in together. */
#define FIRST_PAGE (ALIGN_UP(INFO_PAGES, 512) + 1)
#define WARM_END   (FIRST_PAGE - 1 + (SEG_HEAP_WARM_SIZE >> PAGE_SHIFT))
#define DIRTY_MAX  512u /* pages kept in free runs */
#define BINS       24

static struct {
    struct lock lock;
    u32 frontier;  /* first page never used */
    u32 populated; /* pages below are present */
    u32 dirty;     /* pages in free runs that were not given back */
    u32 bin[BINS]; /* free runs of 2^i .. 2^(i+1)-1 pages */
} pages = {.frontier = FIRST_PAGE, .populated = WARM_END};
_Static_assert(SEG_HEAP + ((FIRST_PAGE - 1) << PAGE_SHIFT) == SEG_HEAP_WARM,
               "the heap's first page");

static u64 used_pages; /* handed out or in slabs */

static const u16 class_size[] = {16,  32,  48,  64,  80,  96,  112, 128,  160,  192,  224,  256,
                                 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048};
#define CLASSES   ARRAY_SIZE(class_size)
#define SMALL_MAX 2048

static struct size_class {
    struct lock lock;
    u32 partial; /* slabs with room, linked by next/prev */
    u32 empties; /* of them without any object in use */
    u32 slabs;
} classes[CLASSES] __attribute__((aligned(64)));

static inline struct page_info *info(u32 page)
{
    return (struct page_info *)(SEG_BASE + SEG_HEAP + (FIRST_PAGE << PAGE_SHIFT)) -
           (page - FIRST_PAGE + 1);
}

static inline void *page_address(u32 page)
{
    return (void *)(SEG_BASE + SEG_HEAP + ((u64)page << PAGE_SHIFT));
}

static inline u32 page_of(const void *p)
{
    u64 off = (u64)p - (SEG_BASE + SEG_HEAP);

    ASSERT(off < SEG_HEAP_END - SEG_HEAP);
    return (u32)(off >> PAGE_SHIFT);
}

/* ---- doubly linked lists of pages ---------------------------------------- */

static void page_link(u32 *head, u32 page)
{
    info(page)->prev = 0;
    info(page)->next = *head;
    if (*head)
        info(*head)->prev = page;
    *head = page;
}

static void page_unlink(u32 *head, u32 page)
{
    struct page_info *i = info(page);

    if (i->prev)
        info(i->prev)->next = i->next;
    else
        *head = i->next;
    if (i->next)
        info(i->next)->prev = i->prev;
}

/* ---- runs (under pages.lock) ---------------------------------------------- */

static inline u32 bin_of(u32 len) { return 31 - (u32)__builtin_clz(len); }

static void run_insert(u32 page, u32 len, bool zeroed)
{
    struct page_info *first = info(page), *last = info(page + len - 1);

    last->kind = PAGE_FREE;
    last->len = len;
    first->kind = PAGE_FREE;
    first->class = zeroed;
    first->len = len;
    page_link(&pages.bin[bin_of(len)], page);
    if (!zeroed)
        pages.dirty += len;
}

static void run_take(u32 page)
{
    struct page_info *first = info(page);

    page_unlink(&pages.bin[bin_of(first->len)], page);
    if (!first->class)
        pages.dirty -= first->len;
    first->kind = PAGE_UNUSED;
    info(page + first->len - 1)->kind = PAGE_UNUSED;
}

/* A free run of at least len pages, off its list; 0 if there is none. */
static u32 run_find(u32 len, u32 *found, bool *zeroed)
{
    for (u32 b = bin_of(len); b < BINS; b++) {
        for (u32 page = pages.bin[b]; page; page = info(page)->next) {
            if (info(page)->len < len)
                continue;
            *found = info(page)->len;
            *zeroed = info(page)->class;
            run_take(page);
            return page;
        }
    }
    return 0;
}

/* The monitor has made them present; reading maps POPULATE of them at a time. */
static void map_warm(u32 page, u32 end)
{
    end = MIN(end, (u32)WARM_END);
    for (page = ALIGN_UP(page, POPULATE); page < end; page += POPULATE)
        (void)*(volatile char *)page_address(page);
}

static u32 frontier_take(u32 len)
{
    u32 page = pages.frontier;

    if (len > HEAP_PAGES - page)
        return 0;
    pages.frontier += len;
    if (page < WARM_END)
        map_warm(page, pages.frontier);
    if (pages.frontier > pages.populated) {
        if (len < POPULATE) {
            u32 start = MAX(page, pages.populated), n = MIN(POPULATE, HEAP_PAGES - start);
            host_discard((uintptr_t)page_address(start), (size_t)n << PAGE_SHIFT,
                         HOST_DISCARD_POPULATE_WRITE);
            pages.populated = start + n;
        } else {
            pages.populated = pages.frontier; /* large ones are touched by their user */
        }
    }
    return page;
}

/* Memory limit of the sandbox, as far as the segment is concerned. */
static bool over_limit(u32 len)
{
    u64 limit = ((struct boot_info *)(SEG_BASE + SEG_BOOT))->memory_limit;

    return limit && (used_pages + len) << PAGE_SHIFT > limit;
}

/* First page of a run of len pages, or 0. */
static u32 run_alloc(u32 len, bool *zeroed)
{
    u32 found = len, page = 0;

    lock(&pages.lock);
    if (!over_limit(len)) {
        *zeroed = true;
        page = run_find(len, &found, zeroed);
        if (!page)
            page = frontier_take(len);
        else if (found > len)
            run_insert(page + len, found - len, *zeroed);
        if (page)
            used_pages += len;
    }
    unlock(&pages.lock);
    return page;
}

static void run_free(u32 page, u32 len)
{
    bool zeroed = false;

    lock(&pages.lock);
    used_pages -= len;
    info(page)->kind = PAGE_UNUSED;
    if (info(page - 1)->kind == PAGE_FREE) {
        u32 before = info(page - 1)->len;
        page -= before;
        len += before;
        run_take(page);
    }
    if (page + len < pages.frontier && info(page + len)->kind == PAGE_FREE) {
        u32 after = info(page + len)->len;
        run_take(page + len);
        len += after;
    }
    if (pages.dirty + len > DIRTY_MAX) {
        zeroed = host_discard((uintptr_t)page_address(page), (size_t)len << PAGE_SHIFT,
                              HOST_DISCARD_HOLE) == 0;
    }
    run_insert(page, len, zeroed);
    unlock(&pages.lock);
}

/* ---- slabs (under the class's lock) ---------------------------------------- */

/* Few: a page of a slab is made present with the others, used or not.  An eighth is wasted at most.
 */
static inline u32 slab_pages(u32 class) { return class_size[class] > 1024 ? 2 : 1; }

static inline u32 slab_objects(u32 class)
{
    return (slab_pages(class) << PAGE_SHIFT) / class_size[class];
}

static u32 slab_new(u32 class)
{
    bool zeroed;
    u32 n = slab_pages(class), page = run_alloc(n, &zeroed);

    if (!page)
        return 0;
    *info(page) = (struct page_info){.kind = PAGE_SLAB, .class = (u8) class};
    for (u32 i = 1; i < n; i++)
        *info(page + i) = (struct page_info){.kind = PAGE_SLAB_TAIL, .class = (u8)i};
    page_link(&classes[class].partial, page);
    classes[class].empties++;
    classes[class].slabs++;
    POISON(page_address(page), (size_t)n << PAGE_SHIFT);
    return page;
}

static void slab_release(u32 page, u32 class)
{
    u32 n = slab_pages(class);

    page_unlink(&classes[class].partial, page);
    classes[class].empties--;
    classes[class].slabs--;
    for (u32 i = 1; i < n; i++)
        info(page + i)->kind = PAGE_UNUSED;
    UNPOISON(page_address(page), (size_t)n << PAGE_SHIFT);
    run_free(page, n);
}

static inline u32 class_of(size_t n)
{
    if (n <= 128)
        return n ? (u32)(n - 1) / 16 : 0;
    /* Four steps per doubling above 128. */
    u32 top = 31 - (u32)__builtin_clz((u32)n - 1);
    return 8 + (top - 7) * 4 + (((u32)n - 1) >> (top - 2)) - 4;
}

/* Objects of a class without room go where a larger one has some, or would have its first slab:
 * most sandboxes have a few objects of each size, and a page for each is a page of every copy's.
 * Without the locks, as it is right either way. */
static u32 class_with_room(u32 class)
{
    /* 64, 96, 512 or 1280 bytes, or itself. */
    static const u8 larger[CLASSES] = {3,  3,  3,  3,  5,  5,  6,  7,  8,  15, 15, 15,
                                       15, 15, 15, 15, 20, 20, 20, 20, 20, 21, 22, 23};
    u32 other = larger[class];

    if (READ_ONCE(classes[class].partial))
        return class;
    return READ_ONCE(classes[other].partial) || !READ_ONCE(classes[other].slabs) ? other : class;
}

static void *small_alloc(size_t n)
{
    u32 class = class_with_room(class_of(n));
    struct size_class *c = &classes[class];
    u32 size = class_size[class], index;
    char *p = NULL;

    lock(&c->lock);
    u32 page = c->partial ? c->partial : slab_new(class);
    if (page) {
        struct page_info *i = info(page);
        if (i->free) {
            index = i->free - 1u;
            p = (char *)page_address(page) + index * size;
            UNPOISON(p, 2);
            i->free = *(u16 *)p;
            POISON(p, 16);
        } else {
            index = i->fresh++;
            p = (char *)page_address(page) + index * size;
        }
        UNPOISON(p, n);
        if (i->inuse++ == 0)
            c->empties--;
        if (!i->free && i->fresh == slab_objects(class))
            page_unlink(&c->partial, page);
    }
    unlock(&c->lock);
    return p;
}

static void small_free(u32 page, char *p)
{
    struct page_info *i = info(page);
    struct size_class *c = &classes[i->class];
    u32 class = i->class, size = class_size[class];
    u32 index = (u32)(p - (char *)page_address(page)) / size;

    ASSERT((char *)page_address(page) + index * size == p);
    lock(&c->lock);
    ASSERT(i->inuse > 0);
    if (!i->free && i->fresh == slab_objects(class))
        page_link(&c->partial, page);
    UNPOISON(p, 2); /* the object may have been smaller than the link */
    *(u16 *)p = i->free;
    i->free = (u16)(index + 1);
    POISON(p, size);
    if (--i->inuse == 0 && ++c->empties > 1)
        slab_release(page, class);
    unlock(&c->lock);
}

/* Slabs without any object in use, which are kept for the next one. */
static void trim_slabs(struct size_class *c, u32 class)
{
    lock(&c->lock);
    for (u32 page = c->partial, next; page && c->empties; page = next) {
        next = info(page)->next;
        if (!info(page)->inuse)
            slab_release(page, class);
    }
    unlock(&c->lock);
}

void kalloc_trim(void)
{
    for (u32 i = 0; i < CLASSES; i++)
        trim_slabs(&classes[i], i);
    lock(&pages.lock);
    for (u32 b = 0; b < BINS; b++) {
        for (u32 page = pages.bin[b]; page; page = info(page)->next) {
            struct page_info *i = info(page);
            if (i->class || host_discard((uintptr_t)page_address(page),
                                         (size_t)i->len << PAGE_SHIFT, HOST_DISCARD_HOLE))
                continue;
            i->class = true;
            pages.dirty -= i->len;
        }
    }
    unlock(&pages.lock);
}

/* ---- the interface --------------------------------------------------------- */

static void *large_alloc(size_t n, bool *zeroed)
{
    u64 len = PAGE_ALIGN(n) >> PAGE_SHIFT;

    if (len == 0 || len >= HEAP_PAGES)
        return NULL;
    u32 page = run_alloc((u32)len, zeroed);
    if (!page)
        return NULL;
    *info(page) = (struct page_info){.kind = PAGE_LARGE, .len = (u32)len};
    return page_address(page);
}

void *kmalloc(size_t n)
{
    bool zeroed;

    return likely(n <= SMALL_MAX) ? small_alloc(n) : large_alloc(n, &zeroed);
}

void *kzalloc(size_t n)
{
    bool zeroed = false;
    void *p = likely(n <= SMALL_MAX) ? small_alloc(n) : large_alloc(n, &zeroed);

    if (p && !zeroed)
        memset(p, 0, n);
    return p;
}

void kfree(void *p)
{
    if (!p)
        return;
    u32 page = page_of(p);
    if (info(page)->kind == PAGE_SLAB_TAIL)
        page -= info(page)->class;
    if (likely(info(page)->kind == PAGE_SLAB)) {
        small_free(page, p);
    } else {
        ASSERT(info(page)->kind == PAGE_LARGE && p == page_address(page));
        run_free(page, info(page)->len);
    }
}

/* Bytes that can be used at p. */
static size_t size_of(void *p)
{
    u32 page = page_of(p);

    if (info(page)->kind == PAGE_SLAB_TAIL)
        page -= info(page)->class;
    return info(page)->kind == PAGE_SLAB ? class_size[info(page)->class]
                                         : (size_t)info(page)->len << PAGE_SHIFT;
}

void *krealloc(void *p, size_t n)
{
    if (!p)
        return kmalloc(n);
    size_t old = size_of(p);
    if (n <= old && n > old / 2) {
        UNPOISON(p, n);
        return p;
    }
    void *q = kmalloc(n);
    if (!q)
        return NULL;
    UNPOISON(p, MIN(n, old)); /* the tail of its class may be copied too */
    memcpy(q, p, MIN(n, old));
    kfree(p);
    return q;
}

char *kstrdup(const char *s) { return kstrndup(s, strlen(s)); }

char *kstrndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *p = kmalloc(len + 1);

    if (p) {
        memcpy(p, s, len);
        p[len] = 0;
    }
    return p;
}

void *kpages_alloc(size_t n)
{
    bool zeroed;

    return large_alloc(n, &zeroed);
}

void kpages_free(void *p, size_t n)
{
    if (p)
        kfree(p);
}

u64 kalloc_used(void) { return __atomic_load_n(&used_pages, __ATOMIC_RELAXED) << PAGE_SHIFT; }
