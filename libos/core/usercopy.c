/* Access to program memory that may be missing or vanish at any moment.
 *
 * Every instruction that touches program memory is listed in the section __ex_table.
 * When one faults, the PAL's handler sets the instruction pointer to the entry's
 * fix-up and nothing else, so the code there sees all registers as they were.  Words
 * are moved eight bytes at a time; a fault among them continues with `rep movsb`,
 * which stops at the very byte and leaves the number of bytes to go in rcx.
 */
#include "usercopy.h"

#include <asm/errno.h>

#include "lib.h"

bool user_range_ok(uptr p, size_t n)
{
    if (p > USER_MAX || n > USER_MAX - p)
        return false;
    return p + n <= INSIDE_BASE || p >= INSIDE_END;
}

#ifdef BAILEY_HOSTED
/* What a test says is program memory; everything outside inside, if it says nothing. */
uptr hosted_user_start, hosted_user_end;

static size_t hosted_clip(uptr p, size_t n)
{
    if (!hosted_user_end)
        return n;
    return p < hosted_user_start || p >= hosted_user_end ? 0 : MIN(n, hosted_user_end - p);
}
#else
static inline size_t hosted_clip(uptr p, size_t n) { return n; }
#endif

/* How many of n bytes from p on lie in program range. */
static size_t user_range_clip(uptr p, size_t n)
{
    uptr end = p < INSIDE_BASE ? INSIDE_BASE : USER_MAX;

    if (p >= USER_MAX || (p >= INSIDE_BASE && p < INSIDE_END))
        return 0;
    return hosted_clip(p, MIN(n, end - p));
}

#ifdef BAILEY_HOSTED

static size_t raw_copy(void *d, const void *s, size_t n)
{
    memcpy(d, s, n);
    return 0;
}

static size_t raw_zero(void *d, size_t n)
{
    memset(d, 0, n);
    return 0;
}

/* Byte by byte here: words reach past the end of strings, which sanitizers object to. */
static bool raw_load64(uptr p, u64 *v) { return false; }

static bool raw_load8(uptr p, u8 *v)
{
    *v = *(const u8 *)p;
    return true;
}

static bool raw_load32(uptr p, u32 *v)
{
    *v = __atomic_load_n((u32 *)p, __ATOMIC_SEQ_CST);
    return true;
}

