/* memfd_secret: memory behind a descriptor that can be mapped, and nothing else. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static int secret(unsigned flags) { return (int)syscall(SYS_memfd_secret, flags); }

static void descriptor(int fd)
{
    struct stat st;
    char link[64] = "", c = 0;

    CHECK_ERR(syscall(SYS_memfd_secret, 1), EINVAL);
    CHECK_ERR(secret(O_NONBLOCK), EINVAL);
    int other = secret(O_CLOEXEC);
    CHECK(other >= 0 && fcntl(other, F_GETFD) == FD_CLOEXEC);
    close(other);
    CHECK(fcntl(fd, F_GETFD) == 0);
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0);
    CHECK(readlink("/proc/self/fd/3", link, sizeof(link) - 1) > 0);
    CHECK(fd != 3 || !strcmp(link, "/secretmem (deleted)"));
    CHECK_ERR(read(fd, &c, 1), EINVAL);
    CHECK_ERR(write(fd, &c, 1), EINVAL);
    CHECK_ERR(pread(fd, &c, 1, 0), ESPIPE);
    CHECK_ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
    CHECK_ERR(fallocate(fd, 0, 0, 4096), EOPNOTSUPP);
    CHECK_ERR(fcntl(fd, F_GET_SEALS), EINVAL);
}

static void no_room(int fd)
{
    struct rlimit all, few;

    CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0);
    few = (struct rlimit){(rlim_t)fd, all.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK_ERR(syscall(SYS_memfd_secret, 0), EMFILE);
    CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
}

static void memory(int fd)
{
    struct stat st;
    int status;

    CHECK(ftruncate(fd, 8192) == 0);
    CHECK_ERR(ftruncate(fd, 4096), EINVAL);
    CHECK_ERR(ftruncate(fd, 8192), EINVAL);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 8192);
    CHECK_ERR((long)mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && p[0] == 0 && p[8191] == 0);
    if (p == MAP_FAILED)
        return;
    strcpy(p + 4096, "kept from others");
    char *again = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
    CHECK(again != MAP_FAILED && !strcmp(again, "kept from others"));
    if (fork() == 0) {
        strcpy(p, "by the child");
        _exit(0);
    }
    CHECK(wait(&status) > 0 && status == 0 && !strcmp(p, "by the child"));
    CHECK(munmap(again, 4096) == 0);
    close(fd);
    CHECK(!strcmp(p + 4096, "kept from others"));
    CHECK(munmap(p, 8192) == 0);
}

int main(void)
{
    int fd = secret(0);

    if (fd < 0)
        return 77; /* older than Linux 5.14, or switched off */
    descriptor(fd);
    no_room(fd);
    memory(fd);
    return check_result();
}
