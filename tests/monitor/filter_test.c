/* The host filter, run by an interpreter of its instructions: nothing is installed. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <cmocka.h>

#include "../../abi/gate.h"
#include "../../abi/host_abi.h"
#include "../../abi/layout.h"
#include "../../monitor/filter.h"
#include "contract.h"

#define ALLOW SECCOMP_RET_ALLOW
#define TRAP  SECCOMP_RET_TRAP
#define KILL  SECCOMP_RET_KILL_PROCESS
#define ASK   SECCOMP_RET_USER_NOTIF

static struct filter_program program;
static unsigned longest;

static uint32_t interpret(const struct seccomp_data *data)
{
    uint32_t a = 0, x = 0;
    unsigned steps = 0;

    for (unsigned pc = 0; pc < program.length; pc++) {
        const struct sock_filter *i = &program.code[pc];
        steps++;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k % 4 == 0 && i->k + 4 <= sizeof(*data));
            memcpy(&a, (const char *)data + i->k, 4);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            break;
        case BPF_ALU | BPF_ADD | BPF_X:
            a += x;
            break;
        case BPF_MISC | BPF_TAX:
            x = a;
            break;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            pc += a >= i->k ? i->jt : i->jf;
            break;
        case BPF_RET | BPF_K:
            longest = steps > longest ? steps : longest;
            return i->k;
        default:
            fail_msg("instruction %#x at %u", i->code, pc);
        }
    }
    fail_msg("ran off the end");
    return 0;
}

static uint32_t from(uint64_t ip, uint32_t arch, uint32_t nr, const uint64_t *args)
{
    struct seccomp_data data = {.nr = (int)nr, .arch = arch, .instruction_pointer = ip};

    memcpy(data.args, args, sizeof(data.args));
    return interpret(&data);
}

#define IN_GATE (IMAGE_BASE + 0x20)

static const struct {
    uint32_t nr;
    uint64_t args[6];
    uint32_t result; /* from the gate */
} cases[] = {
    {SYS_exit, {1}, ALLOW},
    {SYS_exit_group, {1}, ALLOW},
    {SYS_munmap, {0, ~0ULL}, KILL},
    {SYS_munmap, {0, INSIDE_BASE}, ALLOW},
    {SYS_munmap, {INSIDE_END, USER_MAX - INSIDE_END}, ALLOW},
    {SYS_munmap, {0x1234567000, INSIDE_BASE - 0x1234567000}, ALLOW},
    {SYS_munmap, {0, IMAGE_BASE + PAGE_SIZE}, KILL},
    {SYS_munmap, {0xfffff000, IMAGE_BASE - 0xfffff000 + PAGE_SIZE}, KILL},
    {SYS_munmap, {INSIDE_BASE - PAGE_SIZE, IMAGE_BASE - INSIDE_BASE + 2 * PAGE_SIZE}, KILL},
    {SYS_munmap, {IMAGE_BASE, PAGE_SIZE}, KILL},
    {SYS_munmap, {HOSTVDSO_BASE, PAGE_SIZE}, KILL},
    {SYS_munmap, {SEG_BASE, SEG_SIZE}, KILL},
    {SYS_munmap, {POOL_BASE + POOL_SIZE - PAGE_SIZE, PAGE_SIZE}, KILL},
    {SYS_munmap, {INSIDE_END - PAGE_SIZE, 2 * PAGE_SIZE}, KILL},
    {SYS_munmap, {PAGE_SIZE, 0xffffffff00000000ULL + IMAGE_BASE}, KILL},
    {SYS_rt_sigreturn, {0}, ALLOW},
    {SYS_sigaltstack, {1, 2}, ALLOW},
    {SYS_getrusage, {0, 1}, ALLOW},
    {SYS_getrusage, {1, 1}, ALLOW},
    {SYS_getrusage, {(uint32_t)-1, 1}, KILL},
    {SYS_getrusage, {2, 1}, KILL},
    {HOST_MONITOR_NR, {1, 2, 3, 4, 5, 6}, ASK},
    {SYS_mmap, {0x1000, 0x1000, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~0ULL, 0}, ALLOW},
    {SYS_mmap, {0x1000, 0x1000, 3, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, 9, 0}, ALLOW},
    {SYS_mmap, {0x1000, 0x1000, 3, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, 9, 0}, ALLOW},
    {SYS_mmap, {0x1000, 0x1000, 8, MAP_SHARED | MAP_FIXED, 9, 0}, KILL},
    {SYS_mmap, {0x1000, 0x1000, 3ULL | 1ULL << 32, MAP_SHARED | MAP_FIXED, 9, 0}, KILL},
    {SYS_mmap, {0x1000, 0x1000, 3, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0}, KILL},
    {SYS_mmap, {0, 0, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, 0, 0}, KILL},
    {SYS_mmap, {0, 0, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_LOCKED, 0, 0}, KILL},
    {SYS_mmap, {0, 0, 3, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0, 0}, KILL},
    {SYS_mmap, {0, 0, 3, (MAP_SHARED | MAP_FIXED) | 1ULL << 40, 0, 0}, KILL},
    {SYS_mmap, {IMAGE_BASE, PAGE_SIZE, 7, GATE_MMAP_PRIVATE_ANON}, KILL},
    {SYS_mmap, {SEG_BASE, PAGE_SIZE, 3, GATE_MMAP_SHARED_FILE}, KILL},
    {SYS_mmap, {0x1000, 0x1000 + INSIDE_END, 3, GATE_MMAP_PRIVATE_ANON}, KILL},
    {SYS_mmap, {ROOT_IMAGE_BASE, ROOT_IMAGE_SIZE, 1, GATE_MMAP_PRIVATE_FILE, 9}, ALLOW},
    {SYS_mmap, {ROOT_IMAGE_BASE, INSIDE_END - ROOT_IMAGE_BASE, 1, GATE_MMAP_PRIVATE_FILE, 9}, KILL},
    {SYS_mmap, {ROOT_IMAGE_BASE, PAGE_SIZE, 5, GATE_MMAP_PRIVATE_FILE, 9}, KILL},
    {SYS_mmap, {ROOT_IMAGE_BASE, PAGE_SIZE, 1, GATE_MMAP_SHARED_FILE, 9}, KILL},
    {SYS_mmap, {ROOT_IMAGE_BASE - PAGE_SIZE, PAGE_SIZE, 1, GATE_MMAP_PRIVATE_FILE, 9}, KILL},
    {SYS_mprotect, {0, 0, 5}, ALLOW},
    {SYS_mprotect, {IMAGE_BASE, PAGE_SIZE, 7}, KILL},
    {SYS_mprotect, {SEG_BASE + SEG_DATA, PAGE_SIZE, 7}, KILL},
    {SYS_mremap, {IMAGE_BASE, PAGE_SIZE, PAGE_SIZE, GATE_MREMAP_MOVE, 0x10000}, KILL},
    {SYS_mremap, {0x10000, PAGE_SIZE, PAGE_SIZE, GATE_MREMAP_MOVE, IMAGE_BASE}, KILL},
    {SYS_mremap, {0x10000, PAGE_SIZE, INSIDE_END, GATE_MREMAP_MOVE, 0x20000}, KILL},
    {SYS_mremap, {0x10000, PAGE_SIZE, PAGE_SIZE, GATE_MREMAP_KEEP, INSIDE_END}, ALLOW},
    {SYS_mprotect, {0, 0, PROT_GROWSDOWN}, KILL},
    {SYS_mremap, {0, 0, 0, 0}, ALLOW},
    {SYS_mremap, {0, 0, 0, MREMAP_MAYMOVE}, KILL},
    {SYS_mremap, {0, 0, 0, 3}, ALLOW},
    {SYS_mremap, {0, 0, 0, 7}, ALLOW},
    {SYS_madvise, {0, 0, MADV_DONTNEED}, ALLOW},
    {SYS_madvise, {0, 0, MADV_REMOVE}, ALLOW},
    {SYS_madvise, {0, 0, 100 /* HWPOISON */}, KILL},
    {SYS_madvise, {0, 0, MADV_DONTFORK}, KILL},
    {SYS_clone, {GATE_CLONE_THREAD, 1, 2, 3}, ALLOW},
    {SYS_clone, {GATE_CLONE_FORK, 1, 2, 3}, ALLOW},
    {SYS_clone, {GATE_CLONE_THREAD | 0x10000000 /* NEWUSER */, 1}, KILL},
    {SYS_clone, {GATE_CLONE_FORK & ~0x8000ULL /* PARENT */, 1}, KILL},
    {SYS_clone, {GATE_CLONE_FORK | 1ULL << 33, 1}, KILL},
    {SYS_clone, {17}, KILL},
    {SYS_clone3, {0}, KILL},
    {SYS_futex, {0, GATE_FUTEX_WAIT}, ALLOW},
    {SYS_futex, {0, GATE_FUTEX_WAKE}, ALLOW},
    {SYS_futex, {0, 1 | 128}, KILL},
    {SYS_futex, {0, 6 /* LOCK_PI */}, KILL},
    {SYS_preadv2, {1, 2, 3, 4, 5, 0}, ALLOW},
    {SYS_preadv2, {1, 2, 3, 4, 5, 8}, ALLOW},
    {SYS_preadv2, {1, 2, 3, 4, 5, 1 /* HIPRI */}, KILL},
    {SYS_pwritev2, {1, 2, 3, 4, 5, 24}, ALLOW},
    {SYS_pwritev2, {1, 2, 3, 4, 5, 2}, KILL},
    {SYS_close, {GATE_FD_FIRST}, ALLOW},
    {SYS_close, {GATE_FD_LIFELINE}, KILL},
    {SYS_close, {GATE_FD_PROBE}, KILL},
    {SYS_close, {1ULL << 32 | GATE_FD_LIFELINE}, KILL},
    {SYS_sendmsg, {9, 1, 0x4000 | 0x40}, ALLOW},
    {SYS_sendmsg, {9, 1, 0x20000000 /* FASTOPEN */}, KILL},
    {SYS_recvmsg, {9, 1, 0x40000042}, ALLOW},
    {SYS_recvmsg, {9, 1, 0x80}, KILL},
    {SYS_sendmsg, {9, 1, 1 /* OOB */}, KILL},
    {SYS_recvmsg, {9, 1, 1}, KILL},
    {SYS_accept4, {9, 1, 2, 02004000}, ALLOW},
    {SYS_accept4, {9, 1, 2, 1}, KILL},
    {SYS_epoll_ctl, {GATE_FD_POLL, 1, 9}, ALLOW},
    {SYS_epoll_ctl, {GATE_FD_PROBE, 3, 9}, ALLOW},
    {SYS_epoll_ctl, {9, 1, 9}, KILL},
    {SYS_epoll_pwait, {GATE_FD_POLL, 1, 2, 3, 0, 8}, ALLOW},
    {SYS_epoll_pwait, {GATE_FD_POLL, 1, 2, 3, 4, 8}, KILL},
    {SYS_epoll_pwait, {GATE_FD_POLL, 1, 2, 3, 1ULL << 32, 8}, KILL},
    {SYS_openat, {0}, KILL},
    {SYS_getpid, {0}, KILL},
    {SYS_ioctl, {0}, KILL},
    {SYS_prctl, {0}, KILL},
    {SYS_ptrace, {0}, KILL},
    {SYS_rt_sigaction, {0}, KILL},
    {SYS_seccomp, {0}, KILL},
    {SYS_read, {0}, KILL},
    {0x40000000 | SYS_munmap, {0}, KILL}, /* x32 */
    {~0u, {0}, KILL},
};

