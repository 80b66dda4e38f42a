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
 * The kernel reads int arguments as their low half, so INT checks only that; WORD checks
 * all 64 bits.
 *
 * What the monitor's child has mapped of the inside range stays as it is: gate, image, segment,
 * pool and the host's vDSO cannot be unmapped, replaced or given other rights.
 */
#include "filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../abi/gate.h"
#include "../abi/host_abi.h"
#include "../abi/layout.h"

enum check_kind {
    INT,   /* (low half & ~ignore) is one of values */
    WORD,  /* the same, and the high half is zero */
    LEAST, /* low half >= values[0] */
    PLACE, /* an address; with the length in argument values[0], none of the inside range */
    ROOM,  /* the same, or where the root's image is mapped */
};

struct check {
    enum check_kind kind;
    unsigned argument;
    uint32_t ignore; /* bits that may be set */
    unsigned count;
    uint32_t values[8];
};

struct rule {
    uint32_t number;
    const struct check *checks;
    size_t count;
};

#define CHECKS(name) static const struct check checks_##name[]
#define FREE(name)   static const struct check *const checks_##name = NULL
#define IN(kind, argument, n, ...)                                                                 \
    {                                                                                              \
        kind, argument, 0, n, { __VA_ARGS__ }                                                      \
    }
#define FLAGS(kind, argument, set)                                                                 \
    {                                                                                              \
        kind, argument, set, 1, { 0 }                                                              \
    }

FREE(exit);
FREE(exit_group);
FREE(rt_sigreturn);
FREE(sigaltstack);
CHECKS(munmap) = {IN(PLACE, 0, 1, 1)};
CHECKS(mmap) = {
    FLAGS(WORD, 2, PROT_READ | PROT_WRITE | PROT_EXEC),
    {WORD,
     3,
     GATE_MMAP_EXTRA,
     3,
     {GATE_MMAP_PRIVATE_ANON, GATE_MMAP_PRIVATE_FILE, GATE_MMAP_SHARED_FILE}},
    IN(ROOM, 0, 1, 1),
};
CHECKS(mprotect) = {FLAGS(WORD, 2, PROT_READ | PROT_WRITE | PROT_EXEC), IN(PLACE, 0, 1, 1)};
CHECKS(mremap) = {IN(WORD, 3, 3, 0, GATE_MREMAP_MOVE, GATE_MREMAP_KEEP), IN(PLACE, 0, 1, 1),
                  IN(PLACE, 4, 1, 2)};
CHECKS(madvise) = {IN(INT, 2, 8, HOST_DISCARD_ZERO, HOST_DISCARD_FREE, HOST_DISCARD_HOLE,
                      HOST_DISCARD_POPULATE_READ, HOST_DISCARD_POPULATE_WRITE, HOST_ADVISE_HUGEPAGE,
                      HOST_ADVISE_NOHUGEPAGE, HOST_ADVISE_WILLNEED)};
CHECKS(clone) = {IN(WORD, 0, 2, GATE_CLONE_THREAD, GATE_CLONE_FORK)};
CHECKS(futex) = {IN(INT, 1, 2, GATE_FUTEX_WAIT, GATE_FUTEX_WAKE)};
CHECKS(preadv2) = {FLAGS(INT, 5, GATE_READ_FLAGS)};
CHECKS(pwritev2) = {FLAGS(INT, 5, GATE_WRITE_FLAGS)};
CHECKS(close) = {{LEAST, 0, 0, 1, {GATE_FD_FIRST}}};
/* Not MSG_FASTOPEN: it connects; nor MSG_OOB, which nothing here needs. */
CHECKS(sendmsg) = {FLAGS(INT, 2, MSG_DONTWAIT | MSG_EOR | MSG_CONFIRM | MSG_NOSIGNAL | MSG_MORE)};
CHECKS(recvmsg) = {FLAGS(INT, 2,
                         MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_WAITALL | MSG_ERRQUEUE |
                             MSG_NOSIGNAL | MSG_CMSG_CLOEXEC)};
CHECKS(getrusage) = {IN(INT, 0, 2, HOST_USAGE_SPACE, HOST_USAGE_THREAD)};
CHECKS(accept4) = {FLAGS(INT, 3, SOCK_CLOEXEC | SOCK_NONBLOCK)};
CHECKS(epoll_ctl) = {IN(INT, 0, 2, GATE_FD_POLL, GATE_FD_PROBE), IN(INT, 1, 3, 1, 2, 3)};
CHECKS(epoll_pwait) = {IN(INT, 0, 2, GATE_FD_POLL, GATE_FD_PROBE), IN(WORD, 4, 1, 0)};

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

