/* hostile --list: the attacks.  hostile NAME [SEED]: carries one out, inside a sandbox.
 * hostile number|x32|int80 NR [SEED]: one host system call
 * by that entry.  hostile bystander: on the host, tells
 * of every signal it gets. */
#include "hostile.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FUTEX     202
#define CLONE     56
#define ESCAPED   66
#define X32       0x40000000L
#define LAST_SLOT (SEG_BASE + SEG_SLOTS + (SLOT_MAX - 1) * SLOT_SIZE)

static const struct attack *const tables[] = {
    call_attacks, memory_attacks,  frame_attacks, message_attacks,
    path_attacks, exhaust_attacks, reach_attacks, network_attacks,
};
static const char *const outcomes[] = {"refused", "killed", "ended", "held", "any"};

uint64_t seed = 88172645463325252u;

uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}
uint64_t below(uint64_t n) { return any() % n; }

uint64_t odd(void)
{
    static const uint64_t values[] = {
        0,          1,        2,         3,          6,          9,
        15,         255,      4096,      0x7fffffff, 0xffffffff, 1ULL << 32,
        1ULL << 63, ~0ULL,    ~0ULL - 1, SEG_BASE,   IMAGE_BASE, POOL_BASE,
        INSIDE_END, USER_MAX, 0x400000,  0x10000,    17,         GATE_CLONE_THREAD,
    };
    uint64_t v = values[below(sizeof(values) / sizeof(values[0]))];

    return below(4) ? v : below(2) ? any() : v ^ 1ULL << below(64);
}

const char *given(const char *name)
{
    const char *value = getenv(name);

    if (!value) {
        fprintf(stderr, "%s is not set\n", name);
        exit(2);
    }
    return value;
}

void escaped(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    printf("ESCAPED: ");
    vprintf(format, ap);
    putchar('\n');
    fflush(stdout);
    _exit(ESCAPED);
}

const uint8_t *gate_instruction(void)
{
    const uint8_t *p = (const uint8_t *)IMAGE_BASE;

    while (p[0] != 0x0f || p[1] != 0x05)
        p++;
    return p;
}

/* ---- control calls ------------------------------------------------------------------- */

void *message_buffer(unsigned slot) { return (char *)LAST_SLOT - slot * SLOT_SIZE + SLOT_MESSAGE; }

long ask(unsigned slot, long call, size_t length, long a4, long a5, long a6)
{
    long offset = (long)((uintptr_t)message_buffer(slot) - SEG_BASE);

    return gate(HOST_MONITOR_NR, call, offset, (long)length, a4, a5, a6);
}

static size_t put(char *to, const char *text)
{
    size_t n = strlen(text) + 1;

    memcpy(to, text, n);
    return n;
}

long ask_open(unsigned slot, const char *uri, int flags)
{
    struct message_open *m = message_buffer(slot);
    size_t n = put(m->uri, uri);

    m->flags = flags;
    m->mode = 0666;
    return ask(slot, HOST_CALL_OPEN, sizeof(*m) + n, 0, 0, 0);
}

long ask_attributes(unsigned slot, const char *uri)
{
    struct message_attributes_get *m = message_buffer(slot);
    size_t n = put(m->text, uri);

    m->handle = -1;
    m->what = MESSAGE_ATTRIBUTES;
    return ask(slot, HOST_CALL_ATTRIBUTES_GET, sizeof(*m) + n, 0, 0, 0);
}

long ask_make(unsigned slot, const char *uri, int kind, const char *target)
{
    struct message_make *m = message_buffer(slot);
    size_t n = put(m->uri, uri);

    n += put(m->uri + n, target);
    m->kind = (uint32_t)kind;
    m->mode = 0777;
    return ask(slot, HOST_CALL_MAKE, sizeof(*m) + n, 0, 0, 0);
}

long ask_rename(unsigned slot, const char *from, const char *to, unsigned flags)
{
    struct message_rename *m = message_buffer(slot);
    size_t n = put(m->from, from);

    n += put(m->from + n, to);
    m->flags = flags;
    return ask(slot, HOST_CALL_RENAME, sizeof(*m) + n, 0, 0, 0);
}

