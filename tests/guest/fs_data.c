/* Reading and writing: positions, vectors, holes, sizes, faults, limits. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

static char *two_pages; /* the second is not there */

static void positions(void)
{
    char buf[64];
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);

    CHECK(write(fd, "0123456789", 10) == 10);
    CHECK(lseek(fd, 0, SEEK_CUR) == 10);
    CHECK(read(fd, buf, 1) == 0);
    CHECK(lseek(fd, -3, SEEK_END) == 7);
    CHECK(read(fd, buf, 64) == 3 && memcmp(buf, "789", 3) == 0);
    CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERR(lseek(fd, -11, SEEK_END), EINVAL);
    CHECK_ERR(lseek(fd, 0, 77), EINVAL);
    CHECK(lseek(fd, 2, SEEK_SET) == 2);
    CHECK(pread(fd, buf, 3, 5) == 3 && memcmp(buf, "567", 3) == 0);
    CHECK(pwrite(fd, "ab", 2, 0) == 2);
    CHECK(lseek(fd, 0, SEEK_CUR) == 2);
    CHECK_ERR(pread(fd, buf, 1, -1), EINVAL);
    CHECK_ERR(pwrite(fd, buf, 1, -1), EINVAL);
    CHECK(pread(fd, buf, 1, 1000) == 0);
    CHECK(read(fd, buf, 0) == 0);
    int again = dup(fd); /* shares the position */
    CHECK(lseek(again, 5, SEEK_SET) == 5 && lseek(fd, 0, SEEK_CUR) == 5);
    close(again);
    int other = open("f", O_RDONLY);
    CHECK(lseek(other, 0, SEEK_CUR) == 0);
    close(other);
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
    CHECK_ERR(pread(p[0], buf, 1, 0), ESPIPE);
    CHECK_ERR(pwrite(p[1], buf, 1, 0), ESPIPE);
    close(p[0]), close(p[1]);
    CHECK_ERR(read(99, buf, 1), EBADF);
    CHECK_ERR(pread(99, buf, 1, -1), EINVAL);
    CHECK_ERR(write(-1, buf, 1), EBADF);
    CHECK_ERR(lseek(99, 0, 0), EBADF);
    close(fd);
}

static void vectors(void)
{
    char a[4] = {0}, b[8] = {0};
    struct iovec v[3] = {{"12", 2}, {NULL, 0}, {"3456", 4}}, r[2] = {{a, 3}, {b, 8}};
    struct iovec many[1025];
    int fd = open("v", O_RDWR | O_CREAT | O_TRUNC, 0644);

    CHECK(writev(fd, v, 3) == 6);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK(readv(fd, r, 2) == 6 && memcmp(a, "123", 3) == 0 && memcmp(b, "456", 3) == 0);
    CHECK(preadv(fd, r, 2, 4) == 2 && memcmp(a, "56", 2) == 0);
    CHECK(pwritev(fd, v, 1, 10) == 2 && lseek(fd, 0, SEEK_END) == 12);
    for (int n = 0; n < 1025; n++)
        many[n] = (struct iovec){"x", 1};
    CHECK(pwritev(fd, many, 1024, 0) == 1024);
    CHECK_ERR(syscall(SYS_writev, fd, many, 1025), EINVAL);
    CHECK(syscall(SYS_writev, fd, many, 0) == 0);
    CHECK_ERR(syscall(SYS_writev, fd, 1, 1), EFAULT);
    many[0].iov_len = (size_t)-1;
    CHECK_ERR(syscall(SYS_writev, fd, many, 2), EINVAL);
    CHECK_ERR(preadv(fd, r, 2, -1), EINVAL);
    CHECK(lseek(fd, 1020, SEEK_SET) == 1020);
    CHECK(preadv2(fd, r, 1, -1, 0) == 3 && lseek(fd, 0, SEEK_CUR) == 1023);
    CHECK_ERR(preadv2(fd, r, 1, 0, 0x400), EOPNOTSUPP);
    CHECK(pwritev2(fd, v, 1, 0, RWF_APPEND) == 2 && lseek(fd, 0, SEEK_END) == 1026);
    CHECK(pwritev2(fd, v, 1, 0, RWF_DSYNC) == 2);
    close(fd);
}

