/* Control calls that name no file: operations on handles, randomness, reports,
 * interrupts. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../abi/gate.h"
#include "manage.h"
#include "resources.h"
#include "save.h"
#include "serve.h"
#include "tty.h"

/* ---- operations on a handle ------------------------------------------------------- */

static long control_tty(struct sandbox *s, struct request *r, int fd)
{
    struct host_tty *tty = (struct host_tty *)(void *)r->control.data;

    if (fd > 2)
        return -ENOTTY;
    if (r->control.size < sizeof(*tty))
        return -EINVAL;
    if (r->control.op == HOST_TTY_SET)
        return tty_set(s, fd, (int)r->control.a, tty);
    long rc = tty_get(fd, tty);
    r->reply = rc < 0 ? 0 : sizeof(r->control) + sizeof(*tty);
    return rc;
}

/* By handle, or for handle -1 of export number a. */
static long control_statfs(struct sandbox *s, struct request *r, int fd)
{
    struct statfs st;

    if (r->control.handle < 0)
        fd = r->control.a < s->export_count ? s->exports[r->control.a].dir : -EBADF;
    if (fd < 0)
        return fd;
    if (r->control.size < sizeof(st))
        return -EINVAL;
    if (fstatfs(fd, &st) < 0)
        return -errno;
    memcpy(r->control.data, &st, sizeof(st));
    r->reply = sizeof(r->control) + sizeof(st);
    return 0;
}

static long pipe_bytes(int fd)
{
    int n = 0;

    return ioctl(fd, FIONREAD, &n) < 0 ? -errno : n;
}

/* Of a position the sandbox shares with whoever gave it the stream. */
static long seek(int fd, off_t to, uint64_t whence)
{
    off_t at = whence > SEEK_HOLE ? (errno = EINVAL, -1) : lseek(fd, to, (int)whence);

    return at < 0 ? -errno : at;
}

static long result(int rc) { return rc < 0 ? -errno : rc; }

long serve_control(struct sandbox *s, struct request *r)
{
    struct message_control *m = &r->control;
    int fd = handle_find(m->handle), rc;

    if (m->size > r->length - sizeof(*m))
        return MALFORMED;
    if (m->op == HOST_STATFS)
        return control_statfs(s, r, fd);
    if (m->op == HOST_LENT)
        return net_control(s, r);
    if (m->op == HOST_CLOSE) {
        handle_forget(m->handle);
        return 0;
    }
    if (fd < 0)
        return fd;
    if (fd < 3 && s->stdio_closed[fd])
        return -EBADF;
    switch (m->op) {
    case HOST_SYNC:
        return result(m->a ? fdatasync(fd) : fsync(fd));
    case HOST_TRUNCATE:
        rc = limits_size(s, m->a);
        return rc < 0 ? rc : result(ftruncate(fd, (off_t)m->a));
    case HOST_ALLOCATE:
        rc = limits_size(s, m->b > UINT64_MAX - m->c ? UINT64_MAX : m->b + m->c);
        return rc < 0 ? rc : result(fallocate(fd, (int)m->a, (off_t)m->b, (off_t)m->c));
    case HOST_TTY_GET:
    case HOST_TTY_SET:
        return control_tty(s, r, fd);
    case HOST_SHUTDOWN:
        return result(shutdown(fd, (int)m->a));
    case HOST_PIPE_BYTES:
        return pipe_bytes(fd);
    case HOST_SEEK:
        return seek(fd, (off_t)m->a, m->b);
    default:
        return -EINVAL;
    }
}

long serve_random(struct sandbox *s, struct request *r)
{
    if (r->a4 > 256 || r->a4 > r->room)
        return MALFORMED;
    if (getrandom(r->data, r->a4, 0) != (ssize_t)r->a4)
        return -EIO;
    r->reply = r->a4;
    return 0;
}

/* ---- threads ------------------------------------------------------------------------ */

/* A process of this sandbox: an unreaped child of ours in its process group, so its
 * number cannot have been given to anybody else. */
bool process_is_ours(const struct sandbox *s, int pid)
{
    siginfo_t info;

    return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           getpgid(pid) == s->group;
}

long serve_thread_interrupt(struct sandbox *s, struct request *r)
{
    pid_t pid = (pid_t)r->a4, tid = (pid_t)r->a5;

    if (tid <= 0 || !process_is_ours(s, pid))
        return -ESRCH;
    return result((int)syscall(SYS_tgkill, pid, tid, GATE_INTERRUPT_SIGNAL));
}

/* User (1) or system time (2) from /proc/PID/stat in nanoseconds, or both (3) in ticks as
 * user << 32 | system. */
static int64_t times_of_stat(const char *path, uint64_t what)
{
    char text[1024];
    unsigned long long u, k;
    int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);
    FILE *file = fopen(path, "re");

    if (!file)
        return -ESRCH;
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = 0;
    const char *after = strrchr(text, ')'); /* the name may hold anything */
    if (!after ||
        sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &u, &k) != 2)
        return -EIO;
    if (what == 3)
        return (int64_t)((u & 0x7fffffff) << 32 | (k & 0xffffffff));
    return (int64_t)(what == 1 ? u : k) * tick;
}

