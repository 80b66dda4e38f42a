/* Numbers as people write them; see number.h. */
#define _GNU_SOURCE
#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* strtoull takes signs and blanks, which no option of ours means. */
static bool leading_number(const char *text, uint64_t *value, const char **rest)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    *rest = end;
    return errno == 0;
}

bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    const char *rest;

    return leading_number(text, value, &rest) && *rest == 0 && *value >= min && *value <= max;
}

bool parse_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "kmgt";
    const char *rest;
    uint64_t value;

    if (!leading_number(text, &value, &rest))
        return false;
    if (*rest == 0 || strcasecmp(rest, "b") == 0) {
        *bytes = value;
        return true;
    }
    const char *unit = strchr(units, tolower((unsigned char)*rest));
    if (!unit || !*unit)
        return false;
    rest++;
    if (*rest && strcasecmp(rest, "b") != 0 && strcasecmp(rest, "ib") != 0)
        return false;
    return !__builtin_mul_overflow(value, 1ULL << (10 * (unit - units + 1)), bytes);
}

bool parse_seconds(const char *text, unsigned *seconds)
{
    static const struct {
        const char *name;
        unsigned seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
    const char *rest;
    uint64_t value;

    if (!leading_number(text, &value, &rest) || value == 0 || value > UINT32_MAX / 2)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(rest, units[i].name) == 0)
            return !__builtin_mul_overflow((unsigned)value, units[i].seconds, seconds);
    }
    return false;
}

int parse_signal(const char *text)
{
    uint64_t n;

    if (parse_number(text, 1, 64, &n))
        return (int)n;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (int sig = 1; sig < 32; sig++) {
        const char *name = sigabbrev_np(sig);
        if (name && strcasecmp(name, text) == 0)
            return sig;
    }
    return 0;
}
