/* Private to the network service.
 *
 *   service.c      start and end, requests of the monitor, connections
 *   publish.c      published ports
 *   policy.c       addresses, and what the rules say about them
 *   socket.c       operations on a socket the sandbox lends
 *   udp.c          datagrams, which all pass through here
 *   dns.c          the resolver; dns_stream.c its clients that come by TCP; dns_message.c
 *                  reads and writes its messages
 *   named.c        named networks; named_udp.c their datagrams
 *   walls.c        what the process may do; own_calls.inc lists its system calls
 *
 * A host socket inside is one of TCP, connected or accepted: its peer cannot be changed
 * with sendmsg or recvmsg.  A UDP socket's can, so none is ever given in: datagrams go over
 * a SEQPACKET pair (which ignores names) and each is looked at here.
 * One process, one thread; nothing sleeps.  What it waits for is in one epoll.
 */
#ifndef BAILEY_NET_NET_H
#define BAILEY_NET_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../monitor/net_protocol.h"
#include "service.h"

struct service {
    const struct net_config *config;
    int epoll, requests;
    struct host_address ports[NET_PORTS_MAX]; /* published: where on the host */
    int port_fds[NET_PORTS_MAX];
};

/* One request: what it may fill in. */
struct answer {
    struct net_reply *reply;
    int fd; /* to hand over, or -1 */
};

/* Embedded in what waits; `ready` may free it. */
struct net_watch {
    void (*ready)(struct service *s, struct net_watch *w, uint32_t events);
};
int net_watch(struct service *s, int fd, uint32_t events, struct net_watch *w);
void answer_address(struct answer *a, const struct host_address *address);

/* ---- publish.c ---- */
/* Port i of the configuration is in use from now on: 0 or -errno. */
int port_hold(struct service *s, struct net_port *p, size_t i);
long port_open(struct service *s, struct answer *a, const char *number, unsigned backlog);

/* ---- policy.c ---- */
bool address_parse(const char *text, struct host_address *a); /* "ADDR:PORT" */
socklen_t address_to_host(const struct host_address *a, int family, struct sockaddr_storage *to);
bool address_from_host(const struct sockaddr_storage *from, struct host_address *a);
bool address_is_v4(const uint8_t ip[16]);
uint32_t address_v4(const uint8_t ip[16]); /* 0 if it is none */
bool net_allowed(const struct service *s, const struct host_address *a);
bool net_name_allowed(const struct service *s, const char *name); /* lower case */
/* `name` was resolved to ip: rules for the name hold for it. */
void net_pin(const struct service *s, const char *name, const uint8_t ip[16]);

/* ---- socket.c ---- */
bool net_is_tcp(int fd);
long net_lend(struct answer *a);
/* A message with one descriptor: its length or -errno, as without one. */
ssize_t net_take(int socket, void *data, size_t size, struct sockaddr_un *from, int *fd);
long net_lent(const struct net_request *q, struct answer *a);

/* ---- udp.c ---- */
struct relay;
long relay_open(struct service *s, struct answer *a, int family, int published);
/* A datagram for the sandbox; false if it was dropped. */
bool relay_give(struct relay *relay, const struct host_datagram *from, const void *data, size_t n);
/* Is it still the one with this number? */
struct relay *relay_find(uint64_t number);
struct relay *relay_at(uint16_t port); /* on the named network, or NULL */

/* ---- dns.c ---- */
/* Of a client: a relay's number, or a stream's, which is answered by the whole. */
void dns_query(struct service *s, uint64_t client, const uint8_t *message, size_t n);

/* ---- dns_stream.c ---- */
#define DNS_STREAM (1ULL << 63) /* in the number of a client */
long dns_stream_open(struct service *s, struct answer *a);
void dns_stream_give(uint64_t number, const void *message, size_t n);

/* ---- named.c ---- */
#define NAMED_MAX 64                         /* a member's name */
int named_start(const struct net_config *c); /* 0 or -errno, as net_service_start */
void named_end(const struct net_config *c);  /* the name is free again */
int named_directory(void);                   /* descriptor or -1 */
void named_leave(void);                      /* this process has no part in it any more */
bool named_member(const struct service *s, const char *name);
bool named_address_is(const struct service *s, const struct host_address *a);
/* The member with that address: 0 or -errno. */
int named_find(uint32_t address, char name[NAMED_MAX + 1]);
/* Sends a member a message with a descriptor, from this one's name: 0 or -errno. */
int named_pass(const char *name, const void *data, size_t size, int fd);
int named_presence(void); /* the socket such messages come to, or -1 */
long named_connect(struct service *s, struct answer *answer, const struct host_address *a);
long named_listen(struct service *s, struct answer *answer, uint16_t port);

/* ---- named_udp.c ---- */
void named_links(struct service *s); /* from now on they are accepted */
/* A datagram and its head (n bytes in all) to the member it is for: 0 or -errno. */
int named_send(struct service *s, struct host_datagram *head, size_t n);

/* ---- walls.c ---- */
/* Gives up what the process does not need, for good: 0 or -1.  `directory`: of the named
 * network, or -1. */
int net_walls(const struct net_config *c, int directory);

#endif
