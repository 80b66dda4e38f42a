/* A growing list of strings; see string_list.h. */
#include "string_list.h"
#include "complain.h"

#include <stdlib.h>

void strings_add(struct strings *list, char *text)
{
    list->items = need(realloc(list->items, (list->count + 2) * sizeof(char *)));
    list->items[list->count++] = need(text);
    list->items[list->count] = NULL;
}

void strings_free(struct strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct strings){0};
}
