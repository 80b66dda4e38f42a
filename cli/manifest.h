/* --manifest FILE: what a run may do, in one readable file (docs/manifest.schema.json).
 *
 * A key says what an option says and takes its value the same way, so both know the same
 * and complain in the same words; a key nobody knows is refused.  What the command line
 * says after the file adds to it or takes its place.
 */
#ifndef BAILEY_CLI_MANIFEST_H
#define BAILEY_CLI_MANIFEST_H

#include <stddef.h>
#include <stdio.h>

#include "options.h"
#include "settings.h"

struct json_object;

/* Gives every value of the file to the option of `options` that takes it; "program" goes to
 * `program`.  0 or an exit code after a message. */
int manifest_read(const char *path, const struct option_def *options, void *context,
                  struct strings *program);
/* The same for text that is there already; `path` names it in messages, and the directory
 * host paths are relative to. */
int manifest_parse(const char *text, size_t size, const char *path,
                   const struct option_def *options, void *context, struct strings *program);

/* Prints what a run would be given, as a manifest that says the same. */
int manifest_print(const struct settings *s, FILE *out);

#endif
