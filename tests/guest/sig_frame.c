/* Signal frames: layout, registers, vector state, faults, alternate stacks, sigreturn. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <immintrin.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

struct sw_bytes {
    uint32_t magic1, extended_size;
    uint64_t xfeatures;
    uint32_t xstate_size;
};

static volatile int runs;
static siginfo_t info;
static ucontext_t context;
static uintptr_t entry_sp;
static sigjmp_buf back;

static void install(int sig, void *fn, int flags)
{
    struct sigaction sa = {.sa_sigaction = (void (*)(int, siginfo_t *, void *))fn,
                           .sa_flags = SA_SIGINFO | flags};

    sigemptyset(&sa.sa_mask);
    CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void on_layout(int sig, siginfo_t *si, ucontext_t *uc)
{
    char *fp = (char *)uc->uc_mcontext.fpregs;
    struct sw_bytes *sw = (struct sw_bytes *)(fp + 464);
    uint64_t *header = (uint64_t *)(fp + 512);

    runs++;
    entry_sp = (uintptr_t)uc - 8;
    CHECK(((uintptr_t)fp & 63) == 0 && (entry_sp & 15) == 8);
    CHECK((char *)si == (char *)uc + 304);
    CHECK(sw->magic1 == 0x46505853 && sw->extended_size == sw->xstate_size + 4);
    CHECK(*(uint32_t *)(fp + sw->xstate_size) == 0x46505845);
    CHECK((header[0] & 3) == 3 && header[1] == 0 && header[2] == 0);
    CHECK((header[0] & ~sw->xfeatures) == 0);
    CHECK((uc->uc_flags & 7) == 7 && uc->uc_link == NULL);
    CHECK((uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff) == 0x33);
    CHECK((uc->uc_mcontext.gregs[REG_RSP] - (long)fp) >= 128 + (long)sw->extended_size);
    CHECK(!sigismember(&uc->uc_sigmask, sig));
}

static void test_layout(void)
{
    install(SIGUSR1, on_layout, 0);
    raise(SIGUSR1);
    CHECK(runs == 1);
}

/* All general registers survive a signal taken in the system call that sends it. */
static void on_nothing(int sig) { runs++; }

static void test_registers(void)
{
    uint64_t out[8];
    long nr = SYS_kill, pid = getpid();

    runs = 0;
    install(SIGUSR1, on_nothing, 0);
    __asm__ volatile("mov $0x1111, %%rbx; mov $0x2222, %%r12; mov $0x3333, %%r13;"
                     "mov $0x4444, %%r14; mov $0x5555, %%r8; mov $0x6666, %%r9;"
                     "mov $0x7777, %%r10; mov $0x8888, %%r15; syscall;"
                     "mov %%rbx, 0(%3); mov %%r12, 8(%3); mov %%r13, 16(%3); mov %%r14, 24(%3);"
                     "mov %%r8, 32(%3); mov %%r9, 40(%3); mov %%r10, 48(%3); mov %%r15, 56(%3)"
                     : "+a"(nr)
                     : "D"(pid), "S"((long)SIGUSR1), "d"(out)
                     : "rcx", "r11", "rbx", "r8", "r9", "r10", "r12", "r13", "r14", "r15",
                       "memory");
    CHECK(nr == 0 && runs == 1);
    for (int i = 0; i < 8; i++)
        CHECK(out[i] == 0x1111u * (unsigned)(i == 0   ? 1
                                             : i == 1 ? 2
                                             : i == 2 ? 3
                                             : i == 3 ? 4
                                             : i == 4 ? 5
                                             : i == 5 ? 6
                                             : i == 6 ? 7
                                                      : 8));
}

/* Vector registers: changed by the handler, restored on return, in full width. */
static void on_clobber(int sig)
{
    __asm__ volatile("pxor %%xmm0, %%xmm0; pcmpeqd %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15" ::
                         : "xmm0", "xmm7", "xmm15");
    if (__builtin_cpu_supports("avx"))
        __asm__ volatile("vzeroall");
    if (__builtin_cpu_supports("avx512f"))
        __asm__ volatile("vpxorq %zmm31, %zmm31, %zmm31; kxorw %k1, %k1, %k1");
    runs++;
}

