/* Pipes against a model, splice between them, sockets, epoll; and epoll items coming and
 * going while their files do, from several threads. */
#include <linux/errno.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "kalloc.h"
#include "syscalls_gen.h"
#include "unit.h"
#include "vfs.h"

#define P(x)      ((uptr)(x))
#define MODEL_MAX 0x200000u

/* ---- a pipe is a queue of bytes ---------------------------------------------------- */

static unsigned char queue[MODEL_MAX]; /* what must come out, in order */
static u32 queue_head, queue_tail;
static unsigned char buffer[0x30000];

static void model_write(int fd, u32 n)
{
    for (u32 i = 0; i < n; i++)
        buffer[i] = (unsigned char)rand();
    long rc = sys_write(fd, P(buffer), n);
    if (rc < 0) {
        assert_int_equal(rc, -EAGAIN);
        return;
    }
    assert_true(n > 4096 || rc == (long)n); /* atomic */
    for (long i = 0; i < rc; i++)
        queue[queue_head++ % MODEL_MAX] = buffer[i];
}

static void model_check(long rc)
{
    for (long i = 0; i < rc; i++)
        assert_int_equal(buffer[i], queue[queue_tail++ % MODEL_MAX]);
}

static void model_read(int fd, u32 n)
{
    long rc = sys_read(fd, P(buffer), n);

    if (rc < 0) {
        assert_int_equal(rc, -EAGAIN);
        assert_int_equal(queue_head, queue_tail);
        return;
    }
    assert_int_equal(rc, MIN(n, queue_head - queue_tail));
    model_check(rc);
}

static s32 pending(int fd)
{
    s32 n = -1;

    assert_int_equal(sys_ioctl(fd, 0x541b /* FIONREAD */, P(&n)), 0);
    return n;
}

static void pipe_model(void **state)
{
    s32 a[2], b[2];
    u32 moved = 0;

    srand(1);
    assert_int_equal(sys_pipe2(P(a), O_NONBLOCK), 0);
    assert_int_equal(sys_pipe2(P(b), O_NONBLOCK), 0);
    for (int step = 0; step < 20000; step++) {
        u32 n = (u32)rand() % (rand() % 8 ? 5000 : (u32)sizeof(buffer));

        switch (rand() % 8) {
        case 0:
        case 1:
        case 2:
            model_write(a[1], n);
            break;
        case 3:
            /* What went through b comes back in front only when a is empty: empty b first. */
            if (moved) {
                long rc = sys_read(b[0], P(buffer), n);
                if (rc > 0) {
                    model_check(rc);
                    moved -= (u32)rc;
                }
                break;
            } /* fallthrough */
        case 4:
        case 5:
            if (!moved)
                model_read(a[0], n);
            break;
        case 6: {
            long rc = sys_splice(a[0], 0, b[1], 0, n, 2);
            if (rc > 0)
                moved += (u32)rc;
            else
                assert_true(rc == 0 || rc == -EAGAIN);
            break;
        }
        default: {
            long size = sys_fcntl(a[1], 1031 /* F_SETPIPE_SZ */, 4096u << (rand() % 6));
            assert_true(size > 0 || size == -EBUSY);
        }
        }
        assert_int_equal((u32)pending(a[0]) + (u32)pending(b[0]), queue_head - queue_tail);
        assert_int_equal((u32)pending(b[0]), moved);
    }
    for (int i = 0; i < 2; i++) {
        sys_close(a[i]);
        sys_close(b[i]);
    }
}

static void pipe_masks(void **state)
{
    s32 p[2];

    assert_int_equal(sys_pipe(P(p)), 0);
    struct pollfd fds[2] = {{.fd = p[0], .events = -1}, {.fd = p[1], .events = -1}};
    assert_int_equal(sys_poll(P(fds), 2, 0), 1);
    assert_int_equal(fds[1].revents, POLLOUT | POLLWRNORM);
    assert_int_equal(sys_write(p[1], P("x"), 1), 1);
    assert_int_equal(sys_close(p[1]), 0);
    fds[1].fd = -1;
    assert_int_equal(sys_poll(P(fds), 2, -1), 1);
    assert_int_equal(fds[0].revents, POLLIN | POLLRDNORM | POLLHUP);
    sys_close(p[0]);
    assert_int_equal(sys_poll(P(fds), 1, 0), 1);
    assert_int_equal(fds[0].revents, POLLNVAL);
}

