/* bailey run: turns the command line into a sandbox's configuration.
 *
 * All that can be known before the start is checked here, so that a mistake costs one
 * line and nothing half done.  The process then becomes the monitor of the sandbox.
 */
#define _GNU_SOURCE
#include "carried.h"
#include "commands.h"
#include "commit.h"
#include "complain.h"
#include "cpu.h"
#include "detach.h"
#include "description.h"
#include "env.h"
#include "manifest.h"
#include "memory_file.h"
#include "options.h"
#include "registration.h"
#include "runtime.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

    if (s->commit) {
        int code = commit_prepare(s);
        if (code)
            return code;
    }
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
    s->config.root_digest = s->image.digest;
    s->config.root_devices = s->image.devices;
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
static int describe(struct save_file *save, const struct settings *s, struct sandbox_config *config)
{
    save_file_init(save, config);
    int code = carried_describe(&save->description, s);
    return code ? code : description_make(&save->description, config);
}

/* From the network on: everything that a detached run does for itself. */
static int run_claimed(struct settings *s, struct registration *registration,
                       struct sandbox_config *config)
{
    static struct save_file save; /* the configuration goes on naming it */
    struct error err = {0};
    struct cgroup group;

    limits_start(&group, &s->limits, config);
    int code = network_start(&s->network, config);

    if (!code)
        code = describe(&save, s, config);
    if (!code)
        code = commit_start(s);
    if (!code) {
        /* An archive of changes that stayed empty goes. */
        bool archive = s->diff && !config->diff_list;
        network_published(&s->network, &registration->state.ports);
        registration_attach(registration, config, archive ? need(strdup(s->diff)) : NULL);
        code = monitor_run(config, &err);
    }
    snapshot_pairs_free(&save.description);
    network_end(&s->network);
    registration_end(registration, code);
    limits_end(&group, config, &err);
    if (err.text[0])
        complain_text(err.text, err.hint[0] ? err.hint : start_hint(code, err.text));
    close_diff(s, err.text[0] != 0);
    if (s->commit)
        code = commit_run(s, code, err.text[0] != 0);
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

/* Settled as for a run, but that no file is made for what it tells. */
static int print_manifest(struct settings *s, char **given)
{
    s->trace = s->diff = NULL;
    int code = settle(s);
    s->config.argv = (const char *const *)given;
    return code ? code : manifest_print(s, stdout);
}

int command_run(int argc, char **argv)
{
    struct settings s = {0};
    struct relay relay = {0};
    int rest;

    sandbox_config_init(&s.config);
    int code = options_parse(run_options, "run", argc, argv, &s, &rest);
    char **given = code || rest < argc || !s.listed.count ? argv + rest : s.listed.items;
    if (!code && !*given && !s.image_text && !s.print_manifest)
        code = complain("no program", "bailey run [options] -- PROGRAM [ARG...]",
                        "there is nothing to run");
    else if (!code && *given && !**given)
        code = complain("''", NULL, "the program's name is empty");
    if (!code && s.print_manifest) {
        code = print_manifest(&s, given);
        goto out;
    }
    if (!code && s.limits.output) /* before anything takes a copy of these streams */
        code = relay_start(&relay, s.limits.output, &s.config);
    if (!code)
        code = settle(&s);
    if (!code)
        code = choose_program(&s, given);
    if (!code)
        code = run(&s);
    if (s.config.trace_fd >= 0)
        close(s.config.trace_fd);
    if (relay_end(&relay))
        code = MONITOR_EXIT_KILLED;
out:
    strings_free(&s.env);
    strings_free(&s.program);
    strings_free(&s.listed);
    image_root_close(&s.image);
    volumes_free(&s.volumes);
    carried_free(&s);
    free(s.commit_file);
    free(s.user.home);
    free(s.root);
    free(s.workdir);
    return code;
}
