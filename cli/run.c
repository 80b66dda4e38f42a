/* bailey run: turns the command line into a sandbox's configuration.
 *
 * All that can be known before the start is checked here, so that a mistake costs one
 * line and nothing half done.  The process then becomes the monitor of the sandbox.
 */
#define _GNU_SOURCE
#include "commands.h"
#include "complain.h"
#include "cpu.h"
#include "detach.h"
#include "description.h"
#include "env.h"
#include "image_root.h"
#include "monitor/monitor.h"
#include "resources.h"
#include "network.h"
#include "number.h"
#include "options.h"
#include "registration.h"
#include "runtime.h"
#include "string_list.h"
#include "user.h"
#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMORY_MIN = 1 << 20, PIDS_MAX = 200000 };

struct settings {
    struct sandbox_config config;
    struct strings env;
    struct volumes volumes;
    struct network network;
    struct limits limits;
    struct user user;
    const char *user_text;
    char *root, *workdir;
    const char *image_text;
    struct image_root image;
    struct strings program; /* with an image */
    const char *trace;      /* file name, "" for standard error, NULL: off */
    const char *diff;       /* file name, "-" for a list on standard error, NULL: off */
    bool detach, remove;    /* -d, --rm */
};

static int take_env(void *context, const char *shown, const char *value)
{
    struct settings *s = context;
    return env_set(&s->env, shown, value);
}

static int take_env_file(void *context, const char *shown, const char *value)
{
    struct settings *s = context;
    (void)shown;
    return env_read_file(&s->env, value);
}

static int take_workdir(void *context, const char *shown, const char *value)
{
    struct settings *s = context;
    char *path = guest_path(value);

    if (!path)
        return complain(shown, "start it with /", "'%s' is not an absolute path inside", value);
    free(s->workdir);
    s->workdir = path;
    return 0;
}

static int take_volume(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (s->volumes.count >= MONITOR_VOLUMES_MAX)
        return complain(shown, NULL, "more than %d volumes", MONITOR_VOLUMES_MAX);
    return volume_add(&s->volumes, shown, value);
}

static int take_user(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!*value)
        return complain(shown, "give it as USER or USER:GROUP", "empty");
    s->user_text = value;
    return 0;
}

static int take_hostname(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!*value || strlen(value) > 64)
        return complain(shown, NULL, "a host name has 1 to 64 characters");
    s->config.hostname = value;
    return 0;
}

static int take_name(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!name_valid(value))
        return complain(shown, "use letters, digits, _ . -, at most 64", "'%s' is no name", value);
    s->config.name = value;
    return 0;
}

static int take_memory(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!parse_size(value, &s->config.memory_limit))
        return complain(shown, "give it as 512m or 2g", "'%s' is no size", value);
    if (s->config.memory_limit < MEMORY_MIN)
        return complain(shown, "give at least 1m", "%s is too little to start in", value);
    return 0;
}

static int take_pids(void *context, const char *shown, const char *value)
{
    struct settings *s = context;
    uint64_t n;

    if (!parse_number(value, 1, PIDS_MAX, &n))
        return complain(shown, NULL, "'%s' is not a number from 1 to %d", value, PIDS_MAX);
    s->config.pids_max = (uint32_t)n;
    return 0;
}

static int take_timeout(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!parse_seconds(value, &s->config.timeout_seconds))
        return complain(shown, "give it as 30, 30s, 5m or 1h", "'%s' is no time", value);
    return 0;
}

static int take_net(void *context, const char *shown, const char *value)
{
    return network_take(&((struct settings *)context)->network, shown, value);
}

static int take_publish(void *context, const char *shown, const char *value)
{
    return network_take_port(&((struct settings *)context)->network, shown, value);
}

static int take_dns(void *context, const char *shown, const char *value)
{
    return network_take_server(&((struct settings *)context)->network, shown, value);
}

