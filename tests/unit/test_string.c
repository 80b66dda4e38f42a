/* Memory and string functions, formatting, number parsing, growing texts. */
#include "unit.h"

void *libos_memcpy(void *restrict d, const void *restrict s, size_t n);
void *libos_memmove(void *d, const void *s, size_t n);
void *libos_memset(void *d, int c, size_t n);
int libos_memcmp(const void *a, const void *b, size_t n);
void *libos_memchr(const void *s, int c, size_t n);
size_t libos_strlen(const char *s);
size_t libos_strnlen(const char *s, size_t n);
int libos_strcmp(const char *a, const char *b);
int libos_strncmp(const char *a, const char *b, size_t n);
char *libos_strchr(const char *s, int c);
char *libos_strrchr(const char *s, int c);
char *libos_strstr(const char *s, const char *needle);

static u8 a[1024], b[1024], c[1024];

static void fill(void)
{
    for (size_t i = 0; i < sizeof(a); i++) {
        a[i] = b[i] = (u8)rand();
        c[i] = (u8)rand();
    }
}

static void copies(void **state)
{
    for (size_t n = 0; n < 400; n++) {
        fill();
        size_t from = n % 13, to = n % 7;
        memcpy(b + to, c + from, n);
        assert_ptr_equal(libos_memcpy(a + to, c + from, n), a + to);
        assert_memory_equal(a, b, sizeof(a));
    }
}

static void overlapping_moves(void **state)
{
    for (size_t n = 0; n < 400; n += n < 40 ? 1 : 17) {
        for (int shift = -20; shift <= 20; shift++) {
            fill();
            memmove(b + 100 + shift, b + 100, n);
            libos_memmove(a + 100 + shift, a + 100, n);
            assert_memory_equal(a, b, sizeof(a));
        }
    }
}

static void sets_and_compares(void **state)
{
    for (size_t n = 0; n < 400; n++) {
        fill();
        memset(b + n % 9, (int)n, n);
        libos_memset(a + n % 9, (int)n, n);
        assert_memory_equal(a, b, sizeof(a));
        assert_int_equal(libos_memcmp(a, b, n), 0);
        if (n) {
            size_t at = (size_t)rand() % n;
            b[at] = (u8)(a[at] + 1);
            int want = memcmp(a, b, n), got = libos_memcmp(a, b, n);
            assert_true((want < 0) == (got < 0) && (want > 0) == (got > 0));
        }
    }
}

static void strings(void **state)
{
    char d[8];

    assert_int_equal(libos_strlen("hello"), 5);
    assert_int_equal(libos_strnlen("hello", 3), 3);
    assert_true(libos_strcmp("a", "b") < 0 && libos_strcmp("b", "a") > 0);
    assert_true(libos_strcmp("\x80", "a") > 0);
    assert_int_equal(libos_strcmp("same", "same"), 0);
    assert_int_equal(libos_strncmp("same1", "same2", 4), 0);
    assert_true(libos_strncmp("same1", "same2", 5) < 0);
    const char *s = "a/b/c";
    assert_ptr_equal(libos_strchr(s, '/'), s + 1);
    assert_ptr_equal(libos_strrchr(s, '/'), s + 3);
    assert_ptr_equal(libos_strchr(s, 0), s + 5);
    assert_null(libos_strchr(s, 'x'));
    assert_ptr_equal(libos_strstr(s, "b/"), s + 2);
    assert_null(libos_strstr(s, "bc"));
    assert_ptr_equal(libos_strstr(s, ""), s);
    assert_ptr_equal(libos_memchr(s, 'b', 5), s + 2);
    assert_null(libos_memchr(s, 'b', 2));
    assert_int_equal(strlcpy(d, "0123456789", sizeof(d)), 10);
    assert_string_equal(d, "0123456");
    assert_int_equal(strlcpy(d, "ab", sizeof(d)), 2);
    assert_string_equal(d, "ab");
}

static void check(const char *want, const char *fmt, ...) __printf(2, 3);
static void check(const char *want, const char *fmt, ...)
{
    char buf[128];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    assert_string_equal(buf, want);
    assert_int_equal(n, strlen(want));
}

static void formats(void **state)
{
    char tiny[4];

    check("-5 7 ff FF 17 x%", "%d %u %x %X %o %c%%", -5, 7u, 255u, 255u, 15u, 'x');
    check("  42|42  |0042|+", "%4d|%-4d|%04d|+", 42, 42, 42);
    check("-0042", "%05d", -42);
    check("18446744073709551615 -9223372036854775808", "%lu %ld", ~0UL, (long)(1UL << 63));
    check("  ab|ab  |a", "%4s|%-4s|%.1s", "ab", "ab", "ab");
    check("007", "%.3d", 7);
    check("0x1234", "%p", (void *)0x1234);
    check("   7", "%*d", 4, 7);
    check("12", "%zu", (size_t)12);
    check("abc", "%.*s", 3, "abcdef");
    check("0", "%d", 0);
    assert_int_equal(snprintf(tiny, sizeof(tiny), "%d", 123456), 6);
    assert_string_equal(tiny, "123");
    assert_int_equal(snprintf(NULL, 0, "%s", "four"), 4);
}

static void numbers(void **state)
{
    const char *end;

    assert_int_equal(parse_u64("123x", &end, 10), 123);
    assert_int_equal(*end, 'x');
    assert_int_equal(parse_u64("0x1fG", &end, 0), 0x1f);
    assert_int_equal(*end, 'G');
    assert_int_equal(parse_u64("0755", &end, 0), 0755);
    assert_int_equal(parse_u64("ff", &end, 16), 255);
    assert_int_equal(parse_u64("", &end, 10), 0);
    const char *s = "0x";
    assert_int_equal(parse_u64(s, &end, 0), 0);
    assert_ptr_equal(end, s + 1);
}

static void texts(void **state)
{
    char buf[8];
    struct textbuf t = {.p = buf, .cap = sizeof(buf)};

    text_add(&t, "ab%d", 1);
    text_bytes(&t, "cd", 2);
    assert_int_equal(t.len, 5);
    assert_false(t.full);
    text_add(&t, "more");
    assert_true(t.full);
    assert_true(t.len <= sizeof(buf));
    assert_memory_equal(buf, "ab1cdmo", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies),
        cmocka_unit_test(overlapping_moves),
        cmocka_unit_test(sets_and_compares),
        cmocka_unit_test(strings),
        cmocka_unit_test(formats),
        cmocka_unit_test(numbers),
        cmocka_unit_test(texts),
    };
    return RUN_TESTS(tests);
}
