/* Scatter/gather buffers and copies from and to program memory. */
#include <asm/errno.h>

#include "uio.h"
#include "unit.h"
#include "usercopy.h"

static void one_buffer(void **state)
{
    char user[16] = "0123456789abcde", got[16] = "";
    struct iov v;
    struct uio u;

    uio_init(&u, &v, (uptr)user, 10, false);
    assert_int_equal(uio_copy_in(got, &u, 4), 4);
    assert_memory_equal(got, "0123", 4);
    assert_int_equal(u.left, 6);
    uio_advance(&u, 2);
    assert_int_equal(uio_copy_in(got, &u, 100), 4);
    assert_memory_equal(got, "6789", 4);
    assert_int_equal(u.left, 0);
    assert_int_equal(uio_copy_in(got, &u, 1), 0);
}

static void random_segments(void **state)
{
    static char data[4096], user[8192], back[4096];

    srand(3);
    for (int round = 0; round < 2000; round++) {
        struct iov v[8];
        struct uio u = {.iov = v, .n = 1 + rand() % 8, .kernel = rand() % 2};
        size_t at = 0, total = 0;
        for (int i = 0; i < u.n; i++) {
            v[i].base = (uptr)user + at;
            v[i].len = rand() % 3 ? (size_t)rand() % 400 : 0;
            at += v[i].len + (size_t)rand() % 50;
            total += v[i].len;
        }
        u.left = total;
        for (size_t i = 0; i < total; i++)
            data[i] = (char)rand();
        struct iov saved[8];
        struct uio again = u;
        memcpy(saved, v, sizeof(v));
        for (size_t done = 0, k; done < total; done += k) {
            k = uio_copy_out(&u, data + done, 1 + (size_t)rand() % 300);
            assert_true(k > 0);
        }
        assert_int_equal(u.left, 0);
        again.iov = saved;
        assert_int_equal(uio_copy_in(back, &again, sizeof(back)), total);
        assert_memory_equal(back, data, total);
    }
}

static void zeroes(void **state)
{
    char user[8] = "xxxxxxx";
    struct iov v;
    struct uio u;

    uio_init(&u, &v, (uptr)user + 1, 5, true);
    assert_int_equal(uio_zero(&u, 3), 3);
    assert_memory_equal(user, "x\0\0\0xxx", 8);
}

static void ranges(void **state)
{
    char buf[8];

    assert_true(user_range_ok(USER_MIN, 4096));
    assert_true(user_range_ok(USER_MAX - 8, 8));
    assert_false(user_range_ok(USER_MAX - 8, 9));
    assert_false(user_range_ok(~0UL, 2));
    assert_false(user_range_ok(SEG_BASE, 1));
    assert_true(user_range_ok(INSIDE_BASE - 8, 8));
    assert_false(user_range_ok(INSIDE_BASE - 8, 9));
    assert_true(user_range_ok(INSIDE_END, 1));
    assert_false(user_range_ok(INSIDE_BASE - 1, INSIDE_END - INSIDE_BASE + 2));
    assert_int_equal(user_copy_in(buf, SEG_BASE, 8), 8);
    assert_int_equal(user_copy_out(USER_MAX, buf, 8), 8);
    assert_int_equal(user_zero(INSIDE_END - 1, 1), 1);
    assert_int_equal(copy_from_user(buf, POOL_BASE, 1), -EFAULT);
    assert_int_equal(user_load32(SEG_BASE, (u32 *)buf), -EFAULT);
    assert_int_equal(copy_from_user(buf, 0xffff800000000000UL, 0), 0);
}

static void user_strings(void **state)
{
    char src[64] __attribute__((aligned(8))) = "a string of some length, more than a few words";
    char dst[64];
    size_t len = strlen(src);

    for (size_t skip = 0; skip < 12; skip++) {
        assert_int_equal(strncpy_from_user(dst, (uptr)src + skip, sizeof(dst)), len - skip);
        assert_string_equal(dst, src + skip);
    }
    assert_int_equal(strncpy_from_user(dst, (uptr)src, len + 1), len);
    assert_int_equal(strncpy_from_user(dst, (uptr)src, len), -ENAMETOOLONG);
    assert_int_equal(strncpy_from_user(dst, SEG_BASE, 5), -EFAULT);
}

static void atomics(void **state)
{
    u32 word = 5, old;

    assert_int_equal(user_cmpxchg32((uptr)&word, 4, 9, &old), 0);
    assert_int_equal(old, 5);
    assert_int_equal(word, 5);
    assert_int_equal(user_cmpxchg32((uptr)&word, 5, 9, &old), 0);
    assert_int_equal(old, 5);
    assert_int_equal(word, 9);
    assert_int_equal(user_load32((uptr)&word, &old), 0);
    assert_int_equal(old, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_buffer), cmocka_unit_test(random_segments), cmocka_unit_test(zeroes),
        cmocka_unit_test(ranges),     cmocka_unit_test(user_strings),    cmocka_unit_test(atomics),
    };
    return RUN_TESTS(tests);
}
