/* /proc/net: headers that readers expect, and the loopback device. */
#include "procfs.h"

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
    PSEUDO_TEXT("sockstat", "sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\n"
                            "UDP: inuse 0 mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\n"
                            "FRAG: inuse 0 memory 0\n"),
    PSEUDO_DIR("stat", snmp_like_empty),
    PSEUDO_TEXT("tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
                       "   uid  timeout inode                                                     "
                       "\n"),
    PSEUDO_TEXT("tcp6",
                "  sl  local_address                         remote_address                        "
                "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"),
    PSEUDO_TEXT("udp", "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
                       "retrnsmt   uid  timeout inode ref pointer drops             \n"),
    PSEUDO_TEXT("udp6",
                "  sl  local_address                         remote_address                        "
                "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer "
                "drops\n"),
    PSEUDO_TEXT("unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"),
    PSEUDO_TEXT("wireless",
                "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n"
                " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | "
                "22\n"),
    PSEUDO_END,
};
