/* What the stress programs share: time, chance, and failing with a reason. */
#ifndef STRESS_H
#define STRESS_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* xorshift: the same seed gives the same run. */
static uint64_t chance_state = 88172645463325252ULL;

static inline void chance_seed(uint64_t seed) { chance_state = seed * 0x9e3779b97f4a7c15ULL | 1; }

static inline unsigned chance(unsigned below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (unsigned)((chance_state >> 20) % below);
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *format, ...)
{
    int error = errno;
    va_list ap;

    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fprintf(stderr, " (errno %d: %s)\n", error, strerror(error));
    fflush(stderr);
    _exit(1);
}

#define NEED(c)                                                                                    \
    do {                                                                                           \
        if (!(c))                                                                                  \
            die("%s:%d: %s", __FILE__, __LINE__, #c);                                              \
    } while (0)

#endif
