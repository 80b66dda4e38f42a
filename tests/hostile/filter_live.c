/* The host filter in the kernel: every number, by every entry, with arguments of all kinds,
 * from the gate page.  What is not in the contract must not come back.  Each call is made
 * by a child of its own, above a second filter that refuses what Bailey's lets slip.
 *
 *   filter_live [ROUNDS [SEED]]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../abi/gate.h"
#include "../../abi/host_abi.h"
#include "../../abi/layout.h"
#include "../../monitor/filter.h"
#include "backstop.h"
#include "../random.h"

#define ALIVE   99
#define NUMBERS 1024u
#define X32     0x40000000u

typedef long call6(long nr, long a, long b, long c, long d, long e, long f);

enum entry { SYSCALL, X32_CALL, INT80, ENTRIES };
static const char *const entry_names[] = {"syscall", "x32", "int 0x80"};

static long argument(void)
{
    static const uint64_t values[] = {0, 1, 2, 3, 6, 9, 4096, 0xffffffff, ~0ULL, IMAGE_BASE};

    return (long)(any() % 3 ? values[any() % 10] : any() >> any() % 64);
}

/* The two gates; they differ in the instruction. */
static void map_gate(enum entry entry)
{
    static const uint8_t code[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6,
                                   0x48, 0x89, 0xca, 0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8,
                                   0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05, 0xc3};
    uint8_t *p = mmap((void *)IMAGE_BASE, GATE_SIZE, 7,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (p != (uint8_t *)IMAGE_BASE)
        _exit(2);
    memcpy(p, code, sizeof(code));
    memcpy(p + 0x100, code, sizeof(code));
    if (entry == INT80)
        memcpy(p + 0x100 + sizeof(code) - 3, "\xcd\x80", 2);
}

static _Noreturn void child(enum entry entry, uint32_t nr, const long *args)
{
    static struct filter_program p;
    struct sock_fprog program;
    call6 *exit_gate = (call6 *)IMAGE_BASE, *gate = (call6 *)(IMAGE_BASE + 0x100);

    syscall(SYS_close_range, 0, ~0U, 0);
    alarm(2); /* a listed call may sleep */
    map_gate(entry);
    filter_build(&p);
    program = (struct sock_fprog){p.length, p.code};
    if (backstop() < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(2);
    gate(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
    for (;;)
        exit_gate(SYS_exit_group, ALIVE, 0, 0, 0, 0, 0);
}

static bool listed(uint32_t nr)
{
#define FILTER_CALL(name)                                                                          \
    if (nr == __NR_##name)                                                                         \
        return true;
#include "contract_filter.inc"
    return nr == HOST_MONITOR_NR;
}

/* What the kernel keeps from every filter because its own probes need it: uretprobe and
 * uprobe, which answer a caller that stands at no probe with SIGILL or an error. */
static bool exempt(uint32_t nr) { return nr == 335 || nr == 336; }

/* Does the call come back?  Exits on anything that must not be. */
static bool survives(enum entry entry, uint32_t nr)
{
    long args[6];
    int status;

    for (int i = 0; i < 6; i++)
        args[i] = argument();
    pid_t pid = fork();
    if (pid == 0)
        child(entry, entry == X32_CALL ? nr | X32 : nr, args);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        exit(2);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        exit(2);
    if (entry == SYSCALL && listed(nr))
        return true;
    if (entry == SYSCALL && exempt(nr))
        return false;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return false;
    printf("# %s %u came back (status %#x)\n", entry_names[entry], nr, status);
    return true;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1, bad = 0;
    unsigned tried[ENTRIES] = {0}, came_back[ENTRIES] = {0};

    for (int skip = argc > 2 ? atoi(argv[2]) : 0; skip > 0; skip--)
        any();
    printf("1..%d\n", ENTRIES);
    for (enum entry entry = SYSCALL; entry < ENTRIES; entry++) {
        for (uint32_t nr = 0; nr < NUMBERS; nr++) {
            bool alive = false;
            for (int i = 0; i < rounds; i++)
                alive |= survives(entry, nr);
            tried[entry]++;
            came_back[entry] += alive;
        }
        unsigned may = entry == SYSCALL ? (unsigned)filter_call_count() + 1 : 0;
        bool good = came_back[entry] == may;
        bad += !good;
        printf("%s %d - %s: of %u numbers %u come back alive, %u may\n", good ? "ok" : "not ok",
               (int)entry + 1, entry_names[entry], tried[entry], came_back[entry], may);
    }
    return bad != 0;
}
