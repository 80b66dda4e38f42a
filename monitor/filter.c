/* Builds the seccomp program of a picoprocess from tables.
 *
 * Order of tests: architecture, number, arguments, instruction pointer.
 *   listed, arguments fine:  from the gate ALLOW, from elsewhere TRAP
 *   not listed or bad:       from the gate KILL,  from elsewhere TRAP
 *   HOST_MONITOR_NR:         from the gate USER_NOTIF, from elsewhere TRAP
 *   another architecture:    KILL
 * Safety rests on numbers and arguments alone: code inside can jump into the gate with
 * registers of its choice, or map a page of its own over it.  The pointer test only tells
 * system calls of the program (to be served inside) from those of the PAL.
 *
 * The kernel reads int arguments as their low half; comparing all 64 bits is therefore
 * stricter than needed for them and exact for the others.  LEAST compares the low half,
 * because there a high half could hide a small descriptor number.
 */
#include "filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../abi/gate.h"
#include "../abi/host_abi.h"
#include "../abi/layout.h"

enum check_kind {
    ONE_OF, /* (argument & ~ignore) is one of values */
    LEAST,  /* low half >= values[0] */
};

struct check {
    enum check_kind kind;
    unsigned argument;
    uint32_t ignore; /* bits that may be set */
    unsigned count;
    uint32_t values[10]; /* high half must be zero */
};

struct rule {
    uint32_t number;
    const struct check *checks;
    size_t count;
};

#define CHECKS(name) static const struct check checks_##name[]
#define FREE(name)   static const struct check *const checks_##name = NULL
#define IN(argument, n, ...)                                                                       \
    {                                                                                              \
        ONE_OF, argument, 0, n, { __VA_ARGS__ }                                                    \
    }
#define FLAGS(argument, set)                                                                       \
    {                                                                                              \
        ONE_OF, argument, set, 1, { 0 }                                                            \
    }

FREE(exit);
FREE(exit_group);
FREE(munmap);
FREE(rt_sigreturn);
FREE(sigaltstack);
CHECKS(mmap) = {
    FLAGS(2, PROT_READ | PROT_WRITE | PROT_EXEC),
    {ONE_OF,
     3,
     GATE_MMAP_EXTRA,
     3,
     {GATE_MMAP_PRIVATE_ANON, GATE_MMAP_PRIVATE_FILE, GATE_MMAP_SHARED_FILE}},
};
CHECKS(mprotect) = {FLAGS(2, PROT_READ | PROT_WRITE | PROT_EXEC)};
CHECKS(mremap) = {IN(3, 3, 0, GATE_MREMAP_MOVE, GATE_MREMAP_KEEP)};
CHECKS(madvise) = {IN(2, 8, HOST_DISCARD_ZERO, HOST_DISCARD_FREE, HOST_DISCARD_HOLE,
                      HOST_DISCARD_POPULATE_READ, HOST_DISCARD_POPULATE_WRITE, HOST_ADVISE_HUGEPAGE,
                      HOST_ADVISE_NOHUGEPAGE, HOST_ADVISE_WILLNEED)};
CHECKS(clone) = {IN(0, 2, GATE_CLONE_THREAD, GATE_CLONE_FORK)};
CHECKS(futex) = {IN(1, 2, GATE_FUTEX_WAIT, GATE_FUTEX_WAKE)};
CHECKS(preadv2) = {FLAGS(5, GATE_READ_FLAGS)};
CHECKS(pwritev2) = {FLAGS(5, GATE_WRITE_FLAGS)};
CHECKS(close) = {{LEAST, 0, 0, 1, {GATE_FD_FIRST}}};
/* Not MSG_FASTOPEN: it connects. */
CHECKS(sendmsg) = {
    FLAGS(2, MSG_OOB | MSG_DONTWAIT | MSG_EOR | MSG_CONFIRM | MSG_NOSIGNAL | MSG_MORE)};
CHECKS(recvmsg) = {FLAGS(2, MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_WAITALL |
                                MSG_ERRQUEUE | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC)};
CHECKS(accept4) = {FLAGS(3, SOCK_CLOEXEC | SOCK_NONBLOCK)};
CHECKS(epoll_ctl) = {IN(0, 2, GATE_FD_POLL, GATE_FD_PROBE), IN(1, 3, 1, 2, 3)};
CHECKS(epoll_pwait) = {IN(0, 2, GATE_FD_POLL, GATE_FD_PROBE), IN(4, 1, 0)};

