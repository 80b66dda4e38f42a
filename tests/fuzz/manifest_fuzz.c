/* Fuzzes manifests: whatever the text says, options get NUL-terminated words, messages name
 * the file, and the answer is 0 or a refusal. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cli/manifest.h"
#include "complain.h"
#include "mutate.h"

static int take(void *context, const char *shown, const char *value)
{
    if (context != &words || strncmp(shown, "dir/m.json: ", 12) != 0)
        abort();
    words += value ? strlen(value) : 0;
    return 0;
}

#define OPTION(name)                                                                               \
    {                                                                                              \
        OPTION_VALUE, 0, name, "X", "x", take                                                      \
    }
static const struct option_def options[] = {
    OPTION("env"),
    OPTION("env-file"),
    OPTION("workdir"),
    OPTION("user"),
    OPTION("hostname"),
    OPTION("name"),
    OPTION("tty"),
    OPTION("cpu"),
    OPTION("root"),
    OPTION("image"),
    OPTION("volume"),
    OPTION("read-only"),
    OPTION("net"),
    OPTION("publish"),
    OPTION("dns"),
    OPTION("memory"),
    OPTION("pids"),
    OPTION("cpus"),
    OPTION("files"),
    OPTION("cpu-time"),
    OPTION("output"),
    OPTION("timeout"),
    {.kind = OPTION_HEADING},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strings program = {0};
    char *exact = malloc(size + 1); /* so that reading past it is seen */

    if (size > 65536)
        size = 65536;
    memcpy(exact, data, size);
    exact = realloc(exact, size ? size : 1);
    int code = manifest_parse(exact, size, "dir/m.json", options, &words, &program);
    free(exact);
    strings_free(&program);
    if (code != 0 && code != CLI_FAILED)
        abort();
    return 0;
}

/* What options keep pointers to is meant to live as long as the process. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }
