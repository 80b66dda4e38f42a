/* One-line messages on standard error. */
#include "complain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clean_text.h"
#include "monitor/error.h"

int complain_text(const char *text, const char *hint)
{
    char given[4096], line[2 * sizeof(given)];

    snprintf(given, sizeof(given), "bailey: %s%s%s%s", text, hint ? " (" : "", hint ? hint : "",
             hint ? ")" : "");
    /* Nothing of a hostile file or name may drive the terminal, nor break the promise of one
     * line. */
    size_t n = clean_text_to(line, sizeof(line), given, strlen(given));
    /* One write, so that the line stays whole between other writers. */
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

int complain_process(const char *what, int err)
{
    return complain_errno(what, err, err == EAGAIN ? ERROR_PROCESSES_HINT : NULL);
}

void *need(void *allocated)
{
    if (!allocated) {
        complain("memory", NULL, "the host has none left");
        exit(CLI_FAILED);
    }
    return allocated;
}