/* All jumps go forward: to the next instruction, or to a label that is set later and then
 * written into every jump that waits for it. */
enum { NEXT, ALLOWED, REFUSED, ASK_MONITOR, FIRST_RULE, LABELS = FIRST_RULE + RULES };
#define NONE LABELS /* of a jump that has its place */

struct assembler {
    struct filter_program *p;
    struct {
        unsigned char jt, jf; /* labels */
    } want[FILTER_MAX];
};

static unsigned emit(struct assembler *a, uint16_t code, uint32_t k, unsigned jt, unsigned jf)
{
    struct filter_program *p = a->p;

    if (p->length == FILTER_MAX)
        abort();
    a->want[p->length].jt = (unsigned char)jt;
    a->want[p->length].jf = (unsigned char)jf;
    p->code[p->length] = (struct sock_filter){code, 0, 0, k};
    return p->length++;
}

static void load(struct assembler *a, uint32_t offset)
{
    emit(a, BPF_LD | BPF_W | BPF_ABS, offset, NEXT, NEXT);
}

static void give(struct assembler *a, uint32_t action)
{
    emit(a, BPF_RET | BPF_K, action, NEXT, NEXT);
}

/* What waited for `label` goes to the next instruction emitted. */
static void set_label(struct assembler *a, unsigned label)
{
    for (unsigned i = 0; i < a->p->length; i++) {
        unsigned distance = a->p->length - i - 1;
        if (distance > 255 && (a->want[i].jt == label || a->want[i].jf == label))
            abort();
        if (a->want[i].jt == label) {
            a->p->code[i].jt = (uint8_t)distance;
            a->want[i].jt = NONE;
        }
        if (a->want[i].jf == label) {
            a->p->code[i].jf = (uint8_t)distance;
            a->want[i].jf = NONE;
        }
    }
}

/* Ends in `inside` if the instruction pointer is in the gate page, else in TRAP. */
static void by_pointer(struct assembler *a, unsigned label, uint32_t inside)
{
    set_label(a, label);
    load(a, DATA(instruction_pointer) + 4);
    unsigned high = emit(a, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(IMAGE_BASE >> 32), NEXT, NEXT);
    load(a, DATA(instruction_pointer));
    unsigned low =
        emit(a, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)(IMAGE_BASE + GATE_SIZE), NEXT, NEXT);
    give(a, inside);
    give(a, SECCOMP_RET_TRAP);
    a->p->code[high].jf = 3;
    a->p->code[low].jt = 1;
}
_Static_assert((uint32_t)IMAGE_BASE == 0,
               "by_pointer compares the low half with an upper end only");

#define HIGH(address) ((uint32_t)((address) >> 32))

/* Goes on to `then` if [address, address + length) ends below `end`, but for the carry. */
static void emit_ends_below(struct assembler *a, const struct check *c, uint32_t end, unsigned then)
{
    load(a, ARGUMENT_LOW(c->values[0]) + 4);
    emit(a, BPF_JMP | BPF_JGE | BPF_K, end, REFUSED, NEXT);
    emit(a, BPF_MISC | BPF_TAX, 0, NEXT, NEXT);
    load(a, ARGUMENT_LOW(c->argument) + 4);
    emit(a, BPF_ALU | BPF_ADD | BPF_X, 0, NEXT, NEXT);
    emit(a, BPF_JMP | BPF_JGE | BPF_K, end, REFUSED, then);
}

static void emit_equals(struct assembler *a, unsigned argument, uint32_t value)
{
    load(a, ARGUMENT_LOW(argument));
    emit(a, BPF_JMP | BPF_JEQ | BPF_K, value, NEXT, REFUSED);
}

