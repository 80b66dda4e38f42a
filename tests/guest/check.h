/* A check that names itself when it fails; the program goes on and exits with 1. */
#ifndef GUEST_CHECK_H
#define GUEST_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failures;

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        int saved_errno_ = errno;                                                                  \
        if (!(c)) {                                                                                \
            check_failures++;                                                                      \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #c, saved_errno_);       \
        }                                                                                          \
    } while (0)
/* The call fails with this errno. */
#define CHECK_ERR(call, e)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long rc_ = (long)(call);                                                                   \
        CHECK(rc_ == -1 && errno == (e));                                                          \
    } while (0)

static inline int check_result(void)
{
    puts(check_failures ? "failed" : "ok");
    return check_failures != 0;
}

#endif
