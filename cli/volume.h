/* -v HOST:GUEST[:ro]: what of the host a program may reach, checked before anything
 * starts. */
#ifndef BAILEY_CLI_VOLUME_H
#define BAILEY_CLI_VOLUME_H

#include <stdbool.h>
#include <stddef.h>

struct volume {
    char *host;  /* absolute, without symbolic links */
    char *guest; /* absolute, without "." and ".." */
    bool readonly;
    bool is_file;
};

struct volumes {
    struct volume *items;
    size_t count;
};

/* Returns 0 or an exit code after a message. */
int volume_add(struct volumes *list, const char *shown, const char *text);

/* What only shows when all are known: two on one place, and a directory that would
 * appear inside itself.  root is --root's directory or NULL. */
int volumes_check(const struct volumes *list, const char *root);

void volumes_free(struct volumes *list);

/* An absolute guest path without "." and empty components, newly allocated; NULL if
 * it is relative or has a "..". */
char *guest_path(const char *text);

/* The same of an option's value, into *path, whose old value is freed.  Returns 0 or an exit
 * code after a message. */
int guest_path_option(const char *shown, const char *value, char **path);

#endif
