/* The monitor's own walls: every system call that is not on its list, and files it has no
 * business with.  Each attempt is a process of its own, since there is no way back. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../abi/host_abi.h"
#include "../../monitor/landlock.h"
#include "../../monitor/lockdown.h"

#define ALIVE 99

static char directory[] = "/tmp/bailey-test-XXXXXX";

/* Runs `attempt` behind the walls, those of the set-up alone or all; its exit status. */
static int behind_some(bool all, int (*attempt)(long), long argument)
{
    int status, quiet = open("/dev/null", O_WRONLY);
    pid_t pid = fork();

    if (pid == 0) {
        static struct sandbox s;
        static struct sandbox_config config;
        static struct error err;
        dup2(quiet, STDERR_FILENO);
        sandbox_config_init(&config);
        s.config = &config;
        s.err = &err;
        s.workdir_fd = -1;
        s.exports[0] =
            (struct export){.dir = open("/", O_PATH), .read_only = true, .host_base = true};
        s.exports[1] = (struct export){.dir = open(directory, O_PATH)};
        s.export_count = 2;
        _exit(lockdown_files(&s) < 0 || (all && lockdown_calls(&s) < 0) ? 2 : attempt(argument));
    }
    close(quiet);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int behind(int (*attempt)(long), long argument)
{
    return behind_some(true, attempt, argument);
}

static int call(long number)
{
    syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
    return ALIVE;
}

#define MAY(name, why)                   number == __NR_##name ||
#define ABSENT(name, why)                number == __NR_##name ||
#define MAY_IF(name, argument, set, why) number == __NR_##name ||
#define SETUP(name, why)
static bool listed(long number)
{
    return
#ifdef SANITIZED
        number == __NR_sigaltstack ||
#endif
#include "../../monitor/own_calls.inc"
        number == 335 || number == 336; /* uretprobe, uprobe: no filter sees them */
}

#undef MAY
#undef ABSENT
#undef MAY_IF
#undef SETUP
#define MAY(name, why)
#define ABSENT(name, why)
#define MAY_IF(name, argument, set, why)
#define SETUP(name, why)  number == __NR_##name ||
#define FILTER_CALL(name) number == __NR_##name ||
static bool listed_before(long number)
{
    return
#include "../../monitor/own_calls.inc"
#include "contract_filter.inc"
        number == HOST_MONITOR_NR || listed(number);
}

/* While a sandbox is made, calls that make one are there, and no longer afterwards. */
static void set_up(void **state)
{
    for (long number = 0; number < 1024; number++)
        if (!listed_before(number))
            assert_int_equal(behind_some(false, call, number), MONITOR_EXIT_FAILURE);
    assert_int_equal(behind_some(false, call, SYS_unshare), ALIVE);
    assert_int_equal(behind_some(false, call, SYS_setsid), ALIVE);
    assert_int_equal(behind_some(false, call, SYS_close), ALIVE);
    assert_false(listed_before(SYS_execve) || listed_before(SYS_connect) ||
                 listed_before(SYS_ptrace) || listed_before(SYS_mount));
}

static void every_number(void **state)
{
    for (long number = 0; number < 1024; number++)
        if (!listed(number))
            assert_int_equal(behind(call, number), MONITOR_EXIT_FAILURE);
    assert_int_equal(behind(call, SYS_close), ALIVE);
}

static int executable_memory(long argument)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return ALIVE;
}
static int internet_socket(long argument)
{
    socket((int)argument, SOCK_STREAM, 0);
    return ALIVE;
}
static int push_input(long argument)
{
    syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x");
    return ALIVE;
}
static int terminate(long argument)
{
    syscall(SYS_kill, getppid(), 15);
    return ALIVE;
}

static void arguments(void **state)
{
    assert_int_equal(behind(executable_memory, 0), MONITOR_EXIT_FAILURE);
    assert_int_equal(behind(internet_socket, AF_INET), MONITOR_EXIT_FAILURE);
    assert_int_equal(behind(internet_socket, AF_NETLINK), MONITOR_EXIT_FAILURE);
    assert_int_equal(behind(internet_socket, AF_UNIX), ALIVE);
    assert_int_equal(behind(push_input, 0), MONITOR_EXIT_FAILURE);
    assert_int_equal(behind(terminate, 0), MONITOR_EXIT_FAILURE);
}

static int open_at(const char *path, int flags)
{
    int fd = openat(AT_FDCWD, path, flags | O_CLOEXEC, 0600);

    return fd >= 0 ? ALIVE : errno;
}
static int in_export(long flags)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/file", directory);
    return open_at(path, (int)flags);
}
static int elsewhere(long argument) { return open_at("/tmp/../var/log/lastlog", O_RDONLY); }
static int create(long argument) { return open_at("/tmp/bailey-outside", O_WRONLY | O_CREAT); }
static int system_file(long flags) { return open_at("/etc/passwd", (int)flags); }

static void files(void **state)
{
    if (landlock_abi() < 2)
        skip();
    assert_int_equal(behind(in_export, O_RDWR | O_CREAT), ALIVE);
    assert_int_equal(behind(system_file, O_RDONLY), ALIVE);
    assert_int_equal(behind(system_file, O_RDWR), EACCES);
    assert_int_not_equal(behind(elsewhere, 0), ALIVE);
    assert_int_equal(behind(create, 0), EACCES);
}

/* Two that were split off behind the same walls, as clones are: one reads memory of the other. */
static int of_another(long own)
{
    char byte = 1;
    const struct iovec to = {&byte, 1}, from = {&byte, 1};
    int ready[2], error = 0;

    if (pipe2(ready, O_CLOEXEC) < 0)
        return 2;
    pid_t pid = fork();
    if (own && landlock_nest() < 0)
        return 3;
    if (pid == 0) {
        for (ssize_t n = write(ready[1], "", 1); n == 1;) /* until it is killed */
            poll(NULL, 0, -1);
        _exit(4);
    }
    if (pid < 0 || read(ready[0], &byte, 1) != 1)
        return 5;
    if (process_vm_readv(pid, &to, 1, &from, 1, 0) < 0)
        error = errno;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return error ? error : ALIVE;
}

static void copies(void **state)
{
    if (landlock_abi() < 2 || behind_some(false, of_another, false) != ALIVE)
        skip(); /* nobody may here, with or without it */
    assert_int_equal(behind_some(false, of_another, true), EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_up), cmocka_unit_test(every_number), cmocka_unit_test(arguments),
        cmocka_unit_test(files),  cmocka_unit_test(copies),
    };
    char path[64];

    if (!mkdtemp(directory))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(path, sizeof(path), "%s/file", directory);
    unlink(path);
    rmdir(directory);
    return failed;
}
