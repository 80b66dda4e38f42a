/* The few C library functions the library OS has, in core/string.c and core/format.c. */
#ifndef LIBOS_LIB_H
#define LIBOS_LIB_H

#include <stdarg.h>

#include "types.h"

void *memcpy(void *restrict d, const void *restrict s, size_t n);
void *memmove(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *needle);
/* Copies at most n-1 bytes and terminates; returns strlen(s). */
size_t strlcpy(char *d, const char *s, size_t n);

/* printf subset: %d %i %u %x %X %o %c %s %p %% with l, ll, z, width, precision, 0, -.
 * Returns the length that would have been written, like C's. */
int vsnprintf(char *buf, size_t n, const char *fmt, va_list ap);
int snprintf(char *buf, size_t n, const char *fmt, ...) __printf(3, 4);

/* A text that grows: for /proc files, traces and logs.  Never overflows: text past
 * the end is dropped and `full` is set. */
struct textbuf {
    char *p;
    size_t len, cap;
    bool full;
};
void text_add(struct textbuf *b, const char *fmt, ...) __printf(2, 3);
void text_bytes(struct textbuf *b, const void *p, size_t n);

/* Parses an unsigned number in base (0: by prefix); *end after it. */
u64 parse_u64(const char *s, const char **end, unsigned base);

/* FNV-1a. */
u32 hash_bytes(const void *p, size_t n);
static inline u64 hash_u64(u64 x) { return (x * 0x9e3779b97f4a7c15ULL) >> 20; }

/* A line in the --debug log. */
void klog(const char *fmt, ...) __printf(1, 2);
/* The library OS found itself broken: says so and ends the sandbox. */
_Noreturn void panic(const char *fmt, ...) __printf(1, 2);
#define ASSERT(c)                                                                                  \
    do {                                                                                           \
        if (unlikely(!(c)))                                                                        \
            panic("%s:%d: %s", __FILE__, __LINE__, #c);                                            \
    } while (0)

#endif
