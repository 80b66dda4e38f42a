#include "call_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CODE_MAX 512

static struct sock_filter code[CODE_MAX];
static unsigned length;

/* Where a jump goes that leaves its rule; every kind of end is written once for many of them,
 * because installing a filter takes the kernel a time by its length. */
enum end { NEXT, ALLOW, REFUSE, MISSING, ENDS };
static struct {
    uint8_t jt, jf; /* enum end; NEXT: code[] says */
} want[CODE_MAX];
static unsigned waiting; /* jumps from here on are not written yet */

/* Tables that do not fit abort: at every start, so in every test. */
static void emit(uint16_t what, uint32_t k, unsigned jt, unsigned jf)
{
    if (length == CODE_MAX || jt > 255 || jf > 255)
        abort();
    want[length].jt = want[length].jf = NEXT;
    code[length++] = (struct sock_filter){what, (uint8_t)jt, (uint8_t)jf, k};
}

static void load(size_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0); }

static void give(uint32_t action) { emit(BPF_RET | BPF_K, action, 0, 0); }

/* The ends that jumps wait for, after code that nothing runs through. */
static void write_ends(void)
{
    static const uint32_t action[ENDS] = {0, SECCOMP_RET_ALLOW, SECCOMP_RET_TRAP,
                                          SECCOMP_RET_ERRNO | ENOSYS};
    unsigned last = length;

    for (unsigned e = ALLOW; e < ENDS; e++) {
        bool wanted = false;
        for (unsigned i = waiting; i < last; i++) {
            unsigned distance = length - i - 1;
            if ((want[i].jt == e || want[i].jf == e) && distance > 255)
                abort();
            if (want[i].jt == e)
                code[i].jt = (uint8_t)distance;
            if (want[i].jf == e)
                code[i].jf = (uint8_t)distance;
            wanted |= want[i].jt == e || want[i].jf == e;
        }
        if (wanted)
            give(action[e]);
    }
    waiting = length;
}

static void emit_test(uint32_t k, enum end jt, enum end jf)
{
    emit(BPF_JMP | BPF_JEQ | BPF_K, k, 0, 0);
    want[length - 1].jt = (uint8_t)jt;
    want[length - 1].jf = (uint8_t)jf;
}

/* What is left to test when the number is known. */
static void emit_rule(const struct call_rule *r)
{
    unsigned count = 1;

    load(offsetof(struct seccomp_data, args) + 8 * (size_t)r->argument);
    if (r->bits)
        emit(BPF_ALU | BPF_AND | BPF_K, ~r->values[0], 0, 0);
    while (count < CALL_VALUES_MAX && !r->bits && r->values[count])
        count++;
    for (unsigned i = 0; i < count; i++)
        emit_test(r->bits ? 0 : r->values[i], ALLOW, i + 1 == count ? REFUSE : NEXT);
    if (length - waiting > 128)
        write_ends();
}

/* Numbers from `first` on to the next segment's, all treated the same: a run of those that are
 * allowed, or missing, or refused, or a single one with more to test.  Half as many jumps as
 * numbers are enough for the lists there are. */
struct segment {
    uint32_t first;
    enum end end; /* NEXT: by the rule */
    const struct call_rule *rule;
};

static void add_segment(struct segment *list, size_t *n, uint32_t first, enum end end,
                        const struct call_rule *rule)
{
    if (*n == 0 || end == NEXT || list[*n - 1].end != end)
        list[(*n)++] = (struct segment){first, end, rule};
}

static size_t make_segments(struct segment *list, const struct call_rule *const *sorted, size_t n,
                            bool numbers)
{
    size_t count = 0;
    uint32_t next = 0;

    for (size_t i = 0; i < n; i++) {
        const struct call_rule *r = sorted[i];
        if (r->number < next)
            continue; /* again: the first one counts */
        if (r->number > next)
            add_segment(list, &count, next, REFUSE, NULL);
        enum end end = r->checked ? NEXT : r->absent ? MISSING : ALLOW;
        add_segment(list, &count, r->number, numbers ? ALLOW : end, r);
        next = r->number + 1;
    }
    add_segment(list, &count, next, REFUSE, NULL);
    return count;
}

/* Binary search: the kernel puts every number there is through it when it is installed.  What
 * needs no code of its own is where a jump goes. */
static void emit_tree(const struct segment *s, size_t n)
{
    size_t half = n / 2;
    bool left = half > 1 || s->end == NEXT, right = n - half > 1 || s[half].end == NEXT;

    if (n == 1) {
        emit_rule(s->rule);
        return;
    }
    unsigned branch = length;
    emit(BPF_JMP | BPF_JGE | BPF_K, s[half].first, 0, 0);
    want[branch].jt = (uint8_t)(right ? NEXT : s[half].end);
    want[branch].jf = (uint8_t)(left ? NEXT : s->end);
    if (left)
        emit_tree(s, half);
    unsigned distance = length - branch - 1;
    if (right && distance > 255)
        abort();
    if (right) {
        code[branch].jt = (uint8_t)distance;
        emit_tree(s + half, n - half);
    }
}

static int by_number(const void *a, const void *b)
{
    const struct call_rule *x = *(const struct call_rule *const *)a,
                           *y = *(const struct call_rule *const *)b;

    return x->number < y->number ? -1 : x->number > y->number;
}

void call_filter_build(const struct call_rule *rules, size_t n, bool numbers)
{
    const struct call_rule *sorted[CALL_RULES_MAX];
    struct segment segments[2 * CALL_RULES_MAX + 1];

    if (n == 0 || n > CALL_RULES_MAX)
        abort();
    for (size_t i = 0; i < n; i++)
        sorted[i] = &rules[i];
    qsort(sorted, n, sizeof(sorted[0]), by_number);
    length = 0;
    load(offsetof(struct seccomp_data, arch));
    emit(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    give(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(struct seccomp_data, nr));
    waiting = length;
    emit_tree(segments, make_segments(segments, sorted, n, numbers));
    write_ends();
}

int call_filter_install(void)
{
    const struct sock_fprog program = {(unsigned short)length, code};

    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}
