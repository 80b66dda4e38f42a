/* Registers: general ones and flags, x87, MXCSR, vectors up to AVX-512 with masks, the base of FS
 * and of GS.  One thread is saved in the middle of program code that makes no call, another in a
 * call that sleeps. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <cpuid.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "saving.h"

struct state {
    uint64_t general[12];
    uint8_t vector[32][64];
    uint64_t mask[8];
    uint8_t x87[10];
    uint16_t control;
    uint32_t mxcsr;
    uint64_t flags, gs;
} __attribute__((aligned(64)));

static volatile int inside, go_on; /* the loop has begun; it is to end */
static int event;
static bool avx, avx512;

/* What all threads start with; `n` makes them differ. */
static void fill(struct state *s, unsigned n)
{
    uint8_t *bytes = (uint8_t *)s;

    for (size_t i = 0; i < sizeof(*s); i++)
        bytes[i] = (uint8_t)(i * 7 + n * 31 + 1);
    for (int i = 0; i < 8; i++)
        s->mask[i] &= 0xffff;
    s->control = 0x027f;        /* 53 bits of precision */
    s->mxcsr = 0x1f80 | 0x6000; /* rounds towards zero */
    /* An 80-bit number that is one: 1.5 * 2^n */
    memcpy(s->x87, (uint8_t[]){0, 0, 0, 0, 0, 0, 0, 0xc0, (uint8_t)n, 0x40}, 10);
}

#define EACH_16(X)                                                                                 \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define LATER_16(X)                                                                                \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define EACH_MASK(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

#define LOAD_X(n)    "movdqu " #n "*64(%[v]), %%xmm" #n "\n"
#define SAVE_X(n)    "movdqu %%xmm" #n ", " #n "*64(%[v])\n"
#define LOAD_Y(n)    "vmovdqu " #n "*64(%[v]), %%ymm" #n "\n"
#define SAVE_Y(n)    "vmovdqu %%ymm" #n ", " #n "*64(%[v])\n"
#define LOAD_Z(n)    "vmovdqu64 " #n "*64(%[v]), %%zmm" #n "\n"
#define SAVE_Z(n)    "vmovdqu64 %%zmm" #n ", " #n "*64(%[v])\n"
#define LOAD_K(n)    "kmovw " #n "*8(%[k]), %%k" #n "\n"
#define SAVE_K(n)    "kmovw %%k" #n ", " #n "*8(%[k])\n"

#define VECTORS(s)   [v] "r"((s)->vector), [k] "r"((s)->mask)

static void load(struct state *s)
{
    if (avx512)
        __asm__ volatile(EACH_16(LOAD_Z) LATER_16(LOAD_Z) EACH_MASK(LOAD_K)::VECTORS(s) : "memory");
    else if (avx)
        __asm__ volatile(EACH_16(LOAD_Y)::VECTORS(s) : "memory");
    else
        __asm__ volatile(EACH_16(LOAD_X)::VECTORS(s) : "memory");
    __asm__ volatile("fninit\n fldcw %0\n fldt %1\n ldmxcsr %2" ::"m"(s->control), "m"(s->x87),
                     "m"(s->mxcsr));
    syscall(SYS_arch_prctl, ARCH_SET_GS, s->gs);
}

static void store(struct state *s)
{
    if (avx512)
        __asm__ volatile(EACH_16(SAVE_Z) LATER_16(SAVE_Z) EACH_MASK(SAVE_K)::VECTORS(s) : "memory");
    else if (avx)
        __asm__ volatile(EACH_16(SAVE_Y)::VECTORS(s) : "memory");
    else
        __asm__ volatile(EACH_16(SAVE_X)::VECTORS(s) : "memory");
    __asm__ volatile("fstcw %0\n fstpt %1\n stmxcsr %2\n fninit"
                     : "=m"(s->control), "=m"(s->x87), "=m"(s->mxcsr));
    syscall(SYS_arch_prctl, ARCH_GET_GS, &s->gs);
}

