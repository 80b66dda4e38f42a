/* mmap, munmap, mprotect: kinds, placement, errors. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

#define P 4096UL

static sigjmp_buf back;
static volatile int got_signal, got_code;
static void *volatile got_addr;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
    got_signal = sig;
    got_code = si->si_code;
    got_addr = si->si_addr;
    siglongjmp(back, 1);
}

/* The signal a read (or write) at p raises, 0 if none. */
static int probe(volatile char *p, int write)
{
    got_signal = 0;
    if (!sigsetjmp(back, 1)) {
        if (write)
            *p = 1;
        else
            (void)*p;
    }
    return got_signal;
}

static void *anon(void *at, size_t n, int prot, int flags)
{
    return mmap(at, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void test_anon(void)
{
    char *p = anon(NULL, 8 * P, PROT_READ | PROT_WRITE, 0), *q;

    CHECK(p != MAP_FAILED && ((uintptr_t)p & (P - 1)) == 0);
    for (size_t i = 0; i < 8 * P; i++)
        if (p[i])
            CHECK(!"zero-filled");
    memset(p, 7, 8 * P);
    CHECK(munmap(p + 2 * P, P) == 0);
    CHECK(probe(p + 2 * P, 0) == SIGSEGV && got_code == SEGV_MAPERR && got_addr == p + 2 * P);
    CHECK(p[P] == 7 && p[3 * P] == 7);
    q = anon(p + 2 * P, P, PROT_READ, MAP_FIXED_NOREPLACE);
    CHECK(q == p + 2 * P && *q == 0);
    CHECK_ERR(anon(p, P, PROT_READ, MAP_FIXED_NOREPLACE), EEXIST);
    CHECK(probe(q, 1) == SIGSEGV && got_code == SEGV_ACCERR);
    CHECK(anon(p, 3 * P, PROT_READ | PROT_WRITE, MAP_FIXED) == p);
    CHECK(p[0] == 0 && p[3 * P] == 7);
    /* A free hint is taken, a taken one is not. */
    munmap(p, P);
    CHECK(anon(p + 5, 1, PROT_READ, 0) == p);
    q = anon(p, P, PROT_READ, 0);
    CHECK(q != p && q != MAP_FAILED);
    munmap(q, P);
    CHECK(munmap(p, 8 * P) == 0);
    CHECK(munmap(p, 8 * P) == 0);
}

static void test_errors(void)
{
    char *p = anon(NULL, 2 * P, PROT_READ | PROT_WRITE, 0);
    int fd = open("/proc/self/exe", O_RDONLY);

    CHECK_ERR(anon(NULL, 0, PROT_READ, 0), EINVAL);
    CHECK_ERR(mmap(NULL, P, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERR(mmap(NULL, P, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
    CHECK_ERR(mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 1), EINVAL);
    CHECK_ERR(mmap(NULL, P, PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
    CHECK_ERR(anon(p + 1, P, PROT_READ, MAP_FIXED), EINVAL);
    CHECK_ERR(anon(NULL, 1UL << 47, PROT_READ, 0), ENOMEM);
    CHECK_ERR(munmap(p + 1, P), EINVAL);
    CHECK_ERR(munmap(p, 0), EINVAL);
    CHECK_ERR(mprotect(p + 1, P, PROT_READ), EINVAL);
    CHECK_ERR(mprotect(p, P, 0x1000), EINVAL);
    CHECK(mprotect(p, 0, PROT_READ) == 0);
    munmap(p + P, P);
    CHECK_ERR(mprotect(p, 2 * P, PROT_READ), ENOMEM);
    CHECK(probe(p, 1) == SIGSEGV && got_code == SEGV_ACCERR); /* the first page was changed */
    munmap(p, P);
    close(fd);
}

static void test_32bit(void)
{
    char *p = anon(NULL, P, PROT_READ | PROT_WRITE, MAP_32BIT);

    CHECK(p != MAP_FAILED && (uintptr_t)p < 1UL << 31);
    *p = 1;
    munmap(p, P);
}

static void test_protect(void)
{
    char *p = anon(NULL, 16 * P, PROT_NONE, MAP_NORESERVE);

    CHECK(probe(p, 0) == SIGSEGV && got_code == SEGV_ACCERR);
    for (int i = 0; i < 16; i += 2)
        CHECK(mprotect(p + (size_t)i * P, P, PROT_READ | PROT_WRITE) == 0);
    for (int i = 0; i < 16; i++)
        CHECK((probe(p + (size_t)i * P, 1) == 0) == (i % 2 == 0));
    CHECK(mprotect(p, 16 * P, PROT_READ) == 0);
    CHECK(p[0] == 1 && probe(p, 1) == SIGSEGV);
    CHECK(munmap(p, 16 * P) == 0);
}

/* movl $42, %eax; ret */
static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};

static void test_exec(void)
{
    char *p = anon(NULL, P, PROT_READ | PROT_WRITE, 0);

    memcpy(p, code, sizeof(code));
    CHECK(mprotect(p, P, PROT_READ | PROT_EXEC) == 0);
    CHECK(((int (*)(void))p)() == 42);
    munmap(p, P);
}

static void test_file(void)
{
    char name[] = "/tmp/mm_map_XXXXXX", buf[4];
    int fd = mkstemp(name);
    char *p, *q;

    unlink(name);
    CHECK(ftruncate(fd, 2 * P + 100) == 0);
    p = mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    q = mmap(NULL, 3 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED && q != MAP_FAILED);
    strcpy(p + P, "abc");
    CHECK(pread(fd, buf, 4, P) == 4 && !strcmp(buf, "abc"));
    CHECK(!strcmp(q + P, "abc"));
    strcpy(q + P, "xyz");
    CHECK(!strcmp(p + P, "abc"));
    CHECK(pwrite(fd, "def", 4, P) == 4 && !strcmp(p + P, "def") && !strcmp(q + P, "xyz"));
    CHECK(p[2 * P + 200] == 0);
    CHECK(probe(p + 3 * P, 0) == SIGBUS && got_code == BUS_ADRERR && got_addr == p + 3 * P);
    CHECK(mprotect(p, 4 * P, PROT_READ) == 0 && probe(p + 3 * P, 0) == SIGBUS);
    CHECK(mprotect(p, 4 * P, PROT_READ | PROT_WRITE) == 0);
    CHECK(ftruncate(fd, 4 * P) == 0);
    CHECK(probe(p + 3 * P, 1) == 0 && p[3 * P] == 1);
    CHECK(msync(p, 4 * P, MS_SYNC) == 0);
    CHECK(munmap(p, 4 * P) == 0 && munmap(q, 3 * P) == 0);
    close(fd);
    fd = open("/dev/zero", O_RDWR);
    p = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED && *p == 0);
    *p = 1;
    munmap(p, P);
    close(fd);
}

static void test_memfd(void)
{
    int fd = memfd_create("m", 0);
    char *p, *q, c = 0;

    CHECK(fd >= 0 && ftruncate(fd, 64 * P) == 0);
    p = mmap(NULL, 64 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    q = mmap(NULL, 32 * P, PROT_READ, MAP_SHARED, fd, 32 * P);
    for (size_t i = 0; i < 64; i++)
        p[i * P] = (char)i;
    CHECK(q[0] == 32 && q[31 * P] == 63);
    CHECK(pread(fd, &c, 1, 40 * P) == 1 && c == 40);
    CHECK(munmap(p + 10 * P, 20 * P) == 0 && p[9 * P] == 9 && p[30 * P] == 30);
    CHECK(mprotect(q, P, PROT_READ | PROT_WRITE) == 0);
    *q = 77;
    CHECK(p[32 * P] == 77);
    munmap(p, 64 * P);
    munmap(q, 32 * P);
    close(fd);
}

/* A file that shrinks takes its mappings along, private copies too. */
static void test_shrink(void)
{
    int fd = memfd_create("m", 0);
    char *p, *q;

    ftruncate(fd, 4 * P);
    p = mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    q = mmap(NULL, 3 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, P);
    memset(p, 7, 4 * P);
    memset(q, 9, 3 * P);
    CHECK(ftruncate(fd, 2 * P + 1) == 0);
    CHECK(probe(p + 3 * P, 0) == SIGBUS && got_addr == p + 3 * P);
    CHECK(probe(q + 2 * P, 1) == SIGBUS && got_addr == q + 2 * P);
    CHECK(p[P] == 7 && p[2 * P] == 7 && p[2 * P + 1] == 0);
    CHECK(q[0] == 9 && q[P] == 9 && q[P + 1] == 9);
    CHECK(ftruncate(fd, 4 * P) == 0);
    CHECK(p[3 * P] == 0 && q[2 * P] == 0);
    p[3 * P] = 5;
    CHECK(q[2 * P] == 5);
    CHECK(ftruncate(fd, 0) == 0);
    CHECK(probe(p, 1) == SIGBUS && probe(q, 0) == SIGBUS);
    munmap(p, 4 * P);
    munmap(q, 3 * P);
    close(fd);
}

static void test_limits(void)
{
    struct rlimit old, r;

    getrlimit(RLIMIT_AS, &old);
    r = old;
    r.rlim_cur = 1UL << 20;
    CHECK(setrlimit(RLIMIT_AS, &r) == 0);
    CHECK_ERR(anon(NULL, 16UL << 20, PROT_READ, 0), ENOMEM);
    setrlimit(RLIMIT_AS, &old);
}

static void test_brk(void)
{
    char *a = sbrk(0), *b = sbrk(10 * P);

    CHECK(a == b && sbrk(0) == a + 10 * P);
    memset(a, 1, 10 * P);
    CHECK(sbrk(-5 * (long)P) == a + 10 * P);
    CHECK(sbrk(5 * P) == a + 5 * P);
    CHECK(a[4 * P] == 1 && a[6 * P] == 0);
    CHECK(sbrk(-10 * (long)P) != (void *)-1);
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    test_anon();
    test_errors();
    test_32bit();
    test_protect();
    test_exec();
    test_file();
    test_memfd();
    test_shrink();
    test_brk();
    test_limits();
    return check_result();
}
