/* Between the monitor and the network service, a process of its own (net/service.h): one
 * request and its reply at a time, over a SEQPACKET socket.  The service never sleeps over
 * one.  A reply may bring a descriptor, which is the sandbox's. */
#ifndef BAILEY_MONITOR_NET_PROTOCOL_H
#define BAILEY_MONITOR_NET_PROTOCOL_H

#include <stdint.h>

#include "../abi/host_abi.h"

enum net_request_kind {
    NET_OPEN, /* uri; a = mode.  data: struct host_address of this end, if it has one */
    NET_LENT, /* HOST_LENT: a, b, c.  data: what the operation answers */
};
struct net_request {
    uint32_t kind, reserved;
    uint64_t a, b, c;
    char uri[128];
};
struct net_reply {
    int64_t result; /* >= 0 or -errno */
    uint32_t size, reserved;
    uint8_t data[496];
};

#endif
