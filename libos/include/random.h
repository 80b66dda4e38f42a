/* Randomness inside: a ChaCha20 generator seeded by the host.  core/random.c */
#ifndef LIBOS_RANDOM_H
#define LIBOS_RANDOM_H

#include "types.h"

void random_bytes(void *buf, size_t n);

#endif