static int take_cpu(void *context, const char *shown, const char *value)
{
    return cpu_take(&((struct settings *)context)->config, shown, value);
}

static int take_root(void *context, const char *shown, const char *value)
{
    struct settings *s = context;
    char what[512];
    struct stat st;

    snprintf(what, sizeof(what), "%s %.400s", shown, value);
    free(s->root);
    s->root = realpath(value, NULL);
    if (!s->root || stat(s->root, &st) < 0)
        return complain_errno(what, errno, "name a directory that holds a root file system");
    if (!S_ISDIR(st.st_mode))
        return complain_errno(what, ENOTDIR, "name a directory that holds a root file system");
    s->config.root_mode = SANDBOX_ROOT_DIR;
    s->config.root_dir = s->root;
    return 0;
}

static int take_image(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!*value)
        return complain(shown, "give a name, a digest or a file", "empty");
    s->image_text = value;
    return 0;
}

static int take_trace(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (value && !*value)
        return complain(shown, "give it as --trace or --trace=FILE", "the file name is empty");
    s->trace = value ? value : "";
    return 0;
}

static int take_save_on(void *context, const char *shown, const char *value)
{
    static const int usable[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, SIGINT, SIGQUIT};
    struct settings *s = context;
    int sig = parse_signal(value);

    for (size_t i = 0; i < sizeof(usable) / sizeof(usable[0]); i++)
        if (sig == usable[i]) {
            s->config.save_signal = sig;
            return 0;
        }
    return complain(shown, "give one of USR1, USR2, HUP, TERM, INT, QUIT",
                    "'%s' is no signal to "
                    "save on",
                    value);
}

static int take_save_to(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!*value)
        return complain(shown, NULL, "the file name is empty");
    s->config.save_path = value;
    return 0;
}

static int take_diff(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!*value)
        return complain(shown, "give it as --diff FILE.tar, or --diff - for a list",
                        "the file name is empty");
    s->diff = value;
    return 0;
}

/* The options that only set a switch of the configuration. */
#define TAKE_SWITCH(name, member)                                                                  \
    static int take_##name(void *context, const char *shown, const char *value)                    \
    {                                                                                              \
        (void)shown;                                                                               \
        (void)value;                                                                               \
        ((struct settings *)context)->config.member = true;                                        \
        return 0;                                                                                  \
    }
TAKE_SWITCH(interactive, stdin_open)
TAKE_SWITCH(tty, tty)
TAKE_SWITCH(read_only, read_only)
TAKE_SWITCH(quiet, quiet)
TAKE_SWITCH(debug, debug)
TAKE_SWITCH(no_rewrite, no_rewrite)
TAKE_SWITCH(stats, stats)

static int take_detach(void *context, const char *shown, const char *value)
{
    (void)shown;
    (void)value;
    ((struct settings *)context)->detach = true;
    return 0;
}

static int take_rm(void *context, const char *shown, const char *value)
{
    (void)shown;
    (void)value;
    ((struct settings *)context)->remove = true;
    return 0;
}

#define TAKE_LIMIT(name)                                                                           \
    static int take_##name(void *context, const char *shown, const char *value)                    \
    {                                                                                              \
        return limits_take_##name(&((struct settings *)context)->limits, shown, value);            \
    }
TAKE_LIMIT(cpus)
TAKE_LIMIT(cpu_time)
TAKE_LIMIT(files)
TAKE_LIMIT(output)

#define HEADING(text)                                                                              \
    {                                                                                              \
        .kind = OPTION_HEADING, .help = text                                                       \
    }
#define FLAG(letter, name, help, take)                                                             \
    {                                                                                              \
        OPTION_FLAG, letter, name, NULL, help, take                                                \
    }
#define VALUE(letter, name, arg, help, take)                                                       \
    {                                                                                              \
        OPTION_VALUE, letter, name, arg, help, take                                                \
    }

