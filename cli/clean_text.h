/* Text of strangers, made fit for a terminal and for JSON. */
#ifndef BAILEY_CLI_CLEAN_TEXT_H
#define BAILEY_CLI_CLEAN_TEXT_H

#include <stddef.h>

/* A copy in which everything but printable ASCII and well-formed UTF-8 of printable
 * characters is written as \xNN: control characters, what changes the direction of
 * writing, and broken bytes.  To be freed. */
char *clean_text(const char *text, size_t len);
/* The same into a buffer, which is never too small: what comes last is left out.  Returns the
 * length. */
size_t clean_text_to(char *to, size_t size, const char *text, size_t len);

#endif
