/* Frames and stacks no honest program makes: each ends in SIGSEGV, in a child. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

static void (*spoil)(ucontext_t *uc);

static void on_usr1(int sig, siginfo_t *si, void *uc) { spoil(uc); }

static uint64_t *header(ucontext_t *uc)
{
    return (uint64_t *)((char *)uc->uc_mcontext.fpregs + 512);
}

static void bad_mxcsr(ucontext_t *uc) { uc->uc_mcontext.fpregs->mxcsr = 0xffffffff; }
static void bad_features(ucontext_t *uc) { header(uc)[0] |= 1ULL << 62; }
static void bad_compaction(ucontext_t *uc) { header(uc)[1] = 1ULL << 63 | 7; }
static void bad_reserved(ucontext_t *uc) { header(uc)[2] = 1; }
static void bad_pointer(ucontext_t *uc) { uc->uc_mcontext.fpregs = (void *)0x10; }
static void unaligned(ucontext_t *uc)
{
    uc->uc_mcontext.fpregs = (void *)((char *)uc->uc_mcontext.fpregs + 8);
}
static void kernel_pointer(ucontext_t *uc) { uc->uc_mcontext.fpregs = (void *)0xffff800000000000; }
static void bad_rip(ucontext_t *uc) { uc->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000; }
static void bad_rsp(ucontext_t *uc) { uc->uc_mcontext.gregs[REG_RSP] = 0x1000; }
static void bad_both(ucontext_t *uc)
{
    bad_rip(uc);
    bad_rsp(uc);
}

/* These come back. */
static void no_state(ucontext_t *uc) { uc->uc_mcontext.fpregs = NULL; }
static void no_magic(ucontext_t *uc) { ((uint32_t *)uc->uc_mcontext.fpregs)[464 / 4] = 0; }
static void bad_segments(ucontext_t *uc)
{
    uc->uc_mcontext.gregs[REG_CSGSFS] = 0x33 | (greg_t)0x2b << 48;
    uc->uc_mcontext.gregs[REG_EFL] |= 0x3000 | 1UL << 17 | 1UL << 19; /* IOPL, VM, VIF */
}

static int run(void (*fn)(ucontext_t *))
{
    struct sigaction sa = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO};
    int status;
    pid_t pid = fork();

    if (!pid) {
        spoil = fn;
        sigaction(SIGUSR1, &sa, NULL);
        syscall(SYS_kill, getpid(), SIGUSR1);
        _exit(5);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int in_child(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (!pid) {
        fn();
        _exit(5);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void nothing(int sig) {}

/* rsp points nowhere when the signal is to be delivered. */
static void no_stack(void)
{
    signal(SIGUSR1, nothing);
    __asm__ volatile("mov $0x10000, %%rsp; syscall; mov $60, %%eax; mov $6, %%edi; syscall" ::"a"(
                         (long)SYS_kill),
                     "D"((long)getpid()), "S"((long)SIGUSR1)
                     : "rcx", "r11", "memory");
}

static void small_altstack(void)
{
    stack_t ss = {.ss_sp = malloc(2048), .ss_size = 2048};
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_ONSTACK};
    uint32_t a = 0xd, b, c = 0, d;

    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    sigaltstack(&ss, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    if (b < 2048)
        raise(SIGSEGV); /* the frame fits on this machine */
    raise(SIGUSR1);
}

static void wild_altstack(void)
{
    stack_t ss = {.ss_sp = (void *)0xffff800000000000, .ss_size = 65536};
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_ONSTACK};

    sigaltstack(&ss, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
}

static void wild_sigreturn(void)
{
    __asm__ volatile("mov $0x20000, %%rsp; syscall" ::"a"((long)SYS_rt_sigreturn) : "memory");
}

static void blocked_fault(void)
{
    sigset_t s;

    signal(SIGSEGV, nothing);
    sigemptyset(&s);
    sigaddset(&s, SIGSEGV);
    sigprocmask(SIG_BLOCK, &s, NULL);
    *(volatile int *)16 = 0;
}

static void ignored_fault(void)
{
    signal(SIGSEGV, SIG_IGN);
    *(volatile int *)16 = 0;
}

int main(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    CHECK(run(bad_mxcsr) == 1000 + SIGSEGV);
    CHECK(run(bad_features) == 1000 + SIGSEGV);
    CHECK(run(bad_compaction) == 1000 + SIGSEGV);
    CHECK(run(bad_reserved) == 1000 + SIGSEGV);
    CHECK(run(bad_pointer) == 1000 + SIGSEGV);
    CHECK(run(unaligned) != 5 || 1); /* differs between kernels: only must not harm */
    CHECK(run(kernel_pointer) == 1000 + SIGSEGV);
    CHECK(run(bad_rip) == 1000 + SIGSEGV);
    CHECK(run(bad_both) == 1000 + SIGSEGV);
    CHECK(run(bad_rsp) == 1000 + SIGSEGV);
    CHECK(run(no_state) == 5);
    CHECK(run(no_magic) == 5);
    CHECK(run(bad_segments) == 5);
    CHECK(in_child(no_stack) == 1000 + SIGSEGV);
    CHECK(in_child(small_altstack) == 1000 + SIGSEGV);
    CHECK(in_child(wild_altstack) == 1000 + SIGSEGV);
    CHECK(in_child(wild_sigreturn) == 1000 + SIGSEGV);
    CHECK(in_child(blocked_fault) == 1000 + SIGSEGV);
    CHECK(in_child(ignored_fault) == 1000 + SIGSEGV);
    return check_result();
}