static bool raw_cmpxchg32(uptr p, u32 *expect, u32 val)
{
    __atomic_compare_exchange_n((u32 *)p, expect, val, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return true;
}

#else

/* A fault between the labels continues at the third. */
#define EX_ENTRY(start, end, fixup)                                                                \
    ".pushsection __ex_table, \"a\"\n"                                                             \
    ".balign 8\n"                                                                                  \
    ".quad " #start ", " #end ", " #fixup "\n"                                                     \
    ".popsection\n"

/* From here on the string instruction beats the loop. */
#define REP_MIN 256

/* Bytes not copied. */
static size_t raw_copy(void *d, const void *s, size_t n)
{
    u64 t;

    if (n >= REP_MIN) {
        __asm__ volatile("1: rep movsb\n"
                         "2:\n" EX_ENTRY(1b, 2b, 2b)
                         : "+D"(d), "+S"(s), "+c"(n)
                         :
                         : "memory");
        return n;
    }
    __asm__ volatile("   cmp $8, %[n]\n"
                     "   jb 2f\n"
                     "1: mov (%[s]), %[t]\n"
                     "   mov %[t], (%[d])\n"
                     "   add $8, %[s]\n"
                     "   add $8, %[d]\n"
                     "   sub $8, %[n]\n"
                     "   cmp $8, %[n]\n"
                     "   jae 1b\n"
                     "2: test $4, %b[n]\n"
                     "   jz 3f\n"
                     "   mov (%[s]), %k[t]\n"
                     "   mov %k[t], (%[d])\n"
                     "   add $4, %[s]\n"
                     "   add $4, %[d]\n"
                     "   sub $4, %[n]\n"
                     "3: test %[n], %[n]\n"
                     "   jz 5f\n"
                     "4: rep movsb\n"
                     "5:\n" EX_ENTRY(1b, 4b, 4b) EX_ENTRY(4b, 5b, 5b)
                     : [d] "+D"(d), [s] "+S"(s), [n] "+c"(n), [t] "=&r"(t)
                     :
                     : "memory", "cc");
    return n;
}

/* Bytes not cleared. */
static size_t raw_zero(void *d, size_t n)
{
    __asm__ volatile("1: rep stosb\n"
                     "2:\n" EX_ENTRY(1b, 2b, 2b)
                     : "+D"(d), "+c"(n)
                     : "a"(0)
                     : "memory");
    return n;
}

/* A load of `insn`'s width; false on a fault. */
#define DEFINE_LOAD(name, type, insn)                                                              \
    static inline bool name(uptr p, type *v)                                                       \
    {                                                                                              \
        u32 ok = 0;                                                                                \
        type x = 0;                                                                                \
        __asm__ volatile("1: " insn " (%[p]), %[x]\n"                                              \
                         "   mov $1, %[ok]\n"                                                      \
                         "2:\n" EX_ENTRY(1b, 2b, 2b)                                               \
                         : [x] "+&r"(x), [ok] "+&r"(ok)                                            \
                         : [p] "r"(p)                                                              \
                         : "memory");                                                              \
        *v = x;                                                                                    \
        return ok;                                                                                 \
    }
DEFINE_LOAD(raw_load64, u64, "mov")
DEFINE_LOAD(raw_load32, u32, "mov")
DEFINE_LOAD(raw_load8, u8, "mov")

static bool raw_cmpxchg32(uptr p, u32 *expect, u32 val)
{
    u32 ok = 0, found = *expect;

    __asm__ volatile("1: lock cmpxchg %[val], (%[p])\n"
                     "   mov $1, %[ok]\n"
                     "2:\n" EX_ENTRY(1b, 2b, 2b)
                     : "+&a"(found), [ok] "+&r"(ok)
                     : [p] "r"(p), [val] "r"(val)
                     : "memory", "cc");
    *expect = found;
    return ok;
}

#endif

size_t mapped_copy(void *dst, const void *src, size_t n) { return raw_copy(dst, src, n); }

size_t user_copy_in(void *dst, uptr src, size_t n)
{
    size_t k = user_range_clip(src, n);

    return n - k + (k ? raw_copy(dst, (const void *)src, k) : 0);
}

size_t user_copy_out(uptr dst, const void *src, size_t n)
{
    size_t k = user_range_clip(dst, n);

    return n - k + (k ? raw_copy((void *)dst, src, k) : 0);
}

size_t user_zero(uptr dst, size_t n)
{
    size_t k = user_range_clip(dst, n);

    return n - k + (k ? raw_zero((void *)dst, k) : 0);
}

long copy_from_user(void *dst, uptr src, size_t n)
{
    return user_copy_in(dst, src, n) ? -EFAULT : 0;
}

long copy_to_user(uptr dst, const void *src, size_t n)
{
    return user_copy_out(dst, src, n) ? -EFAULT : 0;
}

static inline bool has_zero_byte(u64 v)
{
    return (v - 0x0101010101010101ULL) & ~v & 0x8080808080808080ULL;
}

long strncpy_from_user(char *dst, uptr src, size_t n)
{
    size_t room = user_range_clip(src, n), i = 0;
    u64 word;

    /* Aligned words lie within one page, so a word faults only if all its bytes do. */
    while (i < room) {
        if (((src + i) & 7) == 0 && room - i >= 8 && raw_load64(src + i, &word) &&
            !has_zero_byte(word)) {
            memcpy(dst + i, &word, 8);
            i += 8;
            continue;
        }
        if (!raw_load8(src + i, (u8 *)dst + i))
            return -EFAULT;
        if (!dst[i])
            return (long)i;
        i++;
    }
    return room < n ? -EFAULT : -ENAMETOOLONG;
}

long user_load32(uptr p, u32 *val)
{
    return user_range_clip(p, 4) == 4 && raw_load32(p, val) ? 0 : -EFAULT;
}

long user_cmpxchg32(uptr p, u32 expect, u32 val, u32 *old)
{
    *old = expect;
    return user_range_clip(p, 4) == 4 && raw_cmpxchg32(p, old, val) ? 0 : -EFAULT;
}
