/* Out by the network: around the rules, or with a descriptor that was meant for another end.
 * The canary's services listen on the host's loopback, which no rule here allows. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define FASTOPEN 0x20000000

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static uint16_t canary_port(void) { return (uint16_t)atoi(given("TCP_PORT")); }

/* ---- names of the loopback ------------------------------------------------------------- */

static void loopback_uris(void)
{
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "0.0.0.0",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::127.0.0.1",
        "::ffff:0.0.0.0",
        "64:ff9b::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "192.0.0.8",
        "100::8",
        "::ffff:192.0.0.8",
        "127.1",
        "0177.0.0.1",
        "0x7f000001",
        "2130706433",
        "localhost",
        "127.0.0.1 ",
        " 127.0.0.1",
        "127.0.0.1%lo",
        "::1%1",
        "[::1]",
        "169.254.169.254",
        "fe80::1",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "127.0.0.53",
        "fd00:ec2::254",
        "0:0:0:0:0:ffff:7f00:0001",
        "",
        ":",
        "%",
        "127.0.0.1:1",
    };
    char uri[160];

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        snprintf(uri, sizeof(uri), "tcp:%s:%u", hosts[i], canary_port());
        long rc = ask_open(0, uri, O_RDONLY);
        if (rc >= 0)
            escaped("%s was opened", uri);
    }
}

static void odd_uris(void)
{
    static const char *const uris[] = {
        "tcp:",
        "tcp::",
        "tcp:10.0.0.1",
        "tcp:10.0.0.1:",
        "tcp:10.0.0.1:0",
        "tcp:10.0.0.1:65536",
        "tcp:10.0.0.1:-1",
        "tcp:10.0.0.1:+1",
        "tcp:10.0.0.1: 1",
        "tcp:10.0.0.1:1x",
        "tcp:10.0.0.1:18446744073709551617",
        "udp:",
        "udp:5",
        "udp:44",
        "publish:",
        "publish:1",
        "publish:-1",
        "publish:0x0",
        "publish:18446744073709551616",
        "publish: 0",
        "named:80",
        "named:",
        "named:../x",
        "sockets:x",
        "tcp:%s%n%s:1",
        "host:tcp",
        "socket:",
        "unix:/x",
    };
    char uri[2000] = "tcp:";

    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++)
        if (ask_open(0, uris[i], O_RDONLY) >= 0)
            escaped("%s was opened", uris[i]);
    memset(uri + 4, '1', sizeof(uri) - 5);
    if (ask_open(0, uri, O_RDONLY) >= 0)
        escaped("a long address was opened");
}

static void without_network(void)
{
    static const char *const uris[] = {"udp:4",    "udp:6",    "publish:0",
                                       "named:80", "sockets:", "tcp:10.0.0.1:1"};

    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++)
        if (ask_open(0, uris[i], O_RDONLY) != -ENETUNREACH)
            escaped("%s was opened without a network", uris[i]);
}

/* ---- descriptors turned elsewhere --------------------------------------------------------- */

