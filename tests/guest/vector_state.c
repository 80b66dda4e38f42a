/* Vector registers, as wide as the CPU has them, over system calls, signals and thread
 * switches: filled with a pattern, checked after each. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint8_t scratch[64] __attribute__((aligned(64)));

/* A handler that spoils every vector register it can. */
__attribute__((target("avx512f"))) static void spoil512(int sig)
{
    (void)sig;
    __asm__ volatile("vpternlogd $0xff, %%zmm0, %%zmm0, %%zmm0\n vmovdqa64 %%zmm0, %%zmm5\n"
                     "vmovdqa64 %%zmm0, %%zmm31\n vmovdqa64 %%zmm0, %0\n kxnorw %%k1, %%k1, %%k1"
                     : "=m"(scratch)::"xmm0", "xmm5", "memory");
}

static void spoil128(int sig)
{
    (void)sig;
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm5\n movdqa %%xmm0, %%xmm15" ::
                         : "xmm0", "xmm5", "xmm15");
}

__attribute__((target("avx512f"))) static int round512(uint8_t seed, long nr, long a, long b,
                                                       long c)
{
    uint8_t in[64], out[3][64];
    uint16_t mask = (uint16_t)(0x1200 + seed), mask_out = 0;
    register long a3 __asm__("rdx") = c;
    long rc = nr;

    for (int i = 0; i < 64; i++)
        in[i] = (uint8_t)(seed + i);
    __asm__ volatile(
        "vmovdqu64 (%[in]), %%zmm0\n vmovdqu64 (%[in]), %%zmm5\n vmovdqu64 (%[in]), %%zmm31\n"
        "kmovw %[mask], %%k1\n"
        "syscall\n"
        "vmovdqu64 %%zmm0, (%[out])\n vmovdqu64 %%zmm5, 64(%[out])\n"
        "vmovdqu64 %%zmm31, 128(%[out])\n kmovw %%k1, %%r8d\n mov %%r8w, %[mo]\n"
        : "+a"(rc), [mo] "=m"(mask_out)
        : "D"(a), "S"(b), "r"(a3), [in] "r"(in), [out] "r"(out), [mask] "r"((uint32_t)mask)
        : "rcx", "r11", "r8", "memory", "xmm0", "xmm5");
    return memcmp(out[0], in, 64) || memcmp(out[1], in, 64) || memcmp(out[2], in, 64) ||
           mask_out != mask;
}

static int round128(uint8_t seed, long nr, long a, long b, long c)
{
    uint8_t in[16], out[3][16];
    register long a3 __asm__("rdx") = c;
    long rc = nr;

    memset(in, seed, sizeof(in));
    __asm__ volatile(
        "movdqu (%[in]), %%xmm0\n movdqu (%[in]), %%xmm5\n movdqu (%[in]), %%xmm15\n"
        "syscall\n"
        "movdqu %%xmm0, (%[out])\n movdqu %%xmm5, 16(%[out])\n movdqu %%xmm15, 32(%[out])\n"
        : "+a"(rc)
        : "D"(a), "S"(b), "r"(a3), [in] "r"(in), [out] "r"(out)
        : "rcx", "r11", "memory", "xmm0", "xmm5", "xmm15");
    return memcmp(out[0], in, 16) || memcmp(out[1], in, 16) || memcmp(out[2], in, 16);
}

static int wide;

static void *work(void *arg)
{
    struct timespec nap = {0, 100000};
    int (*round)(uint8_t, long, long, long, long) = wide ? round512 : round128;
    int bad = 0;

    for (int i = 0; i < 300; i++) {
        bad += round((uint8_t)(i + (long)arg), SYS_getpid, 0, 0, 0);
        if (i % 10 == 0) {
            bad += round((uint8_t)i, SYS_nanosleep, (long)&nap, 0, 0);
            bad += round((uint8_t)i, SYS_tgkill, getpid(), gettid(), SIGUSR1);
        }
    }
    return (void *)(long)bad;
}

int main(void)
{
    pthread_t t[4];
    long bad = 0;

    wide = __builtin_cpu_supports("avx512f");
    signal(SIGUSR1, wide ? spoil512 : spoil128);
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, work, (void *)(i * 17));
    for (int i = 0; i < 4; i++) {
        void *b;
        pthread_join(t[i], &b);
        bad += (long)b;
    }
    printf("%ld registers lost\n", bad);
    return bad != 0;
}