/* sizeof(NULL pointer) / sizeof(struct check) is 0: FREE calls have no checks. */
#define FILTER_CALL(name)                                                                          \
    {__NR_##name, checks_##name, sizeof(checks_##name) / sizeof(struct check)},
static const struct rule rules[] = {
#include "contract_filter.inc"
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

size_t filter_call_count(void) { return RULES; }

/* ---- assembling ----------------------------------------------------------- */

#define DATA(field)     ((uint32_t) __builtin_offsetof(struct seccomp_data, field))
#define ARGUMENT_LOW(n) (DATA(args) + 8 * (n))

static unsigned emit(struct filter_program *p, uint16_t code, unsigned jt, unsigned jf, uint32_t k)
{
    if (p->length == FILTER_MAX || jt > 255 || jf > 255)
        abort();
    p->code[p->length] = (struct sock_filter){code, (uint8_t)jt, (uint8_t)jf, k};
    return p->length++;
}

static void load(struct filter_program *p, uint32_t offset)
{
    emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static void give(struct filter_program *p, uint32_t action)
{
    emit(p, BPF_RET | BPF_K, 0, 0, action);
}

/* Ends in `inside` if the instruction pointer is in the gate page, else in TRAP. */
static void by_pointer(struct filter_program *p, uint32_t inside)
{
    load(p, DATA(instruction_pointer) + 4);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (uint32_t)(IMAGE_BASE >> 32));
    load(p, DATA(instruction_pointer));
    emit(p, BPF_JMP | BPF_JGE | BPF_K, 1, 0, (uint32_t)(IMAGE_BASE + GATE_SIZE));
    give(p, inside);
    give(p, SECCOMP_RET_TRAP);
}

/* Continues with the next instruction if the check holds, else jumps to `bad`: the jump
 * is a JA, patched later, whose index is the result. */
static unsigned emit_check(struct filter_program *p, const struct check *c)
{
    if (c->kind == LEAST) {
        load(p, ARGUMENT_LOW(c->argument));
        emit(p, BPF_JMP | BPF_JGE | BPF_K, 1, 0, c->values[0]);
        return emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
    }
    load(p, ARGUMENT_LOW(c->argument) + 4);
    /* high half set: over the load, the mask and all comparisons to the JA */
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1 + (c->ignore != 0) + c->count, 0);
    load(p, ARGUMENT_LOW(c->argument));
    if (c->ignore)
        emit(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, ~c->ignore);
    for (unsigned i = 0; i < c->count; i++)
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, c->count - i, 0, c->values[i]);
    return emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
}

struct target {
    uint32_t number;
    const struct rule *rule; /* NULL: the monitor */
    unsigned jump;           /* index of the JA in the tree that wants to go there */
};

/* Binary search over the numbers; leaves jump to rules, misses to *misses. */
static void emit_tree(struct filter_program *p, struct target *t, size_t n, unsigned *misses,
                      size_t *miss_count)
{
    if (n == 1) {
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, t->number);
        t->jump = emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
        misses[(*miss_count)++] = emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
        return;
    }
    unsigned branch = emit(p, BPF_JMP | BPF_JGE | BPF_K, 0, 0, t[n / 2].number);
    emit_tree(p, t, n / 2, misses, miss_count);
    unsigned distance = p->length - branch - 1;
    if (distance > 255)
        abort();
    p->code[branch].jt = (uint8_t)distance;
    emit_tree(p, t + n / 2, n - n / 2, misses, miss_count);
}

static void patch(struct filter_program *p, unsigned jump)
{
    p->code[jump].k = p->length - jump - 1;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = ((const struct target *)a)->number, y = ((const struct target *)b)->number;

    return x < y ? -1 : x > y;
}

void filter_build(struct filter_program *p)
{
    struct target targets[RULES + 1];
    unsigned bad[8 * RULES], oks[RULES];
    size_t bad_count = 0, ok_count = 0;

    for (size_t i = 0; i < RULES; i++)
        targets[i] = (struct target){rules[i].number, &rules[i], 0};
    targets[RULES] = (struct target){HOST_MONITOR_NR, NULL, 0};
    qsort(targets, RULES + 1, sizeof(targets[0]), by_number);

    p->length = 0;
    load(p, DATA(arch));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
    give(p, SECCOMP_RET_KILL_PROCESS);
    load(p, DATA(nr));
    emit_tree(p, targets, RULES + 1, bad, &bad_count);

    for (size_t i = 0; i <= RULES; i++) {
        const struct rule *rule = targets[i].rule;
        patch(p, targets[i].jump);
        if (!rule) {
            by_pointer(p, SECCOMP_RET_USER_NOTIF);
            continue;
        }
        for (size_t c = 0; c < rule->count; c++)
            bad[bad_count++] = emit_check(p, &rule->checks[c]);
        oks[ok_count++] = emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
    }
    for (size_t i = 0; i < ok_count; i++)
        patch(p, oks[i]);
    by_pointer(p, SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < bad_count; i++)
        patch(p, bad[i]);
    by_pointer(p, SECCOMP_RET_KILL_PROCESS);
}
