#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1
#define RULE_NET_PORT          2

/* As <linux/landlock.h> of ABI 6; older kernels are given a shorter size. */
struct ruleset {
    uint64_t fs, net, scoped;
};
struct path_beneath {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));
struct net_port {
    uint64_t allowed, port;
};

int landlock_abi(void)
{
    static int known = -1;

    if (known < 0) {
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
        known = abi < 0 ? 0 : (int)abi;
    }
    return known;
}

/* Every right over files this ABI knows: 13, +REFER, +TRUNCATE, (net), +IOCTL_DEV. */
static uint64_t fs_rights(int abi)
{
    static const unsigned count[] = {0, 13, 14, 15, 15, 16};

    return (1ULL << count[abi < 5 ? abi : 5]) - 1;
}

static int make_ruleset(int abi, uint64_t rights, unsigned tcp, bool scoped)
{
    struct ruleset set = {rights, 0, 0};
    size_t size = offsetof(struct ruleset, net);

    if (abi >= 4 && tcp) {
        set.net = tcp;
        size = offsetof(struct ruleset, scoped);
    }
    if (abi >= 6 && scoped) {
        set.scoped = 3; /* abstract Unix sockets, signals */
        size = sizeof(set);
    }
    return (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
}

int landlock_enforce(int rules)
{
    if (rules < 0)
        return -errno;
    int rc = syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0;
    close(rules);
    return rc;
}

int landlock_deny_all(void)
{
    int abi = landlock_abi();

    if (abi < 1)
        return -ENOSYS;
    return landlock_enforce(
        make_ruleset(abi, fs_rights(abi), LANDLOCK_BIND | LANDLOCK_CONNECT, true));
}

int landlock_nest(void)
{
    int abi = landlock_abi();

    return abi < 2 ? 0 : landlock_enforce(make_ruleset(abi, 1, 0, false));
}

int landlock_begin(unsigned tcp, bool scoped)
{
    int abi = landlock_abi();

    return abi < 2 ? -1 : make_ruleset(abi, fs_rights(abi), tcp, scoped);
}

void landlock_allow(int rules, int dir, uint64_t rights)
{
    const struct path_beneath rule = {rights & fs_rights(landlock_abi()), dir};

    syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0);
}

void landlock_allow_path(int rules, const char *path, uint64_t rights)
{
    int dir = open(path, O_PATH | O_CLOEXEC);

    if (dir < 0)
        return;
    landlock_allow(rules, dir, rights);
    close(dir);
}

void landlock_allow_port(int rules, uint16_t port, unsigned tcp)
{
    const struct net_port rule = {tcp, port};

    syscall(SYS_landlock_add_rule, rules, RULE_NET_PORT, &rule, 0);
}
