/* A growing list of strings, always ended by NULL so that it can serve as an argv. */
#ifndef BAILEY_CLI_STRING_LIST_H
#define BAILEY_CLI_STRING_LIST_H

#include <stddef.h>

struct strings {
    char **items;
    size_t count;
};

/* Takes ownership of `text`. */
void strings_add(struct strings *list, char *text);
void strings_free(struct strings *list);

#endif