/* Between load and store nothing but these may run: no library touches a register. */
static void spin(struct state *s)
{
    __asm__ volatile("push %%rbx\n push %%rbp\n"
                     "mov %[g], %%rax\n"
                     "mov 8(%%rax), %%rbx\n mov 16(%%rax), %%rcx\n mov 24(%%rax), %%rdx\n"
                     "mov 32(%%rax), %%rsi\n mov 48(%%rax), %%r8\n mov 56(%%rax), %%r9\n"
                     "mov 64(%%rax), %%r10\n mov 72(%%rax), %%r11\n"
                     "mov 80(%%rax), %%r12\n mov 88(%%rax), %%r13\n mov (%%rax), %%rbp\n"
                     "movl $1, %[inside]\n"
                     "1: pause\n testl $-1, %[go_on]\n jz 1b\n"
                     "mov %[g], %%rax\n"
                     "mov %%rbx, 8(%%rax)\n mov %%rcx, 16(%%rax)\n mov %%rdx, 24(%%rax)\n"
                     "mov %%rsi, 32(%%rax)\n mov %%r8, 48(%%rax)\n mov %%r9, 56(%%rax)\n"
                     "mov %%r10, 64(%%rax)\n mov %%r11, 72(%%rax)\n"
                     "mov %%r12, 80(%%rax)\n mov %%r13, 88(%%rax)\n mov %%rbp, (%%rax)\n"
                     "pop %%rbp\n pop %%rbx\n"
                     : [inside] "=m"(inside)
                     : [g] "D"(s->general), [go_on] "m"(go_on)
                     : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "memory",
                       "cc");
}

static void *in_code(void *arg)
{
    struct state *s = arg;

    load(s);
    spin(s);
    store(s);
    return NULL;
}

static void *in_a_call(void *arg)
{
    static uint64_t value;
    struct state *s = arg;
    long rc;

    load(s);
    __asm__ volatile("syscall"
                     : "=a"(rc)
                     : "a"(SYS_read), "D"(event), "S"(&value), "d"(8)
                     : "rcx", "r11", "memory");
    store(s);
    CHECK(rc == 8 && value == 1);
    return NULL;
}

static void compare(const struct state *got, unsigned n)
{
    static struct state want;
    size_t width = avx512 ? 64 : avx ? 32 : 16;

    fill(&want, n);
    want.gs = got->gs & 0xfff ? 0 : got->gs;
    CHECK(memcmp(got->general, want.general, sizeof(want.general)) == 0);
    for (int i = 0; i < (avx512 ? 32 : 16); i++)
        CHECK(memcmp(got->vector[i], want.vector[i], width) == 0);
    CHECK(memcmp(got->mask, want.mask, sizeof(want.mask)) == 0);
    CHECK(memcmp(got->x87, want.x87, 10) == 0);
    CHECK(got->control == want.control && got->mxcsr == want.mxcsr);
    CHECK(got->gs == 0x123450000UL + n * 0x1000UL);
}

static volatile pid_t sleeper;
static void *begin_in_a_call(void *arg)
{
    sleeper = gettid();
    return in_a_call(arg);
}

int main(void)
{
    static struct state states[2];
    uint64_t one = 1;
    pthread_t threads[2];

    avx = __builtin_cpu_supports("avx");
    avx512 = __builtin_cpu_supports("avx512f");
    event = eventfd(0, 0);
    for (unsigned n = 0; n < 2; n++) {
        fill(&states[n], n);
        states[n].gs = 0x123450000 + n * 0x1000;
    }
    pthread_create(&threads[0], NULL, in_code, &states[0]);
    pthread_create(&threads[1], NULL, begin_in_a_call, &states[1]);
    while (!inside || !sleeper || thread_state(sleeper) != 'S')
        usleep(1000);
    save();
    go_on = 1;
    write(event, &one, 8);
    for (unsigned n = 0; n < 2; n++) {
        pthread_join(threads[n], NULL);
        compare(&states[n], n);
    }
    return check_result();
}
