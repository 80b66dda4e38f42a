/* Latencies of single operations, in nanoseconds.
 *
 * usage: lat [-t MILLISECONDS] [NAME...]
 *
 * Each operation is repeated until MILLISECONDS (20) have passed, five times; the line
 * "name median best" gives the two per operation.  Runs natively and in any sandbox.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5

static char path[256];
static int zero_fd, null_fd, file_fd;
static char buffer[65536];

static uint64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void op_getppid(void) { syscall(SYS_getppid); }

static void op_clock(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
}

static void op_read1(void)
{
    if (read(zero_fd, buffer, 1) != 1)
        abort();
}

static void op_write1(void)
{
    if (write(null_fd, buffer, 1) != 1)
        abort();
}

static void op_pread4k(void)
{
    if (pread(file_fd, buffer, 4096, 4096) != 4096)
        abort();
}

static void op_pwrite4k(void)
{
    if (pwrite(file_fd, buffer, 4096, 4096) != 4096)
        abort();
}

static void op_pread64k(void)
{
    if (pread(file_fd, buffer, 65536, 0) != 65536)
        abort();
}

static void op_pwrite64k(void)
{
    if (pwrite(file_fd, buffer, 65536, 0) != 65536)
        abort();
}

static void op_open_close(void) { close(open(path, O_RDONLY)); }

static void op_stat(void)
{
    struct stat st;
    if (stat(path, &st))
        abort();
}

static void op_fstat(void)
{
    struct stat st;
    if (fstat(file_fd, &st))
        abort();
}

static void touch(size_t size)
{
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < size; i += 4096)
        p[i] = 1;
    munmap(p, size);
}

static void op_mmap4k(void) { touch(4096); }
static void op_mmap64k(void) { touch(65536); }

static void handler(int sig) { (void)sig; }
static void op_signal(void) { raise(SIGUSR1); }

static void *nothing(void *arg) { return arg; }
static void op_thread(void)
{
    pthread_t t;
    if (pthread_create(&t, NULL, nothing, NULL))
        abort();
    pthread_join(t, NULL);
}

/* Programs of many threads, whole: threads made, the work shared among them, joined.  So much
 * work that making 64 threads is the smaller part. */
#define WORK 524288
static pthread_mutex_t mutexes[4] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                     PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static volatile unsigned counted[4];

static void *lock_often(void *share)
{
    for (uintptr_t i = 0; i < (uintptr_t)share; i++) {
        pthread_mutex_lock(&mutexes[i % 4]);
        counted[i % 4]++;
        pthread_mutex_unlock(&mutexes[i % 4]);
    }
    return NULL;
}

/* Sizes as a program of many objects has them, now and then one that malloc maps. */
static void *allocate_often(void *share)
{
    void *kept[32] = {NULL};

    for (uintptr_t i = 0; i < (uintptr_t)share / 4; i++) {
        size_t size = i % 512 == 511 ? 300000 : 16 + i * 7919 % 3000;
        free(kept[i % 32]);
        kept[i % 32] = malloc(size);
        memset(kept[i % 32], 1, size < 64 ? size : 64);
    }
    for (int i = 0; i < 32; i++)
        free(kept[i]);
    return NULL;
}

static void with_threads(unsigned n, void *(*work)(void *))
{
    pthread_t t[64];

    for (unsigned i = 0; i < n; i++)
        if (pthread_create(&t[i], NULL, work, (void *)(uintptr_t)(WORK / n)))
            abort();
    for (unsigned i = 0; i < n; i++)
        pthread_join(t[i], NULL);
}
static void op_locks_1(void) { with_threads(1, lock_often); }
static void op_locks_8(void) { with_threads(8, lock_often); }
static void op_locks_64(void) { with_threads(64, lock_often); }
static void op_malloc_1(void) { with_threads(1, allocate_often); }
static void op_malloc_8(void) { with_threads(8, allocate_often); }
static void op_malloc_64(void) { with_threads(64, allocate_often); }

static void op_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
}

static void op_fork_exec(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
}

/* This program is linked statically; called so it ends at once (main). */
static void op_fork_exec_static(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "nothing", NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
}

/* From a parent with a gigabyte in memory. */
static void op_spawn_1g(void)
{
    static char *big;
    char *argv[] = {"true", NULL};
    pid_t pid;

    if (!big) {
        big = mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (big == MAP_FAILED)
            abort();
    }
    if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ))
        abort();
    waitpid(pid, NULL, 0);
}

