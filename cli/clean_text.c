/* Escaping what should not reach a terminal. */
#include "clean_text.h"

#include "complain.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ESCAPED = 4 }; /* characters for a byte */

/* The length of the character at `at` and its number; 0 if it is not well-formed UTF-8. */
static size_t decode(const unsigned char *at, size_t left, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80   ? 1
                 : at[0] < 0xc0 ? 0
                 : at[0] < 0xe0 ? 2
                 : at[0] < 0xf0 ? 3
                 : at[0] < 0xf8 ? 4
                                : 0;

    if (len == 0 || len > left)
        return 0;
    *c = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (at[i] & 0x3f);
    }
    return *c >= least[len] && *c < 0x110000 && (*c < 0xd800 || *c > 0xdfff) ? len : 0;
}

static bool printable(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return false;
    /* Marks that turn the direction of writing, line ends of Unicode, the byte order mark. */
    return !((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
             (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x61c || c >= 0xe0000);
}

size_t clean_text_to(char *to, size_t size, const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + len;
    size_t used = 0;

    while (at < end) {
        uint32_t c = 0;
        size_t n = decode(at, (size_t)(end - at), &c);
        bool as_it_is = n && printable(c);
        n = n ? n : 1;
        size_t longer = as_it_is ? n : ESCAPED * n;
        if (used + longer >= size)
            break;
        for (size_t i = 0; i < n && !as_it_is; i++)
            sprintf(to + used + ESCAPED * i, "\\x%02x", at[i]);
        if (as_it_is)
            memcpy(to + used, at, n);
        used += longer;
        at += n;
    }
    to[used] = 0;
    return used;
}

char *clean_text(const char *text, size_t len)
{
    size_t size = len * ESCAPED + 1;
    char *clean = need(malloc(size));

    clean_text_to(clean, size, text, len);
    return clean;
}
