/* bailey resume FILE: a saved sandbox goes on. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "carried.h"
#include "commands.h"
#include "complain.h"
#include "cpu.h"
#include "snapshot/cpu.h"
#include "description.h"
#include "grant.h"
#include "image_root.h"
#include "detach.h"
#include "memory_file.h"
#include "registration.h"
#include "resume.h"
#include "runtime.h"
#include "warm_file.h"

static int take_name(void *context, const char *shown, const char *value)
{
    struct resume *s = context;

    if (!name_valid(value))
        return complain(shown, "use letters, digits, _ . -, at most 64", "'%s' is no name", value);
    s->name = value;
    return 0;
}

static int take_volume(void *context, const char *shown, const char *value)
{
    return volume_add(&((struct resume *)context)->volumes, shown, value);
}

static int take_key(void *context, const char *shown, const char *value)
{
    ((struct resume *)context)->read.key_file = value;
    return 0;
}

static int take_signer(void *context, const char *shown, const char *value)
{
    ((struct resume *)context)->read.signer_key_file = value;
    return 0;
}

static int take_base(void *context, const char *shown, const char *value)
{
    ((struct resume *)context)->read.base = value;
    return 0;
}

OPTION_SWITCH(grant, struct resume, grant)
OPTION_SWITCH(quiet, struct resume, quiet)
OPTION_SWITCH(stats, struct resume, stats)
OPTION_SWITCH(debug, struct resume, debug)
OPTION_SWITCH(detach, struct resume, detach)
OPTION_SWITCH(hold, struct resume, hold)
OPTION_SWITCH(interactive, struct resume, given.config.stdin_open)
OPTION_SWITCH(tty, struct resume, given.config.tty)

const struct option_def resume_options[] = {
    {OPTION_VALUE, 0, "name", "NAME", "name of the sandbox", take_name},
    {OPTION_FLAG, 'd', "detach", NULL, "go on in the background; print the name", take_detach},
    {OPTION_FLAG, 'i', "interactive", NULL, "standard input is the caller's (always so)",
     take_interactive},
    {OPTION_FLAG, 't', "tty", NULL, "insist on a terminal", take_tty},
    {OPTION_VALUE, 'v', "volume", "HOST:GUEST[:ro]", "this is the volume it asks for", take_volume},
    {OPTION_FLAG, 0, "grant", NULL, "give it all volumes and directories it asks for", take_grant},
    {OPTION_VALUE, 0, "key", "FILE", "key of an encrypted snapshot", take_key},
    {OPTION_VALUE, 0, "signer", "FILE", "public key that must have signed it", take_signer},
    {OPTION_VALUE, 0, "base", "FILE", "where its base is", take_base},
    {OPTION_VALUE, 0, "hostname", "NAME", "host name inside from now on", run_take_hostname},
    {OPTION_FLAG, 0, "hold", NULL, "saved when it exited, it stays there: for bailey exec",
     take_hold},
    {OPTION_HEADING, .help = "Anew, instead of what the saved sandbox had"},
    {OPTION_VALUE, 0, "net", "KIND", "as for bailey run; this, -p and --dns replace all three",
     run_take_net},
    {OPTION_VALUE, 'p', "publish", "[ADDR:]HOSTPORT:PORT[/udp]", "published ports",
     run_take_publish},
    {OPTION_VALUE, 0, "dns", "ADDR", "servers for names", run_take_dns},
    {OPTION_VALUE, 0, "memory", "SIZE", "limits, as for bailey run", run_take_memory},
    {OPTION_VALUE, 0, "pids", "N", "", run_take_pids},
    {OPTION_VALUE, 0, "cpus", "N", "", run_take_cpus},
    {OPTION_VALUE, 0, "cpu-time", "SEC", "counted from the resume", run_take_cpu_time},
    {OPTION_VALUE, 0, "files", "N", "", run_take_files},
    {OPTION_VALUE, 0, "output", "SIZE", "counted from the resume", run_take_output},
    {OPTION_VALUE, 0, "timeout", "SEC", "counted from the resume", run_take_timeout},
    {OPTION_HEADING, .help = "Saving"},
    {OPTION_VALUE, 0, "save-on", "WHEN", "as for bailey run", run_take_save_on},
    {OPTION_VALUE, 0, "save-to", "FILE", "the snapshot", run_take_save_to},
    {OPTION_HEADING, .help = "What it tells"},
    {OPTION_FLAG, 0, "stats", NULL, "counters at the end", take_stats},
    {OPTION_FLAG, 'q', "quiet", NULL, "nothing but failures", take_quiet},
    {OPTION_FLAG, 0, "debug", NULL, "what the library OS logs, on standard error", take_debug},
    {.kind = OPTION_HEADING},
};

/* -1: this is the process that runs it; otherwise all is done. */
static int claim(const struct resume *s, struct registration *r, struct memory_base *base,
                 const struct sandbox_config *config)
{
    registration_init(r);
    r->state.detached = r->state.keep = s->detach;
    r->unnamed = s->unnamed;
    if (base->pieces) {
        r->meanwhile = memory_ahead_fill;
        r->context = base;
    }
    if (!s->name && !s->detach)
        return -1;
    int code = registration_claim(r, s->name, config->argv[0]);
    if (code)
        return code;
    return s->detach ? detach(r, NULL, 0) : -1;
}