static struct sockaddr_in canary_name(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(canary_port()),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* A message to the canary by every means a message has. */
static long send_towards(long handle, const void *data, size_t size, int flags, int control)
{
    struct sockaddr_in name = canary_name();
    struct iovec iov = {(void *)data, size};
    struct {
        struct cmsghdr h;
        uint8_t data[32];
    } c = {{CMSG_LEN(12), IPPROTO_IP, IP_PKTINFO}, {0}};
    struct msghdr m = {&name, sizeof(name), &iov, 1, NULL, 0, 0};

    if (control == 1) { /* a source route: by way of the canary's address */
        const uint8_t route[] = {131, 7, 4, 127, 0, 0, 1, 0};
        c.h = (struct cmsghdr){CMSG_LEN(8), IPPROTO_IP, IP_RETOPTS};
        memcpy(c.data, route, sizeof(route));
    } else if (control == 2) { /* interface and source address */
        memcpy(c.data, (const uint8_t[]){1, 0, 0, 0, 127, 0, 0, 1}, 8);
    } else if (control == 3) { /* descriptors the sandbox was never meant to give away */
        c.h = (struct cmsghdr){CMSG_LEN(12), SOL_SOCKET, SCM_RIGHTS};
        memcpy(c.data, (const int[]){GATE_FD_SEGMENT, GATE_FD_POLL, (int)handle}, 12);
    }
    if (control) {
        m.msg_control = &c;
        m.msg_controllen = c.h.cmsg_len;
    }
    return gate(SYS_sendmsg, handle, (long)&m, flags, 0, 0, 0);
}

/* Datagram streams, with headers for where nothing may go. */
static void redirect_datagrams(void)
{
    static const char *const streams[] = {"udp:4", "udp:6", "publish:1"};
    static const uint8_t loopback[][16] = {
        {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1},
        {[15] = 1},
        {[10] = 0xff, [11] = 0xff},
        {0},
        {[10] = 0xff, [11] = 0xff, 192, 0, 0, 8},
        {[0] = 1, [15] = 8},
        {[12] = 127, [15] = 1},
        {0, 0x64, 0xff, 0x9b, [12] = 127, [15] = 1},
        {[10] = 0xff, [11] = 0xff, 224, 0, 0, 1},
        {[10] = 0xff, [11] = 0xff, 255, 255, 255, 255},
    };

    for (size_t s = 0; s < sizeof(streams) / sizeof(streams[0]); s++) {
        long handle = ask_open(0, streams[s], O_RDONLY);
        if (handle < 0)
            escaped("%s: %ld", streams[s], handle); /* the harness gave it */
        for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
            struct {
                struct host_datagram head;
                char data[8];
            } packet = {{{{0}, canary_port(), 0}, 0}, "escaped"};
            memcpy(packet.head.address.ip, loopback[i], 16);
            for (int control = 0; control < 4; control++) {
                send_towards(handle, &packet, sizeof(packet), MSG_DONTWAIT, control);
                send_towards(handle, &packet, below(40), MSG_DONTWAIT, control);
            }
        }
    }
    raw_sleep(50000000); /* they had time to get there */
}

/* The listening socket of a published port, and the streams that are sockets of the host. */
static void redirect_listener(void)
{
    long handle = ask_open(0, "publish:0", O_RDONLY);

    if (handle < 0)
        escaped("publish:0: %ld", handle);
    for (int control = 0; control < 4; control++)
        if (send_towards(handle, "escaped", 7, MSG_DONTWAIT, control) >= 0)
            escaped("a listening socket took data");
}

static void fast_open(void)
{
    long handle = ask_open(0, "publish:0", O_RDONLY);

    send_towards(handle, "escaped", 7, FASTOPEN, 0);
    escaped("a send that connects came back");
}

/* ---- lending ------------------------------------------------------------------------------ */

static void lend(long stream, int handle)
{
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct {
        struct cmsghdr h;
        int fd;
    } c = {{CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS}, handle};
    struct msghdr m = {NULL, 0, &iov, 1, &c, sizeof(c.h) + 4, 0};

    gate(SYS_sendmsg, stream, (long)&m, MSG_DONTWAIT, 0, 0, 0);
}

static long operate(uint64_t op, uint64_t b, uint64_t c)
{
    struct message_control *m = message_buffer(1);

    *m = (struct message_control){-1, HOST_LENT, op, b, c, 512, 0};
    return ask(1, HOST_CALL_CONTROL, sizeof(*m) + 512, 0, 0, 0);
}

