/* The monitor with the stand-in image: exit codes, hostile calls, signals, deaths. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../monitor/monitor.h"

static struct error *err; /* shared with the process of a run */

/* A monitor gives up its rights for good, so each run has a process of its own. */
static int run_with(const char *what, struct sandbox_config *c)
{
    const char *argv[] = {what, NULL}, *envp[] = {"A=1", NULL};
    int status;

    c->argv = argv;
    c->envp = envp;
    pid_t pid = fork();
    if (pid == 0)
        _exit(monitor_run(c, err));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (*err->text)
        print_message("%s: %s\n", what, err->text);
    return WEXITSTATUS(status);
}

static int run(const char *what)
{
    struct sandbox_config c;

    sandbox_config_init(&c);
    return run_with(what, &c);
}

static void exit_codes(void **state)
{
    assert_int_equal(run("seven"), 7);
    assert_int_equal(run("nothing"), 0);
    assert_string_equal(err->text, "");
    assert_int_equal(run("missing"), MONITOR_EXIT_NOT_FOUND);
    assert_string_equal(err->text, "prog: No such file or directory");
    assert_int_equal(run("silent"), MONITOR_EXIT_FAILURE);
}

static void traps_and_kills(void **state)
{
    assert_int_equal(run("outside"), 0);
    assert_int_equal(run("fault"), 0);
    assert_int_equal(run("unlisted"), 128 + SIGSYS);
    assert_int_equal(run("lifeline"), 128 + SIGSYS);
}

/* Out of reach whatever the inside does; a trap ends in the image's handler with 0. */
static void attacks(void **state)
{
    assert_int_equal(run("x32"), 0);
    assert_int_equal(run("vsyscall"), 0);
    assert_int_equal(run("int80"), 128 + SIGSYS);
    assert_int_equal(run("x32 in gate"), 128 + SIGSYS);
    assert_int_equal(run("over the gate"), 128 + SIGSYS);
    assert_int_equal(run("execve"), 128 + SIGSYS);
    assert_int_equal(run("process"), 128 + SIGSYS);
    assert_int_equal(run("poll elsewhere"), 128 + SIGSYS);
}

static void malformed_messages(void **state)
{
    assert_int_equal(run("wild"), MONITOR_EXIT_FAILURE);
    assert_int_equal(run("unterminated"), MONITOR_EXIT_FAILURE);
    assert_int_equal(run("unknown"), MONITOR_EXIT_FAILURE);
    assert_non_null(strstr(err->text, "malformed"));
}

static void host_base(void **state) { assert_int_equal(run("files"), 0); }

static void volumes(void **state)
{
    char dir[] = "/tmp/bailey-test-XXXXXX", file[64], link[64], fifo[64];
    struct sandbox_config c;

    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/file", dir);
    snprintf(link, sizeof(link), "%s/link", dir);
    snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
    close(open(file, O_CREAT | O_WRONLY, 0644));
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const struct sandbox_volume list[] = {
        {dir, "/a", false, false}, {dir, "/b", true, false}, {file, "/c", true, false}};
    sandbox_config_init(&c);
    c.volumes = list;
    c.volume_count = 3;
    assert_int_equal(run_with("volume", &c), 0);
    const struct sandbox_volume none[] = {{"/proc/nonexistent", "/a", false, false}};
    c.volumes = none;
    c.volume_count = 1;
    assert_int_equal(run_with("volume", &c), MONITOR_EXIT_FAILURE);
    unlink(file);
    unlink(link);
    unlink(fifo);
    assert_int_equal(rmdir(dir), 0);
}

static void timeout_ends(void **state)
{
    struct sandbox_config c;

    sandbox_config_init(&c);
    c.timeout_seconds = c.grace_seconds = 1;
    assert_int_equal(run_with("sleep", &c), MONITOR_EXIT_TIMEOUT);
}

static void processes_are_limited(void **state)
{
    struct sandbox_config c;
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) != 0);
    waitpid(pid, &status, 0);
    if (status != 0)
        skip();
    sandbox_config_init(&c);
    assert_int_equal(run_with("fork many", &c), 51);
    c.pids_max = 4;
    assert_int_equal(run_with("fork many", &c), 0);
}

static void children_end_with_it(void **state) { assert_int_equal(run("forkexit"), 8); }

/* Runs the monitor in a process of its own, its standard output a pipe; waits for the
 * picoprocess to say "ready". */
static pid_t start(const char *what, int *out)
{
    int ends[2];
    char text[6];

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        struct sandbox_config c;
        const char *argv[] = {what, NULL}, *envp[] = {NULL};
        sandbox_config_init(&c);
        c.argv = argv;
        c.envp = envp;
        _exit(monitor_run(&c, err));
    }
    close(ends[1]);
    *out = ends[0];
    assert_int_equal(read(*out, text, sizeof(text)), 6);
    return pid;
}

static int finish(pid_t pid, int out)
{
    char byte;
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    /* End of file: no picoprocess has the pipe any more. */
    assert_int_equal(read(out, &byte, 1), 0);
    close(out);
    return status;
}

static void signals_are_passed_on(void **state)
{
    int out, status;
    pid_t pid = start("mail", &out);

    kill(pid, SIGTERM);
    status = finish(pid, out);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void impatience_kills(void **state)
{
    int out, status;
    pid_t pid = start("stuck", &out);
    siginfo_t ended = {0};

    /* Twice, or again where the first had not arrived before the second. */
    do {
        kill(pid, SIGINT);
        usleep(700000);
    } while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && !ended.si_pid);
    status = finish(pid, out);
    assert_int_equal(WEXITSTATUS(status), 128 + SIGINT);
}

static void killing_the_monitor_kills_all(void **state)
{
    int out, status;
    pid_t pid = start("fork", &out);

    kill(pid, SIGKILL);
    status = finish(pid, out);
    assert_true(WIFSIGNALED(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(traps_and_kills),
        cmocka_unit_test(attacks),
        cmocka_unit_test(malformed_messages),
        cmocka_unit_test(host_base),
        cmocka_unit_test(volumes),
        cmocka_unit_test(timeout_ends),
        cmocka_unit_test(processes_are_limited),
        cmocka_unit_test(children_end_with_it),
        cmocka_unit_test(signals_are_passed_on),
        cmocka_unit_test(impatience_kills),
        cmocka_unit_test(killing_the_monitor_kills_all),
    };
    err = mmap(NULL, sizeof(*err), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (err == MAP_FAILED || chdir("/") < 0) /* the working directory may be an export of its own */
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
