/* For tests of the library OS as an ordinary program (pal/hosted). */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../pal/hosted/hosted.h"
#include "lib.h"
#include "thread.h"

/* The C library's headers and Linux's do not go together. */
int rand(void);
void srand(unsigned seed);
int usleep(unsigned us);
int printf(const char *fmt, ...);

#define RUN_TESTS(tests)                                                                           \
    (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests((tests), NULL, NULL))

#endif
