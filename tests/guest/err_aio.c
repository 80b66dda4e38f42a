/* What asynchronous reading and writing says of contexts that are none, bad memory and requests,
 * and when a signal comes first. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "ticking.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)

static char buf[64];

static void contexts(void)
{
    aio_context_t none = 0, used = 1;

    CHECK_ERR(CALL(io_setup, 0, &none), EINVAL);
    CHECK_ERR(CALL(io_setup, 1, &used), EINVAL);
    CHECK_ERR(CALL(io_setup, 1, BAD), EFAULT);
    CHECK_ERR(CALL(io_setup, 2000000, &none), EAGAIN);
    CHECK_ERR(CALL(io_destroy, 0), EINVAL);
    CHECK_ERR(CALL(io_destroy, BAD), EINVAL);
    CHECK_ERR(CALL(io_getevents, 0, 1, 1, buf, NULL), EINVAL);
    CHECK_ERR(CALL(io_submit, 0, 1, NULL), EINVAL);
}

int main(void)
{
    struct timespec soon = {0, 1000000};
    struct iocb cb = {
        .aio_fildes = 50, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (uintptr_t)buf};
    struct iocb *list[1] = {&cb}, *bad[1] = {(struct iocb *)BAD};
    struct io_event event;
    aio_context_t ctx = 0;
    int fd = open("f", O_CREAT | O_RDWR, 0600);

    contexts();
    if (CALL(io_setup, 4, &ctx)) /* forbidden in some containers, or none are left */
        return 77;
    CHECK_ERR(CALL(io_submit, ctx, 1, list), EBADF);
    CHECK_ERR(CALL(io_submit, ctx, 1, bad), EFAULT);
    CHECK_ERR(CALL(io_submit, ctx, 1, BAD), EFAULT);
    CHECK_ERR(CALL(io_submit, ctx, -1L, list), EINVAL);
    cb.aio_fildes = (unsigned)fd;
    cb.aio_lio_opcode = 99;
    CHECK_ERR(CALL(io_submit, ctx, 1, list), EINVAL);
    CHECK(CALL(io_submit, ctx, 0, list) == 0);
    CHECK_ERR(CALL(io_getevents, ctx, 2, 1, &event, NULL), EINVAL);
    CHECK_ERR(CALL(io_getevents, ctx, -1L, 1, &event, NULL), EINVAL);
    CHECK_ERR(CALL(io_getevents, ctx, 1, 1, &event, BAD), EFAULT);
    CHECK(CALL(io_getevents, ctx, 1, 1, &event, &soon) == 0);
    ticking(1);
    CHECK_ERR(CALL(io_getevents, ctx, 1, 1, &event, NULL), EINTR);
    ticking(0);
    CHECK(CALL(io_destroy, ctx) == 0);
    CHECK_ERR(CALL(io_destroy, ctx), EINVAL);
    close(fd);
    return check_result();
}
