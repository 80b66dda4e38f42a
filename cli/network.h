/* What --net, -p and --dns say, as the monitor wants it. */
#ifndef BAILEY_CLI_NETWORK_H
#define BAILEY_CLI_NETWORK_H

#include "monitor/monitor.h"
#include "runtime.h"

struct network {
    struct net_rule rules[MONITOR_RULES_MAX];
    size_t rule_count;
    struct net_port ports[MONITOR_PORTS_MAX];
    size_t port_count;
    struct net_server servers[MONITOR_SERVERS_MAX];
    size_t server_count;
    const char *named; /* --net name=... */
    char own_name[NAME_LENGTH_MAX + 1], *directory;
};

/* Each takes one value of its option: 0, or an exit code after a message. */
int network_take(struct network *n, const char *shown, const char *value); /* --net */
int network_take_port(struct network *n, const char *shown, const char *value);
int network_take_server(struct network *n, const char *shown, const char *value);

/* Fills in the configuration, whose name is set; needs *n to stay. */
int network_settle(struct network *n, struct sandbox_config *config);
void network_free(struct network *n);

#endif
