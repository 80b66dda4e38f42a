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
#include "memory_file.h"
#include "save.h"

#define PATIENCE_MS (3600 * 1000)

struct settings {
    const char *output;
    bool keep;
    struct snapshot_write_options form;
    char *paths[3]; /* that the form names */
    struct snapshot_reader *base;
    int base_fds[SNAPSHOT_FILES_MAX + 1];
};

static int take_output(void *context, const char *shown, const char *value)
{
    ((struct settings *)context)->output = value;
    return *value ? 0 : complain(shown, NULL, "the file name is empty");
}

OPTION_SWITCH(keep, struct settings, keep)

static int take_path(struct settings *s, int i, const char *shown, const char *value)
{
    char what[PATH_MAX];

    free(s->paths[i]);
    s->paths[i] = realpath(value, NULL);
    snprintf(what, sizeof(what), "%s %s", shown, value);
    return s->paths[i] ? 0 : complain_errno(what, errno, NULL);
}

static int take_base(void *context, const char *shown, const char *value)
{
    struct settings *s = context;
    int code = take_path(s, 0, shown, value);

    s->form.base = s->paths[0];
    return code;
}

static int take_encrypt(void *context, const char *shown, const char *value)
{
    struct settings *s = context;
    int code = take_path(s, 1, shown, value);

    s->form.encrypt_key_file = s->paths[1];
    return code;
}

static int take_sign(void *context, const char *shown, const char *value)
{
    struct settings *s = context;
    int code = take_path(s, 2, shown, value);

    s->form.sign_key_file = s->paths[2];
    return code;
}

OPTION_SWITCH(warm, struct settings, form.warm)
OPTION_SWITCH(self_contained, struct settings, form.self_contained)

const struct option_def save_options[] = {
    {OPTION_VALUE, 'o', "output", "FILE",
     "the snapshot; - is standard output\n"
     "(default: NAME.bailey)",
     take_output},
    {OPTION_FLAG, 0, "keep", NULL, "the sandbox goes on", take_keep},
    {OPTION_VALUE, 0, "base", "FILE", "only what differs from this snapshot", take_base},
    {OPTION_VALUE, 0, "encrypt", "KEY", "encrypted with this secret key file", take_encrypt},
    {OPTION_VALUE, 0, "sign", "KEY", "signed with this secret key file", take_sign},
    {OPTION_FLAG, 0, "warm", NULL, "not compressed, for mapping", take_warm},
    {OPTION_FLAG, 0, "self-contained", NULL,
     "with all that it has open or mapped of its\n"
     "base and volumes",
     take_self_contained},
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

int64_t save_ask(struct entry *e, const struct snapshot_write_options *form, bool keep, int fd)
{
    struct manage_answer answer = {.value = -ECONNRESET};
    int control = control_connect(e), got = -1;

    if (control < 0)
        return -ECONNREFUSED;
    int fds[] = {fd, save_form_pack(form)};
    if (fds[1] < 0) {
        int error = errno;
        close(control);
        return -error;
    }
    unsigned how = (keep ? MANAGE_SAVE_KEEP : 0) | (form->self_contained ? MANAGE_SAVE_CARRY : 0);
    if (control_send(control, MANAGE_SAVE, how, 0, fds, 2) == 0)
        do
            got = control_receive(control, &answer, PATIENCE_MS);
        while (got > 0 && answer.kind != MANAGE_DONE);
    close(control);
    close(fds[1]);
    return got > 0 ? answer.value : got == 0 ? -ETIMEDOUT : -ECONNRESET;
}

int save_refused(const char *name, int64_t error)
{
    if (error == -ETIMEDOUT || error == -EBUSY)
        return complain(name, "try again", "it does not come to rest, and goes on");
    if (error == -EALREADY)
        return complain(name, "wait until it is complete", "another save of it is being written");
    if (error == -ENOMEM)
        return complain(name, "save it without --self-contained",
                        "it has no room for copies of the files it has open, and goes on");
    return complain_errno(name, (int)-error, error == -ENOSPC ? "it goes on" : NULL);
}

/* Here there is still somebody to tell what is wrong with keys and base. */
static int check_form(struct settings *s)
{
    struct snapshot_write_options *o = &s->form;
    const struct snapshot_read_options how = {.key_file = o->encrypt_key_file, .lazy = true};
    struct snapshot_error err = {0};

    if (o->warm && (o->base || o->encrypt_key_file))
        return complain("--warm", "leave it out", "can't be had with --base or --encrypt");
    if ((o->encrypt_key_file && snapshot_key_check(o->encrypt_key_file, &err)) ||
        (o->sign_key_file && snapshot_key_check(o->sign_key_file, &err)) ||
        (o->base && !(s->base = snapshot_reader_open(o->base, &how, &err))))
        return complain_text(err.text, err.hint[0] ? err.hint : NULL);
    snapshot_fds(s->base, s->base_fds);
    o->base_fds = s->base_fds;
    return 0;
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
    int64_t rc = save_ask(e, &s->form, s->keep, o.fd);
    fstat(o.fd, &st);
    if (output_close(&o, rc >= 0) < 0)
        return complain_errno(o.path, errno, NULL);
    if (rc < 0)
        return save_refused(e->name, rc);
    if (s->keep)
        fprintf(stderr, "bailey: %s went on after %.1f ms\n", e->name, (double)rc / 1000);
    else
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
    code = check_form(&s);
    if (!code)
        code = save(&e, &s);
    entry_close(&e);
    snapshot_reader_close(s.base);
    for (int i = 0; i < 3; i++)
        free(s.paths[i]);
    return code;
}
