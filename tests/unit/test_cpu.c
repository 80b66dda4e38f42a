/* Levels of the architecture: what programs are shown, and what a snapshot needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../snapshot/cpu.h"

static struct snapshot_error err;

static struct boot_cpu_leaf limited(uint32_t leaf, uint32_t subleaf, unsigned level)
{
    struct boot_cpu_leaf l = {leaf, subleaf, ~0u, ~0u, ~0u, ~0u};

    cpu_leaf_limit(&l, level);
    return l;
}

static void test_levels(void **state)
{
    assert_int_equal(cpu_level_parse("x86-64-v2"), 2);
    assert_int_equal(cpu_level_parse("x86-64-v4"), 4);
    assert_int_equal(cpu_level_parse("x86-64-v5"), 0);
    assert_int_equal(cpu_level_parse(""), 0);
    /* SSE4.2 belongs to v2, AVX and its XSAVE to v3. */
    assert_true(limited(1, 0, 2).ecx >> 20 & 1);
    assert_false(limited(1, 0, 2).ecx >> 28 & 1);
    assert_false(limited(1, 0, 2).ecx >> 27 & 1);
    assert_true(limited(1, 0, 3).ecx >> 28 & 1);
    /* AVX2 belongs to v3, AVX-512F to v4, AVX-512 VBMI and AMX to none. */
    assert_true(limited(7, 0, 3).ebx >> 5 & 1);
    assert_false(limited(7, 0, 3).ebx >> 16 & 1);
    assert_true(limited(7, 0, 4).ebx >> 16 & 1);
    assert_false(limited(7, 0, 4).ecx >> 1 & 1);
    assert_int_equal(limited(7, 0, 4).edx, 0);
    assert_int_equal(limited(7, 1, 4).eax, 0);
    assert_int_equal(limited(0x1d, 1, 4).eax, 0);
    /* The areas saved by XSAVE. */
    assert_int_equal(limited(0xd, 0, 3).eax, 7);
    assert_int_equal(limited(0xd, 5, 3).eax, 0);
    assert_int_equal(limited(0xd, 0, 4).eax, 0xe7);
    /* Without a level, all of it. */
    assert_int_equal(limited(7, 0, 0).edx, ~0u);
}

static void test_leaves(void **state)
{
    struct boot_cpu_leaf leaves[200], few[10];
    unsigned n = cpu_leaves(leaves, 200, 2);

    assert_true(n > 20 && n < 160);
    assert_int_equal(leaves[0].leaf, 0);
    for (unsigned i = 1; i < n; i++)
        assert_true(
            leaves[i].leaf > leaves[i - 1].leaf ||
            (leaves[i].leaf == leaves[i - 1].leaf && leaves[i].subleaf > leaves[i - 1].subleaf));
    assert_int_equal(cpu_leaves(few, 10, 2), 10);
}

/* A snapshot that needs what the pairs say. */
static int check(const struct snapshot_pairs *pairs)
{
    static const struct snapshot_write_options write;
    static const struct snapshot_read_options read;
    int fd = memfd_create("cpu", 0);

    struct snapshot_writer *w = snapshot_writer_open_fd(fd, "it", &write, &err);
    assert_int_equal(snapshot_put_meta(w, "cpu", pairs->bytes, pairs->size, &err), 0);
    assert_int_equal(snapshot_finish(w, NULL, &err), 0);
    struct snapshot_reader *r = snapshot_reader_open_fd(fd, "it", &read, &err);
    assert_non_null(r);
    int rc = snapshot_cpu_check(r, &err);
    snapshot_reader_close(r);
    close(fd);
    return rc;
}

static void test_needs(void **state)
{
    struct snapshot_pairs pairs = {0};

    assert_int_equal(snapshot_cpu_describe(&pairs, 0), 0);
    assert_int_equal(check(&pairs), 0);
    snapshot_pairs_add(&pairs, "feature", "avx9000");
    snapshot_pairs_add(&pairs, "other", "anything");
    assert_int_equal(check(&pairs), -1);
    assert_string_equal(err.text, "it needs avx9000, this CPU hasn't it");
    for (int i = 0; i < 1000; i++)
        snapshot_pairs_add(&pairs, "feature", "avx%d", i);
    assert_int_equal(check(&pairs), -1);
    assert_non_null(strstr(err.text, " ..., this CPU hasn't it"));
    snapshot_pairs_free(&pairs);
}

static const char *value_of(const struct snapshot_pairs *pairs, const char *wanted, const char *is)
{
    const char *name, *value;
    size_t at = 0;

    while (snapshot_pairs_next(pairs->bytes, pairs->size, &at, &name, &value))
        if (strcmp(name, wanted) == 0 && (!is || strcmp(value, is) == 0))
            return value;
    return NULL;
}

/* What a program at a level needs is the level, whatever else this CPU has. */
static void test_needs_of_level(void **state)
{
    static const char *const above[] = {"avx", "avx2", "avx512f", "xsave", "aes", "fsgsbase"};
    struct snapshot_pairs pairs = {0};

    assert_int_equal(snapshot_cpu_describe(&pairs, 2), 0);
    assert_string_equal(value_of(&pairs, "level", NULL), "x86-64-v2");
    assert_non_null(value_of(&pairs, "feature", "sse4_2"));
    for (size_t i = 0; i < sizeof(above) / sizeof(above[0]); i++)
        assert_null(value_of(&pairs, "feature", above[i]));
    assert_string_equal(value_of(&pairs, "xsave_size", NULL), "576");
    assert_string_equal(value_of(&pairs, "xcr0", NULL), "0x3");
    snapshot_pairs_free(&pairs);
    if (cpu_level_check(3, &err))
        return;
    assert_int_equal(snapshot_cpu_describe(&pairs, 3), 0);
    assert_non_null(value_of(&pairs, "feature", "avx2"));
    assert_null(value_of(&pairs, "feature", "avx512f"));
    assert_string_equal(value_of(&pairs, "xsave_size", NULL), "832");
    assert_string_equal(value_of(&pairs, "xcr0", NULL), "0x7");
    snapshot_pairs_free(&pairs);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_needs_of_level),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
