/* The options of bailey run: what each takes, and the table that parser, help, completion
 * and manifest read. */
#define _GNU_SOURCE
#include "commands.h"
#include "complain.h"
#include "cpu.h"
#include "env.h"
#include "manifest.h"
#include "number.h"
#include "options.h"
#include "runtime.h"
#include "image/store.h"
#include "settings.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MEMORY_MIN = 1 << 20, PIDS_MAX = 200000 };

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
    return guest_path_option(shown, value, &((struct settings *)context)->workdir);
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

int run_take_hostname(void *context, const char *shown, const char *value)
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

int run_take_memory(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!parse_size(value, &s->config.memory_limit))
        return complain(shown, "give it as 512m or 2g", "'%s' is no size", value);
    if (s->config.memory_limit < MEMORY_MIN)
        return complain(shown, "give at least 1m", "%s is too little to start in", value);
    return 0;
}

int run_take_pids(void *context, const char *shown, const char *value)
{
    struct settings *s = context;
    uint64_t n;

    if (!parse_number(value, 1, PIDS_MAX, &n))
        return complain(shown, NULL, "'%s' is not a number from 1 to %d", value, PIDS_MAX);
    s->config.pids_max = (uint32_t)n;
    return 0;
}

int run_take_timeout(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!parse_seconds(value, &s->config.timeout_seconds))
        return complain(shown, "give it as 30, 30s, 5m or 1h", "'%s' is no time", value);
    return 0;
}

int run_take_net(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    strings_add(&s->net, strdup(value));
    return network_take(&s->network, shown, value);
}

int run_take_publish(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    strings_add(&s->ports, strdup(value));
    return network_take_port(&s->network, shown, value);
}

int run_take_dns(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    strings_add(&s->servers, strdup(value));
    return network_take_server(&s->network, shown, value);
}

static int take_cpu(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    s->cpu = value;
    return cpu_take(&s->config, shown, value);
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

static int take_manifest(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    (void)shown;
    strings_free(&s->listed);
    return manifest_read(value, run_options, s, &s->listed);
}

OPTION_SWITCH(print_manifest, struct settings, print_manifest)

static int take_trace(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (value && !*value)
        return complain(shown, "give it as --trace or --trace=FILE", "the file name is empty");
    s->trace = value ? value : "";
    return 0;
}

int run_take_save_on(void *context, const char *shown, const char *value)
{
    static const int usable[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, SIGINT, SIGQUIT};
    struct settings *s = context;
    int sig = parse_signal(value);

    if (strcmp(value, "exit") == 0) {
        s->config.save_on_exit = true;
        return 0;
    }
    if (strncmp(value, "idle=", 5) == 0) {
        if (parse_seconds(value + 5, &s->config.save_idle_seconds))
            return 0;
        return complain(shown, "give it as idle=30, idle=5m or idle=1h", "'%s' is no time",
                        value + 5);
    }
    for (size_t i = 0; i < sizeof(usable) / sizeof(usable[0]); i++)
        if (sig == usable[i]) {
            s->config.save_signal = sig;
            return 0;
        }
    return complain(shown, "give exit, idle=SECONDS or one of USR1, USR2, HUP, TERM, INT, QUIT",
                    "'%s' is nothing to save on", value);
}

int run_take_save_to(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!*value)
        return complain(shown, NULL, "the file name is empty");
    s->config.save_path = value;
    return 0;
}

OPTION_SWITCH(flatten, struct settings, flatten)

