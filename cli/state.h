/* state.json of a sandbox: what others may know of it. */
#ifndef BAILEY_CLI_STATE_H
#define BAILEY_CLI_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "string_list.h"

struct state {
    pid_t pid;                 /* of the monitor */
    int64_t started, finished; /* seconds since 1970; finished 0: it runs */
    int exit_code;
    bool detached; /* run -d: it has a log */
    bool keep;     /* stays listed when it has ended, until bailey rm */
    char *root;    /* --root, or the file of --image, or NULL */
    struct strings program;
    struct strings ports; /* published: "ADDR:HOSTPORT -> PORT" */
    const char *constant; /* state_constant() of it, or NULL; borrowed */
};

/* Reads the state in the directory `dir`; false if there is none that makes sense. */
bool state_read(int dir, struct state *state);
/* Writes it, so that readers see the old or the new one.  0 or -1 with errno. */
int state_write(int dir, const struct state *state);
void state_free(struct state *state);
/* What does not change while it runs, as text for state_write, where many are alike; the caller's
 * to free. */
char *state_constant(const struct state *state);

/* The object for `bailey ps --json`, as json-c has it. */
struct json_object;
struct json_object *state_object(const struct state *state);

#endif