/* Ping-pong partners, started at the first use. */
static int ping[2], pong[2], pair[2];
static uint32_t *words;

static long futex(uint32_t *w, int op, uint32_t v)
{
    return syscall(SYS_futex, w, op, v, NULL, NULL, 0);
}

static void futex_turn(uint32_t *mine, uint32_t *theirs, uint32_t n)
{
    __atomic_store_n(theirs, n, __ATOMIC_SEQ_CST);
    futex(theirs, FUTEX_WAKE, 1);
    for (uint32_t v; (v = __atomic_load_n(mine, __ATOMIC_SEQ_CST)) != n;)
        futex(mine, FUTEX_WAIT, v);
}

static void *futex_partner(void *arg)
{
    for (uint32_t n = 1;; n++) {
        for (uint32_t v; (v = __atomic_load_n(&words[1], __ATOMIC_SEQ_CST)) != n;)
            futex(&words[1], FUTEX_WAIT, v);
        __atomic_store_n(&words[0], n, __ATOMIC_SEQ_CST);
        futex(&words[0], FUTEX_WAKE, 1);
    }
    return arg;
}

static void op_futex(void)
{
    static uint32_t n;
    static pthread_t t;

    if (!words) {
        words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        pthread_create(&t, NULL, futex_partner, NULL);
    }
    futex_turn(&words[0], &words[1], ++n);
}

/* The same between processes. */
static void op_futex_process(void)
{
    static uint32_t n, *shared;

    if (!shared) {
        shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            words = shared;
            futex_partner(NULL);
        }
    }
    futex_turn(&shared[0], &shared[1], ++n);
}

static void op_eventfd(void)
{
    static int to, from;
    uint64_t one = 1;

    if (!to) {
        to = eventfd(0, 0);
        from = eventfd(0, 0);
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            while (read(to, &one, 8) == 8 && write(from, &one, 8) == 8)
                ;
            _exit(0);
        }
    }
    if (write(to, &one, 8) != 8 || read(from, &one, 8) != 8)
        abort();
}

static void echo(int in, int out)
{
    char c;
    while (read(in, &c, 1) == 1) {
        if (write(out, &c, 1) != 1)
            break;
    }
    _exit(0);
}

static void op_pipe(void)
{
    char c = 1;
    if (!ping[1]) {
        if (pipe(ping) || pipe(pong))
            abort();
        if (fork() == 0) {
            close(ping[1]);
            echo(ping[0], pong[1]);
        }
    }
    if (write(ping[1], &c, 1) != 1 || read(pong[0], &c, 1) != 1)
        abort();
}

static void op_unix(void)
{
    char c = 1;
    if (!pair[1]) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
            abort();
        if (fork() == 0) {
            close(pair[0]);
            echo(pair[1], pair[1]);
        }
        close(pair[1]);
    }
    if (write(pair[0], &c, 1) != 1 || read(pair[0], &c, 1) != 1)
        abort();
}

/* A connection over the loopback to a child that runs `serve` with its end. */
static int tcp_to(void (*serve)(int fd))
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (bind(l, (void *)&at, len) || listen(l, 1) || getsockname(l, (void *)&at, &len) ||
        connect(s, (void *)&at, len))
        abort();
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (fork() == 0) {
        int t = accept(l, NULL, NULL);

        close(s);
        setsockopt(t, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        serve(t);
        _exit(0);
    }
    close(l);
    return s;
}

static void serve_echo(int fd) { echo(fd, fd); }

static void op_tcp(void)
{
    static int s;
    char c = 1;

    if (!s)
        s = tcp_to(serve_echo);
    if (write(s, &c, 1) != 1 || read(s, &c, 1) != 1)
        abort();
}

/* A megabyte sent, one byte back. */
static void serve_bulk(int fd)
{
    static char in[65536];
    size_t total = 0;

    for (ssize_t n; (n = read(fd, in, sizeof(in))) > 0;) {
        total += (size_t)n;
        if (total % (16 * sizeof(in)) == 0 && write(fd, in, 1) != 1)
            break;
    }
    _exit(0);
}

static void bulk(int s)
{
    for (int i = 0; i < 16; i++) {
        if (write(s, buffer, sizeof(buffer)) != sizeof(buffer))
            abort();
    }
    if (read(s, buffer, 1) != 1)
        abort();
}

