/* The C library's memory and string functions, without vector registers.
 *
 * Small copies are done with overlapping 8-byte moves, which the CPU forwards well;
 * larger ones with `rep movsb`/`rep stosb`, which today's CPUs turn into full-width
 * moves.  The compiler must not recognise these loops and call the functions they are.
 */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "hosted_names.h"
#include "lib.h"

/* Above this many bytes the start-up cost of the string instructions is repaid. */
#define REP_MIN 192

typedef u64 __attribute__((may_alias, aligned(1))) word64;
typedef u32 __attribute__((may_alias, aligned(1))) word32;
typedef u16 __attribute__((may_alias, aligned(1))) word16;

/* n < 16; the two halves may overlap, so everything is loaded before any store. */
static inline void copy_below_16(char *d, const char *s, size_t n)
{
    if (n >= 8) {
        u64 a = *(const word64 *)s, b = *(const word64 *)(s + n - 8);
        *(word64 *)d = a;
        *(word64 *)(d + n - 8) = b;
    } else if (n >= 4) {
        u32 a = *(const word32 *)s, b = *(const word32 *)(s + n - 4);
        *(word32 *)d = a;
        *(word32 *)(d + n - 4) = b;
    } else if (n >= 2) {
        u16 a = *(const word16 *)s, b = *(const word16 *)(s + n - 2);
        *(word16 *)d = a;
        *(word16 *)(d + n - 2) = b;
    } else if (n) {
        *d = *s;
    }
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    char *d = dst;
    const char *s = src;

    if (n >= REP_MIN) {
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
        return dst;
    }
    for (; n >= 16; n -= 16, d += 16, s += 16) {
        u64 a = *(const word64 *)s, b = *(const word64 *)(s + 8);
        *(word64 *)d = a;
        *(word64 *)(d + 8) = b;
    }
    copy_below_16(d, s, n);
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    char *d = dst;
    const char *s = src;

    if ((size_t)(d - s) >= n) { /* forward is safe: d below s, or no overlap */
        if (n >= REP_MIN) {
            __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
            return dst;
        }
        for (; n >= 8; n -= 8, d += 8, s += 8)
            *(word64 *)d = *(const word64 *)s;
        copy_below_16(d, s, n);
        return dst;
    }
    for (; n >= 8; n -= 8)
        *(word64 *)(d + n - 8) = *(const word64 *)(s + n - 8);
    copy_below_16(d, s, n);
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    char *d = dst;

    if (n >= REP_MIN) {
        __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
        return dst;
    }
    u64 v = (u8)c * 0x0101010101010101ULL;
    if (n < 8) {
        while (n--)
            *d++ = (char)c;
        return dst;
    }
    *(word64 *)(d + n - 8) = v;
    for (; n > 8; n -= 8, d += 8)
        *(word64 *)d = v;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *p = a, *q = b;

    for (; n >= 8; n -= 8, p += 8, q += 8) {
        u64 x = *(const word64 *)p, y = *(const word64 *)q;
        if (x != y) {
            x = __builtin_bswap64(x);
            y = __builtin_bswap64(y);
            return x < y ? -1 : 1;
        }
    }
    for (; n; n--, p++, q++) {
        if (*p != *q)
            return *p - *q;
    }
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const u8 *p = s;

    for (; n; n--, p++) {
        if (*p == (u8)c)
            return (void *)p;
    }
    return NULL;
}

size_t strlen(const char *s)
{
    const char *p = s;

    while (*p)
        p++;
    return p - s;
}

size_t strnlen(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n && s[i])
        i++;
    return i;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        if (*a != *b || !*a)
            return (u8)*a - (u8)*b;
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (!*s)
            return NULL;
    }
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    for (;; s++) {
        if (*s == (char)c)
            found = s;
        if (!*s)
            return (char *)found;
    }
}

char *strstr(const char *s, const char *needle)
{
    size_t n = strlen(needle);

    if (n == 0)
        return (char *)s;
    for (; (s = strchr(s, *needle)); s++) {
        if (strncmp(s, needle, n) == 0)
            return (char *)s;
    }
    return NULL;
}

size_t strlcpy(char *d, const char *s, size_t n)
{
    size_t len = strlen(s);

    if (n) {
        size_t k = MIN(len, n - 1);
        memcpy(d, s, k);
        d[k] = 0;
    }
    return len;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 10;
    return 255;
}

u64 parse_u64(const char *s, const char **end, unsigned base)
{
    u64 v = 0;

    if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 0x20) == 'x' &&
        digit_value(s[2]) < 16) {
        s += 2;
        base = 16;
    }
    if (base == 0)
        base = *s == '0' ? 8 : 10;
    for (; (unsigned)digit_value(*s) < base; s++)
        v = v * base + (unsigned)digit_value(*s);
    if (end)
        *end = s;
    return v;
}

u32 hash_bytes(const void *p, size_t n)
{
    const u8 *s = p;
    u32 h = 2166136261u;

    while (n--)
        h = (h ^ *s++) * 16777619u;
    return h;
}
