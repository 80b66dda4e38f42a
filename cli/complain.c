/* One-line messages on standard error. */
#include "complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Control characters of a hostile file name must not reach the terminal, nor may a
 * newline break the promise of one line. */
static void make_printable(char *text)
{
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
}

int complain_text(const char *text, const char *hint)
{
    char line[4096];

    snprintf(line, sizeof(line), "bailey: %s%s%s%s", text, hint ? " (" : "", hint ? hint : "",
             hint ? ")" : "");
    make_printable(line);
    /* One write, so that the line stays whole between other writers. */
    size_t n = strlen(line);
    if (n == sizeof(line) - 1)
        n--;
    line[n] = '\n';
    if (write(STDERR_FILENO, line, n + 1) < 0)
        return CLI_FAILED;
    return CLI_FAILED;
}

int complain(const char *what, const char *hint, const char *why, ...)
{
    char reason[1024], text[2048];
    va_list ap;

    va_start(ap, why);
    vsnprintf(reason, sizeof(reason), why, ap);
    va_end(ap);
    snprintf(text, sizeof(text), "%s: %s", what, reason);
    return complain_text(text, hint);
}

int complain_errno(const char *what, int err, const char *hint)
{
    return complain(what, hint, "%s", strerror(err));
}

void *need(void *allocated)
{
    if (!allocated) {
        complain("memory", NULL, "the host has none left");
        exit(CLI_FAILED);
    }
    return allocated;
}
