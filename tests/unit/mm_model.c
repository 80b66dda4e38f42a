/* Random mmap/munmap/mprotect/mremap against a model with one entry per page.
 *
 * The host calls are replaced by ones that keep an array of host pages; after every
 * operation the VMA tree, the host's pages and the model must tell the same story, and
 * the tree's own invariants (order, heap order, spans, gaps, counters) must hold.
 */
#include <linux/mman.h>

#include "../../libos/mm/internal.h"
#include "lib.h"
#include "proc.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "vfs.h"

/* The C library's headers and Linux's do not go together. */
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void free(void *p);
int rand(void);
void srand(unsigned seed);
int atoi(const char *s);
int puts(const char *s);
_Noreturn void abort(void);
void *mmap(void *addr, size_t len, int prot, int flags, int fd, long off);
#define assert ASSERT

#define BASE   0x10000000UL
#define PAGES  512

struct page {
    bool mapped;
    u32 prot;
    int content; /* what was written last, 0: nothing */
};
static struct page model[PAGES], host[PAGES];
static u32 host_calls;

__thread struct thread *hosted_current;
static struct boot_info *boot_page;

static size_t index_of(uptr a)
{
    assert(a >= BASE && a <= BASE + PAGES * PAGE_SIZE);
    return (a - BASE) / PAGE_SIZE;
}

long host_map(uintptr_t addr, size_t len, int prot, int flags, int handle, uint64_t offset)
{
    host_calls++;
    for (size_t i = 0; i < len / PAGE_SIZE; i++)
        host[index_of(addr) + i] = (struct page){true, prot, 0};
    return 0;
}
long host_unmap(uintptr_t addr, size_t len)
{
    host_calls++;
    for (size_t i = 0; i < len / PAGE_SIZE; i++)
        host[index_of(addr) + i] = (struct page){false, 0, 0};
    return 0;
}
long host_protect(uintptr_t addr, size_t len, int prot)
{
    host_calls++;
    for (size_t i = 0; i < len / PAGE_SIZE; i++) {
        assert(host[index_of(addr) + i].mapped);
        host[index_of(addr) + i].prot = prot;
    }
    return 0;
}
long host_discard(uintptr_t addr, size_t len, int how) { return 0; }
long host_move(uintptr_t old, size_t old_len, size_t new_len, uintptr_t to, int keep)
{
    struct page moved[PAGES];
    size_t n = old_len / PAGE_SIZE, i;

    host_calls++;
    for (i = 0; i < n; i++) {
        moved[i] = host[index_of(old) + i];
        assert(moved[i].mapped && moved[i].prot == moved[0].prot);
        host[index_of(old) + i] = (struct page){keep, keep ? moved[i].prot : 0, 0};
    }
    for (i = 0; i < new_len / PAGE_SIZE; i++)
        host[index_of(to) + i] = i < n ? moved[i] : (struct page){true, moved[0].prot, 0};
    return (long)to;
}
void random_bytes(void *buf, size_t len) { memset(buf, 0, len); }
void *kmalloc(size_t n) { return malloc(n); }
void *kzalloc(size_t n) { return calloc(1, n); }
void kfree(void *p) { free(p); }
void lock_slow(struct lock *l) { abort(); }
void unlock_slow(struct lock *l) { abort(); }
void panic(const char *fmt, ...)
{
    puts(fmt);
    abort();
}
bool capable(int cap) { return true; }
void file_put(struct file *f) {}
u64 pool_used(void) { return 0; }
struct filemem *inode_filemem(struct inode *i) { return NULL; }
long filemem_extent(struct filemem *fm, u64 off, size_t len, u64 *at, size_t *run) { return -1; }
int erofs_place(u64 *at) { return -1; }
struct sites *sites_copy(const struct sites *old) { return NULL; }
void sites_free(struct sites *s) {}
void aio_exit(struct mm *mm) {}
struct file *memfd_file_new(const char *name, u64 size, u32 flags) { return NULL; }

/* Checks a subtree; its number of nodes. */
static u32 check_node(const struct vma *v, u64 *total)
{
    uptr min, max, gap = 0;
    u32 n;

    if (!v)
        return 0;
    assert(v->start < v->end);
    n = 1 + check_node(v->left, total) + check_node(v->right, total);
    min = v->left ? v->left->subtree_min : v->start;
    max = v->right ? v->right->subtree_max : v->end;
    if (v->left) {
        assert(v->left->priority <= v->priority && v->left->subtree_max <= v->start);
        gap = MAX(v->left->subtree_gap, v->start - v->left->subtree_max);
    }
    if (v->right) {
        assert(v->right->priority <= v->priority && v->right->subtree_min >= v->end);
        gap = MAX(gap, MAX(v->right->subtree_gap, v->right->subtree_min - v->end));
    }
    assert(v->subtree_min == min && v->subtree_max == max && v->subtree_gap == gap);
    *total += v->end - v->start;
    return n;
}

static void check_all(struct mm *mm)
{
    u64 total = 0;
    u32 runs = 0;

    assert(check_node(mm->root, &total) == mm->count);
    assert(total == mm->total);
    for (size_t i = 0; i < PAGES; i++) {
        struct vma *v = vma_find(mm, BASE + i * PAGE_SIZE);

        assert(!!v == model[i].mapped && host[i].mapped == model[i].mapped);
        if (v)
            assert(v->prot == model[i].prot && host[i].prot == model[i].prot &&
                   host[i].content == model[i].content);
        if (model[i].mapped && (!i || !model[i - 1].mapped || model[i - 1].prot != model[i].prot))
            runs++;
    }
    assert(runs == mm->count); /* alike neighbours are joined */
}

