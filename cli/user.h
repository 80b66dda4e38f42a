/* -u USER[:GROUP]: who program 1 is, by number or by the name files of its root. */
#ifndef BAILEY_CLI_USER_H
#define BAILEY_CLI_USER_H

#include <stdint.h>

struct user {
    uint32_t uid, gid;
    char *home; /* never NULL after user_find */
};

/* `text` NULL means root.  root is --root's directory, an image file, or "/" for the host's
 * files.  Returns 0 or an exit code after a message. */
int user_find(struct user *user, const char *text, const char *root);

#endif
