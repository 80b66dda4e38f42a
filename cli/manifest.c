/* Reading a manifest; see manifest.h.  Text that options keep pointers to lives as long as
 * the process. */
#define _GNU_SOURCE
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "complain.h"

#define SIZE_MAX_BYTES (1 << 20)
#define DEPTH_MAX      8

struct reader {
    const char *path;
    const struct option_def *options;
    void *context;
    struct strings *program;
};

/* How a value becomes words for an option. */
enum form {
    TEXT,    /* a string, or a number */
    PATH,    /* a string: a host path, relative to the manifest */
    SWITCH,  /* true sets it */
    EACH,    /* a list of strings: the option once for each */
    PATHS,   /* the same with host paths */
    ENV,     /* an object: a string, or null for the caller's value */
    VOLUMES, /* a list of objects: host, guest, mode */
    CONNECT, /* "none", "host", or a list of HOST:PORT */
    NAMED,   /* a string: the name of a network */
    PROGRAM, /* a list of strings */
    SECTION, /* an object with keys of its own */
};

static const struct key {
    const char *section, *name;
    enum form form;
    const char *option;
} keys[] = {
    {"", "program", PROGRAM, NULL},
    {"", "env", ENV, "env"},
    {"", "env-files", PATHS, "env-file"},
    {"", "workdir", TEXT, "workdir"},
    {"", "user", TEXT, "user"},
    {"", "hostname", TEXT, "hostname"},
    {"", "name", TEXT, "name"},
    {"", "tty", SWITCH, "tty"},
    {"", "cpu", TEXT, "cpu"},
    {"", "root", PATH, "root"},
    {"", "image", TEXT, "image"},
    {"", "read-only", SWITCH, "read-only"},
    {"", "volumes", VOLUMES, "volume"},
    {"", "network", SECTION, NULL},
    {"network", "connect", CONNECT, "net"},
    {"network", "named", NAMED, "net"},
    {"network", "publish", EACH, "publish"},
    {"network", "dns", EACH, "dns"},
    {"", "limits", SECTION, NULL},
    {"limits", "memory", TEXT, "memory"},
    {"limits", "pids", TEXT, "pids"},
    {"limits", "cpus", TEXT, "cpus"},
    {"limits", "cpu-time", TEXT, "cpu-time"},
    {"limits", "files", TEXT, "files"},
    {"limits", "output", TEXT, "output"},
    {"limits", "timeout", TEXT, "timeout"},
};

static int wrong(const char *what, const char *should)
{
    return complain(what, "docs/manifest.schema.json has every key", "must be %s", should);
}

/* ---- values ------------------------------------------------------------------------------ */

static int give(const struct reader *r, const struct key *k, const char *what, const char *value)
{
    for (const struct option_def *o = r->options; o->kind != OPTION_HEADING || o->help; o++)
        if (o->name && strcmp(o->name, k->option) == 0)
            return o->take(r->context, what, value);
    return complain(what, NULL, "this command has no --%s", k->option);
}

