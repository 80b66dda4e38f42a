/* Native asynchronous I/O: io_setup and its family, and the ring that programs read themselves. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define RING_MAGIC 0xa10a10a1
#define BAD        ((void *)8)

struct ring {
    uint32_t id, nr, head, tail, magic, compat, incompat, header_length;
    struct io_event events[];
};

static int fd;
static aio_context_t ctx;

static long setup(unsigned nr, aio_context_t *c) { return syscall(SYS_io_setup, nr, c); }
static long destroy(aio_context_t c) { return syscall(SYS_io_destroy, c); }
static long submit(aio_context_t c, long nr, struct iocb **list)
{
    return syscall(SYS_io_submit, c, nr, list);
}
static long events(aio_context_t c, long min, long nr, struct io_event *e, struct timespec *t)
{
    return syscall(SYS_io_getevents, c, min, nr, e, t);
}

static struct iocb request(int op, int file, void *buf, size_t n, long long off)
{
    return (struct iocb){.aio_lio_opcode = op,
                         .aio_fildes = file,
                         .aio_buf = (uintptr_t)buf,
                         .aio_nbytes = n,
                         .aio_offset = off,
                         .aio_data = 0x1000 + op};
}

/* What a request that is accepted comes to. */
static long result(struct iocb cb)
{
    struct iocb *list = &cb;
    struct io_event e = {0};

    cb.aio_key = 77;
    CHECK(submit(ctx, 1, &list) == 1);
    CHECK(cb.aio_key == 0);
    CHECK(events(ctx, 1, 1, &e, NULL) == 1);
    CHECK(e.obj == (uintptr_t)&cb && e.data == cb.aio_data && e.res2 == 0);
    return e.res;
}

static void refused(struct iocb cb, int err)
{
    struct iocb *list = &cb;

    CHECK_ERR(submit(ctx, 1, &list), err);
}

static void contexts(void)
{
    aio_context_t c = 0, other = 0;

    CHECK_ERR(setup(1, BAD), EFAULT);
    CHECK_ERR(setup(0, &c), EINVAL);
    CHECK_ERR(setup(0x10000000, &c), EINVAL);
    CHECK_ERR(setup(0x1000000, &c), EINVAL);
    CHECK_ERR(setup(0x200000, &c), EAGAIN);
    c = 1;
    CHECK_ERR(setup(1, &c), EINVAL);
    c = 0;
    CHECK(setup(10, &c) == 0 && c != 0);
    CHECK(setup(10, &other) == 0 && other != 0 && other != c);
    CHECK(((struct ring *)c)->magic == RING_MAGIC && ((struct ring *)c)->nr >= 10);
    CHECK(((struct ring *)c)->header_length == sizeof(struct ring));
    CHECK(destroy(other) == 0);
    CHECK_ERR(destroy(other), EINVAL);
    CHECK_ERR(destroy(0), EINVAL);
    CHECK_ERR(destroy(c + 4096 * 64), EINVAL);
    CHECK(destroy(c) == 0);
    CHECK(msync((void *)c, 4096, MS_ASYNC) == -1 && errno == ENOMEM);
}

static void data(void)
{
    char a[8] = "", b[8] = "";
    struct iovec v[2] = {{a, 3}, {b, 3}};

    CHECK(result(request(IOCB_CMD_PWRITE, fd, "abcdef", 6, 2)) == 6);
    CHECK(result(request(IOCB_CMD_PREAD, fd, a, 8, 2)) == 6 && !strcmp(a, "abcdef"));
    CHECK(result(request(IOCB_CMD_PREAD, fd, a, 8, 100)) == 0);
    CHECK(result(request(IOCB_CMD_PREADV, fd, v, 2, 2)) == 6 && !memcmp(b, "def", 3));
    CHECK(result(request(IOCB_CMD_PWRITEV, fd, v, 2, 4096)) == 6);
    CHECK(pread(fd, a, 8, 4096) == 6 && !memcmp(a, "abcdef", 6));
    CHECK(lseek(fd, 0, SEEK_CUR) == 0);
    CHECK(result(request(IOCB_CMD_FSYNC, fd, NULL, 0, 0)) == 0);
    CHECK(result(request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0)) == 0);
    CHECK(result(request(IOCB_CMD_PREAD, fd, BAD, 8, 0)) == -EFAULT);
    struct iocb cb = request(IOCB_CMD_PWRITE, fd, "tail", 4, 0);
    cb.aio_rw_flags = RWF_APPEND | RWF_DSYNC;
    CHECK(result(cb) == 4 && lseek(fd, 0, SEEK_END) == 4106);
    lseek(fd, 0, SEEK_SET);
}

