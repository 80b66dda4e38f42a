/* What the calls on memory say of bad addresses, lengths and flags, of holes, and at the limits. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)
#define PAGE            4096UL
#define ANON            (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW              (PROT_READ | PROT_WRITE)

static char *map(size_t pages) { return mmap(NULL, pages * PAGE, RW, ANON, -1, 0); }

static void mapping(void)
{
    int in = open("f", O_RDONLY);
    char *p = map(4);

    CHECK_ERR(CALL(mmap, 0, 0, RW, ANON, -1, 0), EINVAL);
    CHECK_ERR(CALL(mmap, 0, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERR(CALL(mmap, 0, PAGE, RW, ANON, -1, 1L), EINVAL);
    CHECK_ERR(CALL(mmap, 1L, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
    CHECK_ERR(CALL(mmap, 0, -1L, RW, ANON, -1, 0), ENOMEM);
    CHECK_ERR(CALL(mmap, 0, 1L << 47, RW, ANON, -1, 0), ENOMEM);
    CHECK_ERR(CALL(mmap, 1L << 47, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
    CHECK_ERR(CALL(mmap, p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    CHECK_ERR(CALL(mmap, 0, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
    CHECK_ERR(CALL(mmap, 0, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERR(CALL(mmap, 0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x200000, in, 0), EOPNOTSUPP);
    CHECK_ERR(CALL(mmap, 0, 2 * PAGE, PROT_READ, MAP_PRIVATE, in, -PAGE), EOVERFLOW);
    CHECK_ERR(CALL(munmap, p, 0), EINVAL);
    CHECK_ERR(CALL(munmap, p + 1, PAGE), EINVAL);
    CHECK_ERR(CALL(munmap, 1L << 47, PAGE), EINVAL);
    CHECK_ERR(CALL(munmap, p, -PAGE), EINVAL);
    CHECK(CALL(munmap, p, 4 * PAGE) == 0 && CALL(munmap, p, 4 * PAGE) == 0);
    close(in);
}

static void protection(void)
{
    int in = open("f", O_RDONLY);
    char *p = map(4), *file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, in, 0);
    long pkey = CALL(pkey_alloc, 0, 0);

    munmap(p + PAGE, PAGE);
    CHECK_ERR(CALL(mprotect, p + 1, PAGE, RW), EINVAL);
    CHECK_ERR(CALL(mprotect, p, 3 * PAGE, PROT_READ), ENOMEM);
    CHECK_ERR(CALL(mprotect, p, PAGE, 0x1000), EINVAL);
    CHECK_ERR(CALL(mprotect, p, -PAGE, RW), ENOMEM);
    CHECK_ERR(CALL(mprotect, p, PAGE, RW | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
    CHECK_ERR(CALL(mprotect, p, PAGE, RW | PROT_GROWSDOWN), EINVAL);
    CHECK_ERR(CALL(mprotect, file, PAGE, RW), EACCES);
    CHECK(CALL(mprotect, p, 0, RW) == 0);
    CHECK_ERR(CALL(pkey_mprotect, p, PAGE, RW, 15), EINVAL);
    CHECK_ERR(CALL(pkey_mprotect, file, PAGE, RW, -1), EACCES);
    CHECK_ERR(CALL(pkey_mprotect, p, 3 * PAGE, RW, -1), ENOMEM);
    if (pkey < 0) {
        CHECK_ERR(CALL(pkey_free, 5), EINVAL);
        CHECK(errno == EINVAL);
    }
    CHECK_ERR(CALL(pkey_alloc, 1, 0), EINVAL);
    CHECK_ERR(CALL(pkey_alloc, 0, 77), EINVAL);
    close(in);
}

static void advice(void)
{
    char *p = map(4);

    munmap(p + PAGE, PAGE);
    CHECK_ERR(CALL(madvise, p + 1, PAGE, MADV_NORMAL), EINVAL);
    CHECK_ERR(CALL(madvise, p, PAGE, 9999), EINVAL);
    CHECK_ERR(CALL(madvise, p, -1L, MADV_NORMAL), EINVAL);
    CHECK_ERR(CALL(madvise, p, 3 * PAGE, MADV_WILLNEED), ENOMEM);
    CHECK_ERR(CALL(madvise, p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
    CHECK_ERR(CALL(madvise, p, PAGE, MADV_REMOVE), EINVAL);
    CHECK(CALL(madvise, p, 0, MADV_NORMAL) == 0);
    CHECK_ERR(CALL(mincore, p + 1, PAGE, p), EINVAL);
    CHECK_ERR(CALL(mincore, p, PAGE, BAD), EFAULT);
    CHECK_ERR(CALL(mincore, p, 3 * PAGE, p), ENOMEM);
    CHECK_ERR(CALL(mincore, p, -1L, p), ENOMEM);
    CHECK_ERR(CALL(msync, p + 1, PAGE, MS_SYNC), EINVAL);
    CHECK_ERR(CALL(msync, p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_ERR(CALL(msync, p, PAGE, 64), EINVAL);
    CHECK_ERR(CALL(msync, p, 3 * PAGE, MS_SYNC), ENOMEM);
    CHECK_ERR(CALL(msync, p, -2 * PAGE, MS_SYNC), ENOMEM);
    CHECK_ERR(CALL(membarrier, 12345, 0, 0), EINVAL);
    CHECK_ERR(CALL(membarrier, 0, 1, 0), EINVAL);
}

/* Pages that can't be had, given back, or be said to be broken. */
static void advice_on_files(void)
{
    int fd = open("f", O_RDONLY);
    char *p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0), *none = map(1);

    CHECK_ERR(CALL(madvise, p, PAGE, MADV_REMOVE), EACCES);
    CHECK_ERR(CALL(madvise, none, PAGE, MADV_REMOVE), EINVAL);
    CHECK_ERR(CALL(madvise, p, 4 * PAGE, MADV_POPULATE_READ), EFAULT);
    CHECK_ERR(CALL(madvise, p, PAGE, MADV_POPULATE_WRITE), EINVAL);
    CHECK(mprotect(none, PAGE, PROT_NONE) == 0);
    CHECK_ERR(CALL(madvise, none, PAGE, MADV_POPULATE_READ), EINVAL);
    CHECK_ERR(CALL(mlock, none, PAGE), ENOMEM);
    CHECK(munmap(none, PAGE) == 0);
    CHECK_ERR(CALL(madvise, none, PAGE, MADV_POPULATE_READ), ENOMEM);
    none = map(1);
    CHECK(mlock(none, PAGE) == 0);
    CHECK_ERR(CALL(msync, none, PAGE, MS_INVALIDATE), EBUSY);
    munmap(none, PAGE);
    CHECK_ERR(CALL(membarrier, 99999, 0, 0), EINVAL);
    CHECK_ERR(CALL(membarrier, 0, 5, 0), EINVAL);
    munmap(p, 4 * PAGE);
    close(fd);
}

