#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int errnum, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int n = vsnprintf(err->text, sizeof(err->text), format, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    if (errnum > 0 && (size_t)n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", strerror(errnum));
    if (errnum == EAGAIN)
        error_hint(err, "%s", ERROR_PROCESSES_HINT);
    if (errnum == EMFILE)
        error_hint(err, "raise the limit of open files: ulimit -n 256");
    if (!err->exit_code)
        err->exit_code = 125;
    return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
    char inner[sizeof(err->text)];
    va_list ap;

    memcpy(inner, err->text, sizeof(inner));
    va_start(ap, format);
    int n = vsnprintf(err->text, sizeof(err->text), format, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", inner);
    return -1;
}

int error_hint(struct error *err, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(err->hint, sizeof(err->hint), format, ap);
    va_end(ap);
    return -1;
}