/* Everything it has is lent as if it were a connection; nothing is, but the listener. */
static void lend_anything(void)
{
    long stream = ask_open(0, "sockets:", O_RDONLY), listener = ask_open(0, "publish:0", O_RDONLY);

    for (int handle = 0; handle < 64; handle++) {
        for (uint64_t op = 0; op < 6 && handle != listener; op++) {
            lend(stream, handle);
            if (operate(op, 0, 0) >= 0)
                escaped("operation %d on handle %d", (int)op, handle);
        }
    }
    if (operate(HOST_SOCKET_NAME, 0, 0) != -EBADF)
        escaped("an operation without a socket");
    for (int i = 0; i < 2000; i++) { /* options that are none of its business */
        lend(stream, (int)listener);
        uint64_t level = below(3) ? SOL_SOCKET : IPPROTO_TCP, name = below(80);
        long rc = operate(HOST_SOCKET_SET, level << 32 | name, odd());
        bool known = level == SOL_SOCKET ? name == SO_KEEPALIVE || name == SO_SNDBUF ||
                                               name == SO_RCVBUF || name == SO_LINGER
                                         : (name >= 4 && name <= 6) || name == 18;
        if (rc >= 0 && !known)
            escaped("option %d of level %d was set", (int)name, (int)level);
    }
}

/* ---- noise -------------------------------------------------------------------------------- */

/* Does the service serve?  It may not have got to what was closed, or sent, before. */
static bool serves(const char *uri)
{
    for (int i = 0; i < 3000; i++) {
        if (ask_open(0, uri, O_RDONLY) >= 0)
            return true;
        raw_sleep(10000000);
    }
    return false;
}

/* Datagrams and queries of any bytes; the service must live on. */
static void noise(void)
{
    static struct {
        struct host_datagram head;
        uint8_t data[2000];
    } packet;
    long handle = ask_open(0, "udp:4", O_RDONLY), stream = ask_open(0, "sockets:", O_RDONLY);

    for (int i = 0; i < 20000; i++) {
        uint8_t *bytes = (uint8_t *)&packet;
        for (size_t k = 0; k < 64; k++)
            bytes[k] = below(3) ? (uint8_t)below(4) : (uint8_t)any();
        if (below(4)) { /* to the resolver */
            memcpy(packet.head.address.ip, v4_mapped, 12);
            memcpy(packet.head.address.ip + 12, (const uint8_t[]){127, 0, 0, 53}, 4);
            packet.head.address.port = 53;
            packet.data[2] &= 0x79;
        }
        struct iovec iov = {&packet, below(200)};
        struct msghdr m = {NULL, 0, &iov, 1, NULL, 0, 0};
        gate(SYS_sendmsg, handle, (long)&m, MSG_DONTWAIT, 0, 0, 0);
        gate(SYS_recvmsg, handle, (long)&m, MSG_DONTWAIT, 0, 0, 0);
        if (below(50) == 0)
            lend(stream, (int)below(64));
        if (below(50) == 0)
            operate(below(6), odd(), odd());
    }
    if (!serves("udp:6"))
        escaped("the network service serves no more");
}

