/* What parsers of the command line call, without a command line: messages are made and counted. */
#ifndef BAILEY_TESTS_FUZZ_COMPLAIN_H
#define BAILEY_TESTS_FUZZ_COMPLAIN_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cli/complain.h"

static size_t words;

int complain(const char *what, const char *hint, const char *why, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, why);
    vsnprintf(text, sizeof(text), why, ap);
    va_end(ap);
    words += strlen(what) + (hint ? strlen(hint) : 0) + strlen(text);
    return CLI_FAILED;
}
int complain_errno(const char *what, int err, const char *hint) { return CLI_FAILED; }
void *need(void *allocated)
{
    if (!allocated)
        abort();
    return allocated;
}

#endif
