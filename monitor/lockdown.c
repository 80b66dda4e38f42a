/* The monitor reads what hostile code writes.  Should it ever be fooled, it finds itself
 * behind walls too: a filter of its own (own_calls.inc), and with Landlock no files but
 * those of the exports, no execution, and without a network no TCP.  Landlock comes first, so
 * that a snapshot is read behind it, and so that the sandbox's processes are within it: the
 * kernel lets only an outer domain read memory of an inner one, which saving needs.
 *
 * The filter comes in two steps.  The first, while the sandbox is made, knows numbers alone and
 * holds for its processes as well; the second, before anything of it is served, has no call
 * that only making one needs, and looks at arguments.
 *
 * A call that is not on the list is not made: a handler names it and ends the process,
 * with which the host kernel ends the sandbox.
 */
#include "lockdown.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../abi/host_abi.h"
#include "call_filter.h"
#include "landlock.h"
#include "policy.h"
#include "tty.h"

/* What the C library makes threads with, and nothing else: VM, FS, FILES, SIGHAND, THREAD,
 * SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID. */
#define PTHREAD_FLAGS 0x3d0f00

#define SETUP(name, why)
static const struct call_rule running[] = {
#include "own_calls.inc"
#ifdef SANITIZED /* what the sanitizers' runtime does where a thread ends */
    MAY(sigaltstack, "")
#endif
};
#undef SETUP

/* By number alone, and with what the picoprocess, made behind it, may call itself. */
#define SETUP(name, why)  MAY(name, why)
#define FILTER_CALL(name) {.number = __NR_##name},
static const struct call_rule before[] = {
#include "own_calls.inc"
#include "contract_filter.inc"
    {.number = HOST_MONITOR_NR},
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* SIGSYS: "it wanted N". */
static void refused(int sig, siginfo_t *info, void *context)
{
    char text[] = "bailey: the monitor made a system call it may not make: no. 000 (a bug: the "
                  "sandbox was ended)\n";
    char *digit = text + sizeof("bailey: the monitor made a system call it may not make: no. ") - 1;
    unsigned number = (unsigned)info->si_syscall % 1000;

    digit[0] = (char)('0' + number / 100);
    digit[1] = (char)('0' + number / 10 % 10);
    digit[2] = (char)('0' + number % 10);
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(MONITOR_EXIT_FAILURE);
    _exit(MONITOR_EXIT_FAILURE);
}

/* ---- Landlock ----------------------------------------------------------------------------- */

static void allow_exports(const struct sandbox *s, int rules_fd)
{
    for (uint32_t i = 0; i < s->export_count; i++) {
        const struct export *ex = &s->exports[i];
        if (ex->host_base || ex->dir < 0)
            continue;
        /* A single file may be replaced in its directory by the host meanwhile. */
        uint64_t rights = ex->file ? LANDLOCK_FILE : LANDLOCK_READ | LANDLOCK_FILE;
        if (!ex->read_only)
            rights |= ex->file ? LANDLOCK_WRITE_FILE : LANDLOCK_WRITE;
        landlock_allow(rules_fd, ex->dir, rights);
    }
}

static void allow_host_base(const struct sandbox *s, int rules_fd)
{
    char path[64];
    const char *name;

    for (size_t i = 0; (name = policy_shown(i)); i++) {
        snprintf(path, sizeof(path), "/%s", name);
        landlock_allow_path(rules_fd, path, LANDLOCK_READ | LANDLOCK_FILE);
    }
    if (s->workdir_fd >= 0)
        landlock_allow(rules_fd, s->workdir_fd, LANDLOCK_READ | LANDLOCK_FILE);
    /* Names on the way to those. */
    landlock_allow_path(rules_fd, "/", LANDLOCK_READ);
}

/* Where a save that nobody gave a file for would go. */
static void allow_save_path(const char *path, int rules_fd)
{
    char directory[PATH_MAX];

    snprintf(directory, sizeof(directory), "%s", path);
    landlock_allow_path(rules_fd, dirname(directory),
                        LANDLOCK_READ | LANDLOCK_FILE | LANDLOCK_WRITE);
}

static int calls_before(struct sandbox *s)
{
    struct sigaction action = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO};

    sigaction(SIGSYS, &action, NULL);
    call_filter_build(before, COUNT(before), true);
    if (call_filter_install() < 0)
        return error_set(s->err, errno, "the monitor's filter of the set-up");
    call_filter_build(running, COUNT(running), false);
    return 0;
}

int lockdown_files(struct sandbox *s)
{
    const struct sandbox_config *c = s->config;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set(s->err, errno, "giving up new privileges");
    int fd = landlock_begin(c->net_service < 0 ? LANDLOCK_BIND | LANDLOCK_CONNECT : 0, false);
    if (fd < 0)
        return calls_before(s); /* Landlock is the second wall only */
    allow_exports(s, fd);
    if (c->root_mode == SANDBOX_ROOT_HOST)
        allow_host_base(s, fd);
    landlock_allow_path(fd, "/proc", LANDLOCK_READ | LANDLOCK_FILE);
    landlock_allow_path(fd, "/proc/self/exe", LANDLOCK_FILE); /* the inside image */
    landlock_allow_path(fd, "/sys/devices/system/cpu", LANDLOCK_FILE);
    for (size_t i = 0; c->own_dirs && c->own_dirs[i]; i++)
        landlock_allow_path(fd, c->own_dirs[i], LANDLOCK_READ | LANDLOCK_FILE | LANDLOCK_WRITE);
    if (c->cgroup)
        landlock_allow_path(fd, c->cgroup, LANDLOCK_READ | LANDLOCK_FILE | LANDLOCK_WRITE);
    if (c->save_path)
        allow_save_path(c->save_path, fd);
    landlock_enforce(fd);
    return calls_before(s);
}

int lockdown_calls(struct sandbox *s)
{
    if (call_filter_install() < 0) /* built at the set-up */
        return error_set(s->err, errno, "the monitor's own filter");
    return 0;
}