/* A pipe is whole again after everything that fails half-way. */
static void splice_gives_back(void **state)
{
    s32 p[2], s[2];

    assert_int_equal(sys_pipe(P(p)), 0);
    assert_int_equal(sys_socketpair(1, 1 | O_NONBLOCK, 0, P(s)), 0);
    while (sys_write(s[0], P(buffer), 4096) > 0)
        ;
    assert_int_equal(sys_write(p[1], P("0123456789"), 10), 10);
    assert_int_equal(sys_splice(p[0], 0, s[0], 0, 7, 0), -EAGAIN);
    assert_int_equal(pending(p[0]), 10);
    assert_int_equal(sys_read(p[0], P(buffer), 20), 10);
    assert_memory_equal(buffer, "0123456789", 10);
    for (int i = 0; i < 2; i++) {
        sys_close(p[i]);
        sys_close(s[i]);
    }
}

/* ---- sockets ------------------------------------------------------------------------ */

struct header {
    uptr name;
    u64 name_len;
    uptr iov;
    u64 iov_len;
    uptr control;
    u64 control_len, flags;
};
struct control {
    u64 len;
    s32 level, type;
    s32 fd[2];
};

static long pass(int through, int fd)
{
    struct control c = {16 + 4, 1, 1, {fd, 0}};
    struct iov v = {P("m"), 1};
    struct header h = {.iov = P(&v), .iov_len = 1, .control = P(&c), .control_len = sizeof(c)};

    return sys_sendmsg(through, P(&h), 0);
}

/* A socket that travels in a socket that travels ...: all of them go with the last one. */
static void sockets_in_sockets(void **state)
{
    u64 before = 0;

    for (int round = 0; round < 2; round++) {
        s32 outer[2], inner[2];

        before = kalloc_used(); /* of the second round: caches are warm */
        assert_int_equal(sys_socketpair(1, 1, 0, P(inner)), 0);
        for (int depth = 0; depth < 2000; depth++) {
            assert_int_equal(sys_socketpair(1, 1, 0, P(outer)), 0);
            assert_int_equal(pass(outer[0], inner[0]), 1);
            assert_int_equal(pass(outer[0], inner[1]), 1);
            sys_close(inner[0]);
            sys_close(inner[1]);
            inner[0] = outer[0];
            inner[1] = outer[1];
        }
        sys_close(inner[0]);
        sys_close(inner[1]);
    }
    assert_int_equal(kalloc_used(), before);
}

static void socket_ends(void **state)
{
    s32 s[2];
    struct pollfd p;

    assert_int_equal(sys_socketpair(1, 1, 0, P(s)), 0);
    assert_int_equal(sys_write(s[0], P("ab"), 2), 2);
    sys_close(s[1]); /* with unread data */
    p = (struct pollfd){.fd = s[0], .events = -1};
    assert_int_equal(sys_poll(P(&p), 1, 0), 1);
    assert_true((p.revents & (POLLIN | POLLHUP | POLLERR | POLLRDHUP)) ==
                (POLLIN | POLLHUP | POLLERR | POLLRDHUP));
    assert_int_equal(sys_read(s[0], P(buffer), 1), -ECONNRESET);
    assert_int_equal(sys_read(s[0], P(buffer), 1), 0);
    sys_close(s[0]);
}

/* ---- epoll ------------------------------------------------------------------------------ */

static void epoll_edges(void **state)
{
    int ep = (int)sys_epoll_create1(0), ev = (int)sys_eventfd2(0, O_NONBLOCK);
    struct epoll_event want = {.events = EPOLLIN | EPOLLET, .data = 7}, got[4];
    u64 one = 1;

    assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_ADD, ev, P(&want)), 0);
    assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_ADD, ev, P(&want)), -EEXIST);
    assert_int_equal(sys_epoll_wait(ep, P(got), 4, 0), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(sys_write(ev, P(&one), 8), 8);
        assert_int_equal(sys_epoll_wait(ep, P(got), 4, 0), 1);
        assert_int_equal(got[0].data, 7);
        assert_int_equal(sys_epoll_wait(ep, P(got), 4, 0), 0);
    }
    assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_ADD, ep, P(&want)), -EINVAL);
    sys_close(ev);
    assert_int_equal(sys_write(ev, P(&one), 8), -EBADF);
    assert_int_equal(sys_epoll_wait(ep, P(got), 4, 0), 0);
    sys_close(ep);
}

