/* What calls that copy between descriptors say of sizes beyond a limit, sealed memory, kinds of
 * files that don't go together, offsets that can't be read, and full pipes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)

static char buf[65536];

static void too_large(void)
{
    struct rlimit small = {4096, 4096};
    int in = open("in", O_RDONLY), out = open("out", O_RDWR), status;
    off_t at = 4096;

    if (fork() == 0) {
        signal(SIGXFSZ, SIG_IGN);
        CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
        CHECK_ERR(CALL(copy_file_range, in, NULL, out, &at, 100, 0), EFBIG);
        CHECK_ERR(CALL(pwrite64, out, buf, 1, 4096), EFBIG);
        CHECK_ERR(CALL(fallocate, out, 0, 4096, 1), EFBIG);
        CHECK_ERR(CALL(ftruncate, out, 4097), EFBIG);
        at = 4000;
        CHECK(CALL(copy_file_range, in, NULL, out, &at, 1000, 0) == 96);
        _exit(check_failures != 0);
    }
    CHECK(wait(&status) > 0 && status == 0);
    close(in);
    close(out);
}

static void sealed(void)
{
    int m = memfd_create("sealed", MFD_ALLOW_SEALING), in = memfd_create("in", 0);

    CHECK(ftruncate(m, 8192) == 0 && write(in, buf, 8192) == 8192);
    CHECK(fcntl(m, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) == 0);
    lseek(in, 0, SEEK_SET);
    CHECK_ERR(CALL(copy_file_range, in, NULL, m, NULL, 100, 0), EPERM);
    CHECK_ERR(CALL(sendfile, m, in, NULL, 100), EPERM);
    CHECK_ERR(CALL(fallocate, m, 0, 0, 16384), EPERM);
    CHECK_ERR(CALL(fallocate, m, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EPERM);
    CHECK_ERR(CALL(write, m, buf, 1), EPERM);
    CHECK_ERR(CALL(ftruncate, m, 100), EPERM);
    CHECK_ERR(CALL(ftruncate, m, 10000), EPERM);
    CHECK_ERR(CALL(mmap, 0, 4096, PROT_WRITE, MAP_SHARED, m, 0), EPERM);
    CHECK_ERR(CALL(fcntl, in, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    close(m);
    close(in);
}

/* Pipes, memory and files of different systems. */
static void kinds(void)
{
    int in = open("in", O_RDONLY), out = open("out", O_RDWR), m = memfd_create("m", 0), p[2];
    int proc = open("/proc/self/maps", O_RDONLY);
    off_t start = 0;

    CHECK(pipe(p) == 0 && write(m, buf, 100) == 100);
    CHECK_ERR(CALL(copy_file_range, in, NULL, p[1], NULL, 100, 0), EINVAL);
    CHECK_ERR(CALL(copy_file_range, p[0], NULL, out, NULL, 100, 0), EINVAL);
    CHECK_ERR(CALL(copy_file_range, m, &start, out, NULL, 100, 0), EXDEV);
    CHECK_ERR(CALL(copy_file_range, in, NULL, m, NULL, 100, 0), EXDEV);
    CHECK_ERR(CALL(copy_file_range, proc, NULL, out, NULL, 100, 0), EXDEV);
    CHECK_ERR(CALL(copy_file_range, in, BAD, out, NULL, 100, 0), EFAULT);
    CHECK_ERR(CALL(copy_file_range, in, NULL, out, NULL, 100, 1), EINVAL);
    CHECK_ERR(CALL(sendfile, out, in, BAD, 100), EFAULT);
    CHECK_ERR(CALL(sendfile, out, p[0], NULL, 100), EINVAL);
    CHECK_ERR(CALL(splice, in, BAD, p[1], NULL, 100, 0), EFAULT);
    CHECK_ERR(CALL(splice, p[0], BAD, out, NULL, 100, 0), ESPIPE);
    CHECK_ERR(CALL(splice, in, NULL, out, NULL, 100, 0), EINVAL);
    CHECK_ERR(CALL(splice, in, NULL, p[1], NULL, 100, 0x100), EINVAL);
    CHECK_ERR(CALL(splice, p[0], NULL, p[1], NULL, 100, 0), EINVAL);
    CHECK_ERR(CALL(tee, p[0], p[1], 100, 0), EINVAL);
    CHECK_ERR(CALL(tee, in, p[1], 100, 0), EINVAL);
    close(in);
    close(out);
    close(m);
    close(proc);
    close(p[0]);
    close(p[1]);
}

static void full_pipes(void)
{
    struct iovec v = {buf, 4096}, bad = {BAD, 10};
    int in = open("in", O_RDONLY), p[2], q[2];

    CHECK(pipe2(p, O_NONBLOCK) == 0 && pipe(q) == 0);
    CHECK_ERR(CALL(splice, p[0], NULL, q[1], NULL, 10, 0), EAGAIN);
    CHECK_ERR(CALL(tee, p[0], q[1], 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERR(CALL(vmsplice, p[1], &bad, 1, 0), EFAULT);
    CHECK_ERR(CALL(vmsplice, p[1], BAD, 1, 0), EFAULT);
    CHECK_ERR(CALL(vmsplice, p[1], &v, 1025, 0), EINVAL);
    CHECK_ERR(CALL(vmsplice, in, &v, 1, 0), EBADF);
    while (write(p[1], buf, 4096) > 0)
        ;
    CHECK_ERR(CALL(vmsplice, p[1], &v, 1, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERR(CALL(splice, in, NULL, p[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERR(CALL(sendfile, p[1], in, NULL, 10), EAGAIN);
    CHECK_ERR(CALL(write, p[1], buf, 1), EAGAIN);
    CHECK_ERR(CALL(fcntl, p[1], F_SETPIPE_SZ, 4096), EBUSY);
    close(in);
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
}

/* Requests that the kind of file knows, with arguments that it doesn't. */
static void requests(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave, line = 99;

    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK_ERR(CALL(ioctl, slave, TCXONC, 99), EINVAL);
    CHECK_ERR(CALL(ioctl, slave, TCFLSH, 99), EINVAL);
    CHECK_ERR(CALL(ioctl, slave, TIOCSETD, &line), EINVAL);
    CHECK_ERR(CALL(ioctl, slave, TCGETS, BAD), EFAULT);
    CHECK_ERR(CALL(ioctl, slave, TIOCGWINSZ, BAD), EFAULT);
    CHECK_ERR(CALL(ioctl, slave, FIONBIO, BAD), EFAULT);
    CHECK_ERR(CALL(ioctl, slave, 0x1234, 0), ENOTTY);
    CHECK_ERR(CALL(ioctl, slave, TIOCGPGRP, buf), ENOTTY);
    close(slave);
    close(master);
}

int main(void)
{
    int in = open("in", O_CREAT | O_RDWR, 0644);

    CHECK(write(in, buf, 8192) == 8192);
    close(in);
    close(open("out", O_CREAT | O_RDWR, 0644));
    too_large();
    sealed();
    kinds();
    full_pipes();
    requests();
    return check_result();
}
