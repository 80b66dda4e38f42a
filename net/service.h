/* The network service: a process beside the monitor that has a sandbox's way to the network.
 *
 * It knows the rules, opens and binds sockets, looks at every datagram and query, and
 * reaches no file: what it reads from the network and from the sandbox never comes near
 * the monitor, which only passes requests and descriptors (monitor/net_protocol.h).  There is
 * none for a sandbox without a network.  It ends when the monitor's end of the socket is
 * closed, however that comes about.
 */
#ifndef BAILEY_NET_SERVICE_H
#define BAILEY_NET_SERVICE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>

#define NET_RULES_MAX   256
#define NET_PORTS_MAX   64
#define NET_SERVERS_MAX 3

/* What the sandbox may connect to; without a rule: nothing. */
enum net_rule_kind {
    NET_RULE_ADDRESS,  /* a network; of length 0: everything, and every name */
    NET_RULE_NAME,     /* the addresses the resolver gives for it */
    NET_RULE_LOOPBACK, /* the host's own 127.0.0.1 and ::1 */
};
struct net_rule {
    enum net_rule_kind kind;
    uint8_t ip[16];   /* IPv4: mapped */
    unsigned length;  /* of the network's prefix, 0..128 */
    const char *name; /* lower case, no dot at the end */
    uint16_t port;    /* 0: every */
};

/* A port of the host that leads to one of the sandbox. */
struct net_port {
    uint8_t ip[16];           /* IPv4: mapped */
    uint16_t host_port, port; /* host_port 0: any free one, filled in by net_service_start */
    bool udp;
};

struct net_server { /* of the DNS */
    uint8_t ip[16];
    uint16_t port;
};

struct net_config {
    struct net_rule rules[NET_RULES_MAX];
    size_t rule_count;
    struct net_port ports[NET_PORTS_MAX];
    size_t port_count;
    struct net_server servers[NET_SERVERS_MAX];
    size_t server_count;
    const char *named;     /* this sandbox's name on a named network, or NULL */
    const char *named_dir; /* the network's directory, of this user alone */
};

struct net_service {
    pid_t pid;
    int socket;   /* the monitor's end; -1: no service */
    int bad_port; /* after a failure: the port that could not be bound, or -1 */
};

/* Binds the ports and starts the process if the configuration needs one.  0 or -errno; for
 * the named network -EADDRINUSE says that the name is taken, -EEXIST that another member
 * has the same address. */
int net_service_start(struct net_config *config, struct net_service *service);
/* Ends it and waits for its end. */
void net_service_end(struct net_service *service);

uint32_t named_address(const char *name); /* what a member of that name has */

#endif
