#include "config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 4096

void image_words_add(struct image_words *w, const char *word)
{
    char **items = realloc(w->items, (w->count + 2) * sizeof(*items));
    char *copy = strdup(word);

    if (!items || !copy)
        abort();
    items[w->count++] = copy;
    items[w->count] = NULL;
    w->items = items;
}

void image_words_clear(struct image_words *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->items[i]);
    free(w->items);
    *w = (struct image_words){0};
}

void image_config_free(struct image_config *c)
{
    image_words_clear(&c->entrypoint);
    image_words_clear(&c->cmd);
    image_words_clear(&c->env);
    free(c->user);
    free(c->workdir);
    free(c->base);
    *c = (struct image_config){0};
}

/* ---- reading ------------------------------------------------------------------------------ */

static int bad(struct image_error *err, const char *key)
{
    return image_fail(err, 0, "image configuration: %s makes no sense", key);
}

/* A string without NUL bytes in it. */
static const char *text_of(struct json_object *o)
{
    const char *text = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;

    return text && strlen(text) == (size_t)json_object_get_string_len(o) ? text : NULL;
}

static int take_list(struct json_object *list, struct image_words *w, const char *key,
                     struct image_error *err)
{
    if (!list)
        return 0;
    if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) > WORDS_MAX)
        return bad(err, key);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *text = text_of(json_object_array_get_idx(list, i));
        if (!text)
            return bad(err, key);
        image_words_add(w, text);
    }
    return 0;
}

static int take_words(struct json_object *o, const char *key, struct image_words *w,
                      struct image_error *err)
{
    return take_list(json_object_object_get(o, key), w, key, err);
}

static int take_text(struct json_object *o, const char *key, char **to, struct image_error *err)
{
    struct json_object *value = json_object_object_get(o, key);
    const char *text = text_of(value);

    if (!value)
        return 0;
    if (!text)
        return bad(err, key);
    *to = *text ? strdup(text) : NULL;
    return 0;
}

static int take_all(struct image_config *c, struct json_object *o, struct image_error *err)
{
    if (take_words(o, "Entrypoint", &c->entrypoint, err) < 0 ||
        take_words(o, "Cmd", &c->cmd, err) < 0 || take_words(o, "Env", &c->env, err) < 0 ||
        take_text(o, "User", &c->user, err) < 0 ||
        take_text(o, "WorkingDir", &c->workdir, err) < 0 ||
        take_text(o, "BaileyBase", &c->base, err) < 0)
        return -1;
    for (size_t i = 0; i < c->env.count; i++)
        if (c->env.items[i][0] == '=' || !strchr(c->env.items[i], '='))
            return bad(err, "Env");
    return c->workdir && c->workdir[0] != '/' ? bad(err, "WorkingDir") : 0;
}

static int parse(struct image_config *c, const char *text, const char *inner,
                 struct image_error *err)
{
    struct json_object *whole = json_tokener_parse(text), *o = whole;

    *c = (struct image_config){0};
    if (inner && whole && json_object_is_type(whole, json_type_object))
        o = json_object_object_get(whole, inner);
    int rc = 0;
    if (!whole || (o && !json_object_is_type(o, json_type_object)))
        rc = bad(err, "it");
    else if (o)
        rc = take_all(c, o, err);
    json_object_put(whole);
    if (rc < 0)
        image_config_free(c);
    return rc;
}

int image_config_parse(struct image_config *c, const char *text, struct image_error *err)
{
    return parse(c, text, NULL, err);
}

int image_config_parse_oci(struct image_config *c, const char *text, struct image_error *err)
{
    return parse(c, text, "config", err);
}

int image_words_parse(struct image_words *w, const char *text, struct image_error *err)
{
    image_words_clear(w);
    if (*text == '[') {
        struct json_object *list = json_tokener_parse(text);
        int rc = list ? take_list(list, w, text, err) : bad(err, text);
        json_object_put(list);
        return rc;
    }
    char *copy = strdup(text), *rest = copy, *word;
    while (copy && (word = strsep(&rest, " ")))
        if (*word)
            image_words_add(w, word);
    free(copy);
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void put_words(struct json_object *o, const char *key, const struct image_words *w)
{
    if (!w->count)
        return;
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < w->count; i++)
        json_object_array_add(list, json_object_new_string(w->items[i]));
    json_object_object_add(o, key, list);
}

static void put_text(struct json_object *o, const char *key, const char *text)
{
    if (text)
        json_object_object_add(o, key, json_object_new_string(text));
}

char *image_config_text(const struct image_config *c)
{
    struct json_object *o = json_object_new_object();

    put_words(o, "Entrypoint", &c->entrypoint);
    put_words(o, "Cmd", &c->cmd);
    put_words(o, "Env", &c->env);
    put_text(o, "User", c->user);
    put_text(o, "WorkingDir", c->workdir);
    put_text(o, "BaileyBase", c->base);
    char *text = NULL;
    if (json_object_object_length(o))
        text = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
                                                            JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
    return text;
}
