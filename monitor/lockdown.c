/* The monitor reads what hostile code writes.  Should it ever be fooled, it finds itself
 * behind walls too: a filter of its own (own_calls.inc), and with Landlock no files but
 * those of the exports, no execution, and without a network no TCP.  Landlock comes first, so
 * that a snapshot is read behind it, and so that the sandbox's processes are within it: the
 * kernel lets only an outer domain read memory of an inner one, which saving needs.
 *
 * A call that is not on the list is not made: a handler names it and ends the process,
 * with which the host kernel ends the sandbox.
 */
#include "lockdown.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "landlock.h"
#include "policy.h"
#include "tty.h"

#define VALUES_MAX 16
#define CODE_MAX   512

/* What the C library makes threads with, and nothing else: VM, FS, FILES, SIGHAND, THREAD,
 * SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID. */
#define PTHREAD_FLAGS 0x3d0f00

struct rule {
    uint32_t number;
    uint8_t argument;
    bool absent;        /* ENOSYS, as on an older kernel */
    bool checked, bits; /* bits: values[0] is a mask, not one of a list */
    uint32_t values[VALUES_MAX];
};

/* Zero ends a list, so it can be no member. */
#define IS(...)                                                                                    \
    false, { __VA_ARGS__ }
#define WITHIN(mask)                                                                               \
    true, { mask }
#define MAY(name, why)                   {.number = __NR_##name},
#define ABSENT(name, why)                {.number = __NR_##name, .absent = true},
#define MAY_IF(name, argument, set, why) {__NR_##name, argument, false, true, set},
static const struct rule rules[] = {
#include "own_calls.inc"
#ifdef SANITIZED /* what the sanitizers' runtime does where a thread ends */
    MAY(sigaltstack, "")
#endif
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

/* ---- the filter ------------------------------------------------------------------------- */

static struct sock_filter code[CODE_MAX] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
};
static unsigned length = 4;

/* Where a jump goes that leaves its rule; every kind of end is written once for many of them,
 * because installing a filter takes the kernel a time by its length. */
enum end { NEXT, ALLOW, REFUSE, MISSING, ENDS };
static struct {
    uint8_t jt, jf; /* enum end; NEXT: code[] says */
} want[CODE_MAX];
static unsigned waiting = 4; /* jumps from here on are not written yet */

/* Tables that do not fit abort: at every start, so in every test. */
static void emit(uint16_t what, uint32_t k, unsigned jt, unsigned jf)
{
    if (length == CODE_MAX || jt > 255 || jf > 255)
        abort();
    code[length++] = (struct sock_filter){what, (uint8_t)jt, (uint8_t)jf, k};
}

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
            emit(BPF_RET | BPF_K, action[e], 0, 0);
    }
    waiting = length;
}

static void emit_test(uint32_t k, enum end jt, enum end jf)
{
    emit(BPF_JMP | BPF_JEQ | BPF_K, k, 0, 0);
    want[length - 1].jt = (uint8_t)jt;
    want[length - 1].jf = (uint8_t)jf;
}

static void emit_rule(const struct rule *r)
{
    if (!r->checked) {
        emit_test(r->number, r->absent ? MISSING : ALLOW, REFUSE);
    } else {
        unsigned count = 1;
        emit_test(r->number, NEXT, REFUSE);
        emit(BPF_LD | BPF_W | BPF_ABS,
             (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)r->argument), 0, 0);
        if (r->bits)
            emit(BPF_ALU | BPF_AND | BPF_K, ~r->values[0], 0, 0);
        while (count < VALUES_MAX && !r->bits && r->values[count])
            count++;
        for (unsigned i = 0; i < count; i++)
            emit_test(r->bits ? 0 : r->values[i], ALLOW, i + 1 == count ? REFUSE : NEXT);
    }
    if (length - waiting > 128)
        write_ends();
}

/* Binary search: the kernel puts every number there is through it when it is installed. */
static void emit_tree(const struct rule *const *sorted, size_t n)
{
    if (n == 1) {
        emit_rule(sorted[0]);
        return;
    }
    unsigned branch = length;
    emit(BPF_JMP | BPF_JGE | BPF_K, sorted[n / 2]->number, 0, 0);
    emit_tree(sorted, n / 2);
    unsigned distance = length - branch - 1;
    if (distance > 255)
        abort();
    code[branch].jt = (uint8_t)distance;
    emit_tree(sorted + n / 2, n - n / 2);
}

