/* Random system calls from several threads at once, as a hostile program makes them.
 *
 * Arguments are made by their kind in the table of calls.  Program memory is one arena
 * that all threads scribble on, so what a call has read may change while it looks.  Every
 * thread has a reason to leave the system call pending, so nothing sleeps.  There is
 * nothing to compare with: the sanitizers, the assertions inside and the end of the run
 * are the judges.
 *     CALLS_SEED=n CALLS_COUNT=n CALLS_TRACE=1|2 tests/unit/test_calls
 */
#include <linux/fcntl.h>

#include "syscall.h"
#include "syscalls_gen.h"
#include "unit.h"

char *getenv(const char *name);
int atoi(const char *s);
unsigned alarm(unsigned seconds);

#define ARENA   (1UL << 20)
#define PATHS   0x80000UL /* the second half starts with path names */
#define THREADS 3

extern uptr hosted_user_start, hosted_user_end;
static char arena[ARENA] __attribute__((aligned(4096)));
static int trace, count = 15000;
static u32 made[SYSCALL_MAX], succeeded[SYSCALL_MAX];

/* What would end the test, or take away from it what it tests with. */
static const char *const left_out[] = {
    "exit",       "exit_group",      "fork",          "vfork",        "clone",
    "clone3",     "execve",          "execveat",      "rt_sigreturn", "mmap",
    "munmap",     "mprotect",        "pkey_mprotect", "mremap",       "brk",
    "madvise",    "process_madvise", "shmat",         "shmdt",        "remap_file_pages",
    "arch_prctl", "setrlimit",       "prlimit64",     "chroot",       "pivot_root",
    "umount2",    "capset",          "setuid",        "setgid",       "setreuid",
    "setregid",   "setresuid",       "setresgid",     "setfsuid",     "setfsgid",
    "setgroups",  "unshare",         "setns",         "mlock",        "mlock2",
    "mlockall",   "munlock",         "munlockall",    "msync",        "mincore",
    "prctl",      "reboot",
};

static const char *const paths[] = {
    "a",
    "b",
    "c",
    "d",
    "d/a",
    "d/b",
    "d/e",
    "d/e/f",
    "link",
    "link/a",
    "fifo",
    "sock",
    "",
    ".",
    "..",
    "/",
    "/tmp",
    "/tmp/x",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/shm/m",
    "/dev/fd/3",
    "/proc/self/fd",
    "/proc/self/fd/4",
    "/proc/self/maps",
    "/proc/self/status",
    "/proc/1/stat",
    "/proc/self/fdinfo/5",
    "/proc/mounts",
    "/proc/self/task/1/comm",
    "/proc/sys/kernel/hostname",
    "/sys",
    "/proc/self/cwd/a",
    "d/../d/./a",
    "no/such",
    "user.attribute",
};

struct random {
    u64 state;
};

static u32 next(struct random *r, u32 below)
{
    r->state = r->state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (u32)(r->state >> 33) % below;
}

static u64 odd_number(struct random *r)
{
    static const u64 odd[] = {~0ULL, 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 63, ~0ULL >> 1,
                              4096,  4095,       65536,      1ULL << 40, SEG_BASE,   USER_MAX};
    return odd[next(r, ARRAY_SIZE(odd))];
}

static uptr place(struct random *r) { return (uptr)arena + next(r, PATHS - 65536) / 8 * 8; }

static uptr path(struct random *r)
{
    u32 n = next(r, ARRAY_SIZE(paths) + 2);

    if (n == ARRAY_SIZE(paths))
        return place(r);
    if (n > ARRAY_SIZE(paths))
        return (uptr)odd_number(r);
    return (uptr)arena + PATHS + n * 64;
}

/* Something a call may expect behind a pointer. */
static uptr memory(struct random *r)
{
    uptr at = place(r);
    u64 *w = (u64 *)at;

    switch (next(r, 8)) {
    case 0: /* iovec[4] */
        for (int i = 0; i < 8; i += 2) {
            w[i] = place(r);
            w[i + 1] = next(r, 2000);
        }
        break;
    case 1: { /* msghdr with one iovec and control data */
        u64 header[] = {
            path(r),  next(r, 120),  at + 64, 1, at + 96, next(r, 64),    0,           0,
            place(r), next(r, 3000), 0,       0, 20,      1ULL << 32 | 1, next(r, 20), 0};
        memcpy(w, header, sizeof(header));
        break;
    }
    case 2: /* sockaddr_un: abstract, or a name */
        memcpy((char *)at, next(r, 2) ? "\1\0\0name" : "\1\0sock\0", 8);
        break;
    case 3: /* timespec, itimerspec */
        for (int i = 0; i < 4; i++)
            w[i] = i % 2 ? next(r, 1000000000) : next(r, 3);
        break;
    case 4: /* pollfd, epoll_event, flock, sigevent */
        for (int i = 0; i < 8; i++)
            w[i] = (u64)next(r, 64) << 32 | next(r, 32);
        break;
    case 5:
        w[0] = odd_number(r);
        break;
    default:
        return next(r, 16) ? at : (uptr)odd_number(r);
    }
    return at;
}

