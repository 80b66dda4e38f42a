/* The network service's walls: every system call that is not on its list, and files and ports it
 * has no business with.  Each attempt is a process of its own, since there is no way back. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../monitor/landlock.h"
#include "../../net/net.h"

#define ALIVE  99
#define KILLED (128 + SIGSYS)

static int behind(int (*attempt)(long), long argument)
{
    static const struct net_config config = {.rules = {{.kind = NET_RULE_ADDRESS, .port = 9}},
                                             .rule_count = 1,
                                             .ports = {{.host_port = 40009, .port = 9}},
                                             .port_count = 1};
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(net_walls(&config, -1) < 0 ? 2 : attempt(argument));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int call(long number)
{
    syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
    return ALIVE;
}

#define MAY(name, why)                   number == __NR_##name ||
#define MAY_IF(name, argument, set, why) number == __NR_##name ||
static bool listed(long number)
{
    return
#include "../../net/own_calls.inc"
        number == 335 || number == 336; /* uretprobe, uprobe: no filter sees them */
}

static void every_number(void **state)
{
    for (long number = 0; number < 1024; number++)
        if (!listed(number))
            assert_int_equal(behind(call, number), KILLED);
    assert_int_equal(behind(call, SYS_close), ALIVE);
}

static int make_socket(long family)
{
    socket((int)family, SOCK_STREAM, 0);
    return ALIVE;
}
static int open_file(long flags)
{
    openat(AT_FDCWD, "/etc/passwd", (int)flags);
    return ALIVE;
}

static void arguments(void **state)
{
    assert_int_equal(behind(make_socket, AF_INET), ALIVE);
    assert_int_equal(behind(make_socket, AF_UNIX), ALIVE);
    assert_int_equal(behind(make_socket, AF_NETLINK), KILLED);
    assert_int_equal(behind(make_socket, AF_PACKET), KILLED);
    assert_int_equal(behind(open_file, O_RDONLY | O_CLOEXEC), KILLED);
    assert_int_equal(behind(open_file, O_RDWR | O_DIRECTORY | O_CLOEXEC), KILLED);
}

/* What the system says of a port of the loopback, where nobody listens. */
static int at_port(bool listening, long port)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int rc = listening ? bind(fd, (struct sockaddr *)&name, sizeof(name))
                       : connect(fd, (struct sockaddr *)&name, sizeof(name));

    return rc < 0 && errno == EACCES ? EACCES : ALIVE;
}
static int connect_to(long port) { return at_port(false, port); }
static int bind_to(long port) { return at_port(true, port); }
static int list_root(long argument)
{
    return openat(AT_FDCWD, "/", O_DIRECTORY | O_CLOEXEC) < 0 ? errno : ALIVE;
}

static void landlock(void **state)
{
    if (landlock_abi() < 4)
        skip();
    assert_int_equal(behind(connect_to, 9), ALIVE);
    assert_int_equal(behind(connect_to, 10), EACCES);
    assert_int_equal(behind(bind_to, 40009), ALIVE);
    assert_int_equal(behind(bind_to, 40010), EACCES);
    assert_int_equal(behind(list_root, 0), EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number),
        cmocka_unit_test(arguments),
        cmocka_unit_test(landlock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
