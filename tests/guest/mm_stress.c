/* Random operations on an arena of pages against a model: private memory and shared
 * pieces of a memfd, moved, protected, given back; contents and /proc/self/maps must agree.
 * Threads do the same in arenas of their own at the same time. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define P       4096UL
#define PAGES   64
#define STEPS   3000
#define THREADS 3

struct page {
    int mapped, prot, shared;
    uint32_t content; /* first word */
    size_t file_page; /* if shared */
};

struct arena {
    char *base;
    int fd;
    unsigned seed;
    struct page page[PAGES];
    uint32_t file[PAGES]; /* contents of the memfd's pages */
};

static unsigned any(struct arena *a, unsigned n) { return (unsigned)rand_r(&a->seed) % n; }

static uint32_t *word(struct arena *a, size_t i) { return (uint32_t *)(a->base + i * P); }

static uint32_t expected(struct arena *a, size_t i)
{
    struct page *p = &a->page[i];

    return p->shared ? a->file[p->file_page] : p->content;
}

static void map_private(struct arena *a, size_t at, size_t n, int prot)
{
    CHECK(mmap(a->base + at * P, n * P, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          a->base + at * P);
    for (size_t i = at; i < at + n; i++)
        a->page[i] = (struct page){.mapped = 1, .prot = prot};
}

static void map_shared(struct arena *a, size_t at, size_t n, int prot)
{
    size_t from = any(a, (unsigned)(PAGES - n + 1));

    CHECK(mmap(a->base + at * P, n * P, prot, MAP_SHARED | MAP_FIXED, a->fd, (off_t)(from * P)) ==
          a->base + at * P);
    for (size_t i = 0; i < n; i++)
        a->page[at + i] = (struct page){1, prot, 1, 0, from + i};
}

static void protect(struct arena *a, size_t at, size_t n, int prot)
{
    int rc = mprotect(a->base + at * P, n * P, prot);
    size_t i;

    for (i = at; i < at + n && a->page[i].mapped; i++)
        a->page[i].prot = prot;
    CHECK(rc == (i == at + n ? 0 : -1));
}

static void discard(struct arena *a, size_t at, size_t n)
{
    int holes = 0;

    for (size_t i = at; i < at + n; i++)
        holes |= !a->page[i].mapped;
    CHECK(madvise(a->base + at * P, n * P, MADV_DONTNEED) == (holes ? -1 : 0));
    for (size_t i = at; i < at + n; i++)
        a->page[i].content = 0;
}

static int movable(struct arena *a, size_t at, size_t n)
{
    struct page *p = a->page;

    for (size_t i = at; i < at + n; i++) {
        if (!p[i].mapped || p[i].prot != p[at].prot || p[i].shared != p[at].shared)
            return 0;
        if (p[i].shared && p[i].file_page != p[at].file_page + (i - at))
            return 0;
    }
    return 1;
}

static void move(struct arena *a, size_t at, size_t n)
{
    size_t to = any(a, (unsigned)(PAGES - n));
    struct page moved[PAGES];
    void *rc;

    if (!movable(a, at, n) || (at < to + n && to < at + n))
        return;
    rc = mremap(a->base + at * P, n * P, n * P, MREMAP_MAYMOVE | MREMAP_FIXED, a->base + to * P);
    if (rc == MAP_FAILED && errno == EFAULT) /* pieces the kernel did not join */
        return;
    CHECK(rc == a->base + to * P);
    memcpy(moved, a->page + at, n * sizeof(moved[0]));
    memset(a->page + at, 0, n * sizeof(moved[0]));
    memcpy(a->page + to, moved, n * sizeof(moved[0]));
}

static void check_contents(struct arena *a)
{
    for (size_t i = 0; i < PAGES; i++) {
        struct page *p = &a->page[i];

        if (p->mapped && (p->prot & PROT_READ))
            CHECK(*word(a, i) == expected(a, i));
    }
}

static void write_some(struct arena *a)
{
    size_t i = any(a, PAGES);
    struct page *p = &a->page[i];
    uint32_t value = (uint32_t)rand_r(&a->seed);

    if (!p->mapped || p->prot != (PROT_READ | PROT_WRITE))
        return;
    *word(a, i) = value;
    if (p->shared)
        a->file[p->file_page] = value;
    else
        p->content = value;
}

static void step(struct arena *a)
{
    static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
                                PROT_READ | PROT_WRITE};
    size_t n = 1 + any(a, 12), at = any(a, (unsigned)(PAGES - n));
    int prot = prots[any(a, 4)];

    switch (any(a, 12)) {
    case 0:
    case 1:
        map_private(a, at, n, prot);
        break;
    case 2:
        map_shared(a, at, n, prot);
        break;
    case 3:
        CHECK(munmap(a->base + at * P, n * P) == 0);
        memset(a->page + at, 0, n * sizeof(a->page[0]));
        break;
    case 4:
    case 5:
        protect(a, at, n, prot);
        break;
    case 6:
        discard(a, at, n);
        break;
    case 7:
        move(a, at, n);
        break;
    default:
        for (int i = 0; i < 5; i++)
            write_some(a);
    }
}

