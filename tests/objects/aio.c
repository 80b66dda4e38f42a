/* Native asynchronous I/O: events nobody has collected, a thread that waits for more of them with
 * time left, requests afterwards. */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "saving.h"

static aio_context_t ctx, waited;
static char text[16];
static struct iocb cb;
static volatile pid_t waiter;

static long submit(aio_context_t c, int fd, int told)
{
    struct iocb *list = &cb;

    cb = (struct iocb){.aio_lio_opcode = IOCB_CMD_PREAD,
                       .aio_fildes = fd,
                       .aio_buf = (uintptr_t)text,
                       .aio_nbytes = 5,
                       .aio_data = 42,
                       .aio_flags = IOCB_FLAG_RESFD,
                       .aio_resfd = told};
    return syscall(SYS_io_submit, c, 1, &list);
}

static long events(aio_context_t c, long min, struct io_event *e, time_t seconds)
{
    struct timespec ts = {.tv_sec = seconds};

    return syscall(SYS_io_getevents, c, min, 4, e, &ts);
}

static void *wait_for_two(void *arg)
{
    struct io_event e[4];

    waiter = (pid_t)syscall(SYS_gettid);
    CHECK(events(waited, 2, e, 3600) == 2 && e[1].res == 5 && e[1].data == 42);
    return NULL;
}

int main(void)
{
    struct io_event e[4];
    uint64_t count = 0;
    pthread_t t;
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600), told = eventfd(0, EFD_NONBLOCK);

    if (syscall(SYS_io_setup, 8, &ctx) || syscall(SYS_io_setup, 8, &waited)) {
        puts("no native asynchronous I/O");
        return 0;
    }
    CHECK(pwrite(fd, "hello", 5, 0) == 5);
    CHECK(submit(ctx, fd, told) == 1);
    CHECK(submit(waited, fd, told) == 1);
    pthread_create(&t, NULL, wait_for_two, NULL);
    while (!waiter || thread_state(waiter) != 'S')
        usleep(1000);
    memset(text, 0, sizeof(text));
    save();
    CHECK(read(told, &count, 8) == 8 && count == 2);
    CHECK(events(ctx, 1, e, 0) == 1 && e[0].res == 5 && e[0].obj == (uintptr_t)&cb);
    CHECK(submit(ctx, fd, told) == 1 && !strcmp(text, "hello"));
    CHECK(events(ctx, 1, e, 3600) == 1 && e[0].data == 42);
    CHECK(submit(waited, fd, told) == 1);
    pthread_join(t, NULL);
    CHECK(syscall(SYS_io_destroy, waited) == 0 && syscall(SYS_io_destroy, ctx) == 0);
    return check_result();
}
