/* What --net, -p and --dns say, as the monitor wants it. */
#ifndef BAILEY_CLI_NETWORK_H
#define BAILEY_CLI_NETWORK_H

#include "monitor/monitor.h"
#include "net/service.h"
#include "runtime.h"
#include "string_list.h"

struct boot_port;
struct network {
    struct net_config config;
    const char *named; /* --net name=... */
    char own_name[NAME_LENGTH_MAX + 1], *directory;
    struct boot_port *ports;
    struct net_service service;
};

/* Each takes one value of its option: 0, or an exit code after a message. */
int network_take(struct network *n, const char *shown, const char *value); /* --net */
int network_take_port(struct network *n, const char *shown, const char *value);
int network_take_server(struct network *n, const char *shown, const char *value);

/* What the options say together; name is the sandbox's or NULL. */
int network_settle(struct network *n, const char *name);
/* Starts the network service and fills in the configuration: as late as possible. */
int network_start(struct network *n, struct sandbox_config *config);
/* Adds what is published to a list, after the start: "ADDR:HOSTPORT -> PORT". */
void network_published(const struct network *n, struct strings *list);
void network_end(struct network *n);
void network_free(struct network *n);

#endif