static int take_commit(void *context, const char *shown, const char *value)
{
    if (!store_tag_ok(value))
        return complain(shown, "use letters, digits, _ . : -", "'%s' is no name for an image",
                        value);
    ((struct settings *)context)->commit = value;
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
OPTION_SWITCH(interactive, struct settings, config.stdin_open)
OPTION_SWITCH(tty, struct settings, config.tty)
OPTION_SWITCH(read_only, struct settings, config.read_only)
OPTION_SWITCH(quiet, struct settings, config.quiet)
OPTION_SWITCH(debug, struct settings, config.debug)
OPTION_SWITCH(no_rewrite, struct settings, config.no_rewrite)
OPTION_SWITCH(stats, struct settings, config.stats)
OPTION_SWITCH(detach, struct settings, detach)
OPTION_SWITCH(rm, struct settings, remove)

#define TAKE_LIMIT(name)                                                                           \
    int run_take_##name(void *context, const char *shown, const char *value)                       \
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
    VALUE(0, "hostname", "NAME", "host name inside (default: bailey)", run_take_hostname),
    VALUE(0, "name", "NAME", "name of the sandbox", take_name),
    FLAG('i', "interactive", "standard input is the caller's (always so)", take_interactive),
    FLAG('t', "tty", "insist on a terminal", take_tty),
    FLAG('d', "detach", "go on in the background; print the name", take_detach),
    FLAG(0, "rm", "with -d: leave nothing at the end (others never do)", take_rm),
    HEADING("What it sees and may touch"),
    VALUE(0, "manifest", "FILE", "what the other options say, as JSON", take_manifest),
    FLAG(0, "print-manifest", "print what the run would be given; run nothing",
         take_print_manifest),
    VALUE('v', "volume", "HOST:GUEST[:ro]", "show a host directory or file inside", take_volume),
    VALUE(0, "root", "DIR", "DIR is the root file system, not the host's\nsystem directories",
          take_root),
    VALUE(0, "image", "IMAGE",
          "this image is the root file system: a name of the\nstore, a digest or a file",
          take_image),
    FLAG(0, "read-only", "refuse changes outside volumes and /tmp", take_read_only),
    VALUE(0, "net", "KIND",
          "what it may connect to: none (default), host,\nallow=HOST:PORT,..., name=NETWORK",
          run_take_net),
    VALUE('p', "publish", "[ADDR:]HOSTPORT:PORT[/udp]", "a port of the host leads to one inside",
          run_take_publish),
    VALUE(0, "dns", "ADDR", "ask this server for names, not the host's", run_take_dns),
    VALUE(0, "cpu", "LEVEL", "programs see x86-64-v2, -v3 or -v4 only", take_cpu),
    HEADING("Limits"),
    VALUE(0, "memory", "SIZE", "at most this much memory: 512m, 2g", run_take_memory),
    VALUE(0, "pids", "N", "at most N threads", run_take_pids),
    VALUE(0, "cpus", "N", "run on at most N CPUs", run_take_cpus),
    VALUE(0, "cpu-time", "SEC", "at most this much CPU time in all: 30, 5m, 1h", run_take_cpu_time),
    VALUE(0, "files", "N", "at most N open files", run_take_files),
    VALUE(0, "output", "SIZE", "at most so much output, and no larger file", run_take_output),
    VALUE(0, "timeout", "SEC", "end the run after this time: 30, 5m, 1h", run_take_timeout),
    HEADING("Saving"),
    VALUE(0, "save-on", "WHEN",
          "a signal bailey gets, idle=SEC (nothing has run for so\nlong): save it and end; exit: "
          "when the program exits",
          run_take_save_on),
    VALUE(0, "save-to", "FILE",
          "the snapshot (default: NAME.bailey); the program may\nthen ask itself: /dev/bailey/save",
          run_take_save_to),
    HEADING("What it tells"),
    {OPTION_OPTIONAL, 0, "trace", "FILE", "system calls, to standard error or FILE", take_trace},
    VALUE(0, "commit", "NAME", "keep what it changed as an image of this name", take_commit),
    FLAG(0, "flatten", "with --commit: complete in itself, not a layer on --image", take_flatten),
    VALUE(0, "diff", "FILE.tar", "what it changed in memory; - for a list at the end", take_diff),
    FLAG(0, "stats", "counters at the end", take_stats),
    FLAG('q', "quiet", "nothing but failures", take_quiet),
    FLAG(0, "debug", "what the library OS logs, on standard error", take_debug),
    FLAG(0, "no-rewrite", NULL, take_no_rewrite),
    {.kind = OPTION_HEADING},
};