static void table(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint64_t *args = cases[i].args;
        uint32_t nr = cases[i].nr;
        uint32_t got = from(IN_GATE, AUDIT_ARCH_X86_64, nr, args);
        if (got != cases[i].result)
            fail_msg("case %zu (call %u): %#x", i, nr, got);
        assert_int_equal(from(IMAGE_BASE + GATE_SIZE, AUDIT_ARCH_X86_64, nr, args), TRAP);
        assert_int_equal(from(IMAGE_BASE - 1, AUDIT_ARCH_X86_64, nr, args), TRAP);
        assert_int_equal(from(0x401000, AUDIT_ARCH_X86_64, nr, args), TRAP);
        assert_int_equal(from(0xffffffffff600002, AUDIT_ARCH_X86_64, nr, args), TRAP);
        /* same low half elsewhere, same high half elsewhere */
        assert_int_equal(from(IN_GATE + (1ULL << 32), AUDIT_ARCH_X86_64, nr, args), TRAP);
        assert_int_equal(from(IN_GATE, AUDIT_ARCH_I386, nr, args), KILL);
    }
}

/* Every number that is not in the list, from the gate: death. */
static void unlisted_numbers(void **state)
{
    const uint64_t args[6] = {~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL};
    unsigned fine = 0;

    for (uint32_t nr = 0; nr < 2048; nr++) {
        uint32_t got = from(IN_GATE, AUDIT_ARCH_X86_64, nr, args);
        if (nr == HOST_MONITOR_NR)
            assert_int_equal(got, ASK);
        else if (got == ALLOW)
            fine++; /* those without checks, and close */
        else
            assert_int_equal(got, KILL);
    }
    assert_int_equal(fine, 6);
}

static void counts(void **state)
{
    print_message("host system calls reachable from inside: %zu (limit 20); filter: %u "
                  "instructions, longest path %u\n",
                  filter_call_count(), program.length, longest);
    assert_int_equal(filter_call_count(), HOST_SYSCALL_COUNT);
    assert_true(HOST_SYSCALL_COUNT <= 20);
    assert_true(HOST_CALL_COUNT <= 35);
    assert_true(HOST_UPCALL_COUNT <= 3);
    assert_true(longest <= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(unlisted_numbers),
        cmocka_unit_test(counts),
    };

    filter_build(&program);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
