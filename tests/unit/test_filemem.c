/* Random operations on an in-memory file against a plain array, and on the page pool
 * against a list of what was handed out.  Run under the sanitizers. */
#include <linux/errno.h>

#include "mm.h"
#include "uio.h"
#include "unit.h"

#define LIMIT (512 * 1024UL)
static u8 model[LIMIT], buf[LIMIT], got[LIMIT];

static size_t pick(size_t n) { return (((size_t)rand() << 16) ^ (size_t)rand()) % n; }

static long file_io(struct filemem *fm, void *p, u64 off, size_t n, bool write)
{
    struct uio u;
    struct iov v;
    uio_init(&u, &v, (uptr)p, n, true);
    return write ? filemem_write(fm, &u, off, n) : filemem_read(fm, &u, off, n);
}

static void check_all(struct filemem *fm)
{
    memset(got, 0xee, LIMIT);
    assert_true(file_io(fm, got, 0, LIMIT, false) == (long)LIMIT);
    assert_true(memcmp(got, model, LIMIT) == 0);
    for (u64 off = 0; off < LIMIT;) {
        s64 data = filemem_seek(fm, off, LIMIT, true);
        u64 end = data < 0 ? LIMIT : (u64)data;
        for (; off < end; off++)
            assert_true(model[off] == 0);
        if (off < LIMIT)
            off = filemem_seek(fm, off, LIMIT, false);
    }
}

static void random_file(unsigned seed, bool mapped)
{
    struct filemem_quota quota = {0, 0};
    struct filemem fm;
    u64 before = pool_used();
    size_t size = 0;

    srand(seed);
    memset(model, 0, LIMIT);
    filemem_init(&fm);
    fm.quota = &quota;
    for (int step = 0; step < 300; step++) {
        size_t off = pick(4) ? pick(LIMIT) : size, n = pick(pick(2) ? 200 : 100000) + 1;
        n = MIN(n, LIMIT - off);
        u64 at;
        size_t run;
        switch (n ? pick(mapped ? 6 : 5) : 0) {
        case 0:
        case 1:
            for (size_t i = 0; i < n; i++)
                buf[i] = pick(255) + 1;
            assert_true(file_io(&fm, buf, off, n, true) == (long)n);
            memcpy(model + off, buf, n);
            size = MAX(size, off + n);
            break;
        case 2:
            filemem_truncate(&fm, off);
            memset(model + off, 0, LIMIT - off);
            size = MIN(size, off);
            break;
        case 3:
            filemem_punch(&fm, off, n);
            memset(model + off, 0, n);
            break;
        case 4:
            assert_true(filemem_allocate(&fm, off, n) == 0);
            break;
        case 5:
            off = ALIGN_DOWN(off, PAGE_SIZE);
            assert_true(filemem_extent(&fm, off, PAGE_ALIGN(n), &at, &run) == 0);
            assert_true(run >= PAGE_SIZE && run <= PAGE_ALIGN(n));
            n = MIN(MIN(n, run), LIMIT - off);
            assert_true(memcmp(pool_ptr(at), model + off, n) == 0);
            memset(pool_ptr(at), 0x77, n);
            memset(model + off, 0x77, n);
            break;
        }
        assert_true(quota.used + fm.mapped_pages == fm.pages);
        assert_true(pool_used() == before + fm.pages * PAGE_SIZE);
        if (step % 16 == 0)
            check_all(&fm);
    }
    check_all(&fm);
    u64 held = fm.pages;
    assert_true(filemem_allocate(&fm, 0, 1UL << 44) == -ENOSPC && fm.pages == held);
    quota.max = quota.used + 1000;
    assert_true(filemem_allocate(&fm, LIMIT, 2000 * PAGE_SIZE) == -ENOSPC && fm.pages == held);
    filemem_free(&fm);
    assert_true(quota.used == 0 && pool_used() == before);
}

static void files_as_arrays(void **state)
{
    for (unsigned seed = 1; seed < 30; seed++)
        random_file(seed, seed & 1);
}

static void sparse_file(void **state)
{
    struct filemem fm;
    char c = 'x', d = 0;
    filemem_init(&fm);
    for (u64 off = 0; off < 1UL << 40; off += 1UL << 33)
        assert_true(file_io(&fm, &c, off + 5, 1, true) == 1);
    assert_true(fm.pages == 128);
    for (u64 off = 0; off < 1UL << 40; off += 1UL << 33) {
        assert_true(file_io(&fm, &d, off + 5, 1, false) == 1 && d == 'x');
        assert_true(filemem_seek(&fm, off + PAGE_SIZE, 1UL << 41, true) ==
                    (off + (1UL << 33) < 1UL << 40 ? (s64)(off + (1UL << 33)) : -6 /* ENXIO */));
    }
    assert_true(file_io(&fm, &d, 3UL << 30, 1, false) == 1 && d == 0);
    filemem_free(&fm);
}

static void quota_is_kept(void **state)
{
    struct filemem_quota quota = {0, 10};
    struct filemem fm;
    filemem_init(&fm);
    fm.quota = &quota;
    assert_true(file_io(&fm, buf, 0, 20 * PAGE_SIZE, true) < (long)(20 * PAGE_SIZE));
    assert_true(quota.used <= 10);
    assert_true(file_io(&fm, buf, 100 * PAGE_SIZE, 10 * PAGE_SIZE, true) == -28 /* ENOSPC */);
    filemem_truncate(&fm, 0);
    assert_true(quota.used == 0);
    assert_true(file_io(&fm, buf, 0, 10 * PAGE_SIZE, true) == (long)(10 * PAGE_SIZE));
    filemem_free(&fm);
}

/* ---- the pool ------------------------------------------------------------------- */

static void random_pool(unsigned seed)
{
    static struct {
        u64 off;
        size_t len;
    } held[200];
    srand(seed);
    for (int step = 0; step < 4000; step++) {
        size_t i = pick(ARRAY_SIZE(held));
        if (held[i].len) {
            u64 *first = pool_ptr(held[i].off);
            assert_true(*first == i + 1);
            pool_free(held[i].off, held[i].len);
            held[i].len = 0;
            continue;
        }
        held[i].len = (pick(20) + 1) * PAGE_SIZE;
        assert_true(pool_alloc(held[i].len, &held[i].off) == 0);
        for (size_t o = 0; o < held[i].len; o += 512)
            assert_true(*(u64 *)pool_ptr(held[i].off + o) == 0);
        for (size_t j = 0; j < ARRAY_SIZE(held); j++)
            assert_true(j == i || !held[j].len || held[j].off + held[j].len <= held[i].off ||
                        held[i].off + held[i].len <= held[j].off);
        for (size_t o = 0; o < held[i].len; o += 8)
            *(u64 *)pool_ptr(held[i].off + o) = i + 1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
        if (held[i].len) {
            pool_free(held[i].off, held[i].len);
            held[i].len = 0;
        }
    }
    /* Everything but the recently freed is one range again. */
    u64 big;
    assert_true(pool_alloc(POOL_SIZE - (64UL << 20), &big) == 0);
    pool_free(big, POOL_SIZE - (64UL << 20));
    assert_true(pool_alloc(POOL_SIZE, &big) < 0);
}

static void pool_ranges(void **state)
{
    for (unsigned seed = 1; seed < 5; seed++)
        random_pool(seed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_as_arrays),
        cmocka_unit_test(sparse_file),
        cmocka_unit_test(quota_is_kept),
        cmocka_unit_test(pool_ranges),
    };
    hosted_start();
    return RUN_TESTS(tests);
}
