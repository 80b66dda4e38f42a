/* Volumes of a run; see volume.h. */
#include "volume.h"
#include "complain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FORM "give it as HOST:GUEST or HOST:GUEST:ro"

char *guest_path(const char *text)
{
    char *path = need(malloc(strlen(text) + 2));
    char *end = path;

    if (text[0] != '/')
        goto bad;
    while (*text) {
        size_t len = strcspn(text, "/");
        if (len == 2 && memcmp(text, "..", 2) == 0)
            goto bad;
        if (len > 0 && !(len == 1 && *text == '.')) {
            *end++ = '/';
            memcpy(end, text, len);
            end += len;
        }
        text += len;
        text += *text == '/';
    }
    if (end == path)
        *end++ = '/';
    *end = 0;
    return path;
bad:
    free(path);
    return NULL;
}

int guest_path_option(const char *shown, const char *value, char **path)
{
    char *checked = guest_path(value);

    if (!checked)
        return complain(shown, "start it with /", "'%s' is not an absolute path inside", value);
    free(*path);
    *path = checked;
    return 0;
}

/* Places the library OS fills itself. */
static bool is_reserved(const char *guest)
{
    static const char *const places[] = {"/proc", "/sys", "/dev"};

    if (strcmp(guest, "/") == 0)
        return true;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        size_t len = strlen(places[i]);
        if (strncmp(guest, places[i], len) == 0 && (guest[len] == 0 || guest[len] == '/'))
            return true;
    }
    return false;
}

static int check_host(const char *what, struct volume *v, const char *host)
{
    struct stat st;

    v->host = realpath(host, NULL);
    if (!v->host || stat(v->host, &st) < 0)
        return complain_errno(what, errno,
                              errno == ENOENT  ? "make the directory first"
                              : errno == ELOOP ? "a symbolic link leads back to itself"
                                               : NULL);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return complain(what, NULL, "neither a directory nor a regular file");
    v->is_file = S_ISREG(st.st_mode);
    return 0;
}

static int check_guest(const char *what, struct volume *v, const char *guest)
{
    v->guest = guest_path(guest);
    if (!v->guest)
        return complain(what, FORM, "'%s' is not an absolute path inside", guest);
    if (strcmp(v->guest, "/") == 0)
        return complain(what, "--root DIR gives the program another root",
                        "a volume can't be the root");
    if (is_reserved(v->guest))
        return complain(what, "choose another place", "%s is the sandbox's own", v->guest);
    return 0;
}

int volume_add(struct volumes *list, const char *shown, const char *text)
{
    char what[512];
    char *host = need(strdup(text));
    char *guest = strchr(host, ':');
    char *mode = guest ? strchr(guest + 1, ':') : NULL;
    struct volume v = {0};
    int error;

    snprintf(what, sizeof(what), "%s %.400s", shown, text);
    if (!guest || guest == host || !guest[1]) {
        error = complain(what, FORM, "not a pair of paths");
        goto out;
    }
    *guest++ = 0;
    if (mode) {
        *mode++ = 0;
        v.readonly = strcmp(mode, "ro") == 0;
        if (!v.readonly && strcmp(mode, "rw") != 0) {
            error = complain(what, FORM, "'%s' is neither ro nor rw", mode);
            goto out;
        }
    }
    error = check_guest(what, &v, guest);
    if (!error)
        error = check_host(what, &v, host);
    if (error)
        goto out;
    list->items = need(realloc(list->items, (list->count + 1) * sizeof(v)));
    list->items[list->count++] = v;
    v = (struct volume){0};
out:
    free(v.host);
    free(v.guest);
    free(host);
    return error;
}

/* The part of `path` below directory `dir` ("" for dir itself), or NULL. */
static const char *below(const char *dir, const char *path)
{
    size_t len = strlen(dir);

    if (len == 1)
        return path;
    if (strncmp(dir, path, len) != 0 || (path[len] && path[len] != '/'))
        return NULL;
    return path + len;
}

/* Would `inner`, shown at its place, appear inside itself?  Its place lies below
 * `guest`, where the host's directory `host` is shown. */
static int check_loop(const char *host, const char *guest, const struct volume *inner)
{
    const char *rest = below(guest, inner->guest);
    char place[8192];

    if (!rest || !*rest)
        return 0;
    snprintf(place, sizeof(place), "%s%s", strcmp(host, "/") == 0 ? "" : host, rest);
    if (!below(inner->host, place))
        return 0;
    return complain(inner->host, "put the volume elsewhere inside",
                    "a loop: the volume at %s would contain itself", inner->guest);
}

int volumes_check(const struct volumes *list, const char *root)
{
    int error = 0;

    for (size_t i = 0; !error && i < list->count; i++) {
        const struct volume *v = &list->items[i];
        if (root)
            error = check_loop(root, "/", v);
        for (size_t j = 0; !error && j < list->count; j++) {
            const struct volume *other = &list->items[j];
            if (j < i && strcmp(v->guest, other->guest) == 0)
                error = complain(v->guest, "give each volume its own place",
                                 "two volumes want this place");
            else if (j != i)
                error = check_loop(other->host, other->guest, v);
        }
    }
    return error;
}

void volumes_free(struct volumes *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].host);
        free(list->items[i].guest);
    }
    free(list->items);
    *list = (struct volumes){0};
}
