/* bailey exec: another program in a running sandbox.
 *
 * The order goes to the monitor as a memory object together with the program's streams;
 * from then on this process only passes signals on and waits for the news.
 */
#define _GNU_SOURCE
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/job.h"
#include "complain.h"
#include "control.h"
#include "env.h"
#include "runtime.h"
#include "state.h"
#include "terminal.h"
#include "user.h"
#include "volume.h"

const char exec_notes[] =
    "Exit code: the program's own; 128+N when signal N ended it; 125 when Bailey itself failed,\n"
    "126 when the program can't be executed, 127 when it isn't found, 137 when the sandbox "
    "ended.\n";

struct settings {
    bool interactive, tty, detach;
    struct strings env;
    char *workdir;
    const char *user_text;
    struct user user;
};

/* ---- options ---------------------------------------------------------------------------- */

OPTION_SWITCH(interactive, struct settings, interactive)
OPTION_SWITCH(tty, struct settings, tty)
OPTION_SWITCH(detach, struct settings, detach)

static int take_env(void *context, const char *shown, const char *value)
{
    return env_set(&((struct settings *)context)->env, shown, value);
}

static int take_env_file(void *context, const char *shown, const char *value)
{
    (void)shown;
    return env_read_file(&((struct settings *)context)->env, value);
}

static int take_user(void *context, const char *shown, const char *value)
{
    if (!*value)
        return complain(shown, "give it as USER or USER:GROUP", "empty");
    ((struct settings *)context)->user_text = value;
    return 0;
}

static int take_workdir(void *context, const char *shown, const char *value)
{
    return guest_path_option(shown, value, &((struct settings *)context)->workdir);
}

const struct option_def exec_options[] = {
    {.kind = OPTION_HEADING, .help = "Options"},
    {OPTION_FLAG, 'd', "detach", NULL, "do not wait for it", take_detach},
    {OPTION_VALUE, 'e', "env", "NAME[=V]", "set a variable, or pass the caller's on", take_env},
    {OPTION_VALUE, 0, "env-file", "FILE", "settings from a file, one a line", take_env_file},
    {OPTION_FLAG, 'i', "interactive", NULL, "give it the caller's standard input",
     take_interactive},
    {OPTION_FLAG, 't', "tty", NULL, "give it a terminal", take_tty},
    {OPTION_VALUE, 'u', "user", "USER[:GROUP]", "by name or number (default: as program 1)",
     take_user},
    {OPTION_VALUE, 'w', "workdir", "DIR", "start in this directory inside", take_workdir},
    {.kind = OPTION_HEADING},
};

/* ---- the order ---------------------------------------------------------------------------- */

static void put(FILE *out, const char *text) { fwrite(text, 1, strlen(text) + 1, out); }

/* The job as a memory object, or -1 after a message. */
static int make_order(const struct settings *s, char **argv)
{
    uint32_t window = terminal_window();
    struct job_header h = {.magic = JOB_MAGIC,
                           .flags = (s->tty ? JOB_TTY : 0) | (s->user_text ? JOB_USER : 0),
                           .envc = (uint32_t)s->env.count,
                           .uid = s->user.uid,
                           .gid = s->user.gid,
                           .rows = (uint16_t)(window >> 16),
                           .cols = (uint16_t)window};
    char *text = NULL;
    size_t size = 0;
    FILE *out = need(open_memstream(&text, &size));

    while (argv[h.argc])
        h.argc++;
    fwrite(&h, sizeof(h), 1, out);
    put(out, s->workdir ? s->workdir : "");
    for (uint32_t i = 0; i < h.argc; i++)
        put(out, argv[i]);
    for (uint32_t i = 0; i < h.envc; i++)
        put(out, s->env.items[i]);
    if (fclose(out) != 0 || size > JOB_SIZE_MAX) {
        free(text);
        complain(argv[0], NULL, "%s", strerror(E2BIG));
        return -1;
    }
    ((struct job_header *)(void *)text)->size = (uint32_t)size;
    int fd = memfd_create("bailey-job", MFD_CLOEXEC);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size) {
        complain_errno("memory", errno, NULL);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    free(text);
    return fd;
}

/* The stream that becomes descriptor n inside. */
static int stream(const struct settings *s, int n)
{
    bool ours = !s->detach && (n > 0 || s->interactive);
    int fd = ours ? fcntl(n, F_DUPFD_CLOEXEC, 3) : -1;

    return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int64_t send_order(const struct settings *s, int control, int order)
{
    int fds[4] = {order, stream(s, 0), stream(s, 1), stream(s, 2)};
    int64_t rc = control_ask(control, MANAGE_JOB, 0, s->detach, fds, 4);

    for (int i = 1; i < 4; i++)
        close(fds[i]);
    return rc;
}

/* ---- until it ends -------------------------------------------------------------------------- */

static int take_signals(void)
{
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&set, taken[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void pass_on(int signals, int control)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGWINCH)
            control_send(control, MANAGE_JOB_WINDOW, terminal_window(), 0, NULL, 0);
        else
            control_send(control, MANAGE_JOB_SIGNAL, info.ssi_signo, 0, NULL, 0);
    }
}