static void epoll_loops(void **state)
{
    struct epoll_event want = {.events = EPOLLIN};
    int ep[7];

    for (int i = 0; i < 7; i++)
        ep[i] = (int)sys_epoll_create1(0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(sys_epoll_ctl(ep[i + 1], EPOLL_CTL_ADD, ep[i], P(&want)), 0);
    assert_int_equal(sys_epoll_ctl(ep[5], EPOLL_CTL_ADD, ep[4], P(&want)), -ELOOP);
    assert_int_equal(sys_epoll_ctl(ep[0], EPOLL_CTL_ADD, ep[2], P(&want)), -ELOOP);
    for (int i = 0; i < 7; i++)
        sys_close(ep[i]);
}

static int shared_ep;
static u32 stop;

static void come_and_go(void *arg)
{
    unsigned n = (unsigned)(uptr)arg;

    for (int i = 0; i < 4000; i++, n = n * 1103515245 + 12345) {
        struct epoll_event want = {.events = EPOLLIN | EPOLLOUT | (n & 1 << 16 ? EPOLLET : 0)};
        s32 p[2];

        assert_int_equal(n & 1 << 17 ? sys_pipe(P(p)) : sys_socketpair(1, 1, 0, P(p)), 0);
        sys_epoll_ctl(shared_ep, EPOLL_CTL_ADD, p[0], P(&want));
        sys_epoll_ctl(shared_ep, EPOLL_CTL_ADD, p[1], P(&want));
        sys_write(p[1], P("x"), 1);
        if (n & 1 << 18)
            sys_epoll_ctl(shared_ep, EPOLL_CTL_DEL, p[0], 0);
        sys_close(p[0]);
        sys_close(p[1]);
    }
}

/* Epolls that end while a file they watch does. */
static void end_together(void *arg)
{
    while (!READ_ONCE(stop)) {
        struct epoll_event want = {.events = EPOLLIN};
        int ep = (int)sys_epoll_create1(0), ev = (int)sys_eventfd2(1, 0);

        assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_ADD, ev, P(&want)), 0);
        assert_int_equal(sys_epoll_ctl(shared_ep, EPOLL_CTL_ADD, ep, P(&want)), 0);
        sys_close(ep);
        sys_close(ev);
    }
}

static void collect(void *arg)
{
    struct epoll_event got[8];

    while (!READ_ONCE(stop))
        sys_epoll_wait(shared_ep, P(got), 8, 1);
}

static void epoll_threads(void **state)
{
    struct hosted_job *work[3], *other[3];
    struct epoll_event got[4];

    shared_ep = (int)sys_epoll_create1(0);
    for (uptr i = 0; i < 3; i++)
        work[i] = hosted_run(come_and_go, (void *)(i + 1));
    other[0] = hosted_run(collect, NULL);
    other[1] = hosted_run(collect, NULL);
    other[2] = hosted_run(end_together, NULL);
    for (int i = 0; i < 3; i++)
        hosted_join(work[i]);
    WRITE_ONCE(stop, 1);
    for (int i = 0; i < 3; i++)
        hosted_join(other[i]);
    assert_int_equal(sys_epoll_wait(shared_ep, P(got), 4, 0), 0);
    sys_close(shared_ep);
}

/* ---- blocking --------------------------------------------------------------------------- */

static s32 flow[2];

static void pour(void *arg)
{
    for (int i = 0; i < 3000; i++)
        assert_int_equal(sys_write(flow[1], P(queue), 10000), 10000);
    sys_close(flow[1]);
}

static void pipe_threads(void **state)
{
    struct hosted_job *j;
    u64 total = 0;
    long rc;

    assert_int_equal(sys_pipe(P(flow)), 0);
    j = hosted_run(pour, NULL);
    while ((rc = sys_read(flow[0], P(buffer), 7000)) > 0)
        total += (u64)rc;
    assert_int_equal(rc, 0);
    hosted_join(j);
    assert_int_equal(total, 30000000);
    sys_close(flow[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipe_model),         cmocka_unit_test(pipe_masks),
        cmocka_unit_test(splice_gives_back),  cmocka_unit_test(socket_ends),
        cmocka_unit_test(sockets_in_sockets), cmocka_unit_test(epoll_edges),
        cmocka_unit_test(epoll_loops),        cmocka_unit_test(pipe_threads),
        cmocka_unit_test(epoll_threads),
    };

    hosted_start();
    return RUN_TESTS(tests);
}
