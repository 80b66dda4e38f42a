/* Host system calls that are not on the list, by every way into the kernel.  All numbers
 * with arguments of all kinds are tried by tests/hostile/run ("number") and filter_live.c. */
#include "hostile.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define X32 0x40000000

static uint8_t *const scratch = (uint8_t *)0x10000000; /* below 4 GB, for 32-bit code */

/* A page of machine code at `at`, made with host calls alone. */
static void put_code(void *at, const uint8_t *code, size_t size)
{
    gate(SYS_mmap, (long)at, PAGE_SIZE, 7, GATE_MMAP_PRIVATE_ANON, -1, 0);
    memset(at, 0xcc, PAGE_SIZE);
    memcpy(at, code, size);
}

/* Calls with the x32 bit, from the gate: another table of calls, the same filter. */
static void x32_from_gate(void)
{
    escaped("x32 came back with %ld", gate(X32 | SYS_getpid, 0, 0, 0, 0, 0, 0));
}

/* ... and from the program, where they are the program's own calls and fail. */
static void x32_from_program(void)
{
    for (long nr = 0; nr < 600; nr++) {
        long rc;
        __asm__ volatile("syscall"
                         : "=a"(rc)
                         : "a"(X32 | nr), "D"(0), "S"(0), "d"(0)
                         : "rcx", "r11", "memory");
        if (rc != -38)
            escaped("x32 call %ld gave %ld", nr, rc);
    }
}

static void int80_from_program(void)
{
    long rc;

    __asm__ volatile("int $0x80" : "=a"(rc) : "a"(20 /* getpid */) : "memory");
    escaped("int 0x80 gave %ld", rc);
}

/* Moves a page of its own over the gate, so that its calls seem to come from there. */
static void over_gate(const uint8_t *code, size_t size, long nr)
{
    put_code(scratch, code, size);
    memset(scratch + size, 0xc3, PAGE_SIZE - size); /* where the gate's own call returns to */
    gate(SYS_mremap, (long)scratch, PAGE_SIZE, PAGE_SIZE, GATE_MREMAP_MOVE, IMAGE_BASE, 0);
    long rc = ((long (*)(long))IMAGE_BASE)(nr);
    escaped("call %ld from a gate of its own gave %ld", nr, rc);
}

static void own_gate_syscall(void)
{
    static const uint8_t code[] = {0x48, 0x89, 0xf8, 0x0f, 0x05, 0xc3};

    over_gate(code, sizeof(code), SYS_openat);
}

static void own_gate_int80(void)
{
    static const uint8_t code[] = {0x48, 0x89, 0xf8, 0xcd, 0x80, 0xc3};

    over_gate(code, sizeof(code), 5 /* open, as 32-bit programs number it */);
}

static void own_gate_sysenter(void)
{
    static const uint8_t code[] = {0x48, 0x89, 0xf8, 0x0f, 0x34, 0xc3};

    over_gate(code, sizeof(code), 5);
}

/* 32-bit code: a far return to the compatibility segment, then int 0x80 or syscall there. */
static void in_32_bit(uint8_t second)
{
    const uint8_t code[] = {0xb8, 20, 0, 0, 0, second == 0x80 ? 0xcd : 0x0f, second, 0xf4};

    put_code(scratch, code, sizeof(code));
    __asm__ volatile("push $0x23\n\tpush %0\n\tlretq" : : "r"((uint64_t)scratch) : "memory");
    escaped("32-bit code went on");
}
static void compat_int80(void) { in_32_bit(0x80); }
static void compat_syscall(void) { in_32_bit(0x05); }

/* The page of the kernel's own calls. */
static void vsyscall(void)
{
    static const unsigned long at[] = {0xffffffffff600000, 0xffffffffff600400, 0xffffffffff600800};

    for (int i = 0; i < 3; i++) {
        long tv[2] = {0, 0};
        ((long (*)(void *, void *))at[i])(tv, NULL); /* served inside, or a fault */
    }
}

/* Middle of the gate: the bare instruction with every register its own. */
static void bare_instruction(void)
{
    const uint8_t *p = gate_instruction();
    long rc;

    __asm__ volatile("call *%1"
                     : "=a"(rc)
                     : "r"(p), "a"(SYS_socket), "D"(2), "S"(1), "d"(0)
                     : "rcx", "r11", "memory");
    escaped("socket gave %ld", rc);
}

/* Listed calls with arguments that are not: one of them must kill, picked by the seed. */
static void listed_with_others(void)
{
    static const long calls[][7] = {
        {SYS_mmap, 0x10000000, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
        {SYS_mmap, 0x10000000, 4096, 7, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0},
        {SYS_mmap, 0x10000000, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_LOCKED, -1,
         0},
        {SYS_mmap, 0x10000000, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB, -1,
         0},
        {SYS_mprotect, 0x10000000, 4096, PROT_GROWSDOWN, 0, 0, 0},
        {SYS_madvise, 0x10000000, 4096, 100, 0, 0, 0},
        {SYS_clone, 17, 0, 0, 0, 0, 0},
        {SYS_clone, GATE_CLONE_FORK | 0x10000000, 0, 0, 0, 0, 0},
        {SYS_clone, GATE_CLONE_FORK & ~0x8000L, 0, 0, 0, 0, 0},
        {SYS_clone, GATE_CLONE_FORK | 0x20000, 0, 0, 0, 0, 0},
        {SYS_futex, 0x10000000, 6, 0, 0, 0, 0},
        {SYS_futex, 0x10000000, 4, 0, 0, 0, 0},
        {SYS_close, GATE_FD_LIFELINE, 0, 0, 0, 0, 0},
        {SYS_close, GATE_FD_KICK, 0, 0, 0, 0, 0},
        {SYS_sendmsg, GATE_FD_STDOUT, 0, 0x20000000, 0, 0, 0},
        {SYS_recvmsg, GATE_FD_STDIN, 0, 0x80, 0, 0, 0},
        {SYS_epoll_ctl, GATE_FD_STDIN, 1, GATE_FD_STDOUT, 0, 0, 0},
        {SYS_epoll_pwait, GATE_FD_POLL, 0x10000000, 1, 0, 0x10000000, 8},
        {SYS_preadv2, GATE_FD_STDIN, 0x10000000, 1, 0, 0, 1},
        {SYS_pwritev2, GATE_FD_STDOUT, 0x10000000, 1, 0, 0, 2},
        {SYS_accept4, GATE_FD_STDIN, 0, 0, 1, 0, 0},
        {SYS_mremap, 0x10000000, 4096, 8192, 1, 0, 0},
    };
    const long *c = calls[below(sizeof(calls) / sizeof(calls[0]))];

    long rc = gate(c[0], c[1], c[2], c[3], c[4], c[5], c[6]);
    escaped("call %ld gave %ld", c[0], rc);
}

const struct attack call_attacks[] = {
    {"x32-from-gate", KILLED, NULL, x32_from_gate},
    {"x32-from-program", REFUSED, NULL, x32_from_program},
    {"int80-from-program", KILLED, NULL, int80_from_program},
    {"own-gate-syscall", KILLED, NULL, own_gate_syscall},
    {"own-gate-int80", KILLED, NULL, own_gate_int80},
    {"own-gate-sysenter", KILLED, NULL, own_gate_sysenter},
    {"compat-int80", KILLED, NULL, compat_int80},
    {"compat-syscall", ANY, NULL, compat_syscall}, /* a fault where the CPU has none */
    {"vsyscall", ANY, NULL, vsyscall},
    {"bare-instruction", KILLED, NULL, bare_instruction},
    {"listed-with-others", KILLED, NULL, listed_with_others},
    {0},
};