long ask_remove(unsigned slot, const char *uri, int dir)
{
    struct message_remove *m = message_buffer(slot);
    size_t n = put(m->uri, uri);

    m->dir = (uint32_t)dir;
    return ask(slot, HOST_CALL_REMOVE, sizeof(*m) + n, 0, 0, 0);
}

/* ---- threads of its own ---------------------------------------------------------------- */

static long raw_start(unsigned number, void (*run)(void), long flags)
{
    static char stacks[64][16384] __attribute__((aligned(16)));
    static uint32_t tids[64];
    uint64_t *sp = (uint64_t *)(stacks[number % 64] + sizeof(stacks[0]) - 128);

    *sp = (uint64_t)run; /* the gate's `ret` goes there */
    return gate(CLONE, flags, (long)sp, (long)&tids[number % 64], (long)&tids[number % 64], 0, 0);
}

long raw_thread(unsigned number, void (*run)(void))
{
    return raw_start(number, run, GATE_CLONE_THREAD);
}
long raw_process(unsigned number, void (*run)(void))
{
    return raw_start(number, run, GATE_CLONE_FORK);
}

void raw_sleep(uint64_t ns)
{
    static uint32_t word;
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at); /* the vDSO: no system call */
    at.tv_sec += (long)(ns / 1000000000);
    at.tv_nsec += (long)(ns % 1000000000);
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    gate(FUTEX, (long)&word, GATE_FUTEX_WAIT, 0, (long)&at, 0, 0xffffffffL);
}

/* ---- on the host ------------------------------------------------------------------------- */

static int bystander(void)
{
    struct signalfd_siginfo info;
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    int fd = signalfd(-1, &all, 0);
    if (write(1, "ready\n", 6) != 6)
        return 1;
    while (read(fd, &info, sizeof(info)) == sizeof(info)) {
        dprintf(1, "signal %u from %u\n", info.ssi_signo, info.ssi_pid);
        if (info.ssi_signo == SIGTERM)
            break;
    }
    return 0;
}

static int list(void)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct attack *a = tables[i]; a->name; a++)
            printf("%s %s %s\n", a->name, outcomes[a->outcome], a->options ? a->options : "");
    return 0;
}

/* The numbers that may come back. */
static int listed(void)
{
#define FILTER_CALL(name) printf("%d\n", __NR_##name);
#include "contract_filter.inc"
    return printf("%d\n", HOST_MONITOR_NR) < 0;
}

/* The 32-bit entry, from code of its own. */
static long by_int80(long nr)
{
    long rc;

    __asm__ volatile("int $0x80"
                     : "=a"(rc)
                     : "a"(nr), "b"(odd()), "c"(odd()), "d"(odd()), "S"(odd()), "D"(odd())
                     : "memory");
    return rc;
}

static int one_call(const char *entry, const char *number)
{
    long nr = strtol(number, NULL, 0);
    long from = !strcmp(entry, "x32") ? nr | X32 : nr;
    long rc = !strcmp(entry, "int80") ? by_int80(nr)
                                      : gate(from, (long)odd(), (long)odd(), (long)odd(),
                                             (long)odd(), (long)odd(), (long)odd());

    escaped("host system call %ld by %s came back with %ld", nr, entry, rc);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (!strcmp(name, "--list"))
        return list();
    if (!strcmp(name, "--listed"))
        return listed();
    if (!strcmp(name, "bystander"))
        return bystander();
    bool number =
        argc > 2 && (!strcmp(name, "number") || !strcmp(name, "x32") || !strcmp(name, "int80"));
    int at = number ? 3 : 2;
    for (uint64_t n = argc > at ? strtoul(argv[at], NULL, 0) : 0; n > 0; n--)
        any();
    if (number)
        return one_call(name, argv[2]);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const struct attack *a = tables[i]; a->name; a++) {
            if (!strcmp(a->name, name)) {
                a->run();
                return 0;
            }
        }
    }
    fprintf(stderr, "hostile: no attack of the name %s\n", name);
    return 2;
}