static void op_tcp_bulk(void)
{
    static int s;

    if (!s)
        s = tcp_to(serve_bulk);
    bulk(s);
}

static void op_unix_bulk(void)
{
    static int s[2];

    if (!s[1]) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
            abort();
        if (fork() == 0) {
            close(s[0]);
            serve_bulk(s[1]);
        }
    }
    bulk(s[0]);
}

static void op_connect(void)
{
    static struct sockaddr_in at = {.sin_family = AF_INET};
    static socklen_t len = sizeof(at);
    static int l;
    int s, t;

    if (!l) {
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        l = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(l, (void *)&at, len) || listen(l, 16) || getsockname(l, (void *)&at, &len))
            abort();
    }
    struct linger hard = {1, 0}; /* leaves no TIME_WAIT: ports would run out */
    s = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    if (connect(s, (void *)&at, len) || (t = accept(l, NULL, NULL)) < 0)
        abort();
    close(s);
    close(t);
}

static const struct {
    const char *name;
    void (*op)(void);
    int at_once; /* so many between two looks at the clock; 0: 16 */
} operations[] = {
    {"getppid", op_getppid},
    {"clock_gettime", op_clock},
    {"read_1", op_read1},
    {"write_1", op_write1},
    {"pread_4k", op_pread4k},
    {"pwrite_4k", op_pwrite4k},
    {"pread_64k", op_pread64k},
    {"pwrite_64k", op_pwrite64k},
    {"open_close", op_open_close},
    {"stat", op_stat},
    {"fstat", op_fstat},
    {"mmap_4k", op_mmap4k},
    {"mmap_64k", op_mmap64k},
    {"signal_self", op_signal},
    {"thread", op_thread},
    {"futex_pp", op_futex},
    {"pipe_pp", op_pipe},
    {"unix_pp", op_unix},
    {"tcp_pp", op_tcp},
    {"tcp_connect", op_connect},
    {"tcp_1m", op_tcp_bulk},
    {"unix_1m", op_unix_bulk},
    {"fork_exit", op_fork},
    {"fork_exec", op_fork_exec},
    {"eventfd_pp", op_eventfd},
    {"futex_pp_processes", op_futex_process},
    {"fork_exec_static", op_fork_exec_static},
    {"spawn_from_1g", op_spawn_1g},
    {"locks_1", op_locks_1, 1},
    {"locks_8", op_locks_8, 1},
    {"locks_64", op_locks_64, 1},
    {"malloc_1", op_malloc_1, 1},
    {"malloc_8", op_malloc_8, 1},
    {"malloc_64", op_malloc_64, 1},
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void measure(const char *name, void (*op)(void), int at_once, uint64_t budget)
{
    double result[ROUNDS];

    for (int i = 0; i < 10 && i < at_once; i++) /* first uses: caches, faults, rewriting */
        op();
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now(), end, n = 0;
        do {
            for (int i = 0; i < at_once; i++)
                op();
            n += (uint64_t)at_once;
            end = now();
        } while (end - start < budget);
        result[round] = (double)(end - start) / (double)n;
    }
    qsort(result, ROUNDS, sizeof(result[0]), by_value);
    printf("%s %.1f %.1f\n", name, result[ROUNDS / 2], result[0]);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    uint64_t budget = 20000000;
    int first = 1;

    if (strcmp(argv[0], "nothing") == 0)
        return 0;
    if (argc > 2 && strcmp(argv[1], "-t") == 0) {
        budget = strtoull(argv[2], NULL, 10) * 1000000;
        first = 3;
    }
    snprintf(path, sizeof(path), "%s/lat.%d", getenv("LATDIR") ? getenv("LATDIR") : "/dev/shm",
             (int)getpid());
    zero_fd = open("/dev/zero", O_RDONLY);
    null_fd = open("/dev/null", O_WRONLY);
    file_fd = open(path, O_RDWR | O_CREAT, 0600);
    if (zero_fd < 0 || null_fd < 0 || file_fd < 0 || write(file_fd, buffer, 65536) != 65536) {
        perror(path);
        return 1;
    }
    signal(SIGUSR1, handler);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        int wanted = first >= argc;
        for (int k = first; k < argc; k++)
            wanted |= strcmp(argv[k], operations[i].name) == 0;
        if (wanted)
            measure(operations[i].name, operations[i].op,
                    operations[i].at_once ? operations[i].at_once : 16, budget);
    }
    unlink(path);
    return 0;
}