/* Pages of the arena as /proc/self/maps lists them. */
static void check_maps(struct arena *a)
{
    char line[512], perm[8];
    unsigned long from, to, covered = 0, mapped = 0;
    FILE *f = fopen("/proc/self/maps", "r");

    for (size_t i = 0; i < PAGES; i++)
        mapped += (unsigned long)a->page[i].mapped;
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, perm) != 3)
            continue;
        for (unsigned long at = from; at < to; at += P) {
            size_t i = (at - (uintptr_t)a->base) / P;
            struct page *p = &a->page[i];

            if (at < (uintptr_t)a->base || i >= PAGES)
                continue;
            covered++;
            CHECK(p->mapped && (perm[0] == 'r') == !!(p->prot & PROT_READ) &&
                  (perm[1] == 'w') == !!(p->prot & PROT_WRITE) && (perm[3] == 's') == p->shared);
        }
    }
    fclose(f);
    CHECK(covered == mapped);
}

static void *run(void *arg)
{
    struct arena *a = arg;

    for (int i = 0; i < STEPS && !check_failures; i++) {
        step(a);
        if (i % 8 == 0)
            check_contents(a);
        if (i % 256 == 0)
            check_maps(a);
    }
    return NULL;
}

static void start(struct arena *a, unsigned seed)
{
    memset(a, 0, sizeof(*a));
    a->seed = seed;
    a->fd = memfd_create("arena", 0);
    CHECK(ftruncate(a->fd, PAGES * P) == 0);
    /* A page of guard on both sides keeps arenas of threads apart. */
    a->base = mmap(NULL, (PAGES + 2) * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    a->base += P;
    munmap(a->base, PAGES * P);
    map_private(a, 0, PAGES, PROT_READ | PROT_WRITE);
}

int main(void)
{
    static struct arena arena[THREADS];
    pthread_t t[THREADS];
    int status;

    for (unsigned i = 0; i < THREADS; i++)
        start(&arena[i], 77 + i);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, run, &arena[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    /* A child goes on from the same state; what it does to private memory is its own. */
    for (int i = 0; i < 3; i++) {
        if (!fork()) {
            for (int k = 0; k < THREADS; k++)
                arena[k].seed += (unsigned)i;
            check_contents(&arena[i]);
            for (size_t k = 0; k < PAGES; k++) { /* the file is the parent's too: leave it */
                if (arena[i].page[k].shared) {
                    munmap(arena[i].base + k * P, P);
                    memset(&arena[i].page[k], 0, sizeof(struct page));
                }
            }
            close(arena[i].fd);
            arena[i].fd = memfd_create("child", 0);
            memset(arena[i].file, 0, sizeof(arena[i].file));
            CHECK(ftruncate(arena[i].fd, PAGES * P) == 0);
            run(&arena[i]);
            _exit(check_failures != 0);
        }
        CHECK(wait(&status) > 0 && status == 0);
        check_contents(&arena[i]);
    }
    return check_result();
}