__attribute__((target("avx512f"))) static void vectors_512(long pid)
{
    uint64_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, lo[8], hi[8];
    uint32_t mask = 0;
    long rc = SYS_kill;

    __asm__ volatile("vmovdqu64 (%[in]), %%zmm0; vmovdqu64 (%[in]), %%zmm31; mov $0xa5, %%r8d;"
                     "kmovw %%r8d, %%k1; syscall; vmovdqu64 %%zmm0, (%[lo]);"
                     "vmovdqu64 %%zmm31, (%[hi]); kmovw %%k1, %[mask]"
                     : "+a"(rc), [mask] "=r"(mask)
                     : "D"(pid), "S"((long)SIGUSR1), [in] "r"(in), [lo] "r"(lo), [hi] "r"(hi)
                     : "rcx", "r11", "r8", "xmm0", "memory");
    CHECK(rc == 0 && !memcmp(in, lo, 64) && !memcmp(in, hi, 64) && mask == 0xa5);
}

__attribute__((target("avx"))) static void vectors_256(long pid)
{
    uint64_t in[4] = {1, 2, 3, 4}, out[4];
    long rc = SYS_kill;

    __asm__ volatile("vmovdqu (%[in]), %%ymm7; syscall; vmovdqu %%ymm7, (%[out])"
                     : "+a"(rc)
                     : "D"(pid), "S"((long)SIGUSR1), [in] "r"(in), [out] "r"(out)
                     : "rcx", "r11", "xmm7", "memory");
    CHECK(rc == 0 && !memcmp(in, out, 32));
}

static void test_vectors(void)
{
    uint64_t in[2] = {0x0123456789abcdef, 42}, out[2];
    long rc = SYS_kill, pid = getpid();
    uint32_t csr = 0x1f80 | 0x6000, csr_after;

    runs = 0;
    install(SIGUSR1, on_clobber, 0);
    __asm__ volatile("movdqu (%[in]), %%xmm15; syscall; movdqu %%xmm15, (%[out])"
                     : "+a"(rc)
                     : "D"(pid), "S"((long)SIGUSR1), [in] "r"(in), [out] "r"(out)
                     : "rcx", "r11", "xmm15", "memory");
    CHECK(rc == 0 && !memcmp(in, out, 16));
    __asm__ volatile("ldmxcsr %0" ::"m"(csr));
    raise(SIGUSR1);
    __asm__ volatile("stmxcsr %0" : "=m"(csr_after));
    CHECK(csr_after == csr);
    csr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(csr));
    if (__builtin_cpu_supports("avx"))
        vectors_256(pid);
    if (__builtin_cpu_supports("avx512f"))
        vectors_512(pid);
}

/* A handler may change what is restored. */
static void on_edit(int sig, siginfo_t *si, ucontext_t *uc)
{
    uc->uc_mcontext.gregs[REG_RAX] = 1234;
    uc->uc_mcontext.fpregs->_xmm[15].element[0] = 77;
    sigaddset(&uc->uc_sigmask, SIGUSR2);
}