static u64 number(struct random *r)
{
    switch (next(r, 6)) {
    case 0:
        return 1ULL << next(r, 32);
    case 1:
        return 1U << next(r, 20) | 1U << next(r, 20);
    case 2:
        return odd_number(r);
    default:
        return next(r, 24);
    }
}

/* kind: as in syscalls.tbl. */
static u64 argument(struct random *r, const char *kind, size_t n)
{
    static const u32 open_flags[] = {O_RDONLY,
                                     O_RDWR,
                                     O_RDWR | O_CREAT,
                                     O_WRONLY | O_APPEND,
                                     O_RDWR | O_CREAT | O_EXCL,
                                     O_DIRECTORY,
                                     O_RDWR | O_TRUNC,
                                     O_PATH,
                                     O_NOFOLLOW,
                                     O_RDWR | O_NONBLOCK};
    if (kind[0] == 'f' || (kind[0] == 'a' && next(r, 2)))
        return next(r, 12) ? next(r, 40) : odd_number(r);
    if (kind[0] == 'a')
        return (u64)AT_FDCWD;
    if (!strncmp(kind, "path", n) || !strncmp(kind, "str", n))
        return path(r);
    if (!strncmp(kind, "of", n))
        return open_flags[next(r, ARRAY_SIZE(open_flags))] | O_NONBLOCK;
    if (!strncmp(kind, "mode", n))
        return 0777 & number(r);
    if (!strncmp(kind, "sig", n))
        return next(r, 66);
    if (!strncmp(kind, "pid", n))
        return next(r, 4);
    if (kind[0] == 'z')
        return next(r, 8) ? next(r, 3000) : odd_number(r);
    if (kind[0] == 'o')
        return next(r, 8) ? next(r, 100000) : odd_number(r);
    if (n == 1 && kind[0] != 'p')
        return number(r);
    return memory(r);
}

static void make_arguments(struct random *r, const struct syscall_entry *e, u64 *args)
{
    const char *p = e->args;

    for (int i = 0; i < e->nargs; i++) {
        const char *kind = strchr(p, ':') + 1, *end = strchr(kind, ' ');
        size_t n = end ? (size_t)(end - kind) : strlen(kind);
        args[i] = argument(r, kind, n);
        p = kind + n;
    }
}

static bool is_left_out(const char *name)
{
    for (u32 i = 0; i < ARRAY_SIZE(left_out); i++) {
        if (!strcmp(left_out[i], name))
            return true;
    }
    return false;
}

/* Well-formed calls, so that objects come to life and into each other's hands.  A letter
 * for each argument: F descriptor, A AT_FDCWD, P path, M memory, B buffer, S size, I iovec,
 * H msghdr, U address, T times, E events, X attribute name, L ioctl, digits a number from
 * the lists. */
