/* The sandbox's entry in the runtime directory; see registration.h. */
#include "registration.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "complain.h"

#define ANNOUNCE_MS 150 /* an unnamed run is known after this time */

/* Claims, and listens; quiet for a run that nobody asked to name. */
static int claim(struct registration *r, const char *name, const char *program, bool quiet)
{
    int code = entry_claim(&r->entry, name, program, quiet);

    if (code)
        return code;
    r->listener = entry_listen(&r->entry);
    if (r->listener < 0) {
        entry_end(&r->entry, false);
        return quiet ? CLI_FAILED : complain(r->entry.name, NULL, "no control socket can be made");
    }
    r->known = true;
    return 0;
}

int registration_claim(struct registration *r, const char *name, const char *program)
{
    return claim(r, name, program, false);
}

void registration_init(struct registration *r)
{
    *r = (struct registration){.entry = {.dir = -1}, .listener = -1, .news = -1};
}

static void started(void *context)
{
    struct registration *r = context;
    const int code = 0;

    if (r->news < 0 || write(r->news, &code, sizeof(code)) < 0)
        return;
    close(r->news);
    r->news = -1;
}

static int announce(void *context)
{
    struct registration *r = context;

    if (!r->known && claim(r, NULL, r->state.program.items[0], true) != 0)
        return -1;
    r->state.pid = getpid();
    if (state_write(r->entry.dir, &r->state) < 0)
        complain(r->entry.name, NULL, "its state can't be written: bailey ps won't show it");
    int listener = r->listener;
    r->listener = -1; /* the monitor's */
    return listener;
}

static const char *const *own_dirs(char *file)
{
    static char runtime[4096];
    static const char *list[3];
    size_t n = 0;

    runtime_directory(runtime, sizeof(runtime));
    if (*runtime)
        list[n++] = runtime;
    if (file)
        list[n++] = dirname(file);
    list[n] = NULL;
    return list;
}

static char *constant; /* of the states of many, or NULL */

static void describe(struct state *state, const struct sandbox_config *config)
{
    state->root = (char *)(config->root_dir ? config->root_dir : config->root_image);
    state->program.items = (char **)config->argv;
    for (state->program.count = 0; config->argv[state->program.count];)
        state->program.count++;
    state->constant = constant;
}

void registration_prepare(struct sandbox_config *config)
{
    struct state state = {.detached = true, .keep = true};

    config->own_dirs = own_dirs(NULL);
    describe(&state, config);
    constant = state_constant(&state);
}

void registration_attach(struct registration *r, struct sandbox_config *config, char *file)
{
    if (file || !config->own_dirs)
        config->own_dirs = own_dirs(file);
    r->state.started = time(NULL);
    describe(&r->state, config);
    config->announce = announce;
    config->announce_ms = r->known ? 0 : ANNOUNCE_MS;
    config->context = r;
    config->detached = r->state.detached;
    if (r->news >= 0)
        config->started = started;
}

void registration_forget(struct registration *r)
{
    r->state.keep = false;
    registration_end(r, 0);
}

void registration_end(struct registration *r, int exit_code)
{
    if (!r->known)
        return;
    if (r->listener >= 0)
        close(r->listener);
    r->state.finished = time(NULL);
    r->state.exit_code = exit_code;
    bool keep = r->state.keep && r->news < 0 && state_write(r->entry.dir, &r->state) == 0;
    entry_end(&r->entry, keep);
    r->known = false;
}
