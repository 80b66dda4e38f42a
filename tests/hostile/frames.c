/* Signal frames the kernel is made to return to, and code that changes while it runs: both
 * choose every register, and that is all they choose. */
#include "hostile.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>

static uint8_t *const scratch = (uint8_t *)0x10000000;

/* rt_sigreturn to a frame of its own making. */
static _Noreturn void return_to(const ucontext_t *frame)
{
    static char stack[65536] __attribute__((aligned(64)));
    ucontext_t *at = (ucontext_t *)(stack + 32768);

    *at = *frame;
    __asm__ volatile("mov %0, %%rsp\n\tmov %2, %%eax\n\tjmp *%1"
                     :
                     : "r"(at), "r"((uint64_t)gate_instruction()), "i"(SYS_rt_sigreturn)
                     : "memory", "rax");
    __builtin_unreachable();
}

static ucontext_t plain_frame(uint64_t rip)
{
    static char stack[65536] __attribute__((aligned(64)));
    ucontext_t frame;

    memset(&frame, 0, sizeof(frame));
    frame.uc_mcontext.gregs[REG_RIP] = (long long)rip;
    frame.uc_mcontext.gregs[REG_RSP] = (long long)(stack + sizeof(stack) - 256);
    frame.uc_mcontext.gregs[REG_EFL] = 0x202;
    frame.uc_mcontext.gregs[REG_CSGSFS] = 0x33 | (0x2bLL << 48);
    return frame;
}

/* Straight to the instruction, with the registers of execve. */
static void to_the_instruction(void)
{
    static char *const argv[] = {(char *)"/bin/sh", NULL};
    ucontext_t frame = plain_frame((uint64_t)gate_instruction());

    frame.uc_mcontext.gregs[REG_RAX] = SYS_execve;
    frame.uc_mcontext.gregs[REG_RDI] = (long long)(uintptr_t)argv[0];
    frame.uc_mcontext.gregs[REG_RSI] = (long long)(uintptr_t)argv;
    return_to(&frame);
}

/* Into 32-bit code. */
static void to_32_bit(void)
{
    static const uint8_t code[] = {0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xf4};
    ucontext_t frame = plain_frame((uint64_t)scratch);

    gate(SYS_mmap, (long)scratch, PAGE_SIZE, 7, GATE_MMAP_PRIVATE_ANON, -1, 0);
    memcpy(scratch, code, sizeof(code));
    frame.uc_mcontext.gregs[REG_CSGSFS] = 0x23 | (0x2bLL << 48);
    return_to(&frame);
}

/* Everything in it noise, the code segment and the flags too. */
static void noise(void)
{
    ucontext_t frame;

    for (size_t i = 0; i < sizeof(frame) / 8; i++)
        ((uint64_t *)&frame)[i] = odd();
    return_to(&frame);
}

/* Rights of the kernel, asked for in the flags and the code segment. */
static void privileges(void)
{
    ucontext_t frame = plain_frame((uint64_t)scratch);

    gate(SYS_mmap, (long)scratch, PAGE_SIZE, 7, GATE_MMAP_PRIVATE_ANON, -1, 0);
    memcpy(scratch, "\xfa\xe4\x60\x0f\x20\xc0", 6); /* cli; in al,0x60; mov rax,cr0 */
    frame.uc_mcontext.gregs[REG_EFL] = 0x3202 | 0x20000;
    frame.uc_mcontext.gregs[REG_CSGSFS] = below(2) ? 0x33 | (0x2bLL << 48) : 0x10 | (0x18LL << 48);
    return_to(&frame);
}

/* ---- a call site that changes under the thread that is at it ---------------------------- */

static volatile bool stop;

/* mov eax, 39; syscall; ret - and the bytes of the gate's own instruction sequence. */
static void change_site(void)
{
    for (unsigned i = 0; !stop; i++) {
        scratch[1] = i & 1 ? SYS_getpid : SYS_execve;
        scratch[5] = i & 2 ? 0x0f : 0xcd;
        scratch[6] = i & 2 ? 0x05 : 0x80;
    }
    gate(SYS_exit, 0, 0, 0, 0, 0, 0);
}

static void race_site(void)
{
    static const uint8_t code[] = {0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3};

    gate(SYS_mmap, (long)scratch, PAGE_SIZE, 7, GATE_MMAP_PRIVATE_ANON, -1, 0);
    memcpy(scratch, code, sizeof(code));
    for (int i = 0; i < 10; i++) /* rewritten by now */
        ((long (*)(void))scratch)();
    raw_thread(1, change_site);
    for (int i = 0; i < 20000; i++)
        ((long (*)(void))scratch)();
    stop = true;
}

/* What the site jumps to once it is rewritten, patched while others run it. */
static volatile uint8_t *trampoline;

static void scribble_trampoline(void)
{
    while (!stop)
        trampoline[below(64)] ^= (uint8_t)any();
    gate(SYS_exit, 0, 0, 0, 0, 0, 0);
}
static void race_trampoline(void)
{
    static const uint8_t code[] = {0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3};
    int32_t distance;

    gate(SYS_mmap, (long)scratch, PAGE_SIZE, 7, GATE_MMAP_PRIVATE_ANON, -1, 0);
    memcpy(scratch, code, sizeof(code));
    for (int i = 0; i < 10; i++)
        ((long (*)(void))scratch)();
    if (scratch[0] != 0xe9)
        return; /* this place is not rewritten */
    memcpy(&distance, scratch + 1, 4);
    trampoline = scratch + 5 + distance;
    gate(SYS_mprotect, (long)trampoline & -4096L, 2 * PAGE_SIZE, 7, 0, 0, 0);
    raw_thread(1, scribble_trampoline);
    for (int i = 0; i < 20000; i++)
        ((long (*)(void))scratch)();
    stop = true;
}

const struct attack frame_attacks[] = {
    {"frame-to-the-instruction", KILLED, NULL, to_the_instruction},
    {"frame-to-32-bit", KILLED, NULL, to_32_bit},
    {"frame-noise", ANY, NULL, noise},
    {"frame-privileges", ANY, NULL, privileges},
    {"race-site", ANY, "--timeout 5", race_site},
    {"race-trampoline", ANY, "--timeout 5", race_trampoline},
    {0},
};