/* A string, or a whole number as text; NULL if it is neither, or has a NUL in it. */
static const char *text_of(struct json_object *value)
{
    enum json_type type = json_object_get_type(value);

    if (type == json_type_int)
        return json_object_get_string(value);
    if (type != json_type_string)
        return NULL;
    const char *text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

/* Host paths are relative to the directory the manifest lies in. */
static const char *host_path(const struct reader *r, const char *text)
{
    const char *slash = strrchr(r->path, '/');
    char *path = NULL;

    if (*text == '/' || !slash)
        return text;
    if (asprintf(&path, "%.*s/%s", (int)(slash - r->path), r->path, text) < 0)
        path = NULL;
    return need(path);
}

static int take_text(const struct reader *r, const struct key *k, const char *what,
                     struct json_object *value)
{
    const char *text = text_of(value);
    char *joined = NULL;

    if (!text)
        return wrong(what, "a string");
    if (k->form == PATH || k->form == PATHS)
        text = host_path(r, text);
    if (k->form == NAMED || k->form == CONNECT) {
        bool rule = k->form == CONNECT && strcmp(text, "none") != 0 && strcmp(text, "host") != 0;
        if (asprintf(&joined, "%s%s", k->form == NAMED ? "name=" : rule ? "allow=" : "", text) < 0)
            joined = NULL;
        text = need(joined);
    }
    return give(r, k, what, text);
}

typedef int take_item(const struct reader *r, const struct key *k, const char *what,
                      struct json_object *value);

static int take_list(const struct reader *r, const struct key *k, const char *what,
                     struct json_object *list, take_item *take)
{
    char item[256];
    int code = 0;

    if (!json_object_is_type(list, json_type_array))
        return wrong(what, "a list");
    for (size_t i = 0; !code && i < json_object_array_length(list); i++) {
        snprintf(item, sizeof(item), "%.200s[%zu]", what, i);
        code = take(r, k, item, json_object_array_get_idx(list, i));
    }
    return code;
}

static int take_word(const struct reader *r, const struct key *k, const char *what,
                     struct json_object *value)
{
    const char *text = json_object_is_type(value, json_type_string) ? text_of(value) : NULL;

    if (!text)
        return wrong(what, "a string");
    strings_add(r->program, strdup(text));
    return 0;
}

static int take_env(const struct reader *r, const struct key *k, const char *what,
                    struct json_object *object)
{
    char item[256], *setting = NULL;
    int code = 0;

    if (!json_object_is_type(object, json_type_object))
        return wrong(what, "an object");
    json_object_object_foreach(object, name, value)
    {
        snprintf(item, sizeof(item), "%.200s.%.40s", what, name);
        const char *text = value ? text_of(value) : "";
        if (strchr(name, '='))
            return complain(item, NULL, "a name has a = in it");
        if (!text)
            return wrong(item, "a string, or null for the caller's value");
        if (asprintf(&setting, "%s%s%s", name, value ? "=" : "", text) < 0)
            setting = NULL;
        code = give(r, k, item, need(setting));
        free(setting);
        if (code)
            break;
    }
    return code;
}

/* {"host": PATH, "guest": PATH, "mode": "ro" or "rw"}; read-only if it does not say. */
static int take_volume(const struct reader *r, const struct key *k, const char *what,
                       struct json_object *object)
{
    const char *host = NULL, *guest = NULL, *mode = "ro";
    char *text = NULL;

    if (!json_object_is_type(object, json_type_object))
        return wrong(what, "an object with host and guest");
    json_object_object_foreach(object, name, value)
    {
        const char **to = strcmp(name, "host") == 0    ? &host
                          : strcmp(name, "guest") == 0 ? &guest
                          : strcmp(name, "mode") == 0  ? &mode
                                                       : NULL;
        if (!to)
            return complain(what, "host, guest and mode", "unknown key '%.40s'", name);
        *to = text_of(value);
        if (!*to || strchr(*to, ':'))
            return wrong(what, "of strings without a colon");
    }
    if (!host || !guest)
        return wrong(what, "an object with host and guest");
    if (asprintf(&text, "%s:%s:%s", host_path(r, host), guest, mode) < 0)
        text = NULL;
    int code = give(r, k, what, need(text));
    free(text);
    return code;
}

/* ---- keys ---------------------------------------------------------------------------------- */

static int take_object(const struct reader *r, const char *section, struct json_object *object);

static int take_value(const struct reader *r, const struct key *k, const char *what,
                      struct json_object *value)
{
    switch (k->form) {
    case SECTION:
        return take_object(r, k->name, value);
    case SWITCH:
        if (!json_object_is_type(value, json_type_boolean))
            return wrong(what, "true or false");
        return json_object_get_boolean(value) ? give(r, k, what, NULL) : 0;
    case ENV:
        return take_env(r, k, what, value);
    case VOLUMES:
        return take_list(r, k, what, value, take_volume);
    case CONNECT:
        if (json_object_is_type(value, json_type_array))
            return take_list(r, k, what, value, take_text);
        return take_text(r, k, what, value);
    case EACH:
    case PATHS:
        return take_list(r, k, what, value, take_text);
    case PROGRAM:
        return take_list(r, k, what, value, take_word);
    default:
        return take_text(r, k, what, value);
    }
}

static const struct key *find_key(const char *section, const char *name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static int take_object(const struct reader *r, const char *section, struct json_object *object)
{
    char what[256];
    int code = 0;

    snprintf(what, sizeof(what), "%.150s%s%s", r->path, *section ? ": " : "", section);
    if (!json_object_is_type(object, json_type_object))
        return wrong(what, "an object");
    json_object_object_foreach(object, name, value)
    {
        const struct key *k = find_key(section, name);
        snprintf(what, sizeof(what), "%.150s: %s%s%.40s", r->path, section, *section ? "." : "",
                 name);
        if (!k)
            return complain(what, "docs/manifest.schema.json has every key", "unknown key");
        code = take_value(r, k, what, value);
        if (code)
            break;
    }
    return code;
}

int manifest_parse(const char *text, size_t size, const char *path,
                   const struct option_def *options, void *context, struct strings *program)
{
    const struct reader r = {path, options, context, program};
    struct json_tokener *tokener = need(json_tokener_new_ex(DEPTH_MAX));

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, text, (int)size);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    size_t at = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    while (at < size && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    if (error != json_tokener_success || at < size) {
        json_object_put(object);
        return complain(path, "it must be one JSON object", "not JSON at byte %zu: %s", at,
                        error == json_tokener_success ? "more follows"
                                                      : json_tokener_error_desc(error));
    }
    return take_object(&r, "", object); /* options point into it from now on */
}

int manifest_read(const char *path, const struct option_def *options, void *context,
                  struct strings *program)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char what[512];

    snprintf(what, sizeof(what), "--manifest %.400s", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return complain_errno(what, errno, NULL);
    if (!S_ISREG(st.st_mode) || st.st_size > SIZE_MAX_BYTES) {
        close(fd);
        return complain(what, NULL, "no file of at most 1 MB");
    }
    char *text = need(malloc((size_t)st.st_size + 1));
    ssize_t n = read(fd, text, (size_t)st.st_size);
    close(fd);
    int code = n < 0 ? complain_errno(what, errno, NULL)
                     : manifest_parse(text, (size_t)n, path, options, context, program);
    free(text);
    return code;
}