static void other_files(void)
{
    char a[8] = "";
    int p[2];

    CHECK(pipe2(p, O_NONBLOCK) == 0);
    CHECK(result(request(IOCB_CMD_PREAD, p[0], a, 8, 0)) == -EAGAIN);
    CHECK(result(request(IOCB_CMD_PWRITE, p[1], "pipe", 4, 0)) == 4);
    CHECK(result(request(IOCB_CMD_PREAD, p[0], a, 8, 0)) == 4 && !strcmp(a, "pipe"));
    refused(request(IOCB_CMD_PREAD, p[1], a, 8, 0), EBADF);
    refused(request(IOCB_CMD_FSYNC, p[1], NULL, 0, 0), EINVAL);
    signal(SIGPIPE, SIG_IGN);
    close(p[0]);
    CHECK(result(request(IOCB_CMD_PWRITE, p[1], "pipe", 4, 0)) == -EPIPE);
    close(p[1]);
}

static void bad_requests(void)
{
    char a[8];
    struct iocb cb = request(IOCB_CMD_PREAD, fd, a, 8, 0), *list[2] = {&cb, BAD};
    struct io_event e[2];

    CHECK_ERR(submit(ctx, -1, list), EINVAL);
    CHECK_ERR(submit(0, 1, list), EINVAL);
    CHECK_ERR(submit(ctx, 1, BAD), EFAULT);
    CHECK_ERR(submit(ctx, 1, list + 1), EFAULT);
    CHECK(submit(ctx, 0, list) == 0);
    CHECK(submit(ctx, 2, list) == 1); /* as far as it goes */
    CHECK(events(ctx, 1, 2, e, NULL) == 1);
    refused(request(IOCB_CMD_PREAD, 999, a, 8, 0), EBADF);
    refused(request(IOCB_CMD_PREAD, fd, a, 8, -1), EINVAL);
    refused(request(IOCB_CMD_PREAD, fd, a, -1, 0), EINVAL);
    refused(request(IOCB_CMD_PREADV, fd, BAD, 1, 0), EFAULT);
    refused(request(IOCB_CMD_PREADV, fd, a, 5000, 0), EINVAL);
    refused(request(IOCB_CMD_FSYNC, fd, NULL, 1, 0), EINVAL);
    refused(request(IOCB_CMD_NOOP, fd, NULL, 0, 0), EINVAL);
    refused(request(99, fd, NULL, 0, 0), EINVAL);
    cb.aio_reserved2 = 1;
    refused(cb, EINVAL);
    cb.aio_reserved2 = 0;
    cb.aio_rw_flags = 0x4000;
    refused(cb, EOPNOTSUPP);
    cb.aio_rw_flags = 0;
    cb.aio_flags = IOCB_FLAG_RESFD;
    cb.aio_resfd = fd;
    refused(cb, EINVAL);
    cb.aio_resfd = 999;
    refused(cb, EBADF);
    cb.aio_flags = IOCB_FLAG_IOPRIO;
    cb.aio_reqprio = 7 << 13;
    refused(cb, EINVAL);
    int wr = open("f", O_WRONLY);
    refused(request(IOCB_CMD_PREAD, wr, a, 8, 0), EBADF);
    close(wr);
}

static void collecting(void)
{
    char a[8];
    struct iocb cb = request(IOCB_CMD_PREAD, fd, a, 8, 0), *list[3] = {&cb, &cb, &cb};
    struct io_event e[4];
    struct timespec none = {0}, soon = {.tv_nsec = 10000000};

    CHECK_ERR(events(0, 0, 1, e, &none), EINVAL);
    CHECK_ERR(events(ctx, -1, 1, e, &none), EINVAL);
    CHECK_ERR(events(ctx, 2, 1, e, &none), EINVAL);
    CHECK_ERR(events(ctx, 0, 1, e, BAD), EFAULT);
    CHECK(events(ctx, 0, 1, e, NULL) == 0);
    CHECK(events(ctx, 1, 1, e, &none) == 0);
    CHECK(events(ctx, 1, 1, e, &soon) == 0);
    CHECK(submit(ctx, 3, list) == 3);
    CHECK_ERR(events(ctx, 1, 1, BAD, NULL), EFAULT);
    CHECK(events(ctx, 4, 4, e, &soon) == 3);
    CHECK(submit(ctx, 3, list) == 3);
    CHECK(events(ctx, 1, 2, e, NULL) == 2);
    CHECK(events(ctx, 1, 2, e, NULL) == 1);
    CHECK_ERR(syscall(SYS_io_cancel, ctx, BAD, e), EFAULT);
    CHECK_ERR(syscall(SYS_io_cancel, ctx, &cb, e), EINVAL);
}

