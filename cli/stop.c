/* bailey stop, kill, rm and wait: commands on sandboxes by name.
 *
 * Those that are to end are all asked first, then one after the other is waited for: a thousand
 * that take their time take it together.
 */
#define _GNU_SOURCE
#include "commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "complain.h"
#include "control.h"
#include "number.h"
#include "state.h"

enum { DEFAULT_PATIENCE_S = 10, KILL_PATIENCE_S = 30 };

struct settings {
    bool all, force;
    int signal;
    uint64_t seconds;
    int64_t deadline; /* ms: who was asked to end and has not is killed */
};

/* ---- options -------------------------------------------------------------------------------- */

OPTION_SWITCH(all, struct settings, all)
OPTION_SWITCH(force, struct settings, force)

static int take_time(void *context, const char *shown, const char *value)
{
    if (!parse_number(value, 0, 86400, &((struct settings *)context)->seconds))
        return complain(shown, NULL, "'%s' is not a number of seconds from 0 to 86400", value);
    return 0;
}

static int take_signal(void *context, const char *shown, const char *value)
{
    int sig = parse_signal(value);

    if (!sig)
        return complain(shown, "give it as TERM, SIGTERM or 15", "'%s' is no signal", value);
    ((struct settings *)context)->signal = sig;
    return 0;
}

#define HEADING                                                                                    \
    {                                                                                              \
        .kind = OPTION_HEADING, .help = "Options"                                                  \
    }
#define END                                                                                        \
    {                                                                                              \
        .kind = OPTION_HEADING                                                                     \
    }
const struct option_def stop_options[] = {
    HEADING,
    {OPTION_FLAG, 'a', "all", NULL, "every running sandbox", take_all},
    {OPTION_VALUE, 't', "time", "SEC", "kill it after this time (default: 10)", take_time},
    END,
};
const struct option_def kill_options[] = {
    HEADING,
    {OPTION_FLAG, 'a', "all", NULL, "every running sandbox", take_all},
    {OPTION_VALUE, 's', "signal", "SIG", "send this one (default: KILL)", take_signal},
    END,
};
const struct option_def rm_options[] = {
    HEADING,
    {OPTION_FLAG, 'a', "all", NULL, "every one that has ended", take_all},
    {OPTION_FLAG, 'f', "force", NULL, "kill it first if it runs", take_force},
    END,
};
const struct option_def wait_options[] = {END};

/* ---- the work ----------------------------------------------------------------------------------
 */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int no_answer(const struct entry *e)
{
    return complain(e->name, "is it stopped? bailey's own process can be killed by its pid",
                    "the sandbox does not answer");
}

/* Waits for the sandbox's end; as control_receive. */
static int await_end(int fd, int *exit_code, int64_t ms)
{
    struct manage_answer answer;
    int64_t end = now_ms() + ms;

    for (;;) {
        int64_t left = ms < 0 ? -1 : end > now_ms() ? end - now_ms() : 0;
        int got = control_receive(fd, &answer, (int)left);
        if (got > 0 && answer.kind != MANAGE_EXITED)
            continue;
        if (got > 0)
            *exit_code = (int)answer.value;
        return got;
    }
}

/* Asks it to end.  A connection on which it tells its end; CONTROL_ENDED, or -1 after a message. */
static int ask_end(struct entry *e, int sig)
{
    int fd = control_reach(e);
    int64_t rc = fd < 0 ? 0 : control_ask(fd, MANAGE_WAIT, 0, 0, NULL, 0);

    if (rc == 0 && fd >= 0)
        control_send(fd, MANAGE_SIGNAL, (uint64_t)sig, 0, NULL, 0);
    if (rc == 0)
        return fd;
    close(fd);
    return rc == -ETIMEDOUT ? (no_answer(e), -1) : CONTROL_ENDED;
}

/* Waits for the end of one that was asked, and insists.  0 or an exit code. */
static int end_sandbox(struct entry *e, int fd, const struct settings *s)
{
    int64_t left = s->deadline - now_ms();
    int code, got;

    if (fd == -1)
        return CLI_FAILED;
    if (fd >= 0) {
        got = await_end(fd, &code, left > 0 ? left : 0);
        if (got == 0) {
            control_send(fd, MANAGE_SIGNAL, SIGKILL, 0, NULL, 0);
            got = await_end(fd, &code, KILL_PATIENCE_S * 1000);
        }
        close(fd);
        if (got == 0)
            return no_answer(e);
    }
    entry_wait(e);
    return 0;
}

static int stop_one(struct entry *e, int asked, const struct settings *s)
{
    int code = e->alive ? end_sandbox(e, asked, s) : 0;

    if (!code)
        puts(e->name);
    return code;
}

