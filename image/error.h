/* Why something with an image could not be done: one line, and what to do about it. */
#ifndef BAILEY_IMAGE_ERROR_H
#define BAILEY_IMAGE_ERROR_H

struct image_error {
    char text[600]; /* "what: why", no control characters */
    char hint[160]; /* "" if there is none */
};

/* Both return -1, so that a caller can `return image_fail(...)`.  The first adds the text
 * of `error` unless it is 0. */
int image_fail(struct image_error *err, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int image_hint(struct image_error *err, const char *hint);

#endif