/* Above the inside range; or (mmap) the root's image, as the library OS maps it; or below. */
static void emit_place(struct assembler *a, const struct check *c, unsigned then)
{
    load(a, ARGUMENT_LOW(c->argument) + 4);
    unsigned above = emit(a, BPF_JMP | BPF_JGE | BPF_K, HIGH(INSIDE_END), then, NEXT);
    unsigned below = 0, image = 0;
    if (c->kind == ROOM) {
        below = emit(a, BPF_JMP | BPF_JGE | BPF_K, HIGH(ROOT_IMAGE_BASE), NEXT, NEXT);
        emit_equals(a, 2, PROT_READ);
        emit_equals(a, 3, GATE_MMAP_PRIVATE_FILE);
        emit_ends_below(a, c, HIGH(ROOT_IMAGE_BASE + ROOT_IMAGE_SIZE) + 1, then);
        image = a->p->length - 1;
        a->p->code[below].jf = (uint8_t)(a->p->length - below - 1);
    }
    emit_ends_below(a, c, HIGH(INSIDE_BASE) + 1, then);
    if (then != NEXT)
        return;
    a->p->code[above].jt = (uint8_t)(a->p->length - above - 1);
    if (image)
        a->p->code[image].jf = (uint8_t)(a->p->length - image - 1);
}
/* What starts in INSIDE_BASE's 4 GB may reach into the next, and there is nothing in either. */
_Static_assert(HIGH(INSIDE_BASE) + 2 == HIGH(IMAGE_BASE) && (uint32_t)INSIDE_END == 0 &&
                   ROOT_IMAGE_BASE + ROOT_IMAGE_SIZE < INSIDE_END,
               "emit_place compares high halves");

static void emit_check(struct assembler *a, const struct check *c, unsigned then)
{
    if (c->kind == PLACE || c->kind == ROOM) {
        emit_place(a, c, then);
        return;
    }
    if (c->kind == WORD) {
        load(a, ARGUMENT_LOW(c->argument) + 4);
        emit(a, BPF_JMP | BPF_JEQ | BPF_K, 0, NEXT, REFUSED);
    }
    load(a, ARGUMENT_LOW(c->argument));
    if (c->ignore)
        emit(a, BPF_ALU | BPF_AND | BPF_K, ~c->ignore, NEXT, NEXT);
    if (c->kind == LEAST) {
        emit(a, BPF_JMP | BPF_JGE | BPF_K, c->values[0], then, REFUSED);
        return;
    }
    for (unsigned i = 0; i < c->count; i++) {
        bool last = i + 1 == c->count;
        unsigned at = emit(a, BPF_JMP | BPF_JEQ | BPF_K, c->values[i], then, last ? REFUSED : NEXT);
        if (then == NEXT)
            a->p->code[at].jt = (uint8_t)(c->count - i - 1);
    }
}

static void emit_rule(struct assembler *a, const struct rule *rule, unsigned label)
{
    if (!rule->count)
        return; /* its leaf goes to ALLOWED */
    set_label(a, label);
    for (size_t i = 0; i < rule->count; i++)
        emit_check(a, &rule->checks[i], i + 1 == rule->count ? ALLOWED : NEXT);
}

struct target {
    uint32_t number;
    unsigned label;
};

/* Binary search over the numbers. */
static void emit_tree(struct assembler *a, const struct target *t, size_t n)
{
    if (n == 1) {
        emit(a, BPF_JMP | BPF_JEQ | BPF_K, t->number, t->label, REFUSED);
        return;
    }
    unsigned branch = emit(a, BPF_JMP | BPF_JGE | BPF_K, t[n / 2].number, NEXT, NEXT);
    emit_tree(a, t, n / 2);
    a->p->code[branch].jt = (uint8_t)(a->p->length - branch - 1);
    emit_tree(a, t + n / 2, n - n / 2);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = ((const struct target *)a)->number, y = ((const struct target *)b)->number;

    return x < y ? -1 : x > y;
}

void filter_build(struct filter_program *p)
{
    struct target targets[RULES + 1];
    struct assembler a = {.p = p};

    for (unsigned i = 0; i < RULES; i++)
        targets[i] = (struct target){rules[i].number, rules[i].count ? FIRST_RULE + i : ALLOWED};
    targets[RULES] = (struct target){HOST_MONITOR_NR, ASK_MONITOR};
    qsort(targets, RULES + 1, sizeof(targets[0]), by_number);

    p->length = 0;
    load(&a, DATA(arch));
    unsigned arch = emit(&a, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, NEXT, NEXT);
    a.p->code[arch].jt = 1;
    give(&a, SECCOMP_RET_KILL_PROCESS);
    load(&a, DATA(nr));
    emit_tree(&a, targets, RULES + 1);
    for (unsigned i = 0; i < RULES; i++) {
        emit_rule(&a, &rules[i], FIRST_RULE + i);
        if (i == RULES / 2) /* a jump reaches 255 instructions */
            by_pointer(&a, REFUSED, SECCOMP_RET_KILL_PROCESS);
    }
    by_pointer(&a, ALLOWED, SECCOMP_RET_ALLOW);
    by_pointer(&a, ASK_MONITOR, SECCOMP_RET_USER_NOTIF);
    by_pointer(&a, REFUSED, SECCOMP_RET_KILL_PROCESS);
}
