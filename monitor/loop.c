/* The monitor's loop: control calls, signals, deaths, the clock; and the end.
 *
 * Everything it waits for outside the sandbox is bounded, and killing asks nobody
 * inside: SIGKILL to the process group, then reaping until no child is left.
 */
#include "sandbox.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../abi/gate.h"
#include "resources.h"
#include "manage.h"
#include "place.h"
#include "save.h"
#include "tty.h"

#define DEFAULT_GRACE_MS 2000
#define REAP_LIMIT_MS    10000
#define IMPATIENT_MS     500 /* a repeated ^C kills if the first was not taken by then */

struct loop {
    struct sandbox *s;
    int signals;
    int64_t deadline;     /* ms; INT64_MAX: none */
    int64_t announce;     /* ms when the sandbox becomes manageable; INT64_MAX: never, or done */
    bool timed_out;       /* SIGTERM was sent, deadline is the grace now */
    int64_t asked_to_end; /* when the first unanswered INT, TERM or QUIT came; 0: never */
    int64_t look;         /* when limits are looked at next */
    int64_t idle_look;    /* when --save-on idle looks next, */
    int64_t idle_since;   /* since when nothing has run, */
    uint64_t idle_cpu_ns; /* and what had been used by then */
};

int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t now_ms(void) { return now_us() / 1000; }

/* ---- messages ------------------------------------------------------------------------ */

void say(const char *format, ...)
{
    char text[2048] = "bailey: ";
    va_list ap;

    va_start(ap, format);
    vsnprintf(text + 8, sizeof(text) - 9, format, ap);
    va_end(ap);
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) { /* text from inside must not drive the terminal */
        if ((unsigned char)text[i] < 32 || text[i] == 127)
            text[i] = ' ';
        else if (text[i] == '\xc2' && (text[i + 1] & 0xe0) == 0x80) /* U+0080 to U+009F */
            text[i] = text[i + 1] = ' ';
    }
    text[n++] = '\n';
    /* A pipe that is full, by the sandbox's doing too, must not stop the monitor. */
    const struct iovec iov = {text, n};
    if (pwritev2(STDERR_FILENO, &iov, 1, -1, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP &&
        write(STDERR_FILENO, text, n) < 0)
        return;
}

void sandbox_fail(struct sandbox *s, const char *format, ...)
{
    char text[1024];
    va_list ap;

    if (s->failed || s->ended)
        return;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            *c = ' ';
    error_set(s->err, 0, "%s", text);
    s->failed = s->ended = true;
    s->exit_code = MONITOR_EXIT_FAILURE;
}

void sandbox_violation(struct sandbox *s, const char *what)
{
    sandbox_fail(s, "the sandbox was ended: %s came out of it", what);
}

/* ---- signals --------------------------------------------------------------------------- */

