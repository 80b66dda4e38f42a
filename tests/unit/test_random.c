/* ChaCha20 against RFC 8439, and the generator around it. */
#include "unit.h"

#include "lib.h"
#include "random.h"
#include "thread.h"

/* RFC 8439, 2.3.2, with the nonce the generator always uses: zero.  A.1, test vectors 1
 * and 2: key 0, nonce 0, counters 0 and 1. */
static void chacha_vectors(void **state)
{
    static const u32 key[8];
    static const u32 first[4] = {0xade0b876, 0x903df1a0, 0xe56a5d40, 0x28bd8653};
    static const u32 second[4] = {0xbee7079f, 0x7a385155, 0x7c97ba98, 0x0d082d73};
    u32 out[16];

    chacha20_block(key, 0, out);
    assert_memory_equal(out, first, sizeof(first));
    chacha20_block(key, 1, out);
    assert_memory_equal(out, second, sizeof(second));
}

static void never_the_same(void **state)
{
    u8 a[64], b[64];

    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

/* Lengths that are no multiple of a block fill all and nothing more. */
static void odd_lengths(void **state)
{
    u8 buf[200];

    for (size_t n = 0; n < 150; n++) {
        size_t zeros = 0;
        memset(buf, 0, sizeof(buf));
        random_bytes(buf, n);
        for (size_t i = 0; i < n; i++)
            zeros += buf[i] == 0;
        assert_true(zeros < 16);
        for (size_t i = n; i < sizeof(buf); i++)
            assert_int_equal(buf[i], 0);
    }
}

static void reseeding_changes_the_stream(void **state)
{
    u8 a[32], b[32];

    random_bytes(a, sizeof(a));
    random_reseed();
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chacha_vectors),
        cmocka_unit_test(never_the_same),
        cmocka_unit_test(odd_lengths),
        cmocka_unit_test(reseeding_changes_the_stream),
    };

    hosted_start_bare();
    return RUN_TESTS(tests);
}
