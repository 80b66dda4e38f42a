/* What Linux keeps over a system call: every register but rax, rcx and r11, the vector
 * registers, the flags and the red zone; on the first, trapped call of a site and on
 * later ones, which may have been rewritten. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int check(int round)
{
    uint64_t v[4] = {1, 2, 3, 4}, out[4] = {0}, r[8];
    uint64_t flags;

    __asm__ volatile(
        "movdqu (%[v]), %%xmm0\n movdqu 16(%[v]), %%xmm15\n"
        "mov $0x1111, %%r8\n mov $0x2222, %%r9\n mov $0x3333, %%r10\n mov $0x4444, %%r12\n"
        "mov $0x5555, %%r13\n mov $0x6666, %%r14\n mov $0x7777, %%rdi\n mov $0x8888, %%rdx\n"
        "stc\n"
        "mov $110, %%eax\n"
        "syscall\n"
        "pushfq\n pop %[flags]\n"
        "mov %%r8, (%[r])\n mov %%r9, 8(%[r])\n mov %%r10, 16(%[r])\n mov %%r12, 24(%[r])\n"
        "mov %%r13, 32(%[r])\n mov %%r14, 40(%[r])\n mov %%rdi, 48(%[r])\n mov %%rdx, 56(%[r])\n"
        "movdqu %%xmm0, (%[o])\n movdqu %%xmm15, 16(%[o])\n"
        : [flags] "=&S"(flags)
        : [v] "b"(v), [r] "r"(r), [o] "r"(out)
        : "rax", "rcx", "rdx", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "xmm0",
          "xmm15", "memory", "cc");
    static const uint64_t want[8] = {0x1111, 0x2222, 0x3333, 0x4444,
                                     0x5555, 0x6666, 0x7777, 0x8888};
    if (memcmp(r, want, sizeof(want)) || memcmp(v, out, sizeof(v)) || !(flags & 1)) {
        printf("round %d: registers changed, flags %lx\n", round, flags);
        return 1;
    }
    return 0;
}

int main(void)
{
    for (int i = 0; i < 100; i++) {
        if (check(i))
            return 1;
    }
    puts("registers kept");
    return 0;
}
