/* --net, -p, --dns: text into rules, ports and servers.
 *
 *   --net none | host | allow=WHAT[,WHAT...] | name=NETWORK     may be repeated; WHAT is
 *       HOST:PORT, where HOST is a name, an address ([IPv6]), ADDRESS/LENGTH, * or
 *       host-loopback, and PORT a number or *
 *   -p [ADDR:][HOSTPORT:]PORT[/udp]
 *   --dns ADDR[:PORT]
 */
#define _GNU_SOURCE
#include "network.h"

#include "abi/boot.h"
#include "complain.h"
#include "number.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  300
#define FORM_WHAT "HOST:PORT is a name, an address, ADDRESS/LENGTH or *, and a port or *"
#define FORM_PORT "give it as [ADDR:]HOSTPORT:PORT[/udp]"

/* An IPv4 or IPv6 address as 16 bytes. */
static bool parse_address(const char *text, uint8_t ip[16], bool *v4)
{
    memset(ip, 0, 16);
    memset(ip + 10, 0xff, 2);
    *v4 = inet_pton(AF_INET, text, ip + 12) == 1;
    return *v4 || inet_pton(AF_INET6, text, ip) == 1;
}

/* Takes "[v6]" or what stands before the last colon off the front: HOST into host, what
 * follows the colon into *rest (NULL if there is none).  False if it makes no sense. */