/* What was moved before the fault counts. */
static void faults(void)
{
    char *edge = two_pages + 4096 - 100;
    int fd = open("fault", O_RDWR | O_CREAT | O_TRUNC, 0644);

    memset(edge, 'e', 100);
    CHECK_ERR(syscall(SYS_write, fd, 1, 10), EFAULT);
    CHECK_ERR(write(fd, two_pages + 4096, 10), EFAULT);
    CHECK(lseek(fd, 0, SEEK_END) == 0);
    CHECK(write(fd, edge, 200) == 100 || errno == EFAULT);
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, edge, 100, 0) == 100 &&
          pwrite(fd, edge, 100, 100) == 100);
    lseek(fd, 0, SEEK_SET);
    CHECK(read(fd, edge, 200) == 100);
    CHECK(lseek(fd, 0, SEEK_CUR) == 100);
    CHECK_ERR(read(fd, two_pages + 4096, 1), EFAULT);
    CHECK_ERR(syscall(SYS_read, fd, -1L, 1), EFAULT);
    CHECK_ERR(fstat(fd, (void *)(two_pages + 4096)), EFAULT);
    lseek(fd, 0, SEEK_END);
    CHECK(read(fd, two_pages + 4096, 1) == 0); /* at the end nothing is copied */
    close(fd);
}

static void sizes(void)
{
    struct stat st;
    char buf[8];
    int fd = open("s", O_RDWR | O_CREAT | O_TRUNC, 0644);

    CHECK(ftruncate(fd, 10000) == 0);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 10000 && st.st_blocks == 0);
    CHECK(pread(fd, buf, 8, 9996) == 4 && memcmp(buf, "\0\0\0\0", 4) == 0);
    CHECK(pwrite(fd, "abcdefgh", 8, 0) == 8 && ftruncate(fd, 4) == 0 && ftruncate(fd, 8) == 0);
    CHECK(pread(fd, buf, 8, 0) == 8 && memcmp(buf, "abcd\0\0\0\0", 8) == 0);
    CHECK(truncate("s", 3) == 0 && stat("s", &st) == 0 && st.st_size == 3);
    CHECK_ERR(ftruncate(fd, -1), EINVAL);
    CHECK_ERR(truncate("s", -1), EINVAL);
    CHECK_ERR(truncate("none", 0), ENOENT);
    CHECK_ERR(truncate(".", 0), EISDIR);
    int ro = open("s", O_RDONLY);
    CHECK_ERR(ftruncate(ro, 0), EINVAL);
    CHECK_ERR(fallocate(ro, 0, 0, 1), EBADF);
    close(ro);
    CHECK_ERR(ftruncate(99, 0), EBADF);
    /* Far out. */
    off_t far = 1LL << 40;
    CHECK(pwrite(fd, "far", 3, far) == 3);
    CHECK(fstat(fd, &st) == 0 && st.st_size == far + 3 && st.st_blocks < 64);
    CHECK(pread(fd, buf, 8, far) == 3 && memcmp(buf, "far", 3) == 0);
    close(fd);
}

static void holes(void)
{
    struct stat st;
    char buf[4096];
    int fd = open("h", O_RDWR | O_CREAT | O_TRUNC, 0644);

    memset(buf, 'd', sizeof(buf));
    CHECK(pwrite(fd, buf, 4096, 0) == 4096 && pwrite(fd, buf, 4096, 1 << 20) == 4096);
    CHECK(lseek(fd, 0, SEEK_DATA) == 0);
    CHECK(lseek(fd, 0, SEEK_HOLE) == 4096);
    CHECK(lseek(fd, 8192, SEEK_DATA) == 1 << 20);
    CHECK(lseek(fd, 1 << 20, SEEK_HOLE) == (1 << 20) + 4096);
    CHECK_ERR(lseek(fd, (1 << 20) + 4096, SEEK_DATA), ENXIO);
    CHECK_ERR(lseek(fd, 1 << 21, SEEK_HOLE), ENXIO);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0);
    CHECK(lseek(fd, 0, SEEK_DATA) == 1 << 20);
    CHECK(pread(fd, buf, 1, 0) == 1 && buf[0] == 0);
    CHECK(fallocate(fd, 0, 0, 1 << 21) == 0);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 1 << 21 && st.st_blocks >= 1 << 12);
    CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 22) == 0);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 1 << 21);
    CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
    CHECK_ERR(fallocate(fd, 0, -1, 1), EINVAL);
    CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERR(fallocate(fd, 0, LLONG_MAX, 1), EFBIG);
    CHECK_ERR(fallocate(fd, 0x1000, 0, 1), EOPNOTSUPP);
    close(fd);
}