/* The address of the member it is itself, to which the library OS never sends. */
static uint32_t named_self(void)
{
    uint32_t hash = 2166136261u;

    for (const char *c = given("MEMBER"); *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    return HOST_NAMED + 1 + (hash ^ hash >> 16) % (~HOST_NAMED_MASK - 1);
}

/* Datagrams and visits of a named network, to nobody and to itself: by two streams that say they
 * have any port, with errors and descriptors that are none of theirs to send. */
static void named_noise(void)
{
    static struct {
        struct host_datagram head;
        uint8_t data[66000];
    } packet;
    const uint32_t self = named_self();
    long handle[2] = {ask_open(0, "udp:4", O_RDONLY), ask_open(0, "udp:6", O_RDONLY)};
    unsigned own = 0;

    /* As fast as it goes, which loses nearly all; then slowly, until some have come around. */
    for (int i = 0; i < 6000 || (own < 20 && i < 16000); i++) {
        if (i >= 6000)
            raw_sleep(2000000);
        uint32_t to = htonl(below(3) ? self : self ^ (uint32_t)below(4));
        packet.head.address.port = (uint16_t)below(4);
        packet.head.address.own = (uint16_t)below(4);
        packet.head.error = below(3) ? 0 : (int32_t)any();
        memcpy(packet.head.address.ip, v4_mapped, 12);
        memcpy(packet.head.address.ip + 12, &to, 4);
        send_towards(handle[below(2)], &packet,
                     below(9) ? 1 + below(199) : sizeof(packet) - below(800), MSG_DONTWAIT,
                     (int)below(4));
        struct iovec iov = {&packet, sizeof(packet)};
        struct msghdr m = {NULL, 0, &iov, 1, NULL, 0, 0};
        long n = gate(SYS_recvmsg, handle[below(2)], (long)&m, MSG_DONTWAIT, 0, 0, 0);
        if (n >= (long)sizeof(packet.head) && packet.head.error &&
            packet.head.error != ECONNREFUSED && packet.head.error != EHOSTUNREACH &&
            packet.head.error != EINVAL && packet.head.error != EACCES)
            escaped("an error of its own came back: %d", packet.head.error);
        own += n >= (long)sizeof(packet.head) && !packet.head.error;
    }
    if (!own)
        escaped("nothing came to itself, so this tests nothing"); /* the harness is wrong */
    for (int i = 0; i < 200; i++)
        ask_open(0, below(2) ? "named:7" : "named:8", O_RDONLY);
    if (!serves("udp:6"))
        escaped("the network service serves no more");
}

/* The resolver's streams: bytes of any kind, descriptors, and more than it has room for. */
static void resolver_noise(void)
{
    uint8_t bytes[700] = {0};
    long handle = -1;

    for (int i = 0; i < 3000; i++) {
        if (below(40) == 0 || handle < 0) {
            if (handle >= 0 && below(3))
                gate(SYS_close, handle, 0, 0, 0, 0, 0);
            handle = ask_open(0, "tcp:127.0.0.53:53", O_RDONLY);
        }
        if (handle < 0) { /* all that were left open */
            for (long fd = GATE_FD_DIFF + 1; fd < 200; fd++)
                gate(SYS_close, fd, 0, 0, 0, 0, 0);
            raw_sleep(20000000);
            continue;
        }
        for (size_t k = 1; k < sizeof(bytes); k++)
            bytes[k] = below(3) ? (uint8_t)below(4) : (uint8_t)any();
        bytes[0] = (uint8_t)(below(20) == 0);
        send_towards(handle, bytes, below(sizeof(bytes)), MSG_DONTWAIT, (int)below(4));
    }
    if (!serves("udp:6"))
        escaped("the network service serves no more");
}

/* Streams until there are no more, closed without a word. */
static void exhaust(void)
{
    long last = 0;

    for (int i = 0; i < 3000 && last >= 0; i++)
        last = ask_open(0, below(2) ? "udp:4" : "publish:1", O_RDONLY);
    if (last >= 0)
        escaped("3000 datagram streams");
    for (long handle = GATE_FD_DIFF + 1; handle < 4000; handle++)
        gate(SYS_close, handle, 0, 0, 0, 0, 0);
    if (!serves("udp:4"))
        escaped("none left after closing all");
}

#define PORTS "-p 127.0.0.1:0:7 -p 127.0.0.1:0:7/udp --dns 127.0.0.1:9"
const struct attack network_attacks[] = {
    {"network-none", REFUSED, NULL, without_network},
    {"network-loopback-names", REFUSED, "--net host", loopback_uris},
    {"network-odd-names", REFUSED, "--net host", odd_uris},
    {"network-redirect-datagrams", REFUSED, "--net host " PORTS, redirect_datagrams},
    {"network-redirect-listener", REFUSED, "--net host " PORTS, redirect_listener},
    {"network-fast-open", KILLED, "--net host " PORTS, fast_open},
    {"network-lend", REFUSED, "--net host " PORTS, lend_anything},
    {"network-noise", REFUSED, "--net allow=a.test:1 " PORTS, noise},
    {"network-named-noise", REFUSED, "--name evil% --net name=hostile% -e MEMBER=evil% " PORTS,
     named_noise},
    {"network-resolver-noise", REFUSED, "--net host " PORTS, resolver_noise},
    {"network-exhaust", REFUSED, "--net host " PORTS, exhaust},
    {0},
};