static bool split_host(char *text, char **host, char **rest)
{
    char *end;

    if (*text == '[') {
        end = strchr(text, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        *end = 0;
        *host = text + 1;
        *rest = end[1] ? end + 2 : NULL;
        return true;
    }
    end = strrchr(text, ':');
    if (end)
        *end = 0;
    *host = text;
    *rest = end ? end + 1 : NULL;
    return true;
}

static bool parse_port(const char *text, unsigned least, uint16_t *port)
{
    uint64_t value;

    if (!parse_number(text, least, 65535, &value))
        return false;
    *port = (uint16_t)value;
    return true;
}

/* ---- --net --------------------------------------------------------------------------- */

static bool valid_name(const char *name)
{
    size_t label = 0, length = strlen(name);

    for (const char *c = name; *c; c++) {
        label = *c == '.' ? 0 : label + 1;
        if (label > 63 || (*c == '.' && (c == name || c[-1] == '.')) ||
            (*c != '.' && *c != '-' && *c != '_' && !isalnum((unsigned char)*c)))
            return false;
    }
    return length > 0 && length <= 253;
}

/* "10.0.0.0/8", "fd00::/8". */
static bool parse_network(char *text, struct net_rule *rule)
{
    char *slash = strchr(text, '/');
    uint64_t length = 128;
    bool v4;

    if (slash)
        *slash = 0;
    bool address = parse_address(text, rule->ip, &v4);
    if (slash)
        *slash = '/';
    if (!address)
        return false;
    if (slash && !parse_number(slash + 1, 0, v4 ? 32 : 128, &length))
        return false;
    rule->length = (unsigned)length + (v4 && slash ? 96 : 0);
    return true;
}

static bool is_own(const struct net_rule *rule)
{
    static const uint8_t one[16] = {[15] = 1};

    return (rule->length >= 104 && rule->ip[10] == 0xff && rule->ip[12] == 127) ||
           (rule->length == 128 && !memcmp(rule->ip, one, 16));
}

static int take_host(const char *shown, const char *what, char *host, struct net_rule *rule)
{
    size_t length = strlen(host);

    if (strcmp(host, "*") == 0)
        return 0; /* an address rule of length 0 */
    if (strcasecmp(host, "host-loopback") == 0) {
        rule->kind = NET_RULE_LOOPBACK;
        return 0;
    }
    if (strcasecmp(host, "localhost") == 0)
        return complain(shown, "host-loopback:PORT is this machine's",
                        "'%s': localhost is the sandbox itself", what);
    if (parse_network(host, rule))
        return is_own(rule) ? complain(shown, "host-loopback:PORT is this machine's",
                                       "'%s': the loopback is the sandbox's own", what)
                            : 0;
    if (strpbrk(host, "/*"))
        return complain(shown, FORM_WHAT, "'%s' is no network and no name", what);
    if (length > 1 && host[length - 1] == '.')
        host[length - 1] = 0;
    /* Four numbers that are no address are a mistake, not a name. */
    if (!valid_name(host) || !host[strspn(host, "0123456789.")])
        return complain(shown, FORM_WHAT, "'%s' holds neither a name nor an address", what);
    for (char *c = host; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    rule->kind = NET_RULE_NAME;
    rule->name = need(strdup(host));
    return 0;
}

static int take_rule(struct network *n, const char *shown, const char *what)
{
    struct net_rule rule = {.kind = NET_RULE_ADDRESS};
    char text[TEXT_MAX], *host, *port;

    if (strlen(what) >= sizeof(text))
        return complain(shown, FORM_WHAT, "'%.40s...' is too long", what);
    strcpy(text, what);
    if (!split_host(text, &host, &port) || !*host || !port)
        return complain(shown, FORM_WHAT, "'%s' is not HOST:PORT", what);
    if (text[0] != '[' && strchr(host, ':'))
        return complain(shown, "write an IPv6 address as [ADDRESS]:PORT", "'%s' is not HOST:PORT",
                        what);
    if (strcmp(port, "*") != 0 && !parse_port(port, 1, &rule.port))
        return complain(shown, FORM_WHAT, "'%s': the port is not a number from 1 to 65535", what);
    if (n->config.rule_count == NET_RULES_MAX)
        return complain(shown, NULL, "more than %d rules", NET_RULES_MAX);
    int code = take_host(shown, what, host, &rule);
    if (!code)
        n->config.rules[n->config.rule_count++] = rule;
    return code;
}

static int take_rules(struct network *n, const char *shown, const char *list)
{
    char *copy = need(strdup(list)), *next = copy, *what;
    int code = 0;

    while (!code && (what = strsep(&next, ",")))
        code = take_rule(n, shown, what);
    free(copy);
    return code;
}

int network_take(struct network *n, const char *shown, const char *value)
{
    if (strcmp(value, "none") == 0)
        return 0;
    if (strcmp(value, "host") == 0)
        return take_rule(n, shown, "*:*");
    if (strncmp(value, "allow=", 6) == 0)
        return take_rules(n, shown, value + 6);
    if (strncmp(value, "name=", 5) == 0) {
        if (!name_valid(value + 5))
            return complain(shown, "use letters, digits, _ . -, at most 64",
                            "'%s' is no network's name", value + 5);
        if (n->named && strcmp(n->named, value + 5) != 0)
            return complain(shown, NULL, "a sandbox is on one named network at most");
        n->named = value + 5;
        return 0;
    }
    return complain(shown, "use none, host, allow=HOST:PORT or name=NETWORK",
                    "'%s' is no kind of network", value);
}

/* ---- -p ------------------------------------------------------------------------------ */

/* "8080:80", ":80", "80", with the address before it. */
static bool parse_ports(char *text, struct net_port *port)
{
    char *inside = strrchr(text, ':'), *address = NULL, *host = NULL;
    bool v4 = true;

    if (inside)
        *inside++ = 0;
    else
        return parse_port(text, 1, &port->port) && parse_address("0.0.0.0", port->ip, &v4);
    if (*text == '[' || strchr(text, ':')) {
        if (!split_host(text, &address, &host) || !host)
            return false;
    } else if (strchr(text, '.')) {
        address = text;
    } else {
        host = text;
    }
    if (!parse_address(address ? address : "0.0.0.0", port->ip, &v4))
        return false;
    if (host && *host && !parse_port(host, 0, &port->host_port))
        return false;
    return parse_port(inside, 1, &port->port);
}

int network_take_port(struct network *n, const char *shown, const char *value)
{
    struct net_port port = {.host_port = 0};
    char text[TEXT_MAX];

    if (strlen(value) >= sizeof(text))
        return complain(shown, FORM_PORT, "'%.40s...' is too long", value);
    strcpy(text, value);
    char *slash = strchr(text, '/');
    if (slash) {
        *slash++ = 0;
        port.udp = strcmp(slash, "udp") == 0;
        if (!port.udp && strcmp(slash, "tcp") != 0)
            return complain(shown, FORM_PORT, "'%s': %s is neither tcp nor udp", value, slash);
    }
    if (!parse_ports(text, &port))
        return complain(shown, FORM_PORT, "'%s' does not say which port to publish", value);
    if (n->config.port_count == NET_PORTS_MAX)
        return complain(shown, NULL, "more than %d published ports", NET_PORTS_MAX);
    n->config.ports[n->config.port_count++] = port;
    return 0;
}

/* ---- --dns --------------------------------------------------------------------------- */

static bool parse_server(const char *value, struct net_server *server)
{
    char text[TEXT_MAX], *host, *port;
    bool v4;

    server->port = 53;
    if (strlen(value) >= sizeof(text))
        return false;
    if (parse_address(value, server->ip, &v4))
        return true;
    strcpy(text, value);
    return split_host(text, &host, &port) && parse_address(host, server->ip, &v4) &&
           (!port || parse_port(port, 1, &server->port));
}

int network_take_server(struct network *n, const char *shown, const char *value)
{
    if (n->config.server_count == NET_SERVERS_MAX)
        return complain(shown, NULL, "more than %d servers", NET_SERVERS_MAX);
    if (!parse_server(value, &n->config.servers[n->config.server_count]))
        return complain(shown, "give it as ADDRESS or ADDRESS:PORT",
                        "'%s' is not the address of a server", value);
    n->config.server_count++;
    return 0;
}

/* The host's own servers. */
static void read_servers(struct network *n)
{
    FILE *file = fopen("/etc/resolv.conf", "re");
    char line[512], address[256];

    while (file && n->config.server_count < NET_SERVERS_MAX && fgets(line, sizeof(line), file)) {
        if (sscanf(line, " nameserver %255s", address) == 1 &&
            parse_server(address, &n->config.servers[n->config.server_count]))
            n->config.server_count++;
    }
    if (file)
        fclose(file);
}

/* ---- together ------------------------------------------------------------------------ */

static int settle_name(struct network *n, const char *name)
{
    if (!name)
        return complain("--net", "add --name NAME, by which the others will reach it",
                        "on a named network a sandbox needs a name");
    snprintf(n->own_name, sizeof(n->own_name), "%s", name);
    for (char *c = n->own_name; *c; c++) /* names of hosts have no case */
        *c = (char)tolower((unsigned char)*c);
    return runtime_network(n->named, &n->directory);
}

int network_settle(struct network *n, const char *name)
{
    n->service.socket = -1;
    if (n->named) {
        int code = settle_name(n, name);
        if (code)
            return code;
        n->config.named = n->own_name;
        n->config.named_dir = n->directory;
    }
    if (n->config.rule_count && !n->config.server_count)
        read_servers(n);
    return 0;
}

static bool port_is_v4(const struct net_port *p)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(p->ip, mapped, 12) == 0;
}

static void port_text(const struct net_port *p, char *text, size_t size)
{
    char ip[INET6_ADDRSTRLEN] = "";
    bool v4 = port_is_v4(p);

    inet_ntop(v4 ? AF_INET : AF_INET6, p->ip + (v4 ? 12 : 0), ip, sizeof(ip));
    snprintf(text, size, v4 ? "%s:%u%s" : "[%s]:%u%s", ip, p->host_port, p->udp ? "/udp" : "");
}

static int complain_start(const struct network *n, int error)
{
    char text[80], what[100];

    if (n->service.bad_port < 0) {
        if (error == EADDRINUSE)
            return complain("--net", "give this one another --name",
                            "another sandbox on %s is called %s", n->named, n->own_name);
        if (error == EEXIST)
            return complain("--net", "give this one another --name",
                            "another sandbox on %s has the address of %s", n->named, n->own_name);
        return complain_errno("the network", error, NULL);
    }
    port_text(&n->config.ports[n->service.bad_port], text, sizeof(text));
    snprintf(what, sizeof(what), "-p: %s", text);
    return complain_errno(what, error,
                          error == EACCES       ? "low ports need root: take one from 1024 on"
                          : error == EADDRINUSE ? "take another port of the host, or 0 for any"
                                                : "ADDR is one of this host's addresses");
}

static void describe_ports(struct network *n, const bool *picked, struct sandbox_config *config)
{
    char text[80];

    n->ports = need(calloc(n->config.port_count + 1, sizeof(*n->ports)));
    for (size_t i = 0; i < n->config.port_count; i++) {
        const struct net_port *p = &n->config.ports[i];
        n->ports[i] = (struct boot_port){p->port, p->udp, !port_is_v4(p)};
        port_text(p, text, sizeof(text));
        if (picked[i] && !config->quiet)
            fprintf(stderr, "bailey: port %u is published at %s\n", p->port, text);
    }
    config->net_ports = n->ports;
    config->net_port_count = (uint32_t)n->config.port_count;
}

void network_published(const struct network *n, struct strings *list)
{
    char text[80], line[100];

    for (size_t i = 0; i < n->config.port_count; i++) {
        port_text(&n->config.ports[i], text, sizeof(text));
        snprintf(line, sizeof(line), "%s -> %u", text, n->config.ports[i].port);
        strings_add(list, need(strdup(line)));
    }
}

int network_start(struct network *n, struct sandbox_config *config)
{
    bool picked[NET_PORTS_MAX];

    for (size_t i = 0; i < n->config.port_count; i++)
        picked[i] = n->config.ports[i].host_port == 0;
    int rc = net_service_start(&n->config, &n->service);
    if (rc < 0)
        return complain_start(n, -rc);
    describe_ports(n, picked, config);
    config->net_service = n->service.socket;
    if (n->config.rule_count)
        config->net_flags |= BOOT_NET_OUT;
    if (n->named) {
        config->net_flags |= BOOT_NET_NAMED;
        config->net_address = named_address(n->own_name);
    }
    if (n->config.rule_count || n->named)
        config->net_flags |= BOOT_NET_RESOLVER;
    return 0;
}

void network_end(struct network *n) { net_service_end(&n->service); }

void network_free(struct network *n)
{
    for (size_t i = 0; i < n->config.rule_count; i++)
        free((char *)n->config.rules[i].name);
    free(n->directory);
    free(n->ports);
}
