/* Filters of the processes outside: lists of host system calls, each with its reason, as
 * monitor/own_calls.inc has them.  What is not on a list raises SIGSYS. */
#ifndef BAILEY_MONITOR_CALL_FILTER_H
#define BAILEY_MONITOR_CALL_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALL_VALUES_MAX 16
#define CALL_RULES_MAX  192

struct call_rule {
    uint32_t number;
    uint8_t argument;
    bool absent;        /* ENOSYS, as on an older kernel */
    bool checked, bits; /* bits: values[0] is a mask, not one of a list */
    uint32_t values[CALL_VALUES_MAX];
};

/* What the lists are written with.  Zero ends a list of values, so it can be no member. */
#define IS(...)                                                                                    \
    false, { __VA_ARGS__ }
#define WITHIN(mask)                                                                               \
    true, { mask }
#define MAY(name, why)                   {.number = __NR_##name},
#define ABSENT(name, why)                {.number = __NR_##name, .absent = true},
#define MAY_IF(name, argument, set, why) {__NR_##name, argument, false, true, set},

/* `numbers`: those of the list, whatever the arguments; also those of absent calls. */
void call_filter_build(const struct call_rule *rules, size_t count, bool numbers);
/* The one that was built last, for the calling process and for good; it has no_new_privs.  0, or
 * -1 with errno. */
int call_filter_install(void);

#endif
