/* The random numbers of fuzzers and attacks: the same from the same seed, on every machine. */
#ifndef BAILEY_TESTS_RANDOM_H
#define BAILEY_TESTS_RANDOM_H

#include <stdint.h>

#define RANDOM_START 88172645463325252u

static uint64_t random_state = RANDOM_START;

static inline uint64_t any(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}
static inline uint64_t below(uint64_t n) { return any() % n; }

/* Another beginning for each number. */
static inline void random_seed(uint64_t number) { random_state = number * 0x9e3779b97f4a7c15u + 1; }

#endif
