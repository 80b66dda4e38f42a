/* Metadata as names and values, each ending with NUL. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

static int append(struct snapshot_pairs *p, const char *text, size_t len)
{
    if (p->room - p->size < len) {
        size_t room = (p->size + len) * 2 + 256;
        char *bytes = realloc(p->bytes, room);
        if (!bytes)
            return -1;
        p->bytes = bytes;
        p->room = room;
    }
    memcpy(p->bytes + p->size, text, len);
    p->size += len;
    return 0;
}

int snapshot_pairs_add(struct snapshot_pairs *pairs, const char *name, const char *format, ...)
{
    va_list ap;
    char *value;

    va_start(ap, format);
    int len = vasprintf(&value, format, ap);
    va_end(ap);
    if (len < 0)
        return -1;
    size_t before = pairs->size;
    int rc = append(pairs, name, strlen(name) + 1);
    if (rc == 0)
        rc = append(pairs, value, (size_t)len + 1);
    if (rc < 0)
        pairs->size = before;
    free(value);
    return rc;
}

void snapshot_pairs_free(struct snapshot_pairs *pairs)
{
    free(pairs->bytes);
    memset(pairs, 0, sizeof(*pairs));
}

bool snapshot_pairs_next(const void *bytes, size_t size, size_t *at, const char **name,
                         const char **value)
{
    const char *text = bytes;

    if (*at >= size)
        return false;
    const char *end = memchr(text + *at, 0, size - *at);
    if (!end)
        return false;
    size_t second = (size_t)(end - text) + 1;
    end = second < size ? memchr(text + second, 0, size - second) : NULL;
    if (!end)
        return false;
    *name = text + *at;
    *value = text + second;
    *at = (size_t)(end - text) + 1;
    return true;
}
