/* bailey resume FILE: a saved sandbox goes on. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

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
#include "runtime.h"

struct settings {
    struct snapshot_read_options read;
    const char *name;
    struct volumes volumes;
    bool quiet, stats, debug, detach, grant;
};

static int take_name(void *context, const char *shown, const char *value)
{
    struct settings *s = context;

    if (!name_valid(value))
        return complain(shown, "use letters, digits, _ . -, at most 64", "'%s' is no name", value);
    s->name = value;
    return 0;
}

static int take_volume(void *context, const char *shown, const char *value)
{
    return volume_add(&((struct settings *)context)->volumes, shown, value);
}

static int take_key(void *context, const char *shown, const char *value)
{
    ((struct settings *)context)->read.key_file = value;
    return 0;
}

static int take_signer(void *context, const char *shown, const char *value)
{
    ((struct settings *)context)->read.signer_key_file = value;
    return 0;
}

static int take_base(void *context, const char *shown, const char *value)
{
    ((struct settings *)context)->read.base = value;
    return 0;
}

OPTION_SWITCH(grant, struct settings, grant)
OPTION_SWITCH(quiet, struct settings, quiet)
OPTION_SWITCH(stats, struct settings, stats)
OPTION_SWITCH(debug, struct settings, debug)
OPTION_SWITCH(detach, struct settings, detach)

const struct option_def resume_options[] = {
    {OPTION_VALUE, 0, "name", "NAME", "name of the sandbox", take_name},
    {OPTION_FLAG, 'd', "detach", NULL, "go on in the background; print the name", take_detach},
    {OPTION_VALUE, 'v', "volume", "HOST:GUEST[:ro]", "this is the volume it asks for", take_volume},
    {OPTION_FLAG, 0, "grant", NULL, "give it all volumes and directories it asks for", take_grant},
    {OPTION_VALUE, 0, "key", "FILE", "key of an encrypted snapshot", take_key},
    {OPTION_VALUE, 0, "signer", "FILE", "public key that must have signed it", take_signer},
    {OPTION_VALUE, 0, "base", "FILE", "where its base is", take_base},
    {OPTION_FLAG, 0, "stats", NULL, "counters at the end", take_stats},
    {OPTION_FLAG, 'q', "quiet", NULL, "nothing but failures", take_quiet},
    {OPTION_FLAG, 0, "debug", NULL, "what the library OS logs, on standard error", take_debug},
    {.kind = OPTION_HEADING},
};

/* -1: this is the process that runs it; otherwise all is done. */
static int claim(const struct settings *s, struct registration *r,
                 const struct sandbox_config *config)
{
    registration_init(r);
    r->state.detached = r->state.keep = s->detach;
    if (!s->name && !s->detach)
        return -1;
    int code = registration_claim(r, s->name, config->argv[0]);
    if (code)
        return code;
    return s->detach ? detach(r, NULL, 0) : -1;
}

static int go_on(struct description *d, struct snapshot_reader *reader, const struct settings *s)
{
    struct registration registration;
    struct memory_source source;
    struct memory_base base;
    struct save_file save = {.path = "sandbox.bailey"};
    struct error err = {0};
    int code = claim(s, &registration, &d->config);

    if (code >= 0)
        return code;
    memory_base_init(&base, reader);
    resume_source(&source, &base);
    save.cpu_level = d->config.cpu_level;
    save_file_init(&save);
    d->config.resume = &source;
    d->config.save = &save.sink;
    registration_attach(&registration, &d->config, NULL);
    code = monitor_run(&d->config, &err);
    memory_base_close(&base);
    registration_end(&registration, code);
    if (err.text[0])
        complain_text(err.text, err.hint[0] ? err.hint : NULL);
    detach_end(&registration, code);
    return code;
}

static int run(struct snapshot_reader *reader, const struct settings *s, const char *path)
{
    struct description d;
    size_t size = 0;
    const void *bytes = snapshot_meta(reader, "config", &size);
    int code = description_read(&d, bytes ? bytes : "", bytes ? size : 0, path);
    char *image = NULL;

    if (!code)
        code = grant_check(&d, &s->volumes, s->grant || s->read.signer_key_file, path);
    if (!code)
        code = image_root_resume(&d.config, &image);

    d.config.name = s->name;
    d.config.quiet = s->quiet;
    d.config.stats = s->stats;
    d.config.debug = s->debug;
    d.config.description = bytes;
    d.config.description_size = size;
    if (!code)
        code = cpu_settle(&d.config);
    if (!code)
        code = go_on(&d, reader, s);
    free(image);
    free(d.argv);
    return code;
}

int command_resume(int argc, char **argv)
{
    struct settings s = {0};
    struct snapshot_error err = {0};
    const char *path;
    int code = options_parse_word(resume_options, "resume", argc, argv, &s, &path);

    if (code)
        return code;
    if (!path)
        return complain("no file", "bailey resume FILE", "say which snapshot is meant");
    struct snapshot_reader *reader = snapshot_reader_open(path, &s.read, &err);
    if (!reader)
        return complain_text(err.text, err.hint[0] ? err.hint : NULL);
    code = snapshot_cpu_check(reader, &err) < 0
               ? complain_text(err.text, err.hint[0] ? err.hint : NULL)
               : run(reader, &s, path);
    snapshot_reader_close(reader);
    volumes_free(&s.volumes);
    return code;
}
