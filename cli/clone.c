/* bailey clone NAME|FILE: copies of a sandbox, sharing memory.
 *
 * What all of them share is made once, in this process: private memory lies in one sealed
 * memory object (a running sandbox writes its warm form there and goes on; a file is unpacked
 * into one, or is mapped itself where it can be), segment and pool are at hand to be copied.
 * Then processes are split off, each the monitor of its copy, by several workers at a time.
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "detach.h"
#include "number.h"
#include "resume.h"
#include "runtime.h"
#include "save.h"

#define COPIES_MAX  10000
#define WORKERS_MAX 16

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
    struct resume options;
    struct settled settled; /* for all of them */
};

/* ---- what they are made of ------------------------------------------------------------------- */

/* A running sandbox's memory, in an object that nobody can change any more; or -1 after a
 * message. */
static int capture(struct entry *e)
{
    const struct snapshot_write_options form = {.warm = true, .unchecked = true};
    int fd = sealed_object_make("bailey-clone");
    int64_t rc = fd < 0 ? -errno : save_ask(e, &form, true, fd);
    if (rc >= 0 && sealed_object_close(fd) < 0)
        rc = -errno;
    if (rc >= 0)
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
        base->in_file = base->sealed = true;
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
    n->list = need(calloc(n->count, sizeof(*n->list)));
    for (uint64_t i = 0, number = 1; i < n->count; number++) {
        if (s->name && n->count == 1)
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

static int start_one(struct memory_base *base, struct request *r, const char *name)
{
    r->options.name = name;
    return resume_run(&r->settled, base, &r->options);
}

/* What the processes that start copies tell of them. */
struct progress {
    bool failed; /* somewhere: nobody starts more */
    struct {
        uint32_t code, us; /* exit code; time until it ran */
        bool started;
    } copies[];
};

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Every step'th copy from `first` on.  It returns in each copy's own process as well, at its
 * end, with *ended set. */
static int start_some(struct memory_base *base, struct request *r, const struct names *n,
                      struct progress *p, uint64_t first, uint64_t step, bool *ended)
{
    const pid_t self = getpid();

    for (uint64_t i = first; i < n->count && !__atomic_load_n(&p->failed, __ATOMIC_RELAXED);
         i += step) {
        uint64_t begin = now_us();
        int code = start_one(base, r, n->list[i]);
        *ended = getpid() != self;
        if (*ended)
            return code;
        p->copies[i].us = (uint32_t)(now_us() - begin);
        p->copies[i].code = (uint32_t)code;
        p->copies[i].started = code == 0;
        if (code)
            __atomic_store_n(&p->failed, true, __ATOMIC_RELAXED);
    }
    return 0;
}

struct worker {
    pid_t pid;
    int messages; /* its standard error, for one failure is told, not one for each worker */
};

/* As start_some; *ended also in a worker's own process. */
static int start_worker(struct worker *w, struct memory_base *base, struct request *r,
                        const struct names *n, struct progress *p, uint64_t first, uint64_t step,
                        bool *ended)
{
    w->messages = memfd_create("messages", MFD_CLOEXEC);
    w->pid = w->messages < 0 ? -1 : fork();
    if (w->pid < 0) {
        p->failed = true;
        return complain_process("clone", errno);
    }
    if (w->pid > 0)
        return 0;
    dup2(w->messages, STDERR_FILENO);
    int code = resume_prepare(&r->settled, &r->options);
    if (code) {
        p->copies[first].code = (uint32_t)code;
        p->failed = true;
    } else {
        code = start_some(base, r, n, p, first, step, ended);
    }
    *ended = true;
    return code;
}

static void pass_on(int messages)
{
    char text[4096];
    ssize_t len = pread(messages, text, sizeof(text), 0);

    if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0)
        return;
}

/* told: what failed has been said. */
static void end_workers(struct worker *w, uint64_t count, const struct names *n,
                        const struct progress *p, bool told)
{
    uint64_t bad = 0;

    for (uint64_t i = 0; i < count; i++)
        if (w[i].pid > 0)
            waitpid(w[i].pid, NULL, 0);
    while (bad < n->count && !p->copies[bad].code)
        bad++;
    for (uint64_t i = 0; i < count; i++) {
        if (!told && (!p->failed || (bad < n->count && i == bad % count)))
            pass_on(w[i].messages);
        if (w[i].messages >= 0)
            close(w[i].messages);
    }
}

/* Several at a time: a start is a row of things that wait for one another. */
static int start_parallel(struct memory_base *base, struct request *r, const struct names *n,
                          struct progress *p, bool *ended)
{
    struct worker w[WORKERS_MAX];
    uint64_t count = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    int code = 0;

    count = count > WORKERS_MAX ? WORKERS_MAX : count;
    count = count > n->count ? n->count : count;
    for (uint64_t i = 0; i < count; i++)
        w[i].pid = w[i].messages = -1;
    for (uint64_t i = 0; i < count && !code; i++) {
        code = start_worker(&w[i], base, r, n, p, i, count, ended);
        if (*ended)
            return code;
    }
    end_workers(w, count, n, p, code != 0);
    return code;
}

static int by_number(const void *a, const void *b)
{
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static void print_stats(const struct names *n, const struct progress *p, uint64_t begin)
{
    uint32_t *us = need(calloc(n->count + 1, sizeof(*us)));

    for (uint64_t i = 0; i < n->count; i++)
        us[i] = p->copies[i].us;
    qsort(us, n->count, sizeof(*us), by_number);
    fprintf(stderr,
            "bailey: stats: %llu copies in %llu us; each ran after %u us (p50), %u us (p99)\n",
            (unsigned long long)n->count, (unsigned long long)(now_us() - begin), us[n->count / 2],
            us[n->count * 99 / 100]);
    free(us);
}

/* Those that were started before one could not be. */
static void remove_started(const struct names *n, const struct progress *p)
{
    char remove[] = "rm", force[] = "-f";
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC), out = dup(STDOUT_FILENO);

    dup2(quiet, STDOUT_FILENO);
    for (uint64_t i = 0; i < n->count; i++) {
        char *argv[] = {remove, force, n->list[i], NULL};
        if (p->copies[i].started)
            command_rm(3, argv);
    }
    dup2(out, STDOUT_FILENO);
    close(quiet);
    close(out);
}

/* All were started, or none stays.  As start_some. */
static int start_all(struct memory_base *base, struct request *r, const struct names *n,
                     bool *ended)
{
    const size_t size =
        sizeof(struct progress) + n->count * sizeof(((struct progress *)0)->copies[0]);
    struct progress *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t begin = now_us();

    if (p == MAP_FAILED)
        return complain_errno("clone", errno, NULL);
    int code = start_parallel(base, r, n, p, ended);
    if (*ended)
        return code;
    if (p->failed)
        remove_started(n, p);
    for (uint64_t i = 0; i < n->count; i++) {
        if (!p->failed)
            puts(n->list[i]);
        code = code ? code : (int)p->copies[i].code;
        if (!code && !p->copies[i].started) /* its worker was killed */
            code = CLI_FAILED;
    }
    if (r->options.stats && !code)
        print_stats(n, p, begin);
    munmap(p, size);
    return fflush(stdout) == 0 ? code : CLI_FAILED;
}

/* running: what they are given, the original was. */
static int start(struct memory_base *base, struct request *r, const char *what, bool running)
{
    struct names names = {.count = r->options.copies};
    struct error err = {0};
    bool ended = false;
    int code = choose_names(&names, &r->options, what);

    r->options.detach = r->options.unnamed = true;
    r->options.grant |= running;
    if (!code)
        code = resume_settle(&r->settled, base, &r->options, what);
    if (!code && memory_base_make(base, &err))
        code = complain_text(err.text, err.hint[0] ? err.hint : NULL);
    if (!code) {
        monitor_prepare();
        detach_prepare();
        code = start_all(base, r, &names, &ended);
    }
    settled_free(&r->settled);
    free(names.list);
    return code;
}

int command_clone(int argc, char **argv)
{
    struct request r = {.options = {.copies = 1}};
    struct memory_base base;
    const char *what;
    int fd = -1, code = options_parse_word(clone_options, "clone", argc, argv, &r.options, &what);

    if (code)
        return code;
    if (!what)
        return complain("no name", "bailey clone NAME, or a file", "say what is to be cloned");
    bool running = runs(what);
    code =
        running ? open_running(&base, &r.options, what, &fd) : open_file(&base, &r.options, what);
    if (!code) {
        code = start(&base, &r, what, running);
        resume_close(&base);
    }
    if (fd >= 0)
        close(fd);
    resume_end(&r.options);
    return code;
}
