/* The environment a program starts with: a container's minimum, then what the user
 * adds.  Nothing else of the caller's environment gets in. */
#ifndef BAILEY_CLI_ENV_H
#define BAILEY_CLI_ENV_H

#include "string_list.h"

#include <stdbool.h>

/* Sets "NAME=V", or with "NAME" alone passes the caller's value on (and nothing when
 * the caller has none).  A later setting replaces an earlier one.  Returns 0 or an
 * exit code after a message naming `shown`. */
int env_set(struct strings *env, const char *shown, const char *setting);

/* Is the name of "NAME=V" set already? */
bool env_has(const struct strings *env, const char *setting);

/* Reads settings from a file, one a line; blank lines and lines that start with '#'
 * are skipped. */
int env_read_file(struct strings *env, const char *path);

/* Sets it unless it is set, or value is NULL. */
void env_default(struct strings *env, const char *name, const char *value);

/* Adds the defaults for names that are not set yet. */
void env_add_defaults(struct strings *env, const char *home);

#endif
