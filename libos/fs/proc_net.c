/* /proc/net: headers that readers expect, and the loopback device. */
#include "../ipc/unix.h"
#include "../net/inet.h"
#include "procfs.h"

#define HEADER_TCP                                                                                 \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "  \
    "inode                                                     \n"
#define HEADER_TCP6                                                                                \
    "  sl  local_address                         remote_address                        st "        \
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define HEADER_UDP                                                                                 \
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "         \
    "timeout inode ref pointer drops             \n"
#define HEADER_UDP6                                                                                \
    "  sl  local_address                         remote_address                        st "        \
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"

/* arg: socket type << 16 | family */
static long show_inet(const struct pseudo *p, struct textbuf *b)
{
    static const char *const header[] = {HEADER_TCP, HEADER_TCP6, HEADER_UDP, HEADER_UDP6};
    u16 type = (u16)(p->node->arg >> 16), family = (u16)p->node->arg;

    text_add(b, "%s", header[(type == SOCK_DGRAM) * 2 + (family == AF_INET6)]);
    inet_listing(b, type, family);
    return 0;
}

static long show_unix(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    unix_listing(b);
    return 0;
}

static long show_sockstat(const struct pseudo *p, struct textbuf *b)
{
    u32 tcp = inet_count(SOCK_STREAM, AF_INET), udp = inet_count(SOCK_DGRAM, AF_INET);

    (void)p;
    text_add(b,
             "sockets: used %u\nTCP: inuse %u orphan 0 tw 0 alloc %u mem 0\nUDP: inuse %u mem 0\n"
             "UDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n",
             tcp + udp, tcp, tcp, udp);
    return 0;
}

static long show_sockstat6(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b,
             "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse 0\nRAW6: inuse 0\n"
             "FRAG6: inuse 0 memory 0\n",
             inet_count(SOCK_STREAM, AF_INET6), inet_count(SOCK_DGRAM, AF_INET6));
    return 0;
}

static const struct pseudo_node snmp_like_empty[] = {PSEUDO_END};

const struct pseudo_node proc_net_table[] = {
    PSEUDO_TEXT("arp", "IP address       HW type     Flags       HW address            Mask     "
                       "Device\n"),
    PSEUDO_TEXT("dev",
                "Inter-|   Receive                                                |  Transmit\n"
                " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
                "packets errs drop fifo colls carrier compressed\n"
                "    lo:       0       0    0    0    0     0          0         0        0       0"
                "    0    0    0     0       0          0\n"),
    PSEUDO_TEXT("if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"),
    PSEUDO_TEXT("igmp", "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"),
    PSEUDO_TEXT("ipv6_route",
                "00000000000000000000000000000001 80 00000000000000000000000000000000 00 "
                "00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo\n"),
    PSEUDO_TEXT("netlink", "sk               Eth Pid        Groups   Rmem     Wmem     Dump  "
                           "Locks    Drops    Inode\n"),
    PSEUDO_TEXT("packet", "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
    PSEUDO_TEXT("protocols",
                "protocol  size sockets  memory press maxhdr  slab module     cl co di "
                "ac io in de sh ss gs se re sp bi br ha uh gp em\n"),
    PSEUDO_TEXT("raw", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
                       "   uid  timeout inode ref pointer drops            \n"),
    PSEUDO_TEXT("route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\t"
                         "Window\tIRTT                                                       \n"),
    PSEUDO_SHOW("sockstat", show_sockstat),
    PSEUDO_SHOW("sockstat6", show_sockstat6),
    PSEUDO_DIR("stat", snmp_like_empty),
    PSEUDO_SHOW_ARG("tcp", show_inet, SOCK_STREAM << 16 | AF_INET),
    PSEUDO_SHOW_ARG("tcp6", show_inet, SOCK_STREAM << 16 | AF_INET6),
    PSEUDO_SHOW_ARG("udp", show_inet, SOCK_DGRAM << 16 | AF_INET),
    PSEUDO_SHOW_ARG("udp6", show_inet, SOCK_DGRAM << 16 | AF_INET6),
    PSEUDO_SHOW("unix", show_unix),
    PSEUDO_TEXT("wireless",
                "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n"
                " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | "
                "22\n"),
    PSEUDO_END,
};
