/* The random number generator: ChaCha20 with fast key erasure.
 *
 * One 256-bit key lives in the segment.  Every request takes, under the lock, one block
 * of key stream: its first half becomes the next key at once, its second half keys a
 * stream of the request's own.  So nothing that was handed out can be computed from the
 * state found later, and long requests run without the lock.  The key starts from the
 * monitor's seed and is mixed with host randomness after every RESEED_BYTES and, before
 * anything else, after a resume.
 */
#include <linux/errno.h>
#include <linux/random.h>

#include "lib.h"
#include "lock.h"
#include "random.h"
#include "syscalls_gen.h"
#include "thread.h"
#include "uio.h"

#define RESEED_BYTES (16UL << 20)

static struct {
    struct lock lock;
    bool seeded;
    u32 key[8];
    u64 since_reseed;
} rng;

static inline u32 rotate(u32 x, int n) { return x << n | x >> (32 - n); }

static inline void quarter(u32 *x, int a, int b, int c, int d)
{
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 7);
}

/* RFC 8439 block function with a 64-bit counter and a zero nonce. */
void chacha20_block(const u32 key[8], u64 counter, u32 out[16])
{
    const u32 start[16] = {
        0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0], key[1],       key[2],
        key[3],     key[4],     key[5],     key[6],     key[7], (u32)counter, (u32)(counter >> 32),
        0,          0,
    };
    u32 x[16];
    int i;

    memcpy(x, start, sizeof(x));
    for (i = 0; i < 10; i++) {
        quarter(x, 0, 4, 8, 12);
        quarter(x, 1, 5, 9, 13);
        quarter(x, 2, 6, 10, 14);
        quarter(x, 3, 7, 11, 15);
        quarter(x, 0, 5, 10, 15);
        quarter(x, 1, 6, 11, 12);
        quarter(x, 2, 7, 8, 13);
        quarter(x, 3, 4, 9, 14);
    }
    for (i = 0; i < 16; i++)
        out[i] = x[i] + start[i];
}

static void wipe(void *p, size_t n)
{
    memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory"); /* not a dead store */
}

/* Under rng.lock.  Every bit of `seed` reaches every bit of the next key. */
static void mix_key(const u32 seed[8])
{
    u32 block[16];
    int i;

    for (i = 0; i < 8; i++)
        rng.key[i] ^= seed[i];
    chacha20_block(rng.key, ~0ULL, block);
    memcpy(rng.key, block, sizeof(rng.key));
    wipe(block, sizeof(block));
}

/* What the monitor put there for the first key is as fresh as what it would answer now. */
static void take_first_seed(void)
{
    u32 seed[16];

    memcpy(seed, boot()->seed, sizeof(seed));
    mix_key(seed);
    mix_key(seed + 8);
    wipe(seed, sizeof(seed));
    wipe(boot()->seed, sizeof(seed));
    rng.seeded = true;
}

void random_reseed(void)
{
    u32 fresh[8];

    host_random(fresh, sizeof(fresh)); /* a host call: before the lock */
    lock(&rng.lock);
    mix_key(fresh);
    rng.since_reseed = 0;
    unlock(&rng.lock);
    wipe(fresh, sizeof(fresh));
}

void random_resume(void)
{
    lock(&rng.lock);
    take_first_seed(); /* another one, of this copy's monitor */
    rng.since_reseed = 0;
    unlock(&rng.lock);
}

void random_mix(const void *buf, size_t n)
{
    const u8 *p = buf;

    lock(&rng.lock);
    while (n) {
        u32 seed[8] = {0};
        size_t part = MIN(n, sizeof(seed));

        memcpy(seed, p, part);
        mix_key(seed);
        p += part;
        n -= part;
    }
    unlock(&rng.lock);
}

/* A key for one request of n bytes. */
static void request_key(u32 key[8], size_t n)
{
    u32 block[16];
    bool due;

    lock(&rng.lock);
    if (!rng.seeded)
        take_first_seed();
    due = rng.since_reseed >= RESEED_BYTES;
    unlock(&rng.lock);
    if (due)
        random_reseed();
    lock(&rng.lock);
    chacha20_block(rng.key, 0, block);
    memcpy(rng.key, block, sizeof(rng.key));
    rng.since_reseed += n;
    unlock(&rng.lock);
    memcpy(key, block + 8, 8 * sizeof(key[0]));
    wipe(block, sizeof(block));
}

void random_bytes(void *buf, size_t n)
{
    u32 key[8], block[16];
    u8 *p = buf;
    u64 counter = 0;

    request_key(key, n);
    while (n) {
        size_t part = MIN(n, sizeof(block));

        chacha20_block(key, counter++, block);
        memcpy(p, block, part);
        p += part;
        n -= part;
    }
    wipe(key, sizeof(key));
    wipe(block, sizeof(block));
}

size_t random_uio(struct uio *u)
{
    u32 key[8];
    u32 chunk[16 * 8];
    u64 counter = 0;
    size_t done = 0;

    request_key(key, u->left);
    while (u->left) {
        size_t part = MIN(u->left, sizeof(chunk)), i, n;

        for (i = 0; i * 64 < part; i++)
            chacha20_block(key, counter++, chunk + 16 * i);
        n = uio_copy_out(u, chunk, part);
        done += n;
        /* Large requests can be interrupted, but not before one page. */
        if (n < part || (done >= PAGE_SIZE && done % PAGE_SIZE == 0 && signal_pending()))
            break;
    }
    wipe(key, sizeof(key));
    wipe(chunk, sizeof(chunk));
    return done;
}

long sys_getrandom(uptr buf, size_t count, unsigned int flags)
{
    struct uio u;
    struct iov v;
    size_t n;

    if (flags & ~(unsigned int)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if ((flags & (GRND_INSECURE | GRND_RANDOM)) == (GRND_INSECURE | GRND_RANDOM))
        return -EINVAL;
    count = MIN(count, (size_t)0x7ffff000);
    if (!count)
        return 0;
    uio_init(&u, &v, buf, count, false);
    n = random_uio(&u);
    return n ? (long)n : -EFAULT;
}