static volatile int xfsz;
static void on_xfsz(int sig) { xfsz++; }

static void limits(void)
{
    struct rlimit old, small = {100, RLIM_INFINITY};
    char buf[200];
    int fd = open("l", O_RDWR | O_CREAT | O_TRUNC, 0644);

    memset(buf, 'l', sizeof(buf));
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, on_xfsz);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK(write(fd, buf, 200) == 100);
    CHECK(xfsz == 0);
    CHECK_ERR(write(fd, buf, 1), EFBIG);
    CHECK(xfsz == 1);
    CHECK_ERR(pwrite(fd, buf, 1, 100), EFBIG);
    CHECK_ERR(ftruncate(fd, 101), EFBIG);
    CHECK(xfsz == 3);
    CHECK(ftruncate(fd, 50) == 0);
    CHECK_ERR(fallocate(fd, 0, 0, 101), EFBIG);
    CHECK(xfsz == 4);
    setrlimit(RLIMIT_FSIZE, &old);
    close(fd);
}

static void append(void)
{
    char buf[16];
    int a = open("a", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644),
        b = open("a", O_WRONLY | O_APPEND);

    CHECK(write(a, "1", 1) == 1 && write(b, "2", 1) == 1 && write(a, "3", 1) == 1);
    CHECK(pread(a, buf, 16, 0) == 3 && memcmp(buf, "123", 3) == 0);
    CHECK(fcntl(a, F_SETFL, 0) == 0);
    CHECK(pwrite(a, "x", 1, 0) == 1);
    CHECK(pread(a, buf, 16, 0) == 3 && memcmp(buf, "x23", 3) == 0);
    close(a), close(b);
}

static void syncing(void)
{
    int fd = open("y", O_RDWR | O_CREAT | O_TRUNC | O_SYNC, 0644), p[2], n;

    CHECK(write(fd, "1", 1) == 1);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && syncfs(fd) == 0);
    CHECK(sync_file_range(fd, 0, 1, 7) == 0);
    CHECK_ERR(sync_file_range(fd, 0, 1, 8), EINVAL);
    CHECK_ERR(sync_file_range(fd, -1, 1, 0), EINVAL);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
    CHECK(posix_fadvise(fd, 0, 0, 77) == EINVAL);
    CHECK(readahead(fd, 0, 1) == 0);
    CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 0);
    lseek(fd, 0, SEEK_SET);
    CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 1);
    CHECK_ERR(ioctl(fd, 0x5401, &n), ENOTTY);
    CHECK(pipe(p) == 0);
    CHECK_ERR(fsync(p[0]), EINVAL);
    CHECK(posix_fadvise(p[0], 0, 0, 0) == ESPIPE);
    CHECK_ERR(fallocate(p[1], 0, 0, 1), ESPIPE);
    close(p[0]), close(p[1]), close(fd);
}

static void all_in(const char *place)
{
    scratch_enter(place);
    xfsz = 0;
    positions();
    vectors();
    faults();
    sizes();
    holes();
    limits();
    append();
    syncing();
    scratch_leave();
}

/* In the working directory and in /tmp: inside, these are file systems of different kinds. */
int main(void)
{
    two_pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(two_pages + 4096, 4096);
    all_in(".");
    all_in("/tmp");
    return check_result();
}
