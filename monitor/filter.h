/* The host filter: which host system calls a picoprocess may make, and with what. */
#ifndef BAILEY_MONITOR_FILTER_H
#define BAILEY_MONITOR_FILTER_H

#include <linux/filter.h>
#include <stddef.h>

#define FILTER_MAX 256

struct filter_program {
    struct sock_filter code[FILTER_MAX];
    unsigned short length;
};

/* Builds the program.  It depends on nothing but the tables, so it cannot fail at run
 * time; a table that does not fit aborts (found by the unit test). */
void filter_build(struct filter_program *program);

/* Number of host system calls the program lets through (the monitor's aside). */
size_t filter_call_count(void);

#endif
