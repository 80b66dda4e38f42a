/* The environment a program starts with; see env.h. */
#define _GNU_SOURCE
#include "env.h"
#include "complain.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static char **find(const struct strings *env, const char *name, size_t len)
{
    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
            return &env->items[i];
    }
    return NULL;
}

static void put(struct strings *env, const char *name, size_t len, const char *value)
{
    char **old = find(env, name, len);
    char *setting = NULL;

    if (asprintf(&setting, "%.*s=%s", (int)len, name, value) < 0)
        setting = NULL;
    setting = need(setting);
    if (!old) {
        strings_add(env, setting);
        return;
    }
    free(*old);
    *old = setting;
}

bool env_has(const struct strings *env, const char *setting)
{
    return find(env, setting, strcspn(setting, "=")) != NULL;
}

int env_set(struct strings *env, const char *shown, const char *setting)
{
    const char *equals = strchr(setting, '=');
    size_t len = equals ? (size_t)(equals - setting) : strlen(setting);

    if (len == 0)
        return complain(shown, "give it as NAME or NAME=VALUE", "'%s' has no name", setting);
    const char *value = equals ? equals + 1 : getenv(setting);
    if (value)
        put(env, setting, len, value);
    return 0;
}

static int read_line(struct strings *env, const char *path, int number, char *line)
{
    char where[512];
    size_t len = strcspn(line, "\r\n");

    line[len] = 0;
    line += strspn(line, " \t");
    if (line[0] == 0 || line[0] == '#')
        return 0;
    snprintf(where, sizeof(where), "--env-file %.400s:%d", path, number);
    if (strcspn(line, " \t") < strcspn(line, "="))
        return complain(where, "each line is NAME or NAME=VALUE", "a name has a blank in it");
    return env_set(env, where, line);
}

int env_read_file(struct strings *env, const char *path)
{
    FILE *file = fopen(path, "re");
    struct stat st;
    char *line = NULL;
    size_t room = 0;
    int error = 0;

    if (!file || fstat(fileno(file), &st) < 0 || S_ISDIR(st.st_mode)) {
        char what[512];
        int err = file ? EISDIR : errno;
        snprintf(what, sizeof(what), "--env-file %.400s", path);
        if (file)
            fclose(file);
        return complain_errno(what, err, NULL);
    }
    for (int number = 1; !error && getline(&line, &room, file) >= 0; number++)
        error = read_line(env, path, number, line);
    free(line);
    fclose(file);
    return error;
}

void env_default(struct strings *env, const char *name, const char *value)
{
    if (value && !find(env, name, strlen(name)))
        put(env, name, strlen(name), value);
}

void env_add_defaults(struct strings *env, const char *home)
{
    env_default(env, "PATH", DEFAULT_PATH);
    env_default(env, "HOME", home);
    env_default(env, "TERM", getenv("TERM"));
    env_default(env, "LANG", getenv("LANG"));
}