static int64_t total_of_thread(pid_t tid)
{
    char path[64];
    unsigned long long ns = 0;

    snprintf(path, sizeof(path), "/proc/%d/schedstat", tid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -ESRCH;
    int got = fscanf(file, "%llu", &ns);
    fclose(file);
    return got == 1 ? (int64_t)ns : -EIO;
}

int64_t process_cpu_ns(pid_t pid)
{
    struct timespec t;
    clockid_t clock = (clockid_t)(~(unsigned)pid << 3 | 2); /* CPU clock of a process */

    if (clock_gettime(clock, &t) < 0)
        return -ESRCH;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* who > 0: host thread, < 0: host process, 0: the whole sandbox.  what: 0 both, 1 user,
 * 2 system. */
static int64_t cpu_time(const struct sandbox *s, int64_t who, uint64_t what)
{
    char path[64];

    if (who > INT32_MAX || who < -INT32_MAX)
        return -ESRCH;
    pid_t id = (pid_t)(who > 0 ? who : who < 0 ? -who : s->child);
    if (getpgid(id) != s->group)
        return -ESRCH;
    if (what == 0)
        return who > 0 ? total_of_thread(id) : process_cpu_ns(id);
    snprintf(path, sizeof(path), who > 0 ? "/proc/%d/task/%d/stat" : "/proc/%d/stat", id, id);
    return times_of_stat(path, what);
}

/* Pages in memory, from /proc/PID/status: private << 32 | of files; or the most there were
 * (without segment and pool, which the host counts as shared memory). */
static int64_t memory_of(const struct sandbox *s, pid_t pid, bool peak)
{
    char path[64], line[128];
    unsigned long long kb, most = 0, private = 0, file = 0, shared = 0;

    if (!process_is_ours(s, pid))
        return -ESRCH;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *status = fopen(path, "re");
    if (!status)
        return -ESRCH;
    while (fgets(line, sizeof(line), status)) {
        if (sscanf(line, "VmHWM: %llu", &kb) == 1)
            most = kb / 4;
        else if (sscanf(line, "RssAnon: %llu", &kb) == 1)
        private = kb / 4;
        else if (sscanf(line, "RssFile: %llu", &kb) == 1) file = kb / 4;
        else if (sscanf(line, "RssShmem: %llu", &kb) == 1)
        {
            shared = kb / 4;
            break;
        }
    }
    fclose(status);
    if (peak)
        return most > shared ? (int64_t)(most - shared) : 0;
    return (int64_t)((private & 0x7fffffff) << 32 | (file & 0xffffffff));
}

/* ---- reports -------------------------------------------------------------------------- */

static void end_with_status(struct sandbox *s, int status)
{
    if (WIFSIGNALED(status))
        s->exit_code = 128 + WTERMSIG(status);
    else
        s->exit_code = WEXITSTATUS(status);
    s->exited = s->ended = true;
}

long serve_report(struct sandbox *s, struct request *r)
{
    const char *text = r->length ? request_string(r, 0, NULL) : "";

    if (!text)
        return MALFORMED;
    switch (r->a4) {
    case HOST_REPORT_EXIT:
        end_with_status(s, (int)(r->a5 & 0xffff));
        return 0;
    case HOST_REPORT_LOG:
        if (s->config->debug)
            say("%s", text);
        return 0;
    case HOST_REPORT_STATS:
        if (s->config->stats)
            say("stats: %s", text);
        return 0;
    case HOST_REPORT_PANIC:
        sandbox_fail(s, "the library OS stopped: %s", text);
        return 0;
    case HOST_REPORT_OOM:
        say("out of memory: %s", text);
        return 0;
    case HOST_REPORT_EXEC:
        sandbox_fail(s, "%s: %s", text, strerror((int)(r->a5 & 0xfff)));
        if (r->a6 && r->a5 == EAGAIN)
            error_hint(s->err, "%s", ERROR_PROCESSES_HINT);
        s->err->exit_code = r->a6                                 ? MONITOR_EXIT_FAILURE
                            : r->a5 == ENOENT || r->a5 == ENOTDIR ? MONITOR_EXIT_NOT_FOUND
                                                                  : MONITOR_EXIT_NOT_EXEC;
        s->exit_code = s->err->exit_code;
        return 0;
    case HOST_REPORT_STARTED:
        if (s->config->started)
            s->config->started(s->config->context);
        return 0;
    case HOST_REPORT_SAVE:
        return s->config->save_path ? save_start(s, -1, -1, MANAGE_SAVE_KEEP, 0) : -EPERM;
    case HOST_REPORT_JOB:
        return jobs_report(r->a5, r->a6);
    case HOST_REPORT_MEMORY:
        return memory_of(s, (pid_t)r->a5, r->a6 == 1);
    case HOST_REPORT_CPUTIME:
        return cpu_time(s, (int64_t)r->a5, r->a6);
    default:
        return MALFORMED;
    }
}
