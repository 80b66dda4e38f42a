/* SHA-256 of files: what images are named by. */
#ifndef BAILEY_IMAGE_DIGEST_H
#define BAILEY_IMAGE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#define DIGEST_TEXT 65 /* 64 hexadecimal digits */

/* Of everything in the file; 0 or -errno. */
int digest_file(int fd, char text[DIGEST_TEXT]);
bool digest_is(const char *text); /* 64 hexadecimal digits in lower case? */

#endif