/* As programs do it that look at the ring themselves. */
static void own_ring(void)
{
    struct ring *r = (void *)ctx;
    char a[8];
    struct iocb cb = request(IOCB_CMD_PREAD, fd, a, 8, 0), *list = &cb;
    struct io_event e;
    struct timespec none = {0};
    long n = 0;

    for (int round = 0; round < 1000; round++) {
        CHECK(submit(ctx, 1, &list) == 1);
        CHECK(r->tail == (r->head + 1) % r->nr);
        CHECK(r->events[r->head].obj == (uintptr_t)&cb && r->events[r->head].res == 8);
        r->head = (r->head + 1) % r->nr;
    }
    CHECK(events(ctx, 1, 1, &e, &none) == 0);
    while (submit(ctx, 1, &list) == 1)
        n++;
    CHECK(errno == EAGAIN && n >= 8 && n < r->nr);
    while (events(ctx, 1, 1, &e, &none) == 1)
        n--;
    CHECK(n == 0);
}

static void told_by_eventfd(void)
{
    char a[8];
    int ev = eventfd(0, EFD_NONBLOCK);
    struct iocb cb = request(IOCB_CMD_PREAD, fd, a, 8, 0), *list[2] = {&cb, &cb};
    struct io_event e[2];
    uint64_t count = 0;

    cb.aio_flags = IOCB_FLAG_RESFD;
    cb.aio_resfd = ev;
    CHECK(submit(ctx, 2, list) == 2);
    CHECK(read(ev, &count, 8) == 8 && count == 2);
    CHECK(events(ctx, 2, 2, e, NULL) == 2);
    close(ev);
}

static void *submit_later(void *arg)
{
    static char a[8];
    static struct iocb cb;
    struct iocb *list = &cb;

    cb = request(IOCB_CMD_PREAD, fd, a, 8, 0);
    usleep(30000);
    submit(ctx, 1, &list);
    usleep(30000);
    submit(ctx, 1, &list);
    return NULL;
}

static void *destroy_later(void *arg)
{
    usleep(30000);
    destroy(*(aio_context_t *)arg);
    return NULL;
}

static void on_alarm(int sig) {}

static void waiting(void)
{
    struct io_event e[2];
    struct timespec hour = {.tv_sec = 3600};
    pthread_t t;
    sigset_t none, blocked;
    struct {
        sigset_t *mask;
        size_t size;
    } mask = {&none, 8};
    aio_context_t c = 0;

    pthread_create(&t, NULL, submit_later, NULL);
    CHECK(events(ctx, 2, 2, e, &hour) == 2);
    pthread_join(t, NULL);
    CHECK(setup(1, &c) == 0);
    pthread_create(&t, NULL, destroy_later, &c);
    CHECK_ERR(events(c, 1, 2, e, &hour), EINVAL);
    pthread_join(t, NULL);

    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_RESTART}, NULL);
    ualarm(30000, 30000); /* again and again: a slow machine may not have come to the call */
    CHECK_ERR(events(ctx, 1, 2, e, &hour), EINTR);
    ualarm(0, 0);
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    ualarm(1000, 0);
    CHECK_ERR(syscall(SYS_io_pgetevents, ctx, 1, 2, e, &hour, &mask), EINTR);
    mask.size = 4;
    CHECK_ERR(syscall(SYS_io_pgetevents, ctx, 1, 2, e, &hour, &mask), EINVAL);
    CHECK_ERR(syscall(SYS_io_pgetevents, ctx, 1, 2, e, &hour, BAD), EFAULT);
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

/* A child has the memory and not the context; exec leaves neither. */
static void children(void)
{
    struct io_event e;
    int status;

    if (fork() == 0) {
        aio_context_t own = 0;

        CHECK(((struct ring *)ctx)->magic == RING_MAGIC);
        CHECK_ERR(events(ctx, 0, 1, &e, NULL), EINVAL);
        CHECK_ERR(destroy(ctx), EINVAL);
        CHECK(setup(4, &own) == 0);
        _exit(check_failures != 0);
    }
    CHECK(wait(&status) > 0 && status == 0);
    CHECK(events(ctx, 0, 1, &e, NULL) == 0);
}

/* So many of them that what they leave would show. */
static void many(void)
{
    for (int i = 0; i < 200; i++) {
        aio_context_t c = 0;

        CHECK(setup(1000, &c) == 0);
        CHECK(destroy(c) == 0);
    }
}

int main(void)
{
    fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (setup(8, &ctx) && errno == ENOSYS)
        return 77;
    contexts();
    data();
    other_files();
    bad_requests();
    collecting();
    own_ring();
    told_by_eventfd();
    waiting();
    children();
    many();
    CHECK(destroy(ctx) == 0);
    return check_result();
}
