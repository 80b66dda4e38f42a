/* Memory, threads, waiting, time and reports of the hosted contract. */
#define _GNU_SOURCE
#include "hosted.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../abi/host_abi.h"
#include "../../abi/layout.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

static int seg_fd = -1, pool_fd = -1;
static int panic_expected;
static char panic_text[512];
uint64_t hosted_waits, hosted_wakes;

static long result(long rc) { return rc < 0 ? -errno : rc; }

static int map_object(const char *name, uint64_t base, uint64_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
        mmap((void *)base, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) ==
            MAP_FAILED) {
        perror(name);
        abort();
    }
    return fd;
}

void hosted_map(void)
{
    seg_fd = map_object("segment", SEG_BASE, SEG_SIZE);
    pool_fd = map_object("pool", POOL_BASE, POOL_SIZE);
}

/* ---- memory ---------------------------------------------------------------- */

long host_map(uintptr_t addr, size_t len, int prot, int flags, int handle, uint64_t offset)
{
    int fd = handle == HOST_POOL ? pool_fd : handle;
    int how = MAP_FIXED | (flags & HOST_MAP_SHARED ? MAP_SHARED : MAP_PRIVATE);

    if (fd < 0)
        how |= MAP_ANONYMOUS;
    if (flags & HOST_MAP_NORESERVE)
        how |= MAP_NORESERVE;
    if (flags & HOST_MAP_POPULATE)
        how |= MAP_POPULATE;
    void *p = mmap((void *)addr, len, prot, how, fd, (off_t)offset);
    return p == MAP_FAILED ? -errno : 0;
}

long host_unmap(uintptr_t addr, size_t len) { return result(munmap((void *)addr, len)); }

long host_protect(uintptr_t addr, size_t len, int prot)
{
    return result(mprotect((void *)addr, len, prot));
}

long host_discard(uintptr_t addr, size_t len, int how)
{
    return result(madvise((void *)addr, len, how));
}

long host_move(uintptr_t old_addr, size_t old_len, size_t new_len, uintptr_t new_addr, int keep)
{
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);

    if (old_addr == new_addr)
        flags = 0;
    void *p = mremap((void *)old_addr, old_len, new_len, flags, (void *)new_addr);
    return p == MAP_FAILED ? -errno : 0;
}

/* ---- threads --------------------------------------------------------------- */

static void *thread_body(void *arg)
{
    struct thread *t = arg;

    __atomic_store_n(hosted_tid_word(t), (uint32_t)gettid(), __ATOMIC_SEQ_CST);
    hosted_thread_main(t);
    return NULL;
}

long host_thread_create(struct thread *t)
{
    pthread_t id;
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    __atomic_store_n(hosted_tid_word(t), 1, __ATOMIC_SEQ_CST);
    int rc = pthread_create(&id, &attr, thread_body, t);
    pthread_attr_destroy(&attr);
    return -rc;
}

void host_thread_exit(void) { pthread_exit(NULL); }

long host_thread_interrupt(struct thread *t)
{
    (void)t; /* nothing here runs program code */
    return 0;
}

long host_space_fork(struct thread *t)
{
    (void)t;
    return -ENOSYS;
}

long host_space_blank(struct thread *t)
{
    (void)t;
    return -ENOSYS;
}

void host_space_exit(void)
{
    if (panic_expected)
        pthread_exit(NULL);
    abort();
}

struct hosted_job {
    pthread_t id;
    void (*fn)(void *);
    void *arg;
    struct thread *t;
};

struct thread *hosted_new_thread(void);
void hosted_set_current(struct thread *t);

static void *job_body(void *arg)
{
    struct hosted_job *j = arg;

    hosted_set_current(j->t);
    j->fn(j->arg);
    return NULL;
}

struct hosted_job *hosted_run(void (*fn)(void *), void *arg)
{
    struct hosted_job *j = calloc(1, sizeof(*j));

    j->fn = fn;
    j->arg = arg;
    j->t = hosted_new_thread();
    if (pthread_create(&j->id, NULL, job_body, j))
        abort();
    return j;
}

void hosted_join(struct hosted_job *j)
{
    pthread_join(j->id, NULL);
    free(j);
}

/* ---- waiting ---------------------------------------------------------------- */

long host_wait(uint32_t *word, uint32_t value, uint64_t deadline)
{
    struct timespec ts = {(time_t)(deadline / 1000000000), (long)(deadline % 1000000000)};
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value,
                      deadline == HOST_FOREVER ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);

    __atomic_fetch_add(&hosted_waits, 1, __ATOMIC_RELAXED);
    return rc < 0 && errno != EAGAIN ? -errno : 0;
}

long host_wake(uint32_t *word, int n)
{
    __atomic_fetch_add(&hosted_wakes, 1, __ATOMIC_RELAXED);
    return syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0);
}

/* ---- time, randomness, reports ------------------------------------------------ */

uint64_t host_time(int clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void host_usage(int who, struct host_usage *usage)
{
    _Static_assert(sizeof(*usage) == sizeof(struct rusage), "the kernel's form");
    getrusage(who, (struct rusage *)usage);
}

void host_random(void *buf, size_t len)
{
    if (getrandom(buf, len, 0) != (ssize_t)len)
        abort();
}

static long cpu_time(int64_t who)
{
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;

    if (who > 0) /* a thread: the number the kernel gives its clock */
        clock = (clockid_t)(~(unsigned)who << 3 | 6);
    struct timespec ts;
    if (clock_gettime(clock, &ts) < 0)
        return -errno;
    return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

void hosted_expect_panic(int on)
{
    panic_expected = on;
    panic_text[0] = 0;
}

const char *hosted_panic_text(void) { return panic_text; }

long host_report(int kind, uint64_t a, uint64_t b, const char *text)
{
    switch (kind) {
    case HOST_REPORT_MEMORY:
        return -ENOSYS;
    case HOST_REPORT_CPUTIME:
        return b == 2 ? 0 : cpu_time((int64_t)a);
    case HOST_REPORT_PANIC:
        snprintf(panic_text, sizeof(panic_text), "%s", text);
        if (!panic_expected)
            fprintf(stderr, "# panic: %s\n", text);
        break;
    default:
        fprintf(stderr, "# %s\n", text ? text : "report");
    }
    return 0;
}

long host_freeze_ready(const struct host_space *spaces, uint32_t count, int error,
                       size_t (*summary)(char *buffer, size_t size))
{
    return -ENOSYS;
}
