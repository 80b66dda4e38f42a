/* --print-manifest; see manifest.h. */
#include "manifest.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "complain.h"

static void add(struct json_object *to, const char *key, const char *text)
{
    if (text)
        json_object_object_add(to, key, json_object_new_string(text));
}

static void add_number(struct json_object *to, const char *key, uint64_t value)
{
    if (value)
        json_object_object_add(to, key, json_object_new_uint64(value));
}

static struct json_object *list_of(char *const *items)
{
    struct json_object *list = json_object_new_array();

    for (; items && *items; items++)
        json_object_array_add(list, json_object_new_string(*items));
    return list;
}

static struct json_object *env_of(const struct strings *env)
{
    struct json_object *object = json_object_new_object();

    for (size_t i = 0; i < env->count; i++) {
        char name[256];
        size_t n = strcspn(env->items[i], "=");
        if (n >= sizeof(name))
            continue;
        memcpy(name, env->items[i], n);
        name[n] = 0;
        add(object, name, env->items[i] + n + 1);
    }
    return object;
}

static struct json_object *volumes_of(const struct volumes *volumes)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < volumes->count; i++) {
        const struct volume *v = &volumes->items[i];
        struct json_object *one = json_object_new_object();
        add(one, "host", v->host);
        add(one, "guest", v->guest);
        add(one, "mode", v->readonly ? "ro" : "rw");
        json_object_array_add(list, one);
    }
    return list;
}

/* What --net was given: words, rules and the name of a network. */
static struct json_object *network_of(const struct settings *s)
{
    struct json_object *object = json_object_new_object(), *rules = json_object_new_array();
    const char *word = "none";

    for (size_t i = 0; i < s->net.count; i++) {
        const char *text = s->net.items[i];
        if (strncmp(text, "allow=", 6) == 0)
            json_object_array_add(rules, json_object_new_string(text + 6));
        else if (strncmp(text, "name=", 5) == 0)
            add(object, "named", text + 5);
        else
            word = text;
    }
    if (json_object_array_length(rules) > 0) {
        json_object_object_add(object, "connect", rules);
    } else {
        json_object_put(rules);
        add(object, "connect", word);
    }
    json_object_object_add(object, "publish", list_of(s->ports.items));
    json_object_object_add(object, "dns", list_of(s->servers.items));
    return object;
}

static struct json_object *limits_of(const struct settings *s)
{
    struct json_object *object = json_object_new_object();

    add_number(object, "memory", s->config.memory_limit);
    add_number(object, "pids", s->config.pids_max);
    add_number(object, "cpus", s->limits.cpus);
    add_number(object, "cpu-time", s->limits.cpu_seconds);
    add_number(object, "files", s->limits.files);
    add_number(object, "output", s->limits.output);
    add_number(object, "timeout", s->config.timeout_seconds);
    return object;
}

int manifest_print(const struct settings *s, FILE *out)
{
    struct json_object *m = json_object_new_object();
    char user[32];

    snprintf(user, sizeof(user), "%" PRIu32 ":%" PRIu32, s->user.uid, s->user.gid);
    if (s->config.argv && s->config.argv[0])
        json_object_object_add(m, "program", list_of((char *const *)s->config.argv));
    json_object_object_add(m, "env", env_of(&s->env));
    add(m, "workdir", s->workdir);
    add(m, "user", user);
    add(m, "hostname", s->config.hostname ? s->config.hostname : "bailey");
    add(m, "name", s->config.name);
    json_object_object_add(m, "tty", json_object_new_boolean(s->config.tty));
    add(m, "root", s->root);
    add(m, "image", s->image_text);
    add(m, "cpu", s->cpu);
    json_object_object_add(m, "read-only", json_object_new_boolean(s->config.read_only));
    json_object_object_add(m, "volumes", volumes_of(&s->volumes));
    json_object_object_add(m, "network", network_of(s));
    json_object_object_add(m, "limits", limits_of(s));
    const int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE;
    int bad = fprintf(out, "%s\n", json_object_to_json_string_ext(m, flags)) < 0 || fflush(out);
    json_object_put(m);
    return bad ? CLI_FAILED : 0;
}