static void moving(void)
{
    char *p = map(8), *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    munmap(p + PAGE, PAGE);
    CHECK_ERR(CALL(mremap, p + 1, PAGE, PAGE, 0), EINVAL);
    CHECK_ERR(CALL(mremap, p, PAGE, 0, 0), EINVAL);
    CHECK_ERR(CALL(mremap, p, PAGE, PAGE, 64), EINVAL);
    CHECK_ERR(CALL(mremap, p, PAGE, PAGE, MREMAP_FIXED, p + 4 * PAGE), EINVAL);
    CHECK_ERR(CALL(mremap, p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 1), EINVAL);
    CHECK_ERR(
        CALL(mremap, p + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 3 * PAGE),
        EINVAL);
    CHECK_ERR(CALL(mremap, p, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERR(CALL(mremap, p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
    CHECK_ERR(CALL(mremap, p + 2 * PAGE, PAGE, 2 * PAGE, 0), ENOMEM);
    CHECK_ERR(CALL(mremap, p, PAGE, 1L << 46, MREMAP_MAYMOVE), ENOMEM);
    CHECK_ERR(CALL(mremap, p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE), EFAULT);
    CHECK_ERR(CALL(mremap, p, PAGE, 2 * PAGE, MREMAP_DONTUNMAP), EINVAL);
    CHECK_ERR(CALL(mremap, p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), EINVAL);
    CHECK(CALL(mremap, shared, 0, PAGE, MREMAP_MAYMOVE) > 0);
}

static void locking(void)
{
    char *p = map(4);

    munmap(p + PAGE, PAGE);
    CHECK_ERR(CALL(mlock, p, 3 * PAGE), ENOMEM);
    CHECK_ERR(CALL(munlock, p, 3 * PAGE), ENOMEM);
    CHECK_ERR(CALL(munlock, p + 100, -2 * PAGE), EINVAL);
    CHECK_ERR(CALL(mlock2, p, PAGE, 77), EINVAL);
    CHECK_ERR(CALL(mlockall, 0), EINVAL);
    CHECK_ERR(CALL(mlockall, 64), EINVAL);
    CHECK_ERR(CALL(mlockall, MCL_ONFAULT), EINVAL);
}

/* With little room, and as a user who may not lock more. */
static void limited(void)
{
    struct rlimit room = {1 << 26, 1 << 26}, locked = {2 * PAGE, 2 * PAGE},
                  data = {1 << 24, 1 << 24};
    char *p = map(8), *top = sbrk(0);
    int status;

    if (fork() == 0) {
        CHECK(setrlimit(RLIMIT_AS, &room) == 0);
        CHECK_ERR(CALL(mmap, 0, 1 << 27, RW, ANON, -1, 0), ENOMEM);
        CHECK_ERR(CALL(mremap, p, 8 * PAGE, 1 << 27, MREMAP_MAYMOVE), ENOMEM);
        CHECK(CALL(brk, top + (1 << 27)) == (long)top);
        CHECK(setrlimit(RLIMIT_DATA, &data) == 0);
        CHECK_ERR(CALL(mmap, 0, 1 << 25, RW, ANON, -1, 0), ENOMEM);
        CHECK(CALL(brk, top + (1 << 25)) == (long)top);
        if (!geteuid())
            CHECK(setresuid(65534, 65534, 65534) == 0);
        CHECK(setrlimit(RLIMIT_MEMLOCK, &locked) == 0);
        CHECK_ERR(CALL(mlock, p, 3 * PAGE), ENOMEM);
        CHECK_ERR(CALL(mlockall, MCL_CURRENT), ENOMEM);
        CHECK_ERR(CALL(mmap, 0, 3 * PAGE, RW, ANON | MAP_LOCKED, -1, 0), EAGAIN);
        CHECK(mlock(p, 2 * PAGE) == 0);
        CHECK_ERR(CALL(mremap, p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE), EAGAIN);
        _exit(check_failures != 0);
    }
    CHECK(wait(&status) > 0 && status == 0);
}

static void shared(void)
{
    int id = shmget(IPC_PRIVATE, PAGE, 0600);
    char *p = map(1);

    CHECK_ERR(CALL(shmget, IPC_PRIVATE, 0, 0600), EINVAL);
    CHECK_ERR(CALL(shmat, id, p + 1, 0), EINVAL);
    CHECK_ERR(CALL(shmat, id, p, 0), EINVAL);
    CHECK_ERR(CALL(shmat, id, NULL, SHM_REMAP), EINVAL);
    CHECK_ERR(CALL(shmat, 0x7fffffff, NULL, 0), EINVAL);
    CHECK_ERR(CALL(shmdt, p), EINVAL);
    CHECK_ERR(CALL(shmctl, id, 999, NULL), EINVAL);
    CHECK_ERR(CALL(shmctl, id, IPC_STAT, BAD), EFAULT);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    CHECK_ERR(CALL(shmctl, id, IPC_STAT, p), EINVAL);
}

static void anothers(void)
{
    char *p = map(1);
    struct iovec one = {p, 8}, hole = {BAD, 8};

    CHECK_ERR(CALL(process_vm_readv, getpid(), &one, 1, &hole, 1, 0), EFAULT);
    CHECK_ERR(CALL(process_vm_readv, getpid(), &hole, 1, &one, 1, 0), EFAULT);
    CHECK_ERR(CALL(process_vm_writev, getpid(), &one, 1, &one, 1, 1), EINVAL);
    CHECK_ERR(CALL(process_vm_writev, getpid(), &one, 1025, &one, 1, 0), EINVAL);
    CHECK_ERR(CALL(process_vm_writev, 4000000, &one, 1, &one, 1, 0), ESRCH);
    CHECK_ERR(CALL(arch_prctl, 0x9999, 0), EINVAL);
    CHECK_ERR(CALL(arch_prctl, 0x1002 /* SET_FS */, -1L), EPERM);
    CHECK_ERR(CALL(arch_prctl, 0x1003 /* GET_FS */, BAD), EFAULT);
}

int main(void)
{
    close(open("f", O_CREAT | O_RDWR, 0644));
    CHECK(truncate("f", 2 * PAGE) == 0);
    mapping();
    protection();
    advice();
    advice_on_files();
    moving();
    locking();
    limited();
    shared();
    anothers();
    return check_result();
}
