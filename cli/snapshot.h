/* What the parts of `bailey snapshot` share. */
#ifndef BAILEY_CLI_SNAPSHOT_H
#define BAILEY_CLI_SNAPSHOT_H

#include <json-c/json.h>

#include "snapshot/snapshot.h"

struct snapshot_settings {
    bool json, ranges;
    struct snapshot_read_options read;
};

/* Complains and returns NULL if it can't be opened. */
struct snapshot_reader *snapshot_open(const char *path, const struct snapshot_read_options *how);
int snapshot_complain(const struct snapshot_error *err);

/* "segment", "pool", "space N", "file N", "object 0xN"; buffer of 32. */
const char *snapshot_object_name(uint32_t object, char *buffer);
void snapshot_hex(const uint8_t *bytes, size_t len, char *hex); /* 2 * len + 1 */
/* Takes value over, as json-c does. */
void json_put(struct json_object *to, const char *name, struct json_object *value);
void json_put_text(struct json_object *to, const char *name, const char *text);
/* Prints and frees.  Returns the exit code. */
int json_show(struct json_object *object);
/* Pairs as an object of arrays of clean strings; NULL if the bytes are not pairs. */
struct json_object *pairs_to_json(const void *bytes, size_t len);

int snapshot_command_info(const struct snapshot_settings *s, int argc, char **argv);
int snapshot_command_ls(const struct snapshot_settings *s, int argc, char **argv);
int snapshot_command_diff(const struct snapshot_settings *s, int argc, char **argv);

#endif
