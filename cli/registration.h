/* Makes the sandbox of this process known in the runtime directory.
 *
 * With a name, or detached, before it starts, so that a name is taken by one run only.
 * Other runs become known once they have lasted a moment: a short one pays nothing.
 */
#ifndef BAILEY_CLI_REGISTRATION_H
#define BAILEY_CLI_REGISTRATION_H

#include "monitor/monitor.h"
#include "runtime.h"
#include "state.h"

struct registration {
    struct entry entry;
    struct state state; /* program's words are borrowed */
    int listener;
    bool known;
    int news;     /* detached: where its start is told, until it has been; or -1 */
    bool unnamed; /* detached: its name is not printed */
    /* Detached: what the caller does while it starts, or NULL. */
    void (*meanwhile)(void *context);
    void *context;
};

/* Nothing is known yet. */
void registration_init(struct registration *r);
/* Takes the name now; 0 or an exit code after a message. */
int registration_claim(struct registration *r, const char *name, const char *program);
/* Lets the monitor announce it: the name that was claimed, or one made later.  After the run,
 * this process may write only to the runtime directory and beside `file` (or NULL), whose
 * text it keeps and changes. */
void registration_attach(struct registration *r, struct sandbox_config *config, char *file);
/* What it says of directories and of the state, for several detached ones that will be attached
 * without a file, once. */
void registration_prepare(struct sandbox_config *config);
/* There will be no run. */
void registration_forget(struct registration *r);
/* The run is over. */
void registration_end(struct registration *r, int exit_code);

#endif
