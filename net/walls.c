/* The service reads what comes from the network and from a hostile sandbox, so it is behind
 * walls as the monitor is: no rights of root's but low ports, no file but the sockets of a named
 * network, no TCP port but those of the rules, and no system call but those it makes.
 */
#include "net.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../monitor/call_filter.h"
#include "../monitor/landlock.h"

#define NOBODY 65534

#define SETUP(name, why)
static const struct call_rule rules[] = {
#include "own_calls.inc"
};

/* Root keeps the right to bind low ports and no other.  The directory of a named network is its
 * own; without one it need not be root any more. */
static void drop_rights(bool named)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct rights[2] = {{0, 0, 0}, {0, 0, 0}};

    if (geteuid() == 0) {
        rights[0].effective = rights[0].permitted = 1u << CAP_NET_BIND_SERVICE;
        prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
        if (!named) {
            syscall(SYS_setgroups, 0, NULL);
            syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY);
            syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY);
        }
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    syscall(SYS_capset, &header, rights);
}

/* May it connect to ports that no rule names?  Named networks use any. */
static bool any_port(const struct net_config *c)
{
    bool any = c->named != NULL;

    for (size_t i = 0; i < c->rule_count; i++)
        any |= c->rules[i].port == 0;
    return any;
}

static void allow_ports(const struct net_config *c, int fd)
{
    for (size_t i = 0; i < c->port_count; i++)
        landlock_allow_port(fd, c->ports[i].host_port, LANDLOCK_BIND);
    if (c->named)
        landlock_allow_port(fd, 0, LANDLOCK_BIND);
    if (any_port(c))
        return;
    for (size_t i = 0; i < c->rule_count; i++)
        landlock_allow_port(fd, c->rules[i].port, LANDLOCK_CONNECT);
    for (size_t i = 0; i < c->server_count; i++)
        landlock_allow_port(fd, c->servers[i].port, LANDLOCK_CONNECT);
}

/* Making and removing sockets, and listing. */
#define NAMES (LANDLOCK_READ | 1ULL << 9 | 1ULL << 5)

static void restrict_files(const struct net_config *c, int directory)
{
    int fd = landlock_begin(LANDLOCK_BIND | (any_port(c) ? 0 : LANDLOCK_CONNECT), true);

    if (fd < 0)
        return; /* the second wall only */
    if (directory >= 0)
        landlock_allow(fd, directory, NAMES);
    allow_ports(c, fd);
    landlock_enforce(fd);
}

int net_walls(const struct net_config *c, int directory)
{
    drop_rights(directory >= 0);
    restrict_files(c, directory);
    call_filter_build(rules, sizeof(rules) / sizeof(rules[0]), false);
    return call_filter_install();
}
