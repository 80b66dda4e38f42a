/* Control groups over a tree of plain files that looks like one: what is written where, and that
 * nothing changes where a group cannot be had.  The kernel's own are tried by tests/qemu/cgroups.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../cli/cgroup.h"

static char top[] = "/tmp/bailey-test-XXXXXX";
static char own[32];
static const struct cgroup_limits limits = {64 << 20, 20, 2};

static const char *path(const char *file)
{
    static char text[4][256];
    static unsigned next;
    char *to = text[next++ % 4];

    snprintf(to, sizeof(text[0]), "%s/%s", top, file);
    return to;
}

static void put(const char *file, const char *text)
{
    FILE *f = fopen(path(file), "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const char *get(const char *file)
{
    static char text[256];
    FILE *f = fopen(path(file), "r");

    memset(text, 0, sizeof(text));
    if (f) {
        if (!fread(text, 1, sizeof(text) - 1, f))
            text[0] = 0;
        fclose(f);
    }
    return text;
}

static void put_own(const char *group, const char *file)
{
    char name[96];

    snprintf(name, sizeof(name), "user/%s/%s", group, file);
    put(name, "");
}

static const char *get_own(const char *file)
{
    char name[96];

    snprintf(name, sizeof(name), "user/%s/%s", own, file);
    return get(name);
}

/* The kernel makes a group's files along with it; here they are there before. */
static int make_tree(void **state)
{
    static const char *const files[] = {"memory.max",    "memory.swap.max", "memory.oom.group",
                                        "memory.events", "pids.max",        "cpu.max",
                                        "cgroup.procs"};
    char name[64];

    snprintf(own, sizeof(own), "bailey-%d", (int)getpid());
    snprintf(name, sizeof(name), "user/%s", own);
    assert_int_equal(mkdir(path("user"), 0755), 0);
    assert_int_equal(mkdir(path(name), 0755), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        put_own(own, files[i]);
    put("self", "1:cpu:/\n0::/user\n");
    put("user/cgroup.controllers", "cpuset cpu memory pids\n");
    put("user/cgroup.subtree_control", "");
    put("user/cgroup.procs", "");
    return 0;
}

static int remove_tree(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'/*", top);
    return system(command);
}

static void sets_limits(void **state)
{
    struct cgroup g;
    int fd = cgroup_begin(&g, path("self"), top, &limits, 0);

    assert_true(fd >= 0);
    assert_string_equal(g.base, path("user"));
    assert_string_equal(g.aside, "");
    assert_int_equal(write(fd, "0", 1), 1);
    close(fd);
    assert_string_equal(get_own("cgroup.procs"), "0");
    assert_string_equal(get_own("memory.max"), "109051904"); /* 64 MB, an eighth, 32 MB */
    assert_string_equal(get_own("memory.swap.max"), "0");
    assert_string_equal(get_own("memory.oom.group"), "1");
    assert_string_equal(get_own("pids.max"), "28");
    assert_string_equal(get_own("cpu.max"), "200000 100000");
    assert_string_equal(get("user/cgroup.subtree_control"), "+memory +pids +cpu ");
    assert_false(cgroup_out_of_memory(&g));
    char events[64];
    snprintf(events, sizeof(events), "user/%s/memory.events", own);
    put(events, "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\n");
    assert_true(cgroup_out_of_memory(&g));
    cgroup_end(&g, 0);
    assert_string_equal(g.base, "");
}

/* Only what is asked for, and what there is. */
static void some_limits(void **state)
{
    const struct cgroup_limits memory = {.memory = 1 << 20}, pids = {.pids = 3}, none = {0};
    struct cgroup g;

    put("user/cgroup.controllers", "cpu memory-like memory\n");
    put("user/cgroup.subtree_control", "memory\n");
    int fd = cgroup_begin(&g, path("self"), top, &memory, 0);
    assert_true(fd >= 0);
    close(fd);
    assert_string_equal(get("user/cgroup.subtree_control"), "memory\n");
    assert_string_equal(get_own("pids.max"), "");
    cgroup_end(&g, 0);
    assert_int_equal(cgroup_begin(&g, path("self"), top, &pids, 0), -1);
    assert_int_equal(cgroup_begin(&g, path("self"), top, &none, 0), -1);
}

/* Others are in the group, or it is not ours: all is as it was. */
static void refused(void **state)
{
    struct cgroup g;
    char aside[64], pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    snprintf(aside, sizeof(aside), "user/%s.out", own);
    assert_int_equal(mkdir(path(aside), 0755), 0);
    strcat(aside, "/cgroup.procs");
    put(aside, "");
    unlink(path("user/cgroup.subtree_control")); /* cannot be written */
    assert_int_equal(cgroup_begin(&g, path("self"), top, &limits, 0), -1);
    assert_string_equal(get(aside), pid); /* it went, and came back */
    assert_string_equal(get("user/cgroup.procs"), pid);
    assert_string_equal(get_own("memory.max"), "");
    assert_string_equal(g.base, "");
    assert_false(cgroup_out_of_memory(&g));
    cgroup_end(&g, 0);
}

static void absent(void **state)
{
    struct cgroup g;

    put("self", "1:cpu:/\n");
    assert_int_equal(cgroup_begin(&g, path("self"), top, &limits, 0), -1);
    put("self", "0::/elsewhere\n");
    assert_int_equal(cgroup_begin(&g, path("self"), top, &limits, 0), -1);
    assert_int_equal(cgroup_begin(&g, path("nothing"), top, &limits, 0), -1);
    cgroup_end(&g, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sets_limits, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(some_limits, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(refused, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(absent, make_tree, remove_tree),
    };

    if (!mkdtemp(top))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(top);
    return failed;
}