static const struct recipe {
    const char *name, *args;
    u32 one_of[4], or_of[4];
} recipes[] = {
    {"openat", "AP12", {0100 | 02, 02 | 04000, 0100 | 02001, 0200000}, {0644, 0600, 0755, 0444}},
    {"openat", "AP12", {04000, 04002, 01002 | 04000, 010000000}, {0, 0, 0, 0}},
    {"pipe2", "M1", {04000, 02004000, 04000 | 040000, 04000}, {0}},
    {"socketpair", "121M", {1, 1, 1, 1}, {04001, 04002, 04005, 04001}},
    {"socket", "121", {1, 1, 2, 10}, {04001, 04002, 04005, 04001}},
    {"bind", "FU1", {8, 7, 2, 110}, {0}},
    {"connect", "FU1", {8, 7, 2, 110}, {0}},
    {"listen", "F1", {0, 1, 5, 128}, {0}},
    {"accept4", "FMM1", {04000, 0, 04000, 0}, {0}},
    {"sendmsg", "FH1", {0x40, 0x4040, 0x40, 0xc0}, {0}},
    {"recvmsg", "FH1", {0x40, 0x42, 0x140, 0x40}, {0}},
    {"sendto", "FBS1UU", {0x40, 0x4040, 0x40, 0xc0}, {0}},
    {"recvfrom", "FBS1MM", {0x40, 0x42, 0x60, 0x40}, {0}},
    {"shutdown", "F1", {0, 1, 2, 0}, {0}},
    {"setsockopt", "F12M1", {1, 1, 1, 1}, {7, 8, 16, 20}},
    {"getsockopt", "F12MM", {1, 1, 1, 1}, {3, 4, 17, 31}},
    {"read", "FBS", {0}, {0}},
    {"write", "FBS", {0}, {0}},
    {"readv", "FI1", {1, 2, 4, 3}, {0}},
    {"writev", "FI1", {1, 2, 4, 3}, {0}},
    {"pwrite64", "FBS1", {0, 4096, 70000, 5}, {0}},
    {"pread64", "FBS1", {0, 4096, 70000, 5}, {0}},
    {"ftruncate", "F1", {0, 1, 5000, 100000}, {0}},
    {"fallocate", "F121", {0, 1, 3, 16}, {4096, 0, 100, 65536}},
    {"lseek", "F12", {0, 1, 5000, 100000}, {0, 1, 3, 4}},
    {"dup", "F", {0}, {0}},
    {"fcntl", "F12", {3, 4, 1030, 1031}, {4096, 04000, 65536, 2}},
    {"flock", "F1", {5, 6, 8, 4}, {0}},
    {"splice", "F2F2S1", {2, 3, 2, 0}, {0, 0, 0, 0}},
    {"tee", "FFS1", {2, 3, 2, 0}, {0}},
    {"vmsplice", "FI12", {1, 2, 3, 1}, {2, 3, 2, 2}},
    {"sendfile", "FF1S", {0, 0, 0, 0}, {0}},
    {"copy_file_range", "F1F1S1", {0, 0, 0, 0}, {0}},
    {"epoll_create1", "1", {0, 0, 02000000, 0}, {0}},
    {"epoll_ctl", "F1FE", {1, 3, 2, 1}, {0}},
    {"epoll_pwait", "FE12", {1, 8, 64, 2}, {0, 0, 0, 1}},
    {"eventfd2", "12", {0, 1, 7, 0}, {04000, 04001, 04000, 02004000}},
    {"signalfd4", "3M21", {04000, 04000, 02004000, 0}, {8, 8, 8, 8}},
    {"inotify_init1", "1", {04000, 02004000, 04000, 0}, {0}},
    {"timerfd_create", "12", {0, 1, 7, 1}, {04000, 04000, 02004000, 0}},
    {"timerfd_settime", "F1TM", {0, 0, 1, 3}, {0}},
    {"timer_create", "1MM", {0, 1, 7, 2}, {0}},
    {"timer_settime", "12TM", {0, 1, 2, 3}, {0, 0, 1, 0}},
    {"timer_delete", "1", {0, 1, 2, 3}, {0}},
    {"setitimer", "1TM", {0, 1, 2, 0}, {0}},
    {"inotify_add_watch", "FP1", {0xfff, 0xfff, 2, 0x80000fff}, {0}},
    {"memfd_create", "P1", {0, 2, 3, 2}, {0}},
    {"poll", "E12", {1, 4, 16, 8}, {0, 1, 0, 0}},
    {"ioctl", "F1M", {0x541b, 0x5421, 0x5401, 0x5451}, {0}},
    {"setxattr", "PXBS1", {0, 1, 2, 0}, {0}},
    {"getxattr", "PXBS", {0}, {0}},
    {"removexattr", "PX", {0}, {0}},
    {"mkdirat", "AP1", {0755, 0700, 0777, 0}, {0}},
    {"unlinkat", "AP1", {0, 0, 0x200, 0}, {0}},
    {"renameat2", "APAP1", {0, 0, 2, 1}, {0}},
    {"linkat", "APAP1", {0, 0x400, 0, 0}, {0}},
    {"symlinkat", "PAP", {0}, {0}},
    {"mknodat", "AP12", {010644, 0100600, 0140600, 010600}, {0}},
    {"getdents64", "FBS", {0}, {0}},
    {"newfstatat", "APM1", {0, 0x100, 0, 0x1000}, {0}},
    {"futex", "M12TMM", {0, 1, 3, 4}, {0, 1, 1, 2}},
    {"fchmodat", "AP1", {0644, 0755, 0, 04777}, {0}},
    {"close", "F", {0}, {0}},
    {"close", "F", {0}, {0}},
    {"dup3", "F1", {3, 9, 17, 30}, {0}},
};

