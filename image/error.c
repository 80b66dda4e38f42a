#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int image_fail(struct image_error *err, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    if (error && n >= 0 && (size_t)n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", strerror(error));
    for (char *p = err->text; *p; p++) /* names from archives reach a terminal */
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = '?';
    err->hint[0] = 0;
    return -1;
}

int image_hint(struct image_error *err, const char *hint)
{
    snprintf(err->hint, sizeof(err->hint), "%s", hint);
    return -1;
}
