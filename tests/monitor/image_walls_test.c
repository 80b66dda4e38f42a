/* What a process that reads a stranger's archive can do no more. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../image/walls.h"
#include "../../monitor/landlock.h"

#define ALIVE 99

static struct store store = {"/tmp/bailey-test-XXXXXX"};

static int behind(int (*attempt)(const char *), const char *argument)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        image_walls(&store, NULL);
        _exit(attempt(argument));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int read_file(const char *path) { return open(path, O_RDONLY) < 0 ? errno : ALIVE; }
static int make_file(const char *path)
{
    return open(path, O_RDWR | O_CREAT, 0600) < 0 ? errno : ALIVE;
}
static int run_program(const char *path)
{
    execl(path, path, NULL);
    return errno;
}
static int signal_parent(const char *unused) { return kill(getppid(), SIGURG) < 0 ? errno : ALIVE; }

static void walls(void **state)
{
    char inside[STORE_PATH + 8], outside[STORE_PATH + 16];

    if (landlock_abi() < 2)
        skip();
    snprintf(inside, sizeof(inside), "%s/file", store.path);
    snprintf(outside, sizeof(outside), "%s-outside", store.path);
    assert_int_equal(behind(read_file, "/etc/passwd"), ALIVE);
    assert_int_equal(behind(make_file, inside), ALIVE);
    assert_int_equal(behind(make_file, outside), EACCES);
    assert_int_equal(behind(run_program, "/bin/true"), EACCES);
    if (landlock_abi() >= 6)
        assert_int_equal(behind(signal_parent, NULL), EPERM);
    unlink(inside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(walls)};

    if (!mkdtemp(store.path))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(store.path);
    return failed;
}
