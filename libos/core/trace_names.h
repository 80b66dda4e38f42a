#ifndef LIBOS_TRACE_NAMES_H
#define LIBOS_TRACE_NAMES_H

#include "types.h"

struct flag_name { /* ends with name NULL; larger combinations stand first */
    u32 bits;
    const char *name;
};
extern const struct flag_name open_flags[], prot_flags[], map_flags[];

const char *errno_name(long e); /* NULL: none */
const char *signal_name(int sig);

#endif
