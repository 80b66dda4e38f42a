/* Copies from and to program memory stop at the first byte that cannot be reached. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

static char *page; /* a page followed by one nobody may touch */
static long size;

static void test_reads_and_writes(void)
{
    int p[2];
    char back[64];

    CHECK(pipe(p) == 0);
    for (int n = 1; n <= 40; n++) { /* all of the alignments and lengths of the fast copies */
        char *at = page + size - n;
        memset(at, 'a' + n % 20, (size_t)n);
        CHECK(write(p[1], at, (size_t)n) == n);
        memset(back, 0, sizeof(back));
        CHECK(read(p[0], back, sizeof(back)) == n && back[n - 1] == 'a' + n % 20);
        CHECK(write(p[1], back, (size_t)n) == n);
        memset(at, 0, (size_t)n);
        CHECK(read(p[0], at, (size_t)n) == n && at[0] == 'a' + n % 20 && at[n - 1] == at[0]);
    }
    CHECK_ERR(write(p[1], page + size, 8), EFAULT);
    CHECK(write(p[1], "12345678", 8) == 8);
    CHECK_ERR(read(p[0], page + size, 8), EFAULT);
    close(p[0]);
    close(p[1]);
}

static void test_structures(void)
{
    struct stat *st = (struct stat *)(page + size - (long)sizeof(struct stat));

    CHECK(stat("/", st) == 0);
    CHECK_ERR(syscall(SYS_stat, "/", (char *)st + 1), EFAULT);
    CHECK_ERR(syscall(SYS_stat, "/", 0x1000), EFAULT);
    CHECK_ERR(syscall(SYS_stat, "/", -4096L), EFAULT);
    CHECK_ERR(syscall(SYS_stat, "/", 0x7ffffffff000), EFAULT);
    CHECK_ERR(syscall(SYS_pipe, page + size - 4), EFAULT);
    CHECK_ERR(syscall(SYS_nanosleep, page + size - 8, NULL), EFAULT);
    mprotect(page, (size_t)size, PROT_READ);
    CHECK_ERR(syscall(SYS_stat, "/", st), EFAULT);
    CHECK_ERR(syscall(SYS_pipe, page), EFAULT);
    mprotect(page, (size_t)size, PROT_READ | PROT_WRITE);
}

static void test_strings(void)
{
    for (int n = 1; n <= 20; n++) { /* ends right before the bad page, at every alignment */
        char *s = page + size - n;
        memset(s, '/', (size_t)n);
        s[n - 1] = 0;
        if (n > 1)
            CHECK(access(s, F_OK) == 0);
        else
            CHECK_ERR(access(s, F_OK), ENOENT);
        s[n - 1] = '/';
        CHECK_ERR(access(s, F_OK), EFAULT);
    }
    char *path = malloc(PATH_MAX + 1);
    memset(path, '/', PATH_MAX);
    path[PATH_MAX] = 0;
    CHECK_ERR(access(path, F_OK), ENAMETOOLONG);
    path[PATH_MAX - 1] = 0;
    CHECK(access(path, F_OK) == 0);
    free(path);
    CHECK_ERR(access((char *)1, F_OK), EFAULT);
    CHECK_ERR(access((char *)-1L, F_OK), EFAULT);
}

static void test_vectors(void)
{
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    char good[32] = "0123456789";
    struct iovec v[2] = {{good, 10}, {page + size, 10}};

    CHECK(writev(fd, v, 1) == 10);
    CHECK_ERR(syscall(SYS_writev, fd, page + size - 8, 1), EFAULT);
    v[0].iov_len = (size_t)SSIZE_MAX + 1;
    CHECK_ERR(writev(fd, v, 1), EINVAL);
    CHECK_ERR(syscall(SYS_writev, fd, v, -1), EINVAL);
    CHECK_ERR(syscall(SYS_writev, fd, v, 2000), EINVAL);
    CHECK_ERR(pread(fd, page + size, 4, 0), EFAULT);
    close(fd);
}

/* A mapping that comes and goes under a copy: the copy fails or succeeds, no more. */
static volatile int stop;

static void *flip(void *arg)
{
    while (!stop) {
        mprotect(page, (size_t)size, PROT_NONE);
        mprotect(page, (size_t)size, PROT_READ | PROT_WRITE);
    }
    return NULL;
}

static void test_race(void)
{
    pthread_t id;
    int ok = 0, bad = 0, other = 0;

    pthread_create(&id, NULL, flip, NULL);
    for (int i = 0; i < 20000; i++) {
        if (syscall(SYS_stat, "/", page + 512) == 0)
            ok++;
        else if (errno == EFAULT)
            bad++;
        else
            other++;
    }
    stop = 1;
    pthread_join(id, NULL);
    CHECK(other == 0 && ok + bad == 20000);
}

int main(void)
{
    size = sysconf(_SC_PAGESIZE);
    page = mmap(NULL, 2 * (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page + size, (size_t)size, PROT_NONE);
    test_reads_and_writes();
    test_structures();
    test_strings();
    test_vectors();
    test_race();
    return check_result();
}
