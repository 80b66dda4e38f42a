#include "landlock.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_RULESET_VERSION 1u

/* As <linux/landlock.h> of ABI 6; older kernels are given a shorter size. */
struct ruleset {
    uint64_t fs, net, scoped;
};

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

    return abi < 0 ? 0 : (int)abi;
}

int landlock_deny_all(void)
{
    int abi = landlock_abi();
    /* Rights known per ABI: 13, +REFER, +TRUNCATE, (net), +IOCTL_DEV. */
    static const unsigned fs_rights[] = {0, 13, 14, 15, 15, 16};
    struct ruleset set = {0, 0, 0};
    size_t size = offsetof(struct ruleset, net);

    if (abi < 1)
        return -ENOSYS;
    set.fs = (1ULL << fs_rights[abi < 5 ? abi : 5]) - 1;
    if (abi >= 4) {
        set.net = 3; /* bind and connect of TCP */
        size = offsetof(struct ruleset, scoped);
    }
    if (abi >= 6) {
        set.scoped = 3; /* abstract Unix sockets, signals */
        size = sizeof(set);
    }
    long fd = syscall(SYS_landlock_create_ruleset, &set, size, 0);
    if (fd < 0)
        return -errno;
    long rc = syscall(SYS_landlock_restrict_self, (int)fd, 0) < 0 ? -errno : 0;
    close((int)fd);
    return (int)rc;
}
