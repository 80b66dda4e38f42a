/* Filling in struct snapshot_error; the first failure stays. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static const char *hint_of(enum snapshot_failure kind)
{
    switch (kind) {
    case SNAPSHOT_DAMAGED:
        return "get the file again from where it was made";
    case SNAPSHOT_VERSION:
        return "use the version of bailey that made it, or a newer one";
    case SNAPSHOT_BASE:
        return "name it with --base FILE";
    default:
        return "";
    }
}

int fail(struct snapshot_error *err, enum snapshot_failure kind, const char *format, ...)
{
    va_list ap;

    if (!err)
        return -1;
    memset(err, 0, sizeof(*err));
    err->kind = kind;
    va_start(ap, format);
    vsnprintf(err->text, sizeof(err->text), format, ap);
    va_end(ap);
    snprintf(err->hint, sizeof(err->hint), "%s", hint_of(kind));
    return -1;
}

int fail_errno(struct snapshot_error *err, int number, const char *what, const char *why)
{
    fail(err, SNAPSHOT_SYSTEM, "%s: %s%s%s", what, why ? why : "", why ? ": " : "",
         strerror(number));
    if (err)
        err->number = number;
    if (number == ENOSPC)
        fail_hint(err, "make room on that file system");
    return -1;
}

void fail_hint(struct snapshot_error *err, const char *hint)
{
    if (err)
        snprintf(err->hint, sizeof(err->hint), "%s", hint);
}
