/* Randomness for the library OS and the program.  core/random.c */
#ifndef LIBOS_RANDOM_H
#define LIBOS_RANDOM_H

#include "types.h"

struct uio;

/* Fills buf from the generator.  Never blocks, cannot fail. */
void random_bytes(void *buf, size_t n);
/* Fills the rest of u; bytes moved (short on a fault). */
size_t random_uio(struct uio *u);
/* Mixes in caller-supplied bytes (writes to /dev/urandom). */
void random_mix(const void *buf, size_t n);
/* Replaces the key with fresh host randomness: at start, and after a resume or clone
 * before the first instruction of the program, so that copies never share a stream. */
void random_reseed(void);
/* In a resumed copy: with what its monitor left there. */
void random_resume(void);

/* RFC 8439 with a 64-bit counter and a zero nonce. */
void chacha20_block(const u32 key[8], u64 counter, u32 out[16]);

#endif