static int by_number(const void *a, const void *b)
{
    const struct rule *x = *(const struct rule *const *)a, *y = *(const struct rule *const *)b;

    return x->number < y->number ? -1 : x->number > y->number;
}

static int install_filter(void)
{
    const struct rule *sorted[RULES];

    for (size_t i = 0; i < RULES; i++)
        sorted[i] = &rules[i];
    qsort(sorted, RULES, sizeof(sorted[0]), by_number);
    emit_tree(sorted, RULES);
    write_ends();
    const struct sock_fprog program = {(unsigned short)length, code};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* SIGSYS: "it wanted N". */
static void refused(int sig, siginfo_t *info, void *context)
{
    char text[] = "bailey: the monitor made a system call it may not make: no. 000 (a bug: the "
                  "sandbox was ended)\n";
    char *digit = text + sizeof("bailey: the monitor made a system call it may not make: no. ") - 1;
    unsigned number = (unsigned)info->si_syscall % 1000;

    digit[0] = (char)('0' + number / 100);
    digit[1] = (char)('0' + number / 10 % 10);
    digit[2] = (char)('0' + number % 10);
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(MONITOR_EXIT_FAILURE);
    _exit(MONITOR_EXIT_FAILURE);
}

/* ---- Landlock ----------------------------------------------------------------------------- */

static void allow_exports(const struct sandbox *s, int rules_fd)
{
    for (uint32_t i = 0; i < s->export_count; i++) {
        const struct export *ex = &s->exports[i];
        if (ex->host_base)
            continue;
        /* A single file may be replaced in its directory by the host meanwhile. */
        uint64_t rights = ex->file ? LANDLOCK_FILE : LANDLOCK_READ | LANDLOCK_FILE;
        if (!ex->read_only)
            rights |= ex->file ? LANDLOCK_WRITE_FILE : LANDLOCK_WRITE;
        landlock_allow(rules_fd, ex->dir, rights);
    }
}

static void allow_host_base(const struct sandbox *s, int rules_fd)
{
    char path[64];
    const char *name;

    for (size_t i = 0; (name = policy_shown(i)); i++) {
        snprintf(path, sizeof(path), "/%s", name);
        landlock_allow_path(rules_fd, path, LANDLOCK_READ | LANDLOCK_FILE);
    }
    if (s->workdir_fd >= 0)
        landlock_allow(rules_fd, s->workdir_fd, LANDLOCK_READ | LANDLOCK_FILE);
    /* Names on the way to those. */
    landlock_allow_path(rules_fd, "/", LANDLOCK_READ);
}

/* Where a save that nobody gave a file for would go. */
static void allow_save_path(const char *path, int rules_fd)
{
    char directory[PATH_MAX];

    snprintf(directory, sizeof(directory), "%s", path);
    landlock_allow_path(rules_fd, dirname(directory),
                        LANDLOCK_READ | LANDLOCK_FILE | LANDLOCK_WRITE);
}

int lockdown_files(struct sandbox *s)
{
    const struct sandbox_config *c = s->config;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set(s->err, errno, "giving up new privileges");
    int fd = landlock_begin(c->net_service < 0);
    if (fd < 0)
        return 0; /* the second wall only */
    allow_exports(s, fd);
    if (c->root_mode == SANDBOX_ROOT_HOST)
        allow_host_base(s, fd);
    landlock_allow_path(fd, "/proc", LANDLOCK_READ | LANDLOCK_FILE);
    landlock_allow_path(fd, "/proc/self/exe", LANDLOCK_FILE); /* the inside image */
    landlock_allow_path(fd, "/sys/devices/system/cpu", LANDLOCK_FILE);
    for (size_t i = 0; c->own_dirs && c->own_dirs[i]; i++)
        landlock_allow_path(fd, c->own_dirs[i], LANDLOCK_READ | LANDLOCK_FILE | LANDLOCK_WRITE);
    if (c->save_signal && c->save_path)
        allow_save_path(c->save_path, fd);
    landlock_enforce(fd);
    return 0;
}

int lockdown_calls(struct sandbox *s)
{
    struct sigaction action = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO};

    sigaction(SIGSYS, &action, NULL);
    if (install_filter() < 0)
        return error_set(s->err, errno, "the monitor's own filter");
    return 0;
}