static void test_edit(void)
{
    uint32_t out[4];
    long rc = SYS_kill;
    sigset_t mask;

    install(SIGUSR1, on_edit, 0);
    __asm__ volatile("pxor %%xmm15, %%xmm15; syscall; movdqu %%xmm15, (%[out])"
                     : "+a"(rc)
                     : "D"((long)getpid()), "S"((long)SIGUSR1), [out] "r"(out)
                     : "rcx", "r11", "xmm15", "memory");
    CHECK(rc == 1234 && out[0] == 77 && out[1] == 0);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    CHECK(sigismember(&mask, SIGUSR2));
    sigdelset(&mask, SIGUSR2);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

static void on_fault(int sig, siginfo_t *si, ucontext_t *uc)
{
    info = *si;
    context = *uc;
    siglongjmp(back, sig);
}

#define RAISES(statement)                                                                          \
    ({                                                                                             \
        int sig_ = sigsetjmp(back, 1);                                                             \
        if (!sig_) {                                                                               \
            statement;                                                                             \
        }                                                                                          \
        sig_;                                                                                      \
    })

static void test_faults(void)
{
    char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile int zero = 0;
    extern char bad_instruction[];
    greg_t *g = context.uc_mcontext.gregs;

    install(SIGSEGV, on_fault, 0);
    install(SIGFPE, on_fault, 0);
    install(SIGILL, on_fault, 0);
    install(SIGTRAP, on_fault, 0);
    munmap(p + 4096, 4096);
    CHECK(RAISES(p[5] = 1) == SIGSEGV && info.si_code == SEGV_ACCERR && info.si_addr == p + 5);
    CHECK(g[REG_TRAPNO] == 14 && (g[REG_ERR] & 6) == 6 && g[REG_CR2] == (long)p + 5);
    CHECK(RAISES((void)*(volatile char *)(p + 4096)) == SIGSEGV && info.si_code == SEGV_MAPERR);
    CHECK(g[REG_TRAPNO] == 14 && g[REG_ERR] == 4 && info.si_addr == p + 4096);
    CHECK(RAISES(*(volatile char *)0x8000000000000000 = 1) == SIGSEGV);
    CHECK(info.si_code == SI_KERNEL && info.si_addr == NULL && g[REG_TRAPNO] == 13);
    CHECK(RAISES(__asm__ volatile("xor %%edx, %%edx; divl %0" ::"m"(zero), "a"(1)
                                  : "edx")) == SIGFPE &&
          info.si_code == FPE_INTDIV);
    CHECK(info.si_addr == (void *)g[REG_RIP] && g[REG_TRAPNO] == 0);
    CHECK(RAISES(__asm__ volatile(".globl bad_instruction\nbad_instruction: ud2")) == SIGILL);
    CHECK(info.si_code == ILL_ILLOPN && info.si_addr == bad_instruction);
    CHECK(RAISES(__asm__ volatile("int3")) == SIGTRAP && info.si_code == SI_KERNEL);
    CHECK(RAISES(((void (*)(void))p)()) == SIGSEGV && info.si_code == SEGV_ACCERR);
    CHECK(g[REG_RIP] == (long)p);
    CHECK(RAISES(__asm__ volatile("hlt")) == SIGSEGV && info.si_code == SI_KERNEL);
    munmap(p, 4096);
    signal(SIGSEGV, SIG_DFL);
}

static char stack[65536], stack2[65536];
static volatile int on_stack, nested;

static void on_alt(int sig, siginfo_t *si, ucontext_t *uc)
{
    char here;
    stack_t ss, new = {.ss_sp = stack2, .ss_size = sizeof(stack2)};

    on_stack += &here > stack && &here < stack + sizeof(stack);
    CHECK(uc->uc_stack.ss_sp == stack && uc->uc_stack.ss_size == sizeof(stack));
    sigaltstack(NULL, &ss);
    CHECK(ss.ss_flags == SS_ONSTACK);
    CHECK_ERR(sigaltstack(&new, NULL), EPERM);
    if (!nested++)
        raise(SIGUSR2); /* goes on below us, not on top of the stack */
}

static void on_disarmed(int sig, siginfo_t *si, ucontext_t *uc)
{
    char here;
    stack_t ss;

    on_stack += &here > stack && &here < stack + sizeof(stack);
    sigaltstack(NULL, &ss);
    CHECK(ss.ss_flags == SS_DISABLE);
}

static void test_altstack(void)
{
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)}, old;

    CHECK(sigaltstack(&ss, &old) == 0 && old.ss_flags == SS_DISABLE);
    install(SIGUSR1, on_alt, SA_ONSTACK);
    install(SIGUSR2, on_alt, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(on_stack == 2);
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == 0 && old.ss_sp == stack);
    ss.ss_flags = (int)(1u << 31); /* SS_AUTODISARM */
    CHECK(sigaltstack(&ss, NULL) == 0);
    install(SIGUSR1, on_disarmed, SA_ONSTACK);
    on_stack = 0;
    raise(SIGUSR1);
    CHECK(on_stack == 1);
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == stack && (unsigned)old.ss_flags == 1u << 31);
    ss.ss_flags = 0;
    ss.ss_size = 100;
    CHECK_ERR(sigaltstack(&ss, NULL), ENOMEM);
    ss.ss_flags = 77;
    CHECK_ERR(sigaltstack(&ss, NULL), EINVAL);
    ss.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&ss, NULL) == 0);
}

/* SIGSEGV for a stack overflow, on the alternate stack. */
static volatile int bottom = -1;

static int overflow(int n)
{
    volatile char pad[4096];

    pad[0] = (char)n;
    if (n == bottom)
        return n;
    return overflow(n + 1) + pad[0];
}

static void test_overflow(void)
{
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};

    sigaltstack(&ss, NULL);
    install(SIGSEGV, on_fault, SA_ONSTACK);
    CHECK(RAISES(overflow(0)) == SIGSEGV);
    signal(SIGSEGV, SIG_DFL);
}

int main(void)
{
    test_layout();
    test_registers();
    test_vectors();
    test_edit();
    test_faults();
    test_altstack();
    test_overflow();
    return check_result();
}