static int kill_one(struct entry *e, int asked, const struct settings *s)
{
    int code = 0;

    if (!e->alive)
        return complain(e->name, NULL, "the sandbox has ended");
    if (s->signal == SIGKILL) {
        code = end_sandbox(e, asked, s);
    } else {
        int fd = control_connect(e);
        int64_t rc = fd < 0 ? -1 : control_ask(fd, MANAGE_SIGNAL, (uint64_t)s->signal, 0, NULL, 0);
        if (fd < 0)
            return CLI_FAILED;
        close(fd);
        if (rc < 0)
            return rc == -ETIMEDOUT ? no_answer(e) : complain_errno(e->name, (int)-rc, NULL);
    }
    if (!code)
        puts(e->name);
    return code;
}

static int rm_one(struct entry *e, int asked, const struct settings *s)
{
    if (e->alive && !s->force)
        return complain(e->name, "bailey stop ends it, bailey rm -f kills it", "it is running");
    int code = e->alive ? end_sandbox(e, asked, s) : 0;
    if (!code && !entry_remove(e))
        code = complain(e->name, NULL, "it is running");
    if (!code)
        puts(e->name);
    return code;
}

static int wait_one(struct entry *e, int asked, const struct settings *s)
{
    struct state state;
    int code = CLI_FAILED, got = -1;

    (void)s;
    (void)asked;
    if (e->alive) {
        int fd = control_reach(e);
        if (fd == -1)
            return CLI_FAILED;
        if (fd >= 0 && control_ask(fd, MANAGE_WAIT, 0, 0, NULL, 0) == 0)
            got = await_end(fd, &code, -1);
        if (fd >= 0)
            close(fd);
        entry_wait(e);
    }
    if (got <= 0) {
        if (!state_read(e->dir, &state))
            return complain(e->name, NULL, "it ended without saying how");
        code = state.exit_code;
        state_free(&state);
    }
    printf("%d\n", code);
    return 0;
}

/* ---- the names ----------------------------------------------------------------------------------
 */

typedef int work(struct entry *e, int asked, const struct settings *s);

/* ends: a signal that those which run are to end by, or 0. */
static int for_entries(struct entry *list, int count, work *one, int ends, struct settings *s)
{
    int *asked = need(calloc((size_t)count + 1, sizeof(*asked)));
    int failed = 0;

    s->deadline = now_ms() + (int64_t)s->seconds * 1000;
    for (int i = 0; i < count; i++)
        asked[i] = ends && list[i].alive ? ask_end(&list[i], ends) : -1;
    for (int i = 0; i < count; i++)
        failed |= one(&list[i], asked[i], s) != 0;
    free(asked);
    return failed;
}

static int for_all(work *one, int ends, struct settings *s)
{
    struct entry *list;
    int count = entries_list(&list), chosen = 0;

    for (int i = 0; i < count; i++) {
        struct entry e = list[i];
        if (s->force || e.alive == (one != rm_one)) {
            list[i] = list[chosen];
            list[chosen++] = e;
        }
    }
    int failed = count > 0 ? for_entries(list, chosen, one, ends, s) : 0;
    if (count > 0)
        entries_free(list, count);
    return failed || count < 0 || fflush(stdout) != 0 ? CLI_FAILED : 0;
}

static int for_names(int count, char **names, work *one, int ends, struct settings *s)
{
    struct entry *list = need(calloc((size_t)count, sizeof(*list)));
    int found = 0;

    entries_allow();
    for (int i = 0; i < count; i++)
        found += entry_find(&list[found], names[i]) == 0;
    int failed = for_entries(list, found, one, ends, s);
    entries_free(list, found);
    return failed || found < count || fflush(stdout) != 0 ? CLI_FAILED : 0;
}

static int command(int argc, char **argv, const struct option_def *table, work *one,
                   struct settings *s)
{
    int rest, code = options_parse(table, argv[0], argc, argv, s, &rest);

    if (code)
        return code;
    if (s->all && rest < argc)
        return complain("--all", "give names or --all", "there is a name as well");
    if (!s->all && rest == argc)
        return complain("no name", "bailey ps lists them", "say which sandbox is meant");
    int ends = one == stop_one ? SIGTERM : s->force || s->signal == SIGKILL ? SIGKILL : 0;
    return s->all ? for_all(one, ends, s) : for_names(argc - rest, argv + rest, one, ends, s);
}

int command_stop(int argc, char **argv)
{
    struct settings s = {.seconds = DEFAULT_PATIENCE_S};
    return command(argc, argv, stop_options, stop_one, &s);
}

int command_kill(int argc, char **argv)
{
    struct settings s = {.signal = SIGKILL};
    return command(argc, argv, kill_options, kill_one, &s);
}

int command_rm(int argc, char **argv)
{
    struct settings s = {0};
    return command(argc, argv, rm_options, rm_one, &s);
}

int command_wait(int argc, char **argv)
{
    struct settings s = {0};
    return command(argc, argv, wait_options, wait_one, &s);
}
