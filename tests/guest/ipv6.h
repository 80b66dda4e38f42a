/* A host without IPv6 has no address to compare with: the test is none there. */
#ifndef GUEST_IPV6_H
#define GUEST_IPV6_H

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static inline void need_ipv6(void)
{
    struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int s = socket(AF_INET6, SOCK_DGRAM, 0);

    if (s < 0 || bind(s, (struct sockaddr *)&own, sizeof(own)) != 0)
        exit(77);
    close(s);
}

#endif