const struct option_def run_options[] = {
    HEADING("What the program starts with"),
    VALUE('e', "env", "NAME[=V]", "set a variable, or pass the caller's on", take_env),
    VALUE(0, "env-file", "FILE", "settings from a file, one a line", take_env_file),
    VALUE('w', "workdir", "DIR", "start in this directory inside", take_workdir),
    VALUE('u', "user", "USER[:GROUP]", "by name or number (default: root inside)", take_user),
    VALUE(0, "hostname", "NAME", "host name inside (default: bailey)", take_hostname),
    VALUE(0, "name", "NAME", "name of the sandbox", take_name),
    FLAG('i', "interactive", "standard input is the caller's (always so)", take_interactive),
    FLAG('t', "tty", "insist on a terminal", take_tty),
    FLAG('d', "detach", "go on in the background; print the name", take_detach),
    FLAG(0, "rm", "with -d: leave nothing at the end (others never do)", take_rm),
    HEADING("What it sees and may touch"),
    VALUE('v', "volume", "HOST:GUEST[:ro]", "show a host directory or file inside", take_volume),
    VALUE(0, "root", "DIR", "DIR is the root file system, not the host's\nsystem directories",
          take_root),
    VALUE(0, "image", "IMAGE",
          "this image is the root file system: a name of the\nstore, a digest or a file",
          take_image),
    FLAG(0, "read-only", "refuse changes outside volumes and /tmp", take_read_only),
    VALUE(0, "net", "KIND",
          "what it may connect to: none (default), host,\nallow=HOST:PORT,..., name=NETWORK",
          take_net),
    VALUE('p', "publish", "[ADDR:]HOSTPORT:PORT[/udp]", "a port of the host leads to one inside",
          take_publish),
    VALUE(0, "dns", "ADDR", "ask this server for names, not the host's", take_dns),
    VALUE(0, "cpu", "LEVEL", "programs see x86-64-v2, -v3 or -v4 only", take_cpu),
    HEADING("Limits"),
    VALUE(0, "memory", "SIZE", "at most this much memory: 512m, 2g", take_memory),
    VALUE(0, "pids", "N", "at most N threads", take_pids),
    VALUE(0, "cpus", "N", "run on at most N CPUs", take_cpus),
    VALUE(0, "cpu-time", "SEC", "at most this much CPU time in all: 30, 5m, 1h", take_cpu_time),
    VALUE(0, "files", "N", "at most N open files", take_files),
    VALUE(0, "output", "SIZE", "at most so much output, and no larger file", take_output),
    VALUE(0, "timeout", "SEC", "end the run after this time: 30, 5m, 1h", take_timeout),
    HEADING("Saving"),
    VALUE(0, "save-on", "SIGNAL", "save it when bailey gets this signal, and end", take_save_on),
    VALUE(0, "save-to", "FILE", "the snapshot (default: NAME.bailey)", take_save_to),
    HEADING("What it tells"),
    {OPTION_OPTIONAL, 0, "trace", "FILE", "system calls, to standard error or FILE", take_trace},
    VALUE(0, "diff", "FILE.tar", "what it changed in memory; - for a list at the end", take_diff),
    FLAG(0, "stats", "counters at the end", take_stats),
    FLAG('q', "quiet", "nothing but failures", take_quiet),
    FLAG(0, "debug", "what the library OS logs, on standard error", take_debug),
    FLAG(0, "no-rewrite", NULL, take_no_rewrite),
    {.kind = OPTION_HEADING},
};