static int not_started(const char *name, const char *program, int error)
{
    if (error == EAGAIN)
        return complain(name, "a limit of processes has been reached", "%s", strerror(error));
    complain_errno(program, error, NULL);
    return error == ENOENT || error == ENOTDIR ? CLI_NOT_FOUND : CLI_NOT_EXEC;
}

/* One packet of the monitor's; true when *code is the end of it. */
static bool take_news(const struct settings *s, const char *name, const char *program,
                      const struct manage_answer *news, int *code)
{
    int value = (int)news->value;

    switch (news->kind) {
    case MANAGE_JOB_STARTED:
        *code = 0;
        return s->detach;
    case MANAGE_JOB_FAILED:
        terminal_restore();
        *code = not_started(name, program, value);
        return true;
    case MANAGE_JOB_ENDED:
        *code = WIFSIGNALED(value) ? 128 + WTERMSIG(value) : WEXITSTATUS(value);
        return true;
    case MANAGE_EXITED:
        *code = 128 + SIGKILL;
        return true;
    default:
        return false;
    }
}

static int follow(const struct settings *s, const char *name, const char *program, int control,
                  int signals)
{
    struct pollfd fds[2] = {{control, POLLIN, 0}, {signals, POLLIN, 0}};
    struct manage_answer news;
    int code = 128 + SIGKILL;

    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents)
            pass_on(signals, control);
        if (!fds[0].revents)
            continue;
        if (control_receive(control, &news, 0) < 0)
            return 128 + SIGKILL; /* the monitor was killed, and with it all it guarded */
        if (take_news(s, name, program, &news, &code))
            return code;
    }
}

static int refused(const char *name, int64_t rc)
{
    if (rc == -EAGAIN)
        return complain(name, NULL, "too many programs were started by bailey exec already");
    if (rc == -ETIMEDOUT)
        return complain(name, "is it stopped?", "the sandbox does not answer");
    if (rc == -EPIPE)
        return complain(name, NULL, "the sandbox has ended");
    return complain(name, "was it started by another version of bailey?", "%s", strerror((int)-rc));
}

static int run(const struct settings *s, const struct entry *e, char **argv)
{
    int order = make_order(s, argv), control = order < 0 ? -1 : control_connect(e), code;

    if (control < 0) {
        if (order >= 0)
            close(order);
        return CLI_FAILED;
    }
    int signals = take_signals();
    int64_t rc = control_ask(control, MANAGE_WAIT, 0, 0, NULL, 0);
    if (rc == 0 && s->tty && s->interactive && !s->detach)
        terminal_raw();
    if (rc == 0)
        rc = send_order(s, control, order);
    close(order);
    if (rc < 0) {
        terminal_restore();
        code = refused(e->name, rc);
    } else {
        code = follow(s, e->name, argv[0], control, signals);
    }
    terminal_restore();
    close(control);
    close(signals);
    return code;
}

/* ---- the command line -------------------------------------------------------------------------
 */

/* What depends on the sandbox, and on several options together. */
static int settle(struct settings *s, const struct entry *e)
{
    struct state state = {0};
    int code = 0;

    if (s->tty && s->interactive && !s->detach && !isatty(STDIN_FILENO))
        return complain("-t", "leave out -t or -i", "standard input is not a terminal");
    state_read(e->dir, &state);
    if (s->user_text)
        code = user_find(&s->user, s->user_text, state.root ? state.root : "/");
    state_free(&state);
    if (!code && s->user_text)
        env_default(&s->env, "HOME", s->user.home);
    if (!code && s->tty)
        env_default(&s->env, "TERM", getenv("TERM"));
    return code;
}

int command_exec(int argc, char **argv)
{
    struct settings s = {0};
    struct entry e;
    int rest, code = options_parse(exec_options, "exec", argc, argv, &s, &rest);
    const char *name = rest < argc ? argv[rest] : "no name";

    if (!code && rest + 1 < argc && strcmp(argv[rest + 1], "--") == 0)
        rest++;
    if (!code && rest + 1 >= argc)
        code = complain(name, "bailey exec [options] NAME PROGRAM [ARG...]",
                        "there is nothing to run");
    if (!code && !argv[rest + 1][0])
        code = complain("''", NULL, "the program's name is empty");
    if (!code)
        code = entry_find(&e, name);
    if (!code) {
        code = settle(&s, &e);
        if (!code)
            code = run(&s, &e, argv + rest + 1);
        entry_close(&e);
    }
    strings_free(&s.env);
    free(s.workdir);
    free(s.user.home);
    return code;
}
