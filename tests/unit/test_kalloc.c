/* The segment's allocator: contents survive, nothing overlaps, memory comes back. */
#include "kalloc.h"
#include "unit.h"

#define SLOTS 3000

static struct block {
    u8 *p;
    size_t n;
    u8 tag;
} blocks[SLOTS];

static size_t random_size(void)
{
    switch (rand() % 8) {
    case 0:
        return (size_t)rand() % 20000;
    case 1:
        return (size_t)rand() % 300000;
    default:
        return 1 + (size_t)rand() % 700;
    }
}

static void verify(const struct block *b)
{
    for (size_t i = 0; i<b->n; i += b->n> 5000 ? 509 : 1)
        assert_int_equal(b->p[i], b->tag);
    if (b->n)
        assert_int_equal(b->p[b->n - 1], b->tag);
}

static void fill(struct block *b, u8 tag)
{
    b->tag = tag;
    memset(b->p, tag, b->n);
}

static void allocate(struct block *b)
{
    bool zero = rand() % 2;

    b->n = random_size();
    b->p = zero ? kzalloc(b->n) : kmalloc(b->n);
    assert_non_null(b->p);
    assert_int_equal((uptr)b->p % 16, 0);
    if (zero) {
        b->tag = 0;
        verify(b);
    }
    fill(b, (u8)rand());
}

static void random_use(void **state)
{
    u64 before = kalloc_used();

    srand(1);
    for (int round = 0; round < 60000; round++) {
        struct block *b = &blocks[rand() % SLOTS];
        if (!b->p) {
            allocate(b);
        } else if (rand() % 4 == 0) {
            size_t n = 1 + random_size(), common = n < b->n ? n : b->n;
            b->p = krealloc(b->p, n);
            assert_non_null(b->p);
            b->n = common;
            verify(b);
            b->n = n;
            fill(b, b->tag);
        } else {
            verify(b);
            kfree(b->p);
            b->p = NULL;
        }
    }
    for (int i = 0; i < SLOTS; i++) {
        if (blocks[i].p)
            verify(&blocks[i]);
        kfree(blocks[i].p);
        blocks[i].p = NULL;
    }
    /* At most one empty slab of each class is kept. */
    assert_true(kalloc_used() - before < 64 * 4 * PAGE_SIZE);
}

static void every_small_size(void **state)
{
    for (size_t n = 0; n <= 2100; n++) {
        u8 *p = kmalloc(n), *q = kmalloc(n);
        memset(p, 1, n);
        memset(q, 2, n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 1);
        kfree(p);
        kfree(q);
    }
}

static void whole_pages(void **state)
{
    u64 before = kalloc_used();
    char *p = kpages_alloc(100000);

    assert_int_equal((uptr)p % PAGE_SIZE, 0);
    assert_int_equal(kalloc_used() - before, PAGE_ALIGN(100000));
    memset(p, 7, 100000);
    kpages_free(p, 100000);
    assert_int_equal(kalloc_used(), before);
    assert_null(kmalloc(SEG_SIZE));
    assert_null(kmalloc(0UL - 1));
}

static void freed_neighbours_merge(void **state)
{
    char *p[64], *all = kpages_alloc(64 * 64 * PAGE_SIZE);

    kpages_free(all, 0);
    for (int i = 0; i < 64; i++)
        p[i] = kpages_alloc(64 * PAGE_SIZE);
    for (int i = 0; i < 64; i += 2)
        kpages_free(p[i], 0);
    for (int i = 1; i < 64; i += 2)
        kpages_free(p[i], 0);
    assert_ptr_equal(kpages_alloc(64 * 64 * PAGE_SIZE), all);
    kpages_free(all, 0);
}

static void large_zero_memory(void **state)
{
    for (int i = 0; i < 20; i++) {
        size_t n = 4UL << 20;
        u8 *p = kzalloc(n);
        for (size_t k = 0; k < n; k += 777)
            assert_int_equal(p[k], 0);
        memset(p, 0xee, n);
        kfree(p);
    }
}

static void strings(void **state)
{
    char *s = kstrdup("hello"), *t = kstrndup("hello", 3);

    assert_string_equal(s, "hello");
    assert_string_equal(t, "hel");
    kfree(s);
    kfree(t);
    kfree(NULL);
}

static void memory_limit(void **state)
{
    boot()->memory_limit = kalloc_used() + (8UL << 20);
    char *p = kmalloc(7UL << 20);
    assert_non_null(p);
    assert_null(kmalloc(2UL << 20));
    kfree(p);
    p = kmalloc(2UL << 20);
    assert_non_null(p);
    kfree(p);
    boot()->memory_limit = 0;
}

/* Objects handed from thread to thread: freed by another than allocated them. */
static void *mailboxes[64];

static void pass_around(void *arg)
{
    unsigned seed = (unsigned)(uptr)arg;

    for (int i = 0; i < 100000; i++) {
        seed = seed * 1103515245 + 12345;
        size_t n = 8 + (seed >> 16) % 600;
        u64 *p = kmalloc(n);
        p[0] = (uptr)p ^ 0x5a5a;
        p = __atomic_exchange_n(&mailboxes[(seed >> 8) % 64], p, __ATOMIC_ACQ_REL);
        if (p) {
            ASSERT(p[0] == ((uptr)p ^ 0x5a5a));
            p[0] = 0;
            kfree(p);
        }
    }
}

static void threads(void **state)
{
    struct hosted_job *j[4];

    for (uptr i = 0; i < 4; i++)
        j[i] = hosted_run(pass_around, (void *)(i + 1));
    for (int i = 0; i < 4; i++)
        hosted_join(j[i]);
    for (int i = 0; i < 64; i++) {
        kfree(mailboxes[i]);
        mailboxes[i] = NULL;
    }
}

int main(void)
{
    hosted_start_bare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_neighbours_merge), /* while nothing else is free */
        cmocka_unit_test(every_small_size),
        cmocka_unit_test(random_use),
        cmocka_unit_test(whole_pages),
        cmocka_unit_test(large_zero_memory),
        cmocka_unit_test(strings),
        cmocka_unit_test(memory_limit),
        cmocka_unit_test(threads),
    };
    return RUN_TESTS(tests);
}