/* What is around the sandbox, and for the next save, what is true now. */
static int surround(struct surroundings *around, struct sandbox_config *config,
                    struct settings *given)
{
    limits_start(&around->group, &given->limits, config);
    int code = network_start(&given->network, config);
    if (code)
        return code;
    save_file_init(&around->save, config);
    code = carried_describe(&around->save.description, given);
    return code ? code : description_make(&around->save.description, config);
}

static int go_on(struct settled *settled, struct memory_base *base, struct resume *s)
{
    struct memory_source source;
    struct description *d = &settled->description;
    struct surroundings *around = &settled->around;
    struct registration registration;
    struct error err = {0};

    if (base->pieces && memory_ahead_make(base, &err))
        return complain_text(err.text, err.hint[0] ? err.hint : NULL);
    int code = claim(s, &registration, base, &d->config);
    if (code >= 0) {
        memory_ahead_forget(base);
        return code;
    }
    if (base->filled[1] >= 0) {
        close(base->filled[1]); /* so that its end is seen */
        base->filled[1] = -1;
    }
    code = around->made ? 0 : surround(around, &d->config, &s->given);
    if (!code) {
        resume_source(&source, base);
        d->config.resume = &source;
        network_published(&s->given.network, &registration.state.ports);
        registration_attach(&registration, &d->config, NULL);
        code = monitor_run(&d->config, &err);
    }
    network_end(&s->given.network);
    registration_end(&registration, code);
    limits_end(&around->group, &d->config, &err);
    if (err.text[0])
        complain_text(err.text, err.hint[0] ? err.hint : NULL);
    detach_end(&registration, code);
    return code;
}

/* What was given anew counts. */
static void renew(struct sandbox_config *to, const struct resume *s)
{
    const struct sandbox_config *given = &s->given.config;

    to->hostname = given->hostname;
    if (given->memory_limit)
        to->memory_limit = given->memory_limit;
    if (given->pids_max)
        to->pids_max = given->pids_max;
    if (given->timeout_seconds)
        to->timeout_seconds = given->timeout_seconds;
    to->tty = given->tty;
    to->save_signal = given->save_signal;
    to->save_on_exit = given->save_on_exit;
    to->save_idle_seconds = given->save_idle_seconds;
    to->save_path = given->save_path;
    to->hold = s->hold;
    to->quiet = s->quiet;
    to->stats = s->stats;
    to->debug = s->debug;
}

