/* bailey clone NAME|FILE: copies of a sandbox, sharing memory.
 *
 * What all of them share is made once, in this process: private memory lies in one sealed
 * memory object (a running sandbox writes its warm form there and goes on; a file is unpacked
 * into one, or is mapped itself where it can be), segment and pool are at hand to be copied.
 * Then one process after another is split off, each the monitor of its copy.
 *
 * All of them start, or none stays.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "number.h"
#include "resume.h"
#include "runtime.h"
#include "save.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define COPIES_MAX 10000

static int take_count(void *context, const char *shown, const char *value)
{
    struct resume *s = context;

    if (!parse_number(value, 1, COPIES_MAX, &s->copies))
        return complain(shown, "give a number from 1 to 10000", "'%s' is none", value);
    return 0;
}

const struct option_def clone_options[] = {
    {OPTION_VALUE, 'n', "count", "N", "so many copies (default: 1)", take_count},
    {.kind = OPTION_MORE, .name = "resume"},
};
const char clone_notes[] =
    "The copies run in the background and are called NAME-1, NAME-2, ... after the sandbox or the\n"
    "file, or after --name (which a single copy gets as it is).  Their names are printed when all\n"
    "of them run; if one cannot be started, none stays.\n";

struct request {
    int argc;
    char **argv;
    struct resume options;
    bool running; /* not a file */
};

/* ---- what they are made of ------------------------------------------------------------------- */

/* A running sandbox's memory, in an object that nobody can change any more; or -1 after a
 * message. */
static int capture(struct entry *e)
{
    const struct snapshot_write_options form = {.warm = true};
    int fd = memfd_create("bailey-clone", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    if (fd < 0)
        fd = memfd_create("bailey-clone", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int64_t rc = fd < 0 ? -errno : save_ask(e, &form, true, fd);
    if (rc == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        rc = -errno;
    if (rc == 0)
        return fd;
    save_refused(e->name, rc);
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool runs(const char *name)
{
    struct entry *list;
    int count = name_valid(name) ? entries_list(&list) : 0;
    bool found = false;

    for (int i = 0; i < count; i++)
        found |= list[i].alive && strcmp(list[i].name, name) == 0;
    if (count > 0)
        entries_free(list, count);
    return found;
}

static int open_running(struct memory_base *base, struct resume *s, const char *name, int *fd)
{
    struct entry e;
    int code = entry_find(&e, name);

    if (code)
        return code;
    *fd = capture(&e);
    entry_close(&e);
    if (*fd < 0)
        return CLI_FAILED;
    s->read.trusted = true;
    code = resume_open(base, *fd, s, name);
    if (!code)
        base->in_file = true;
    return code;
}

static int open_file(struct memory_base *base, struct resume *s, const char *path)
{
    if (strcmp(path, "-") != 0 && access(path, F_OK) < 0 && errno == ENOENT)
        return complain(path, "bailey ps lists sandboxes", "no such sandbox, and no such file");
    return resume_open(base, -1, s, path);
}

/* ---- names -------------------------------------------------------------------------------------
 */

struct names {
    char stem[NAME_LENGTH_MAX + 1];
    uint64_t count;
    char (*list)[NAME_LENGTH_MAX + 1];
};

/* "x/web.bailey": "web". */
static void choose_stem(struct names *n, const struct resume *s, const char *what)
{
    const char *slash = strrchr(what, '/');

    /* Room for the number. */
    snprintf(n->stem, sizeof(n->stem) - 6, "%s", s->name ? s->name : slash ? slash + 1 : what);
    char *end = strrchr(n->stem, '.');
    if (!s->name && end && strcmp(end, ".bailey") == 0)
        *end = 0;
    if (!name_valid(n->stem))
        strcpy(n->stem, "clone");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, ((const struct entry *)b)->name);
}

/* The first numbers that are free; a name that was given counts from 1. */
static int choose_names(struct names *n, const struct resume *s, const char *what)
{
    struct entry *taken;
    int count = entries_list(&taken);

    if (count < 0)
        return CLI_FAILED;
    choose_stem(n, s, what);
    n->list = need(calloc(s->copies, sizeof(*n->list)));
    for (uint64_t i = 0, number = 1; i < s->copies; number++) {
        if (s->name && s->copies == 1)
            strcpy(n->list[i], n->stem);
        else
            snprintf(n->list[i], sizeof(*n->list), "%s-%llu", n->stem, (unsigned long long)number);
        i += s->name || !count ||
             !bsearch(n->list[i], taken, (size_t)count, sizeof(*taken), by_text);
    }
    entries_free(taken, count);
    return 0;
}

/* ---- starting ----------------------------------------------------------------------------------
 */

/* Those that were started before one could not be. */
static void remove_all(const struct names *n)
{
    char remove[] = "rm", force[] = "-f";
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

    dup2(quiet, STDOUT_FILENO);
    for (uint64_t i = 0; i < n->count; i++) {
        char *argv[] = {remove, force, n->list[i], NULL};
        command_rm(3, argv);
    }
}

/* Options are read anew for each: a resume completes them by what the snapshot says.  As
 * resume_run. */
static int start_one(struct memory_base *base, const struct request *r, const char *name)
{
    struct resume s = {0};
    const char *what;
    int code = options_parse_word(clone_options, "clone", r->argc, r->argv, &s, &what);

    s.detach = s.unnamed = true;
    s.name = name;
    s.grant |= r->running; /* what it was given, its copies are */
    if (!code)
        code = resume_run(base, &s, what);
    resume_end(&s);
    return code;
}

static int start_all(struct memory_base *base, const struct request *r, struct names *n)
{
    const pid_t self = getpid();

    for (n->count = 0; n->count < r->options.copies; n->count++) {
        int code = start_one(base, r, n->list[n->count]);
        if (getpid() != self) /* the copy's process, at its end */
            return code;
        if (code) {
            remove_all(n);
            return code;
        }
    }
    for (uint64_t i = 0; i < n->count; i++)
        puts(n->list[i]);
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}

static int start(struct memory_base *base, const struct request *r, const char *what)
{
    struct names names = {0};
    struct error err = {0};
    int code = choose_names(&names, &r->options, what);

    if (!code && memory_base_make(base, &err))
        code = complain_text(err.text, err.hint[0] ? err.hint : NULL);
    if (!code)
        code = start_all(base, r, &names);
    free(names.list);
    return code;
}

int command_clone(int argc, char **argv)
{
    struct request r = {.argc = argc, .argv = argv, .options = {.copies = 1}};
    struct memory_base base;
    const char *what;
    int fd = -1, code = options_parse_word(clone_options, "clone", argc, argv, &r.options, &what);

    if (code)
        return code;
    if (!what)
        return complain("no name", "bailey clone NAME, or a file", "say what is to be cloned");
    r.running = runs(what);
    code =
        r.running ? open_running(&base, &r.options, what, &fd) : open_file(&base, &r.options, what);
    if (!code) {
        code = start(&base, &r, what);
        resume_close(&base);
    }
    if (fd >= 0)
        close(fd);
    resume_end(&r.options);
    return code;
}