/* Signals for program 1: a bit in the mailbox, and two ways of making somebody look. */
static void mail(struct sandbox *s, int sig)
{
    uint64_t one = 1;

    if (sig)
        __atomic_fetch_or(&s->boot->mailbox_signals, 1ULL << (sig - 1), __ATOMIC_SEQ_CST);
    if (write(s->kick_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        sandbox_fail(s, "kick: %s", strerror(errno));
    if (!s->reaped)
        syscall(SYS_tgkill, s->child, s->child, GATE_INTERRUPT_SIGNAL);
}

void sandbox_mail(struct sandbox *s) { mail(s, 0); }

static bool mail_taken(const struct sandbox *s, int sig)
{
    return !(__atomic_load_n(&s->boot->mailbox_signals, __ATOMIC_SEQ_CST) & (1ULL << (sig - 1)));
}

/* The library OS takes a signal at once, whatever the program does with it; if it has
 * not, something is stuck and asking again means: now. */
static void ask_to_end(struct loop *l, int sig)
{
    struct sandbox *s = l->s;

    if (!mail_taken(s, sig) && l->asked_to_end && now_ms() - l->asked_to_end > IMPATIENT_MS) {
        s->exit_code = 128 + sig;
        s->ended = true;
        return;
    }
    if (mail_taken(s, sig) || !l->asked_to_end)
        l->asked_to_end = now_ms();
    mail(s, sig);
}

/* ^Z without -t: the sandbox stops with us and goes on with us, as any program does.  With
 * -t the terminal is the sandbox's, and its foreground job stops. */
static void stop_here(struct sandbox *s)
{
    kill(-s->group, SIGSTOP);
    raise(SIGSTOP);
    kill(-s->group, SIGCONT);
}

static void on_signal(struct loop *l, int sig)
{
    struct sandbox *s = l->s;

    if (sig == s->config->save_signal) {
        save_start(s, -1, -1, 0, 0);
        return;
    }
    switch (sig) {
    case SIGCHLD:
        break;
    case SIGINT:
    case SIGTERM:
    case SIGQUIT:
    case SIGHUP:
        ask_to_end(l, sig);
        break;
    case SIGWINCH:
        __atomic_store_n(&s->boot->winsize_changed, 1, __ATOMIC_SEQ_CST);
        mail(s, 0);
        break;
    case SIGTSTP:
        if (s->config->tty)
            mail(s, sig);
        else
            stop_here(s);
        break;
    case SIGCONT:
        kill(-s->group, SIGCONT);
        break;
    default:
        mail(s, sig);
    }
}

static void read_signals(struct loop *l)
{
    struct signalfd_siginfo info;

    while (read(l->signals, &info, sizeof(info)) == sizeof(info))
        on_signal(l, (int)info.ssi_signo);
}

/* ---- deaths ------------------------------------------------------------------------------ */

static void on_death(struct sandbox *s, pid_t pid, int status)
{
    if (pid == s->child)
        s->reaped = true;
    if (s->ended)
        return;
    if (WIFSIGNALED(status)) {
        int sig = WTERMSIG(status);
        sandbox_fail(s, "a host process of the sandbox was killed by signal %d (%s)", sig,
                     strsignal(sig));
        if (sig == SIGKILL)
            error_hint(s->err, "the host may be out of memory: see the kernel's log");
        s->exit_code = s->err->exit_code = 128 + sig;
    } else if (WEXITSTATUS(status) != 0) {
        sandbox_fail(s, "a host process of the sandbox ended with code %d", WEXITSTATUS(status));
    }
}

/* Of a child that is no process of the sandbox's: zeros unless it has ended. */
static siginfo_t end_of(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};

    if (pid > 0)
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return info;
}

/* A process of the caller's that has ended has said why.  Without the rest of its memory a resumed
 * sandbox can't go on. */
static void check_others(struct sandbox *s)
{
    if (end_of(s->config->guard_pid).si_pid) {
        s->exit_code = MONITOR_EXIT_KILLED;
        s->ended = true;
    }
    if (end_of(s->resumed.writer).si_status)
        sandbox_fail(s, "%s", s->resumed.failure);
}

/* Takes every death there is; false when no child is left. */
static bool reap(struct sandbox *s)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-s->group, &status, WNOHANG);
        if (pid == 0)
            return true;
        if (pid < 0)
            return errno == EINTR;
        on_death(s, pid, status);
    }
}

void sandbox_kill(struct sandbox *s)
{
    int64_t limit = now_ms() + REAP_LIMIT_MS;
    sigset_t child;
    const struct timespec pause = {0, 100 * 1000000};

    if (s->child <= 0)
        return;
    s->ended = true;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    kill(-s->group, SIGKILL);
    if (!s->reaped)
        kill(s->child, SIGKILL);
    if (s->listener >= 0)
        close(s->listener);
    s->listener = -1;
    while (reap(s)) {
        if (now_ms() > limit) {
            say("processes of the sandbox do not end: group %d", s->group);
            break;
        }
        kill(-s->group, SIGKILL);
        sigtimedwait(&child, NULL, &pause);
    }
}

/* ---- time ---------------------------------------------------------------------------------- */

static void on_deadline(struct loop *l)
{
    struct sandbox *s = l->s;
    unsigned grace = s->config->grace_seconds;

    s->exit_code = MONITOR_EXIT_TIMEOUT;
    if (l->timed_out) {
        s->ended = true;
        return;
    }
    l->timed_out = true;
    l->deadline = now_ms() + (grace ? (int64_t)grace * 1000 : DEFAULT_GRACE_MS);
    mail(s, SIGTERM);
}

static void look_idle(struct loop *l, int64_t now)
{
    unsigned seconds = l->s->config->save_idle_seconds;
    uint64_t used = limits_cpu_ns(l->s);

    l->idle_look = now + (seconds > 4 ? 1000 : 200);
    if (used != l->idle_cpu_ns) {
        l->idle_cpu_ns = used;
        l->idle_since = now;
    } else if (now - l->idle_since >= (int64_t)seconds * 1000) {
        l->idle_since = now;
        save_start(l->s, -1, -1, 0, 0);
    }
}

