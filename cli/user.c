/* Users by name or number; see user.h.
 *
 * The name files are read here and not by the C library, whose look-ups load
 * plug-ins, which a static program can't, and would read the host's files where
 * --root names another root.
 */
#define _GNU_SOURCE
#include "user.h"
#include "complain.h"
#include "image/layers.h"
#include "number.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ID_MAX         0xfffffffeUL
#define NAMES_SIZE_MAX (4u << 20)

/* A root made by someone else may have symbolic links that lead out of it. */
static FILE *open_in_root(const char *root, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int file = dir < 0 ? -1 : (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));

    if (dir >= 0)
        close(dir);
    if (file < 0)
        return NULL;
    FILE *stream = fdopen(file, "r");
    if (!stream)
        close(file);
    return stream;
}

/* From an image: the text of the file too, which the stream reads. */
static FILE *open_in_image(const char *image, const char *name, char **text)
{
    struct image_error ignored;
    struct erofs_file file;

    if (layered_open(&file, image, &ignored) < 0)
        return NULL;
    *text = erofs_file_text(&file, name, NAMES_SIZE_MAX);
    erofs_file_close(&file);
    return *text ? fmemopen(*text, strlen(*text) + 1, "r") : NULL;
}

static FILE *open_names(const char *root, const char *name, char **text)
{
    struct stat st;

    *text = NULL;
    if (stat(root, &st) == 0 && S_ISREG(st.st_mode))
        return open_in_image(root, name, text);
    return open_in_root(root, name);
}

enum { FIELDS_MAX = 7 };

/* Finds the line whose field 0 is `name`, or, where name is NULL, whose field 2 is
 * `id`.  The fields stay valid until `*line` is freed. */
static bool find_line(const char *root, const char *file, const char *name, uint64_t id,
                      char **line, char **fields)
{
    char *text;
    FILE *stream = open_names(root, file, &text);
    bool found = false;
    size_t room = 0;
    uint64_t number;

    while (stream && !found && getline(line, &room, stream) >= 0) {
        char *rest = *line;
        int n = 0;
        rest[strcspn(rest, "\n")] = 0;
        while (n < FIELDS_MAX && rest)
            fields[n++] = strsep(&rest, ":");
        while (n < FIELDS_MAX)
            fields[n++] = "";
        if (!parse_number(fields[2], 0, ID_MAX, &number))
            continue;
        found = name ? strcmp(fields[0], name) == 0 : number == id;
    }
    if (stream)
        fclose(stream);
    free(text);
    return found;
}

static int find_group(struct user *user, const char *name, const char *what, const char *root)
{
    char *line = NULL, *fields[FIELDS_MAX];
    uint64_t id;
    int error = 0;

    if (parse_number(name, 0, ID_MAX, &id))
        user->gid = (uint32_t)id;
    else if (find_line(root, "etc/group", name, 0, &line, fields))
        user->gid = (uint32_t)strtoul(fields[2], NULL, 10);
    else
        error = complain(what, "use a number", "no group '%s' in etc/group", name);
    free(line);
    return error;
}

int user_find(struct user *user, const char *text, const char *root)
{
    char *line = NULL, *fields[FIELDS_MAX];
    const char *home = "/root";
    char what[256];
    uint64_t id = 0;
    int error = 0;

    *user = (struct user){0};
    snprintf(what, sizeof(what), "--user %.200s", text ? text : "");
    char *name = text ? need(strdup(text)) : NULL;
    char *group = name ? strchr(name, ':') : NULL;
    if (group)
        *group++ = 0;
    if (name && strcmp(name, "0") != 0 && strcmp(name, "root") != 0) {
        bool numeric = parse_number(name, 0, ID_MAX, &id);
        bool found = find_line(root, "etc/passwd", numeric ? NULL : name, id, &line, fields);
        if (!found && !numeric) {
            error = complain(what, "use a number", "no user '%s' in etc/passwd", name);
            goto out;
        }
        user->uid = found ? (uint32_t)strtoul(fields[2], NULL, 10) : (uint32_t)id;
        if (found)
            user->gid = (uint32_t)strtoul(fields[3], NULL, 10);
        home = found && fields[5][0] == '/' ? fields[5] : "/";
    }
    if (group)
        error = find_group(user, group, what, root);
    user->home = need(strdup(home));
out:
    free(line);
    free(name);
    return error;
}
