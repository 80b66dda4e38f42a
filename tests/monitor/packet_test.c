/* Descriptors in messages: as many as there is room for, and none that nobody knows of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../monitor/packet.h"

static int ends[2];

static int begin(void **state)
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int end(void **state) { return close(ends[0]) || close(ends[1]); }

static int open_now(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void send_fds(size_t count)
{
    int fds[PACKET_FDS_MAX];

    for (size_t i = 0; i < count; i++)
        fds[i] = ends[i % 2];
    assert_int_equal(packet_send(ends[0], &(struct packet){"hello", 5, fds, count, NULL}, 0), 5);
}

/* Room for `room` descriptors and `size` bytes; what came is closed. */
static ssize_t receive(size_t room, size_t size, size_t *came)
{
    int fds[PACKET_FDS_MAX];
    char data[64];
    struct packet p = {data, size, fds, room, NULL};
    ssize_t n = packet_receive(ends[1], &p, MSG_DONTWAIT);
    int error = errno;

    *came = p.count;
    for (size_t i = 0; i < p.count; i++) {
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        close(fds[i]);
    }
    errno = error;
    return n;
}

static void all_that_fit(void **state)
{
    static const size_t counts[] = {0, 1, 2, 3, 128, PACKET_FDS_MAX};
    size_t came;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        int before = open_now();
        send_fds(counts[i]);
        assert_int_equal(receive(counts[i], 5, &came), 5);
        assert_int_equal(came, counts[i]);
        assert_int_equal(open_now(), before);
    }
}

static void more_than_fit(void **state)
{
    size_t came;

    for (size_t room = 0; room < 6; room++) {
        int before = open_now();
        send_fds(room + 1);
        assert_int_equal(receive(room, 5, &came), -1);
        assert_int_equal(errno, EMSGSIZE);
        assert_int_equal(came, room);
        assert_int_equal(open_now(), before);
    }
    send_fds(1);
    assert_int_equal(receive(1, 4, &came), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(came, 1);
}

static void nothing_there(void **state)
{
    size_t came = 1;

    assert_int_equal(receive(1, 5, &came), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(came, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_fit, begin, end),
        cmocka_unit_test_setup_teardown(more_than_fit, begin, end),
        cmocka_unit_test_setup_teardown(nothing_there, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
