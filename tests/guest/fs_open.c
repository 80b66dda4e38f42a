/* open, openat, openat2: flags, what exists, links, errors in the right order. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

static void put(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static int opens(const char *name, int flags)
{
    int fd = open(name, flags, 0644);

    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static void existence(void)
{
    CHECK_ERR(opens("none", O_RDONLY), ENOENT);
    CHECK_ERR(opens("", O_RDONLY), ENOENT);
    CHECK_ERR(opens("none/x", O_RDONLY), ENOENT);
    CHECK_ERR(opens("none/", O_RDONLY | O_CREAT), EISDIR);
    CHECK_ERR(opens("none/x", O_RDWR | O_CREAT), ENOENT);
    put("file", "hello");
    CHECK_ERR(opens("file/", O_RDONLY), ENOTDIR);
    CHECK_ERR(opens("file/x", O_RDONLY), ENOTDIR);
    CHECK_ERR(opens("file/.", O_RDONLY), ENOTDIR);
    CHECK_ERR(opens("file/../file", O_RDONLY), ENOTDIR);
    CHECK_ERR(opens("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERR(opens("file", O_RDWR | O_CREAT | O_EXCL), EEXIST);
    CHECK(mkdir("dir", 0755) == 0);
    CHECK_ERR(opens("dir", O_WRONLY), EISDIR);
    CHECK_ERR(opens("dir", O_RDWR), EISDIR);
    CHECK_ERR(opens("dir", O_RDONLY | O_CREAT), EISDIR);
    CHECK_ERR(opens("dir", O_RDONLY | O_TRUNC), EISDIR);
    CHECK_ERR(opens("dir/", O_RDONLY | O_CREAT), EISDIR);
    CHECK_ERR(opens(".", O_RDONLY | O_CREAT), EISDIR);
    CHECK(opens("dir/../file", O_RDONLY) == 0);
    CHECK(opens("./dir/.//..//file", O_RDONLY) == 0);
    CHECK(opens("dir", O_RDONLY | O_DIRECTORY) == 0);
    CHECK_ERR(opens("dir", O_RDONLY | O_CREAT | O_DIRECTORY), EINVAL);
}

static void long_names(void)
{
    char name[5000];

    memset(name, 'a', sizeof(name));
    name[256] = 0;
    CHECK_ERR(opens(name, O_RDWR | O_CREAT), ENAMETOOLONG);
    name[255] = 0;
    CHECK(opens(name, O_RDWR | O_CREAT) == 0);
    CHECK(unlink(name) == 0);
    memset(name, '/', sizeof(name));
    name[4095] = 0;
    CHECK(opens(name, O_RDONLY) == 0);
    name[4095] = '/';
    name[4096] = 0;
    CHECK_ERR(opens(name, O_RDONLY), ENAMETOOLONG);
    CHECK_ERR(opens((char *)1, O_RDONLY), EFAULT);
}

static void links(void)
{
    char name[64], to[64];

    CHECK(symlink("file", "link") == 0);
    CHECK(symlink("dir", "dirlink") == 0);
    CHECK(symlink("loop", "loop") == 0);
    CHECK(symlink("made", "dangling") == 0);
    CHECK(symlink("file/", "slashed") == 0);
    CHECK(opens("link", O_RDONLY) == 0);
    CHECK_ERR(opens("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERR(opens("link", O_RDONLY | O_CREAT | O_NOFOLLOW), ELOOP);
    CHECK_ERR(opens("link", O_RDONLY | O_CREAT | O_EXCL), EEXIST);
    CHECK_ERR(opens("link/", O_RDONLY), ENOTDIR);
    CHECK_ERR(opens("slashed", O_RDONLY), ENOTDIR);
    CHECK_ERR(opens("loop", O_RDONLY), ELOOP);
    CHECK_ERR(opens("loop/x", O_RDONLY), ELOOP);
    CHECK(opens("dirlink/../file", O_RDONLY) == 0);
    CHECK_ERR(opens("dirlink", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERR(opens("dirlink", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
    CHECK(opens("dirlink/", O_RDONLY | O_NOFOLLOW) == 0);
    CHECK_ERR(opens("dangling", O_RDONLY), ENOENT);
    CHECK_ERR(opens("dangling", O_RDWR | O_CREAT | O_EXCL), EEXIST);
    CHECK(opens("dangling", O_RDWR | O_CREAT) == 0);
    CHECK(access("made", F_OK) == 0);
    /* 40 links are followed, 41 are not. */
    CHECK(symlink("file", "l0") == 0);
    for (int n = 1; n <= 40; n++) {
        sprintf(name, "l%d", n);
        sprintf(to, "l%d", n - 1);
        CHECK(symlink(to, name) == 0);
    }
    CHECK(opens("l39", O_RDONLY) == 0);
    CHECK_ERR(opens("l40", O_RDONLY), ELOOP);
    for (int n = 0; n <= 40; n++) {
        sprintf(name, "l%d", n);
        unlink(name);
    }
}

