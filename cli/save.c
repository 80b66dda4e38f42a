/* bailey save NAME: asks the sandbox's monitor to write it down.
 *
 * The file is this command's: it has no name, or a temporary one, until the monitor says
 * that all of it stands; so a failure or a kill never leaves half a snapshot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "control.h"

#define PATIENCE_MS (3600 * 1000)

struct settings {
    const char *output;
    bool keep;
};

static int take_output(void *context, const char *shown, const char *value)
{
    ((struct settings *)context)->output = value;
    return *value ? 0 : complain(shown, NULL, "the file name is empty");
}

static int take_keep(void *context, const char *shown, const char *value)
{
    ((struct settings *)context)->keep = true;
    return 0;
}

const struct option_def save_options[] = {
    {OPTION_VALUE, 'o', "output", "FILE",
     "the snapshot; - is standard output\n"
     "(default: NAME.bailey)",
     take_output},
    {OPTION_FLAG, 0, "keep", NULL, "the sandbox goes on", take_keep},
    {.kind = OPTION_HEADING},
};

struct output {
    const char *path;
    char temporary[PATH_MAX];
    int fd;
};

static int output_open(struct output *o, const char *path)
{
    o->path = path;
    if (strcmp(path, "-") == 0)
        return (o->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) < 0 ? -1 : 0;
    if (snprintf(o->temporary, sizeof(o->temporary), "%s.XXXXXX", path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    o->fd = mkostemp(o->temporary, O_CLOEXEC);
    return o->fd < 0 ? -1 : 0;
}

/* Gives the file its name, or takes it away. */
static int output_close(struct output *o, bool good)
{
    char directory[PATH_MAX];
    int rc = 0;

    close(o->fd);
    if (strcmp(o->path, "-") == 0)
        return 0;
    if (good)
        rc = rename(o->temporary, o->path);
    if (!good || rc < 0)
        unlink(o->temporary);
    snprintf(directory, sizeof(directory), "%s", o->path);
    int dir = good && rc == 0 ? open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir >= 0) {
        fsync(dir); /* the name, too, is on the disk */
        close(dir);
    }
    return rc;
}

/* 0, or a negated errno of the monitor's. */
static int64_t ask(struct entry *e, const struct settings *s, int fd)
{
    struct manage_answer answer = {.value = -ECONNRESET};
    int control = control_connect(e), got = -1;

    if (control < 0)
        return -ECONNREFUSED;
    if (control_send(control, MANAGE_SAVE, s->keep, 0, &fd, 1) == 0)
        do
            got = control_receive(control, &answer, PATIENCE_MS);
        while (got > 0 && answer.kind != MANAGE_DONE);
    close(control);
    return got > 0 ? answer.value : got == 0 ? -ETIMEDOUT : -ECONNRESET;
}

static int refused(const char *name, int64_t error)
{
    if (error == -ETIMEDOUT || error == -EBUSY)
        return complain(name, "try again", "it does not come to rest, and goes on");
    return complain_errno(name, (int)-error, error == -ENOSPC ? "it goes on" : NULL);
}

static int save(struct entry *e, struct settings *s)
{
    struct output o = {.fd = -1};
    struct stat st = {0};
    char name[NAME_MAX + 16];

    snprintf(name, sizeof(name), "%s.bailey", e->name);
    if (!e->alive)
        return complain(e->name, NULL, "the sandbox has ended");
    if (output_open(&o, s->output ? s->output : name) < 0)
        return complain_errno(s->output ? s->output : name, errno, NULL);
    int64_t rc = ask(e, s, o.fd);
    fstat(o.fd, &st);
    if (output_close(&o, rc == 0) < 0)
        return complain_errno(o.path, errno, NULL);
    if (rc < 0)
        return refused(e->name, rc);
    if (!s->keep)
        entry_wait(e);
    if (strcmp(o.path, "-") != 0)
        printf("%s\n", o.path);
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}

int command_save(int argc, char **argv)
{
    struct settings s = {0};
    struct entry e;
    const char *name;
    int code = options_parse_word(save_options, "save", argc, argv, &s, &name);

    if (code)
        return code;
    if (!name)
        return complain("no name", "bailey ps lists them", "say which sandbox is meant");
    if (entry_find(&e, name))
        return CLI_FAILED;
    code = save(&e, &s);
    entry_close(&e);
    return code;
}
