/* The monitor's side of the network: who may be reached, and the sockets for it.
 *
 *   net.c         start and end, published ports, "tcp:" and the other URIs, the set of
 *                 descriptors the monitor itself waits for
 *   net_policy.c  addresses, and what the rules say about them
 *   net_socket.c  operations on a socket the sandbox lends
 *   net_udp.c     datagrams, which all pass through here
 *   net_dns.c     the resolver; net_dns_message.c reads and writes its messages
 *   net_named.c   named networks
 *
 * A host socket inside is one of TCP, connected or accepted: its peer cannot be changed
 * with sendmsg or recvmsg.  A UDP socket's can, so none is ever given in: datagrams go over
 * a SEQPACKET pair (which ignores names) and each is looked at here.
 * Nothing here sleeps.  What it waits for is in one epoll (sandbox.net_fd).
 */
#ifndef BAILEY_MONITOR_NET_H
#define BAILEY_MONITOR_NET_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "serve.h"

#define NET_RELAYS_MAX   1024
#define NET_DATAGRAM_MAX 65536

/* Embedded in what waits; `ready` may free it. */
struct net_watch {
    void (*ready)(struct sandbox *s, struct net_watch *w, uint32_t events);
};
int net_watch(struct sandbox *s, int fd, uint32_t events, struct net_watch *w);

/* ---- net.c ---- */
int net_start(struct sandbox *s); /* before the first host process: binds, or says why not */
void net_boot(const struct sandbox *s, struct boot_info *b);
void net_ready(struct sandbox *s); /* net_fd is readable */
void net_end(struct sandbox *s);
bool net_uri(const char *uri);
long net_open(struct sandbox *s, struct request *r, const char *uri);

/* ---- net_policy.c ---- */
bool address_parse(const char *text, struct host_address *a); /* "ADDR:PORT" */
socklen_t address_to_host(const struct host_address *a, int family, struct sockaddr_storage *to);
bool address_from_host(const struct sockaddr_storage *from, struct host_address *a);
uint32_t address_v4(const uint8_t ip[16]); /* 0 if it is none */
bool net_allowed(const struct sandbox *s, const struct host_address *a);
bool net_name_allowed(const struct sandbox *s, const char *name); /* lower case */
/* `name` was resolved to ip: rules for the name hold for it. */
void net_pin(const struct sandbox *s, const char *name, const uint8_t ip[16]);

/* ---- net_socket.c ---- */
long net_control(struct request *r);
bool net_is_tcp(int fd);
long net_lend(struct sandbox *s, struct request *r, const char *rest);

/* ---- net_udp.c ---- */
struct relay;
void relay_end(struct sandbox *s);
long relay_open(struct sandbox *s, struct request *r, int family, int published);
/* A datagram for the sandbox; false if it was dropped. */
bool relay_give(struct relay *relay, const struct host_datagram *from, const void *data, size_t n);
/* Is it still the one with this number? */
struct relay *relay_find(uint64_t number);
uint64_t relay_number(const struct relay *relay);

/* ---- net_dns.c ---- */
void dns_query(struct sandbox *s, struct relay *from, const uint8_t *message, size_t n);

/* ---- net_named.c ---- */
int named_start(struct sandbox *s);
void named_end(struct sandbox *s);
uint32_t named_address(const char *name); /* what a member of that name has */
bool named_member(const struct sandbox *s, const char *name);
long named_connect(struct sandbox *s, struct request *r, const struct host_address *a);
long named_listen(struct sandbox *s, struct request *r, uint16_t port);

#endif
