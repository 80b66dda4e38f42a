/* Memory across fork: private, shared, advice, and files between processes. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define P 4096UL

static char *map(size_t n, int flags)
{
    return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
}

/* Exit code of fn run in a child, or 1000 + signal. */
static int in_child(int (*fn)(void *), void *arg)
{
    int status;
    pid_t pid = fork();

    if (!pid)
        _exit(fn(arg));
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int write_both(void *arg)
{
    char **p = arg;

    if (p[0][0] != 1 || p[1][0] != 1)
        return 1;
    p[0][0] = p[1][0] = 2;
    munmap(p[0] + P, P);
    return mprotect(p[1], P, PROT_READ) ? 2 : 0;
}

static void test_private_shared(void)
{
    char *p[2] = {map(4 * P, MAP_PRIVATE), map(4 * P, MAP_SHARED)};

    p[0][0] = p[1][0] = 1;
    CHECK(in_child(write_both, p) == 0);
    CHECK(p[0][0] == 1 && p[1][0] == 2);
    p[0][P] = p[1][P] = 1; /* the child's own changes to its mappings are its own */
    munmap(p[0], 4 * P);
    munmap(p[1], 4 * P);
}

static int touch(void *p) { return *(volatile char *)p; }

static void test_advice(void)
{
    char *p = map(3 * P, MAP_PRIVATE);

    p[0] = p[P] = p[2 * P] = 7;
    CHECK(madvise(p, P, MADV_DONTFORK) == 0 && madvise(p + P, P, MADV_WIPEONFORK) == 0);
    CHECK(in_child(touch, p) == 1000 + SIGSEGV);
    CHECK(in_child(touch, p + P) == 0);
    CHECK(in_child(touch, p + 2 * P) == 7);
    CHECK(p[0] == 7 && p[P] == 7);
    CHECK(madvise(p, P, MADV_DOFORK) == 0 && madvise(p + P, P, MADV_KEEPONFORK) == 0);
    CHECK(in_child(touch, p) == 7 && in_child(touch, p + P) == 7);
    munmap(p, 3 * P);
}

static int map_file(void *arg)
{
    char *p = mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_SHARED, *(int *)arg, 0);

    if (p == MAP_FAILED || p[P] != 'b')
        return 1;
    p[0] = 'c';
    return 0;
}

static void test_file(void)
{
    int fd = memfd_create("f", 0);
    char *p, c;

    CHECK(ftruncate(fd, 2 * P) == 0);
    p = mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p[P] = 'b';
    CHECK(in_child(map_file, &fd) == 0);
    CHECK(p[0] == 'c' && pread(fd, &c, 1, 0) == 1 && c == 'c');
    /* Shrunk and grown again while mapped: what was cut off reads as zeros. */
    CHECK(ftruncate(fd, P) == 0 && ftruncate(fd, 2 * P) == 0);
    CHECK(p[P] == 0);
    p[P] = 'd';
    CHECK(pread(fd, &c, 1, P) == 1 && c == 'd');
    close(fd);
    CHECK(p[P] == 'd'); /* the mapping keeps the file */
    munmap(p, 2 * P);
}

static int deep(void *arg)
{
    char *p = map(64 * P, MAP_PRIVATE);

    for (size_t i = 0; i < 64; i++)
        p[i * P] = (char)i;
    if (*(int *)arg == 0)
        return p[63 * P];
    --*(int *)arg;
    return in_child(deep, arg);
}

int main(void)
{
    int depth = 5;

    test_private_shared();
    test_advice();
    test_file();
    CHECK(in_child(deep, &depth) == 63);
    return check_result();
}
