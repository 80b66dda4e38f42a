/* Settings under /proc/sys that can be changed and that others look at. fs/proc_sys.c */
#ifndef LIBOS_FS_SYSCTL_H
#define LIBOS_FS_SYSCTL_H

#include "types.h"

enum sysctl {
    SYSCTL_INOTIFY_EVENTS,
    SYSCTL_INOTIFY_INSTANCES,
    SYSCTL_INOTIFY_WATCHES,
    SYSCTL_OVERCOMMIT_MEMORY,
    SYSCTL_OVERCOMMIT_RATIO,
    SYSCTL_SWAPPINESS,
    SYSCTL_MAX_MAP_COUNT,
    SYSCTL_PIPE_MAX_SIZE,
    SYSCTL_SOMAXCONN,
    SYSCTL_SHM_RMID_FORCED,
    SYSCTL_SUID_DUMPABLE,
    SYSCTL_CORE_USES_PID,
    SYSCTL_PTRACE_SCOPE,
    SYSCTL_PORT_START,
    SYSCTL_COUNT,
};

s64 sysctl(enum sysctl which);

#endif