static int open_trace(struct settings *s)
{
    char what[512];

    if (!s->trace)
        return 0;
    if (!*s->trace) {
        s->config.trace_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        return s->config.trace_fd < 0 ? complain_errno("--trace", errno, NULL) : 0;
    }
    s->config.trace_fd = open(s->trace, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (s->config.trace_fd >= 0)
        return 0;
    snprintf(what, sizeof(what), "--trace=%.400s", s->trace);
    return complain_errno(what, errno, NULL);
}

static int open_diff(struct settings *s)
{
    char what[512];

    if (!s->diff)
        return 0;
    s->config.diff_list = strcmp(s->diff, "-") == 0;
    s->config.diff_fd = s->config.diff_list
                            ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                            : open(s->diff, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (s->config.diff_fd >= 0)
        return 0;
    snprintf(what, sizeof(what), "--diff %.400s", s->diff);
    return complain_errno(what, errno, NULL);
}

/* A run that never began leaves no empty archive. */
static void close_diff(struct settings *s, bool failed)
{
    struct stat st;

    if (s->config.diff_fd < 0)
        return;
    if (failed && !s->config.diff_list && fstat(s->config.diff_fd, &st) == 0 &&
        S_ISREG(st.st_mode) && st.st_size == 0)
        unlink(s->diff);
    close(s->config.diff_fd);
}

/* The image, and what it says where the command line says nothing. */
static int settle_image(struct settings *s)
{
    if (!s->image_text)
        return 0;
    if (s->root)
        return complain("--image", "leave out one of them", "with --root");
    int error = image_root_open(&s->image, s->image_text);
    if (error)
        return error;
    const struct image_config *c = &s->image.config;
    s->config.root_mode = SANDBOX_ROOT_IMAGE;
    s->config.root_image = s->image.path;
    if (!s->user_text && c->user)
        s->user_text = c->user;
    if (!s->workdir && c->workdir)
        s->workdir = guest_path(c->workdir);
    for (size_t i = 0; i < c->env.count && !error; i++)
        if (!env_has(&s->env, c->env.items[i]))
            error = env_set(&s->env, "image", c->env.items[i]);
    return error;
}

/* What depends on several options together. */
static int settle(struct settings *s)
{
    int error = volumes_check(&s->volumes, s->root);

    if (!error && s->detach && s->config.tty)
        error = complain("-t", "leave out -d or -t", "a detached run has no terminal");
    if (!error)
        error = settle_image(s);
    if (!error && s->config.tty && !isatty(STDIN_FILENO))
        error = complain("-t", "leave out -t", "standard input is not a terminal");
    if (!error)
        error = user_find(&s->user, s->user_text,
                          s->root         ? s->root
                          : s->image.path ? s->image.path
                                          : "/");
    if (!error)
        error = network_settle(&s->network, s->config.name);
    if (!error)
        error = limits_settle(&s->limits, &s->config);
    if (!error)
        error = cpu_settle(&s->config);
    if (!error)
        error = open_trace(s);
    if (!error)
        error = open_diff(s);
    if (error)
        return error;
    env_add_defaults(&s->env, s->user.home);
    s->config.envp = (const char *const *)s->env.items;
    s->config.workdir = s->workdir;
    s->config.uid = s->user.uid;
    s->config.gid = s->user.gid;
    return 0;
}

/* What to do about a program that could not be started. */
static const char *start_hint(int code, const char *text)
{
    if (code == CLI_NOT_FOUND)
        return "programs are searched inside; -v HOST:GUEST shows host files there";
    if (code == CLI_NOT_EXEC && strstr(text, strerror(EACCES)))
        return "it needs the right to be executed: chmod +x";
    if (code == CLI_NOT_EXEC && strstr(text, strerror(ENOEXEC)))
        return "Linux x86-64 programs and scripts can be run";
    return NULL;
}

/* What a snapshot says of this run, and where one goes that nobody names. */
static int describe(struct snapshot_pairs *description, struct sandbox_config *config, char *path,
                    size_t size)
{
    snprintf(path, size, "%s.bailey", config->name ? config->name : "sandbox");
    if (!config->save_path)
        config->save_path = path;
    return description_make(description, config);
}

/* What is written after the run: the entry in the runtime directory, and an archive of
 * changes that stayed empty goes. */
static const char *const *own_dirs(const struct settings *s)
{
    static char runtime[4096];
    static const char *list[3];
    size_t n = 0;

    runtime_directory(runtime, sizeof(runtime));
    if (*runtime)
        list[n++] = runtime;
    if (s->diff && !s->config.diff_list)
        list[n++] = dirname(need(strdup(s->diff))); /* for the process's life */
    list[n] = NULL;
    return list;
}

/* From the network on: everything that a detached run does for itself. */
static int run_claimed(struct settings *s, struct registration *registration,
                       struct sandbox_config *config)
{
    struct snapshot_pairs description = {0};
    char save_path[128];
    struct error err = {0};
    int code = network_start(&s->network, config);

    if (!code)
        code = describe(&description, config, save_path, sizeof(save_path));
    if (!code) {
        registration_attach(registration, config);
        config->own_dirs = own_dirs(s);
        code = monitor_run(config, &err);
    }
    snapshot_pairs_free(&description);
    network_end(&s->network);
    registration_end(registration, code);
    if (err.text[0])
        complain_text(err.text, err.hint[0] ? err.hint : start_hint(code, err.text));
    close_diff(s, err.text[0] != 0);
    detach_end(registration, code);
    return code;
}

/* -1: this is the process that runs it; otherwise all is done. */
static int claim(const struct settings *s, struct registration *r,
                 const struct sandbox_config *config)
{
    const int on_stderr[] = {s->trace && !*s->trace ? config->trace_fd : -1,
                             config->diff_list ? config->diff_fd : -1};

    registration_init(r);
    r->state.detached = s->detach;
    r->state.keep = s->detach && !s->remove;
    if (!config->name && !s->detach)
        return -1;
    int code = registration_claim(r, config->name, config->argv[0]);
    if (code)
        return code;
    return s->detach ? detach(r, on_stderr, 2) : -1;
}

static int run(struct settings *s)
{
    struct sandbox_volume volumes[MONITOR_VOLUMES_MAX] = {0};
    struct sandbox_config config = s->config;
    struct registration registration;

    for (size_t i = 0; i < s->volumes.count; i++) {
        const struct volume *v = &s->volumes.items[i];
        volumes[i].host = v->host;
        volumes[i].guest = v->guest;
        volumes[i].read_only = v->readonly;
    }
    config.volumes = volumes;
    config.volume_count = s->volumes.count;
    int code = claim(s, &registration, &config);
    return code >= 0 ? code : run_claimed(s, &registration, &config);
}

static int choose_program(struct settings *s, char **given)
{
    s->config.argv = (const char *const *)given;
    if (!s->image.path)
        return 0;
    image_root_program(&s->image, given, &s->program);
    if (!s->program.count)
        return complain("no program", "bailey run --image IMAGE -- PROGRAM [ARG...]",
                        "the image has no command of its own");
    s->config.argv = (const char *const *)s->program.items;
    return 0;
}

int command_run(int argc, char **argv)
{
    struct settings s = {0};
    struct relay relay = {0};
    int rest;

    sandbox_config_init(&s.config);
    int code = options_parse(run_options, "run", argc, argv, &s, &rest);
    if (!code && rest >= argc && !s.image_text)
        code = complain("no program", "bailey run [options] -- PROGRAM [ARG...]",
                        "there is nothing to run");
    else if (!code && rest < argc && !argv[rest][0])
        code = complain("''", NULL, "the program's name is empty");
    if (!code && s.limits.output) /* before anything takes a copy of these streams */
        code = relay_start(&relay, s.limits.output, &s.config);
    if (!code)
        code = settle(&s);
    if (!code)
        code = choose_program(&s, argv + rest);
    if (!code)
        code = run(&s);
    if (s.config.trace_fd >= 0)
        close(s.config.trace_fd);
    relay_end(&relay);
    strings_free(&s.env);
    strings_free(&s.program);
    image_root_close(&s.image);
    volumes_free(&s.volumes);
    network_free(&s.network);
    free(s.user.home);
    free(s.root);
    free(s.workdir);
    return code;
}
