/* state.json: written to a temporary name, then renamed.  Not synced: it says nothing that
 * is still true after the machine has stopped. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"

#define STATE_MAX (1 << 20)

static struct json_object *array_of(const struct strings *list)
{
    struct json_object *array = need(json_object_new_array());

    for (size_t i = 0; i < list->count; i++)
        json_object_array_add(array, json_object_new_string(list->items[i]));
    return array;
}

static void add_constant(struct json_object *o, const struct state *state)
{
    json_object_object_add(o, "detached", json_object_new_boolean(state->detached));
    json_object_object_add(o, "keep", json_object_new_boolean(state->keep));
    if (state->root)
        json_object_object_add(o, "root", json_object_new_string(state->root));
    if (state->ports.count)
        json_object_object_add(o, "ports", array_of(&state->ports));
    json_object_object_add(o, "program", array_of(&state->program));
}

struct json_object *state_object(const struct state *state)
{
    struct json_object *o = need(json_object_new_object());

    json_object_object_add(o, "pid", json_object_new_int(state->pid));
    json_object_object_add(o, "status",
                           json_object_new_string(state->finished ? "exited" : "running"));
    json_object_object_add(o, "started", json_object_new_int64(state->started));
    if (state->finished) {
        json_object_object_add(o, "finished", json_object_new_int64(state->finished));
        json_object_object_add(o, "exit_code", json_object_new_int(state->exit_code));
    }
    add_constant(o, state);
    return o;
}

static const char *text_of_object(struct json_object *o)
{
    return json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE);
}

char *state_constant(const struct state *state)
{
    struct json_object *o = need(json_object_new_object());

    add_constant(o, state);
    char *text = need(strdup(text_of_object(o)));
    json_object_put(o);
    return text;
}

static int64_t number_of(struct json_object *o, const char *key)
{
    return json_object_get_int64(json_object_object_get(o, key));
}

static const char *text_of(struct json_object *o)
{
    const char *text = json_object_get_string(o);

    return text ? text : "";
}

static void fill_list(struct strings *list, struct json_object *array)
{
    if (json_object_is_type(array, json_type_array))
        for (size_t i = 0; i < json_object_array_length(array); i++)
            strings_add(list, need(strdup(text_of(json_object_array_get_idx(array, i)))));
}

static void fill(struct state *state, struct json_object *o)
{
    const char *root = json_object_get_string(json_object_object_get(o, "root"));

    state->pid = (pid_t)number_of(o, "pid");
    state->started = number_of(o, "started");
    state->finished = number_of(o, "finished");
    state->exit_code = (int)number_of(o, "exit_code");
    state->detached = json_object_get_boolean(json_object_object_get(o, "detached"));
    state->keep = json_object_get_boolean(json_object_object_get(o, "keep"));
    state->root = root ? need(strdup(root)) : NULL;
    fill_list(&state->program, json_object_object_get(o, "program"));
    fill_list(&state->ports, json_object_object_get(o, "ports"));
}

bool state_read(int dir, struct state *state)
{
    int fd = openat(dir, "state.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *text = NULL;
    size_t size = 0;
    ssize_t n = -1;

    memset(state, 0, sizeof(*state));
    if (fd < 0)
        return false;
    text = need(malloc(STATE_MAX + 1));
    while (size < STATE_MAX && (n = read(fd, text + size, STATE_MAX - size)) > 0)
        size += (size_t)n;
    close(fd);
    text[size] = 0;
    struct json_object *o = n == 0 ? json_tokener_parse(text) : NULL;
    bool good = json_object_is_type(o, json_type_object);
    if (good)
        fill(state, o);
    json_object_put(o);
    free(text);
    return good;
}

static int write_all(int fd, const char *text, size_t size)
{
    for (ssize_t n; size > 0; text += n, size -= (size_t)n)
        if ((n = write(fd, text, size)) < 0)
            return -1;
    return 0;
}

static int write_object(int fd, const struct state *state)
{
    struct json_object *o = state_object(state);
    const char *text = text_of_object(o);
    int rc = write_all(fd, text, strlen(text));

    json_object_put(o);
    return rc;
}

/* The same of one of many that run, with what they have in common at hand. */
static int write_running(int fd, const struct state *state)
{
    char own[128];
    int n = snprintf(own, sizeof(own), "{\"pid\":%d,\"status\":\"running\",\"started\":%lld,",
                     (int)state->pid, (long long)state->started);
    const char *rest = state->constant + 1; /* without its brace */

    return write_all(fd, own, (size_t)n) || write_all(fd, rest, strlen(rest)) ? -1 : 0;
}

int state_write(int dir, const struct state *state)
{
    int fd = openat(dir, "state.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = -1;

    if (fd >= 0)
        rc = state->constant && !state->finished ? write_running(fd, state)
                                                 : write_object(fd, state);
    if (fd >= 0)
        close(fd);
    return rc == 0 ? renameat(dir, "state.new", dir, "state.json") : -1;
}

void state_free(struct state *state)
{
    strings_free(&state->program);
    strings_free(&state->ports);
    free(state->root);
    memset(state, 0, sizeof(*state));
}
