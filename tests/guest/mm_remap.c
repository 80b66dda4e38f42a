/* mremap, madvise, mincore, mlock, process_vm_readv. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define P 4096UL

static char *anon(size_t n)
{
    return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void number(char *p, size_t pages, int base)
{
    for (size_t i = 0; i < pages; i++)
        p[i * P] = (char)(base + (int)i);
}

static int numbered(const char *p, size_t pages, int base)
{
    for (size_t i = 0; i < pages; i++)
        if (p[i * P] != (char)(base + (int)i))
            return 0;
    return 1;
}

static void test_grow(void)
{
    char *p = anon(8 * P), *q;

    number(p, 8, 1);
    CHECK(munmap(p + 4 * P, 4 * P) == 0);
    q = mremap(p, 4 * P, 6 * P, 0);
    CHECK(q == p && numbered(p, 4, 1) && p[4 * P] == 0);
    q = mremap(p, 6 * P, 2 * P, 0);
    CHECK(q == p && numbered(p, 2, 1));
    CHECK(mmap(p + 2 * P, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          p + 2 * P);
    CHECK_ERR(mremap(p, 2 * P, 4 * P, 0), ENOMEM);
    q = mremap(p, 2 * P, 1000 * P, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p && numbered(q, 2, 1) && q[999 * P] == 0);
    munmap(q, 1000 * P);
    munmap(p + 2 * P, P);
}

static void test_fixed(void)
{
    char *p = anon(4 * P), *t = anon(8 * P), *q;

    number(p, 4, 10);
    number(t, 8, 50);
    q = mremap(p + P, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, t + 2 * P);
    CHECK(q == t + 2 * P && numbered(q, 2, 11));
    CHECK(t[P] == 51 && t[4 * P] == 54 && p[0] == 10 && p[3 * P] == 13);
    CHECK_ERR(mremap(p + P, P, P, MREMAP_MAYMOVE), EFAULT);
    CHECK_ERR(mremap(t, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, t + P), EINVAL);
    CHECK_ERR(mremap(t, 2 * P, 2 * P, MREMAP_FIXED, p), EINVAL);
    CHECK_ERR(mremap(t, P, 0, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERR(mremap(t + 1, P, P, MREMAP_MAYMOVE), EINVAL);
    munmap(p, 4 * P);
    munmap(t, 8 * P);
}

static void test_dontunmap(void)
{
    char *p = anon(2 * P), *q;

    number(p, 2, 5);
    q = mremap(p, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    CHECK(q != MAP_FAILED && numbered(q, 2, 5) && p[0] == 0 && p[P] == 0);
    munmap(p, 2 * P);
    munmap(q, 2 * P);
}

static void test_shared(void)
{
    int fd = memfd_create("r", 0);
    char *p, *q;

    CHECK(ftruncate(fd, 16 * P) == 0);
    p = mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    number(p, 4, 20);
    CHECK(pwrite(fd, "\x21", 1, 12 * P) == 1);
    q = mremap(p, 4 * P, 16 * P, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && numbered(q, 4, 20) && q[12 * P] == 0x21);
    p = mremap(q, 0, 4 * P, MREMAP_MAYMOVE); /* a second view */
    CHECK(p != MAP_FAILED && p != q && numbered(p, 4, 20));
    p[0] = 99;
    CHECK(q[0] == 99);
    munmap(p, 4 * P);
    munmap(q, 16 * P);
    p = mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    p[P] = 42;
    q = mremap(p, 4 * P, 8 * P, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q[P] == 42 && q[2 * P] == 22 && q[7 * P] == 0);
    munmap(q, 8 * P);
    close(fd);
}

static void test_advice(void)
{
    char *p = anon(8 * P);
    unsigned char vec[8];
    int fd;

    number(p, 8, 1);
    CHECK(madvise(p + P, 2 * P, MADV_DONTNEED) == 0);
    CHECK(p[0] == 1 && p[P] == 0 && p[2 * P] == 0 && p[3 * P] == 4);
    CHECK(madvise(p, 8 * P, MADV_WILLNEED) == 0 || errno == EBADF);
    CHECK(madvise(p, 8 * P, MADV_FREE) == 0);
    CHECK(madvise(p, 8 * P, MADV_RANDOM) == 0 && madvise(p, 0, MADV_NORMAL) == 0);
    CHECK(madvise(p, 8 * P, MADV_DONTDUMP) == 0 && madvise(p, 8 * P, MADV_DODUMP) == 0);
    CHECK(madvise(p, 8 * P, 22 /* MADV_POPULATE_READ */) == 0);
    CHECK_ERR(madvise(p + 1, P, MADV_DONTNEED), EINVAL);
    CHECK_ERR(madvise(p, P, 777), EINVAL);
    munmap(p + 4 * P, P);
    number(p, 4, 1);
    p[6 * P] = 9;
    CHECK_ERR(madvise(p, 8 * P, MADV_DONTNEED), ENOMEM);
    CHECK(p[0] == 0 && p[6 * P] == 0); /* both sides of the hole were done */
    CHECK(mincore(p, 4 * P, vec) == 0);
    CHECK_ERR(mincore(p, 8 * P, vec), ENOMEM);
    CHECK_ERR(mincore(p + 1, P, vec), EINVAL);
    munmap(p, 8 * P);

    fd = memfd_create("a", 0);
    CHECK(ftruncate(fd, 4 * P) == 0);
    p = mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    number(p, 4, 1);
    CHECK(madvise(p, 4 * P, MADV_DONTNEED) == 0 && numbered(p, 4, 1));
    CHECK(madvise(p + P, P, MADV_REMOVE) == 0 && p[P] == 0 && p[2 * P] == 3);
    CHECK_ERR(madvise(p, P, MADV_FREE), EINVAL);
    CHECK_ERR(madvise(p, P, MADV_WIPEONFORK), EINVAL);
    munmap(p, 4 * P);
    close(fd);
}

static void test_lock(void)
{
    char *p = anon(4 * P);

    CHECK(mlock(p, 2 * P) == 0 && munlock(p, 2 * P) == 0);
    CHECK(mlock2(p, P, MLOCK_ONFAULT) == 0);
    CHECK_ERR(madvise(p, P, MADV_DONTNEED), EINVAL);
    CHECK_ERR(mlock2(p, P, 4), EINVAL);
    munlock(p, P);
    munmap(p + P, P);
    CHECK_ERR(mlock(p, 3 * P), ENOMEM);
    CHECK_ERR(mlockall(0), EINVAL);
    CHECK(munlockall() == 0);
    munmap(p, 4 * P);
}

static void test_vm_copy(void)
{
    char from[100] = "hello", to[100] = "";
    struct iovec l[2] = {{to, 3}, {to + 3, 97}}, r = {from, 100};

    CHECK(process_vm_readv(getpid(), l, 2, &r, 1, 0) == 100 && !strcmp(to, "hello"));
    strcpy(to, "other");
    CHECK(process_vm_writev(getpid(), l, 2, &r, 1, 0) == 100 && !strcmp(from, "other"));
    r.iov_base = (void *)8;
    CHECK_ERR(process_vm_readv(getpid(), l, 2, &r, 1, 0), EFAULT);
    CHECK_ERR(process_vm_readv(getpid(), l, 2, &r, 1, 1), EINVAL);
    CHECK_ERR(process_vm_readv(999999, l, 2, &r, 1, 0), ESRCH);
}

int main(void)
{
    test_grow();
    test_fixed();
    test_dontunmap();
    test_shared();
    test_advice();
    test_lock();
    test_vm_copy();
    return check_result();
}
