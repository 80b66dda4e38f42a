/* A segment of System V shared memory, and what linux/shm.h says (it needs a libc). */
#ifndef LIBOS_SYSV_SHM_H
#define LIBOS_SYSV_SHM_H

#include "ipc_table.h"
#include "vfs.h"

#define SHM_HUGETLB  04000
#define SHM_RDONLY   010000
#define SHM_RND      020000
#define SHM_REMAP    040000
#define SHM_EXEC     0100000
#define SHM_DEST     01000u
#define SHM_LOCKED   02000u
#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15

/* As /proc/sys/kernel shows them. */
#define SHM_MIN 1UL
#define SHM_MNI 4096
#define SHM_MAX (~0UL - (1UL << 24))
#define SHM_ALL (~0UL - (1UL << 24))

struct shm_info_k { /* struct shm_info */
    s32 used_ids;
    u64 shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

struct shm_params {
    u64 size;
    int flags;
};

struct shm_segment {
    struct ipc_object ipc;
    u64 size;
    struct file *memory;
    s64 attached; /* VMAs, and calls on the way to make one */
    s32 cpid, lpid;
    s64 atime, dtime, ctime;
};

#endif