int resume_settle(struct settled *to, const struct memory_base *base, struct resume *s,
                  const char *path)
{
    size_t size = 0;
    const void *config = snapshot_meta(base->reader, "config", &size);
    const void *bytes = config ? config : "";
    struct description *d = &to->description;
    bool all = s->grant || s->read.signer_key_file;
    bool carried = snapshot_info(base->reader)->self_contained;

    *to = (struct settled){.image = NULL};
    int code = description_read(d, bytes, size, path);
    if (!code)
        code = grant_check(d, &s->volumes, all, carried, path);
    if (!code && s->given.config.tty && s->detach)
        code = complain("-t", "leave out -d or -t", "a detached run has no terminal");
    if (!code && s->given.config.tty && !isatty(STDIN_FILENO))
        code = complain("-t", "leave out -t", "standard input is not a terminal");
    if (!code)
        code = carried_read(&s->given, bytes, size, all, path);
    if (!code)
        code = image_root_resume(&d->config, carried, d->layers, &to->image);
    renew(&d->config, s);
    if (!code)
        code = limits_settle(&s->given.limits, &d->config);
    return code ? code : cpu_settle(&d->config);
}

void settled_free(struct settled *settled)
{
    snapshot_pairs_free(&settled->around.save.description);
    free(settled->image);
    free((void *)settled->description.config.root_devices);
    free(settled->description.argv);
}

int resume_run(struct settled *settled, struct memory_base *base, struct resume *s)
{
    struct sandbox_config *config = &settled->description.config;
    struct relay relay = {0};

    if (s->name)
        config->name = s->name;
    int code = settled->around.made ? 0 : network_settle(&s->given.network, config->name);
    if (!code && s->given.limits.output)
        code = relay_start(&relay, s->given.limits.output, config);
    if (!code)
        code = go_on(settled, base, s);
    if (relay_end(&relay))
        code = MONITOR_EXIT_KILLED;
    return code;
}

/* Is there more than names by which the copies' monitors differ, or processes beside them? */
static bool differ(const struct sandbox_config *c, const struct settings *given)
{
    const struct net_config *net = &given->network.config;

    return net->rule_count || net->port_count || given->network.named || given->limits.output ||
           given->limits.cpus || c->memory_limit || c->pids_max || c->save_path || c->save_signal ||
           c->save_on_exit || c->save_idle_seconds;
}

int resume_prepare(struct settled *settled, struct resume *s)
{
    struct sandbox_config *c = &settled->description.config;
    struct error err = {0};

    if (differ(c, &s->given))
        return 0;
    int code = network_settle(&s->given.network, NULL);
    if (!code)
        code = surround(&settled->around, c, &s->given);
    if (!code)
        code = runtime_keep();
    if (code)
        return code;
    settled->around.made = true;
    registration_prepare(c);
    return monitor_prepare_walls(c, &err) == 0
               ? 0
               : complain_text(err.text, err.hint[0] ? err.hint : NULL);
}

static int open_reader(struct memory_base *base, int fd, const struct resume *s, const char *path)
{
    struct snapshot_read_options how = s->read;
    struct snapshot_error err = {0};

    how.lazy = true;
    memory_base_init(base, fd < 0 ? snapshot_reader_open(path, &how, &err)
                                  : snapshot_reader_open_fd(fd, path, &how, &err));
    if (base->reader && snapshot_cpu_check(base->reader, &err) == 0 &&
        (how.trusted || warm_file_check(base, &err) == 0))
        return 0;
    return complain_text(err.text, err.hint[0] ? err.hint : NULL);
}

int resume_open(struct memory_base *base, int fd, const struct resume *s, const char *path)
{
    int code = open_reader(base, fd, s, path);

    if (code)
        resume_close(base);
    return code;
}

void resume_close(struct memory_base *base)
{
    memory_base_close(base);
    snapshot_reader_close(base->reader);
}

void resume_end(struct resume *s)
{
    volumes_free(&s->volumes);
    carried_free(&s->given);
}

int command_resume(int argc, char **argv)
{
    struct resume s = {0};
    struct memory_base base = {0};
    struct settled settled;
    const char *path;
    int code = options_parse_word(resume_options, "resume", argc, argv, &s, &path);

    if (code)
        return code;
    if (!path)
        return complain("no file", "bailey resume FILE", "say which snapshot is meant");
    code = resume_open(&base, -1, &s, path);
    if (!code) {
        code = resume_settle(&settled, &base, &s, path);
        if (!code)
            code = resume_run(&settled, &base, &s);
        settled_free(&settled);
        resume_close(&base);
    }
    resume_end(&s);
    return code;
}