static void path_only(void)
{
    struct stat st;
    char buf[16], name[64];
    int fd = open("link", O_PATH | O_NOFOLLOW);

    CHECK(fd >= 0);
    CHECK(fstat(fd, &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(readlinkat(fd, "", buf, sizeof(buf)) == 4);
    close(fd);
    fd = open("file", O_PATH);
    CHECK(fd >= 0);
    CHECK_ERR(read(fd, buf, 1), EBADF);
    CHECK_ERR(write(fd, buf, 1), EBADF);
    CHECK_ERR(lseek(fd, 0, SEEK_SET), EBADF);
    CHECK_ERR(fchmod(fd, 0600), EBADF);
    CHECK_ERR(ioctl(fd, 0x541b, &st), EBADF);
    CHECK_ERR(fcntl(fd, F_SETFL, 0), EBADF);
    CHECK_ERR(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0, EBADF);
    CHECK(fcntl(fd, F_GETFL) == O_PATH);
    CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
    sprintf(name, "/proc/self/fd/%d", fd);
    int again = open(name, O_RDONLY);
    CHECK(again >= 0 && read(again, buf, 5) == 5 && memcmp(buf, "hello", 5) == 0);
    close(again);
    close(fd);
    fd = open("dir", O_PATH);
    CHECK(openat(fd, "../file", O_RDONLY) >= 0);
    CHECK_ERR(openat(fd, "x", O_RDONLY), ENOENT);
    close(fd);
}

static void at_descriptors(void)
{
    int dir = open("dir", O_RDONLY), file = open("file", O_RDONLY);

    CHECK_ERR(openat(file, "x", O_RDONLY), ENOTDIR);
    CHECK_ERR(openat(-1, "x", O_RDONLY), EBADF);
    CHECK_ERR(openat(999, "x", O_RDONLY), EBADF);
    CHECK(openat(-1, "/", O_RDONLY) >= 0);
    int made = openat(dir, "made", O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(made >= 0);
    CHECK(access("dir/made", F_OK) == 0);
    CHECK(unlinkat(dir, "made", 0) == 0);
    close(made);
    close(dir);
    close(file);
}

static void flags(void)
{
    int fd = open("file", O_RDWR | O_APPEND | O_NONBLOCK | O_CLOEXEC);
    char buf[32];

    CHECK((fcntl(fd, F_GETFL) & ~0100000) == (O_RDWR | O_APPEND | O_NONBLOCK | O_CLOEXEC) ||
          (fcntl(fd, F_GETFL) & ~0100000) == (O_RDWR | O_APPEND | O_NONBLOCK));
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK(write(fd, "+1", 2) == 2);
    CHECK(lseek(fd, 0, SEEK_CUR) == 7);
    CHECK(pwrite(fd, "+2", 2, 0) == 2); /* Linux appends whatever the offset */
    CHECK(pread(fd, buf, sizeof(buf), 0) == 9 && memcmp(buf, "hello+1+2", 9) == 0);
    close(fd);
    fd = open("file", O_WRONLY | O_TRUNC);
    CHECK_ERR(read(fd, buf, 1), EBADF);
    CHECK(lseek(fd, 0, SEEK_END) == 0);
    close(fd);
    fd = open("file", O_RDONLY);
    CHECK_ERR(write(fd, buf, 1), EBADF);
    close(fd);
    fd = open("file", 3);
    CHECK(fd >= 0);
    CHECK_ERR(read(fd, buf, 1), EBADF);
    CHECK_ERR(write(fd, buf, 1), EBADF);
    close(fd);
    umask(027);
    fd = open("masked", O_CREAT | O_RDWR, 0666);
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640);
    umask(022);
    close(fd);
    fd = open("readonly", O_CREAT | O_RDWR | O_EXCL, 0400); /* rights don't bind the maker */
    CHECK(fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
}

static void unnamed(void)
{
    struct stat st;
    char name[64];

    CHECK_ERR(opens(".", O_TMPFILE | O_RDONLY), EINVAL);
    CHECK_ERR(opens("file", O_TMPFILE | O_RDWR), ENOTDIR);
    CHECK_ERR(opens("nowhere", O_TMPFILE | O_RDWR), ENOENT);
    int fd = open("dir", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 && errno == EOPNOTSUPP)
        return;
    CHECK(fd >= 0);
    CHECK(write(fd, "unnamed", 7) == 7);
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 7);
    sprintf(name, "/proc/self/fd/%d", fd);
    CHECK(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
    CHECK(stat("named", &st) == 0 && st.st_nlink == 1 && st.st_size == 7);
    close(fd);
    fd = open("dir", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    sprintf(name, "/proc/self/fd/%d", fd);
    CHECK_ERR(linkat(AT_FDCWD, name, AT_FDCWD, "named2", AT_SYMLINK_FOLLOW), ENOENT);
    close(fd);
}

static long open2(int dirfd, const char *name, unsigned long long flags, unsigned long long resolve)
{
    struct open_how how = {.flags = flags, .resolve = resolve};
    long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static void resolve(void)
{
    int dir = open("dir", O_RDONLY);
    struct {
        struct open_how how;
        long more;
    } big = {.how = {.flags = O_RDONLY}};

    CHECK(symlink("../file", "dir/up") == 0);
    CHECK(symlink("/file", "dir/abs") == 0);
    put("dir/in", "in");
    CHECK(open2(dir, "in", O_RDONLY, RESOLVE_BENEATH) == 0);
    CHECK_ERR(open2(dir, "../file", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(open2(dir, "up", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(open2(dir, "abs", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK_ERR(open2(dir, "/", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    CHECK(open2(dir, "/in", O_RDONLY, RESOLVE_IN_ROOT) == 0);
    CHECK(open2(dir, "../../in", O_RDONLY, RESOLVE_IN_ROOT) == 0);
    CHECK_ERR(open2(dir, "up", O_RDONLY, RESOLVE_IN_ROOT), ENOENT);
    CHECK_ERR(open2(dir, "up", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
    CHECK(open2(dir, "up", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS) == 0);
    CHECK_ERR(open2(AT_FDCWD, "/proc/self/fd/0", O_RDONLY, RESOLVE_NO_MAGICLINKS), ELOOP);
    CHECK_ERR(open2(AT_FDCWD, "/proc/self/status", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
    CHECK_ERR(open2(dir, "in", O_RDONLY, 1 << 20), EINVAL);
    CHECK_ERR(open2(dir, "in", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
    CHECK_ERR(open2(dir, "in", 1ULL << 40, 0), EINVAL);
    CHECK_ERR(syscall(SYS_openat2, dir, "in", &big.how, 8), EINVAL);
    long fd = syscall(SYS_openat2, dir, "in", &big, sizeof(big));
    CHECK(fd >= 0);
    close(fd);
    big.more = 1;
    CHECK_ERR(syscall(SYS_openat2, dir, "in", &big, sizeof(big)), E2BIG);
    big.how.mode = 0600;
    CHECK_ERR(syscall(SYS_openat2, dir, "in", &big.how, sizeof(big.how)), EINVAL);
    close(dir);
}

static void special(void)
{
    struct stat st;
    int fd;

    CHECK(mkfifo("fifo", 0600) == 0);
    CHECK_ERR(opens("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    CHECK(opens("fifo", O_RDONLY | O_NONBLOCK) == 0);
    CHECK(opens("fifo", O_RDWR) == 0);
    CHECK(mknod("sock", S_IFSOCK | 0600, 0) == 0);
    CHECK_ERR(opens("sock", O_RDONLY), ENXIO);
    CHECK(stat("sock", &st) == 0 && S_ISSOCK(st.st_mode));
    fd = open("/dev/null", O_RDWR | O_TRUNC | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
}

static void busy_text(void)
{
    int fd;

    if (access("/proc/self/exe", W_OK) == 0)
        CHECK_ERR(opens("/proc/self/exe", O_WRONLY), ETXTBSY);
    fd = open("prog", O_CREAT | O_WRONLY, 0755);
    CHECK(fd >= 0);
    char *argv[] = {"prog", NULL};
    CHECK_ERR(execv("./prog", argv), ETXTBSY);
    close(fd);
    CHECK_ERR(execv("./prog", argv), ENOEXEC);
}

static void table_full(void)
{
    struct rlimit old, few = {16, 16};
    int fd[32], n;

    getrlimit(RLIMIT_NOFILE, &old);
    few.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    for (n = 0; n < 32 && (fd[n] = open("file", O_RDONLY)) >= 0; n++)
        ;
    CHECK(errno == EMFILE && fd[n - 1] == 15);
    CHECK_ERR(opens("not-made", O_CREAT | O_RDWR), EMFILE);
    CHECK_ERR(access("not-made", F_OK), ENOENT);
    CHECK_ERR(dup(0), EMFILE);
    CHECK_ERR(dup2(0, 16), EBADF);
    CHECK_ERR(fcntl(0, F_DUPFD, 16), EINVAL);
    while (n-- > 0)
        close(fd[n]);
    setrlimit(RLIMIT_NOFILE, &old);
}

static void all_in(const char *place)
{
    scratch_enter(place);
    existence();
    long_names();
    links();
    path_only();
    at_descriptors();
    flags();
    unnamed();
    resolve();
    special();
    busy_text();
    table_full();
    scratch_leave();
}

/* In the working directory and in /tmp: inside, these are file systems of different kinds. */
int main(void)
{
    all_in(".");
    all_in("/tmp");
    return check_result();
}