static int poll_timeout(const struct loop *l)
{
    int64_t next = l->deadline < l->announce ? l->deadline : l->announce;

    if (l->s->save_deadline < next)
        next = l->s->save_deadline;
    if (l->look < next)
        next = l->look;
    if (l->idle_look < next)
        next = l->idle_look;
    if (next == INT64_MAX)
        return -1;
    int64_t left = next - now_ms();
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void on_time(struct loop *l)
{
    const struct sandbox_config *config = l->s->config;
    int64_t now = now_ms();

    if (config->announce && now >= l->announce) {
        l->announce = INT64_MAX;
        place_identity(false);
        manage_start(l->s, config->announce(config->context));
    }
    if (now >= l->s->save_deadline)
        save_look(l->s);
    if (now >= l->look) {
        limits_check(l->s);
        l->look = now + limits_interval(l->s);
    }
    if (now >= l->idle_look)
        look_idle(l, now);
    if (now >= l->deadline)
        on_deadline(l);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void loop_once(struct loop *l)
{
    struct sandbox *s = l->s;
    struct pollfd fds[4] = {{s->listener, POLLIN, 0},
                            {l->signals, POLLIN, 0},
                            {s->manage_fd, POLLIN, 0},
                            {s->save_fd, POLLIN, 0}};

    if (poll(fds, 4, poll_timeout(l)) < 0 && errno != EINTR) {
        sandbox_fail(s, "poll: %s", strerror(errno));
        return;
    }
    if (fds[0].revents & POLLIN)
        sandbox_serve(s);
    if (!s->ended && fds[1].revents & POLLIN)
        read_signals(l);
    /* Who reports waits for the answer: no death is seen before what the dead had to say. */
    if (!s->ended && (fds[0].revents & ~POLLIN || fds[1].revents) && !reap(s))
        sandbox_fail(s, "the sandbox ended without saying how");
    if (!s->ended && fds[1].revents)
        check_others(s);
    if (!s->ended && fds[2].revents)
        manage_serve(s);
    if (!s->ended && fds[3].revents)
        save_written(s);
    if (!s->ended && poll_timeout(l) >= 0)
        on_time(l);
}

/* The start needed more memory than what mostly waits from now on, and perhaps for years. */
static void give_back(const struct sandbox *s)
{
    const uintptr_t page = 4096, here = (uintptr_t)__builtin_frame_address(0) & -page;

    if (!s->prepared) /* else the heap is shared, and was trimmed before */
        malloc_trim(0);
    /* Below this frame and what it calls; ENOMEM means that there is not so much. */
    madvise((void *)(here - 65 * page), 64 * page, MADV_DONTNEED);
}

void sandbox_loop(struct sandbox *s)
{
    struct loop loop = {.s = s,
                        .signals = signalfd(-1, &s->signals, SFD_CLOEXEC | SFD_NONBLOCK),
                        .deadline = INT64_MAX,
                        .announce = INT64_MAX,
                        .look = INT64_MAX,
                        .idle_look = s->config->save_idle_seconds ? 0 : INT64_MAX,
                        .idle_since = now_ms()};

    if (loop.signals < 0)
        sandbox_fail(s, "signalfd: %s", strerror(errno));
    if (s->config->timeout_seconds)
        loop.deadline = now_ms() + (int64_t)s->config->timeout_seconds * 1000;
    give_back(s);
    if (s->config->announce)
        loop.announce = now_ms() + s->config->announce_ms;
    if (limits_interval(s) >= 0)
        loop.look = now_ms() + limits_interval(s);
    while (!s->ended)
        loop_once(&loop);
    save_end(s);
    sandbox_kill(s);
    if (loop.timed_out)
        s->exit_code = MONITOR_EXIT_TIMEOUT;
    manage_end(s);
    close(loop.signals);
    /* What a program does to the terminal and leaves so is meant, as natively; unless -t makes
     * the terminal the sandbox's, or it never came to put it right. */
    if (!s->exited || s->failed || loop.timed_out || s->config->tty || s->config->resume ||
        s->exit_code > 128)
        tty_restore(s);
}
