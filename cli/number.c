/* Numbers as people write them; see number.h. */
#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

bool parse_duration(const char *text, uint64_t *ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}, {"h", 3600000}};
    const char *rest;
    uint64_t whole, thousandths = 0, scale = 100;

    if (!leading_number(text, &whole, &rest))
        return false;
    if (*rest == '.') {
        for (rest++; isdigit((unsigned char)*rest); rest++, scale /= 10)
            thousandths += (uint64_t)(*rest - '0') * scale;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(rest, units[i].name) != 0)
            continue;
        if (__builtin_mul_overflow(whole, units[i].ms, ms) || *ms > UINT64_MAX / 2)
            return false;
        *ms += thousandths * units[i].ms / 1000;
        return *ms > 0;
    }
    return false;
}