static u64 recipe_argument(struct random *r, char c, const struct recipe *q)
{
    uptr at = place(r);
    u64 *w = (u64 *)at;

    switch (c) {
    case 'F':
        return next(r, 40);
    case 'A':
        return (u64)AT_FDCWD;
    case 'P':
        return (uptr)arena + PATHS + next(r, ARRAY_SIZE(paths)) * 64;
    case 'X':
        return (uptr)arena + PATHS + (ARRAY_SIZE(paths) - 1) * 64;
    case 'S':
        return next(r, 5000);
    case 'I':
        for (int i = 0; i < 8; i += 2) {
            w[i] = place(r);
            w[i + 1] = next(r, 3000);
        }
        return at;
    case 'H': {
        u64 header[] = {0,           0,
                        at + 64,     1,
                        at + 96,     next(r, 3) * 24,
                        0,           0,
                        place(r),    next(r, 3000),
                        0,           0,
                        20,          1ULL << 32 | 1,
                        next(r, 20), 0};
        memcpy(w, header, sizeof(header));
        return at;
    }
    case 'U':
        memcpy((char *)at, next(r, 2) ? "\1\0\0name" : "\1\0sock\0", 8);
        return next(r, 4) ? at : 0;
    case 'T':
        for (int i = 0; i < 4; i++)
            w[i] = i % 2 ? next(r, 5000000) : 0;
        return at;
    case 'E':
        for (int i = 0; i < 16; i++)
            w[i] = (u64)(next(r, 32) | (next(r, 2) ? 1U << 31 : 0)) << 32 | next(r, 40);
        return at;
    case '1':
        return q->one_of[next(r, 4)];
    case '2':
        return q->or_of[next(r, 4)];
    case '3':
        return next(r, 2) ? ~0ULL : next(r, 40);
    default:
        return next(r, 16) ? at : 0;
    }
}

static u32 number_of(const char *name)
{
    for (u32 nr = 0; nr < SYSCALL_MAX; nr++) {
        if (syscall_table[nr].name && !strcmp(syscall_table[nr].name, name))
            return nr;
    }
    return 0;
}

/* The number of a call and its arguments. */
static u32 choose(struct random *r, u64 *args)
{
    static u32 numbers[ARRAY_SIZE(recipes)];
    u32 which = next(r, ARRAY_SIZE(recipes)), nr = next(r, 460);

    memset(args, 0, 6 * sizeof(*args));
    if (next(r, 3) == 0) {
        if (syscall_table[nr].call)
            make_arguments(r, &syscall_table[nr], args);
        return nr;
    }
    for (int i = 0; recipes[which].args[i]; i++)
        args[i] = recipe_argument(r, recipes[which].args[i], &recipes[which]);
    if (!numbers[which])
        numbers[which] = number_of(recipes[which].name);
    return numbers[which];
}

static void hostile(void *arg)
{
    struct random r = {(u64)(uptr)arg};

    for (int i = 0; i < count; i++) {
        u64 args[6];
        u32 nr = choose(&r, args);
        const struct syscall_entry *e = &syscall_table[nr];
        if (!e->call || is_left_out(e->name))
            continue;
        current()->attention = ATTN_RENDEZVOUS;
        if (i % 256 == 0)
            sys_chdir((uptr)arena + PATHS + 16 * 64); /* "/tmp" */
        if (trace == 1)
            printf("# %d %s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", current()->tid, e->name,
                   args[0], args[1], args[2], args[3], args[4], args[5]);
        long rc = e->call(args);
        __atomic_fetch_add(&made[nr], 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&succeeded[nr], rc >= 0, __ATOMIC_RELAXED);
        if (rc <= -600) /* neither a result nor an errno, restart codes included */
            panic("%s(%lx, %lx, %lx, %lx) returns %ld", e->name, args[0], args[1], args[2], args[3],
                  rc);
        current()->restart.valid = false;
    }
}

/* How many of the calls made got somewhere; with CALLS_TRACE=2, which. */
static void summary(void)
{
    u32 calls = 0, good = 0;

    for (u32 nr = 0; nr < SYSCALL_MAX; nr++) {
        calls += made[nr];
        good += succeeded[nr];
        if (trace > 1 && made[nr])
            printf("# %s: %u of %u\n", syscall_table[nr].name, succeeded[nr], made[nr]);
    }
    printf("# %u calls, %u of them successful\n", calls, good);
    assert_true(good > calls / 10);
}

static void random_calls(void **state)
{
    const char *seed = getenv("CALLS_SEED");
    struct hosted_job *j[THREADS];
    uptr base = seed ? (uptr)atoi(seed) : 1;

    for (u32 i = 0; i < ARRAY_SIZE(paths); i++)
        strlcpy(arena + PATHS + i * 64, paths[i], 64);
    hosted_user_start = (uptr)arena;
    hosted_user_end = (uptr)arena + ARENA;
    for (uptr i = 0; i < THREADS; i++)
        j[i] = hosted_run(hostile, (void *)(base * 1000 + i));
    for (int i = 0; i < THREADS; i++)
        hosted_join(j[i]);
    hosted_user_end = 0;
    summary();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_calls)};

    trace = getenv("CALLS_TRACE") ? atoi(getenv("CALLS_TRACE")) : 0;
    if (getenv("CALLS_COUNT"))
        count = atoi(getenv("CALLS_COUNT"));
    alarm(200); /* something sleeps that must not */
    hosted_start();
    boot()->memory_limit = 512UL << 20;
    current()->proc->rlimits[11][0] = 100; /* RLIMIT_SIGPENDING */
    return RUN_TESTS(tests);
}
