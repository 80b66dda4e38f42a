/* bailey logs: what a detached run has written. */
#define _GNU_SOURCE
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "complain.h"
#include "number.h"
#include "runtime.h"

enum { PIECE = 16384, LOOK_MS = 200 };

struct settings {
    bool follow, tail;
    uint64_t lines;
};

OPTION_SWITCH(follow, struct settings, follow)

static int take_tail(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    s->tail = strcmp(value, "all") != 0;
    if (s->tail && !parse_number(value, 0, UINT64_MAX >> 1, &s->lines))
        return complain(shown, "give it as 10, or all", "'%s' is no number of lines", value);
    return 0;
}

const struct option_def logs_options[] = {
    {.kind = OPTION_HEADING, .help = "Options"},
    {OPTION_FLAG, 'f', "follow", NULL, "go on until the sandbox ends", take_follow},
    {OPTION_VALUE, 'n', "tail", "N", "only the last N lines", take_tail},
    {.kind = OPTION_HEADING},
};

/* Where the last `lines` lines begin. */
static off_t tail_start(int log, uint64_t lines)
{
    char text[PIECE];
    off_t end = lseek(log, 0, SEEK_END), at = end;

    while (at > 0) {
        off_t from = at > PIECE ? at - PIECE : 0;
        ssize_t n = pread(log, text, (size_t)(at - from), from);
        if (n <= 0)
            return 0;
        for (ssize_t i = n; i-- > 0;)
            if (text[i] == '\n' && from + i + 1 < end && lines-- <= 1)
                return from + i + 1;
        at = from;
    }
    return 0;
}

/* Everything from *at on; false when standard output takes no more. */
static bool copy(int log, off_t *at)
{
    char text[PIECE];

    for (ssize_t n; (n = pread(log, text, sizeof(text), *at)) > 0; *at += n)
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = write(STDOUT_FILENO, text + done, (size_t)(n - done))) < 0)
                return false;
    return true;
}

/* Changes are told at once; that the sandbox has ended is seen by looking. */
static bool follow(const struct entry *e, int log, off_t *at)
{
    char path[64], news[4096];
    struct pollfd p = {inotify_init1(IN_CLOEXEC | IN_NONBLOCK), POLLIN, 0};
    bool alive = true, good = true;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", log);
    inotify_add_watch(p.fd, path, IN_MODIFY);
    while (alive && good) {
        alive = entry_lives(e); /* before the copy: what it wrote last is there then */
        good = copy(log, at);
        if (alive && good && poll(&p, 1, LOOK_MS) > 0 && read(p.fd, news, sizeof(news)) < 0)
            break;
    }
    close(p.fd);
    return good;
}

static int show(const struct entry *e, const struct settings *s)
{
    int log = openat(e->dir, "log", O_RDONLY | O_CLOEXEC);

    if (log < 0)
        return complain(e->name, "runs started with -d have one", "it has no log");
    off_t at = !s->tail ? 0 : s->lines ? tail_start(log, s->lines) : lseek(log, 0, SEEK_END);
    bool good = copy(log, &at);
    if (good && s->follow)
        good = follow(e, log, &at);
    close(log);
    return good ? 0 : complain_errno("standard output", errno, NULL);
}

int command_logs(int argc, char **argv)
{
    struct settings s = {0};
    struct entry e;
    int rest, code = options_parse(logs_options, "logs", argc, argv, &s, &rest);

    if (!code && rest + 1 != argc)
        code = complain("logs", "bailey logs [options] NAME", "give one name");
    if (!code)
        code = entry_find(&e, argv[rest]);
    if (code)
        return code;
    code = show(&e, &s);
    entry_close(&e);
    return code;
}