/* The highest hole of n pages, by looking at every page. */
static uptr model_gap(size_t n, bool high)
{
    uptr found = 0;

    for (size_t i = 0; i + n <= PAGES; i++) {
        size_t j = 0;

        while (j < n && !model[i + j].mapped)
            j++;
        if (j < n)
            continue;
        found = BASE + i * PAGE_SIZE;
        if (!high)
            break;
    }
    return found;
}

static void model_set(size_t at, size_t n, bool mapped, u32 prot)
{
    for (size_t i = at; i < at + n; i++)
        model[i] = (struct page){mapped, mapped ? prot : 0, 0};
}

static void do_protect(struct mm *mm, size_t at, size_t n, u32 prot)
{
    long rc = mm_protect(mm, BASE + at * PAGE_SIZE, n * PAGE_SIZE, prot);
    size_t i;

    for (i = at; i < at + n && model[i].mapped; i++)
        model[i].prot = prot;
    assert(rc == (i == at + n ? 0 : -12));
}

/* Pages [at, at + n) to `to`, as n2 pages. */
static void model_move(size_t at, size_t n, size_t n2, size_t to)
{
    struct page moved[PAGES];

    for (size_t i = 0; i < n; i++)
        moved[i] = model[at + i];
    model_set(at, n, false, 0);
    for (size_t i = 0; i < n2; i++)
        model[to + i] = i < n ? moved[i] : (struct page){true, moved[0].prot, 0};
}

static bool one_vma(size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++) {
        if (!model[i].mapped || model[i].prot != model[at].prot)
            return false;
    }
    return true;
}

static void do_remap(size_t at, size_t n)
{
    size_t n2 = 1 + (size_t)rand() % 20, to = (size_t)rand() % (PAGES - n2), i;
    bool fixed = rand() % 2, overlap = at < to + n2 && to<at + n, room = n2> n && at + n2 <= PAGES;
    uptr from = BASE + at * PAGE_SIZE;
    long rc;

    for (i = at + n; room && i < at + n2; i++)
        room = !model[i].mapped;
    if (!fixed && n2 > n && !room) /* where the kernel would move it the model cannot follow */
        return;
    rc = sys_mremap(from, n * PAGE_SIZE, n2 * PAGE_SIZE,
                    MREMAP_MAYMOVE | (fixed ? MREMAP_FIXED : 0), BASE + to * PAGE_SIZE);
    if (fixed && overlap) {
        assert(rc == -22);
    } else if (!one_vma(at, n)) {
        assert(rc == -14);
    } else if (fixed) {
        assert(rc == (long)(BASE + to * PAGE_SIZE));
        if (n2 < n)
            model_set(at + n2, n - n2, false, 0);
        model_move(at, MIN(n, n2), n2, to);
    } else {
        assert(rc == (long)from);
        if (n2 < n)
            model_set(at + n2, n - n2, false, 0);
        for (i = at + n; i < at + n2; i++)
            model[i] = (struct page){true, model[at].prot, 0};
    }
}

static void step(struct mm *mm)
{
    size_t n = 1 + (size_t)rand() % 20, at = (size_t)rand() % (PAGES - n);
    uptr addr = BASE + at * PAGE_SIZE, want;
    u32 prot = (u32)rand() % 4, before = host_calls;
    const u32 anon = MAP_PRIVATE | MAP_ANONYMOUS;
    long rc;

    switch (rand() % 8) {
    case 0:
        rc = mm_map(mm, addr, n * PAGE_SIZE, prot, anon | MAP_FIXED, NULL, 0, NULL);
        assert(rc == (long)addr);
        model_set(at, n, true, prot);
        break;
    case 1:
        want = model_gap(n, true);
        assert(vma_gap_low(mm, n * PAGE_SIZE, BASE, BASE + PAGES * PAGE_SIZE) ==
               model_gap(n, false));
        if (!want)
            break;
        assert(vma_gap_high(mm, n * PAGE_SIZE, BASE, BASE + PAGES * PAGE_SIZE) == want);
        rc = mm_map(mm, want, n * PAGE_SIZE, prot, anon, NULL, 0, NULL);
        assert(rc == (long)want);
        model_set(index_of(want), n, true, prot);
        break;
    case 2:
    case 3:
        assert(mm_unmap(mm, addr, n * PAGE_SIZE) == 0);
        model_set(at, n, false, 0);
        break;
    case 4:
        if (model[at].mapped)
            model[at].content = host[at].content = rand();
        break;
    case 5:
        do_remap(at, n);
        before = host_calls - (host_calls - before > 1 ? 1 : 0); /* shrinking and moving: two */
        break;
    default:
        do_protect(mm, at, n, prot);
        break;
    }
    assert(host_calls - before <= 1);
}

int main(int argc, char **argv)
{
    static struct thread thread;
    static struct process process;
    struct mm *mm, *copy;

    boot_page = mmap((void *)SEG_BASE, sizeof(struct boot_info), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert(boot_page == boot());
    memset(process.rlimits, 0xff, sizeof(process.rlimits));
    thread.proc = &process;
    hosted_current = &thread;
    process.mm = mm = mm_new();
    srand(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
    for (int i = 0; i < 20000; i++) {
        step(mm);
        check_all(mm);
    }
    copy = mm_copy(mm);
    check_all(copy);
    mm_put(copy);
    mm_put(mm);
    puts("ok");
    return 0;
}
