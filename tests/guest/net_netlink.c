/* What programs learn about the network: getifaddrs, name look-ups, netlink, ioctls, /proc. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "ipv6.h"

static void addresses(void)
{
    struct ifaddrs *all = NULL;
    int four = 0, six = 0;

    CHECK(getifaddrs(&all) == 0);
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (strcmp(i->ifa_name, "lo") || !i->ifa_addr)
            continue;
        CHECK((i->ifa_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING)) ==
              (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
        if (i->ifa_addr->sa_family == AF_INET) {
            four++;
            CHECK(((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
            CHECK(((struct sockaddr_in *)i->ifa_netmask)->sin_addr.s_addr == htonl(0xff000000));
        }
        six += i->ifa_addr->sa_family == AF_INET6;
    }
    CHECK(four == 1 && six <= 1);
    freeifaddrs(all);
    CHECK(if_nametoindex("lo") == 1);
    CHECK(if_nametoindex("nonesuch0") == 0);
    struct if_nameindex *names = if_nameindex();
    CHECK(names && names[0].if_index == 1 && !strcmp(names[0].if_name, "lo"));
    if_freenameindex(names);
}

static void look_ups(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char name[64];

    hints.ai_family = AF_INET;
    CHECK(getaddrinfo("localhost", "80", &hints, &list) == 0);
    CHECK(list && ((struct sockaddr_in *)list->ai_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    freeaddrinfo(list);
    hints.ai_family = AF_UNSPEC;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST;
    CHECK(getaddrinfo(NULL, "80", &hints, &list) == 0);
    freeaddrinfo(list);
    struct sockaddr_in six = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(getnameinfo((void *)&six, sizeof(six), name, sizeof(name), NULL, 0, 0) == 0);
    CHECK(!strcmp(name, "localhost"));
}

static void ioctls(void)
{
    struct ifreq r = {.ifr_name = "lo"};
    int s = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(ioctl(s, SIOCGIFADDR, &r) == 0);
    CHECK(((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(ioctl(s, SIOCGIFNETMASK, &r) == 0);
    CHECK(ioctl(s, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & IFF_LOOPBACK));
    CHECK(ioctl(s, SIOCGIFMTU, &r) == 0 && r.ifr_mtu == 65536);
    CHECK(ioctl(s, SIOCGIFINDEX, &r) == 0 && r.ifr_ifindex == 1);
    CHECK(ioctl(s, SIOCGIFHWADDR, &r) == 0 && r.ifr_hwaddr.sa_family == 772);
    strcpy(r.ifr_name, "none9");
    CHECK_ERR(ioctl(s, SIOCGIFADDR, &r), ENODEV);
    close(s);
}

static int talk(int s, int type, int flags, int family)
{
    struct {
        struct nlmsghdr h;
        struct rtgenmsg g;
        char pad[3];
    } q = {{sizeof(q), type, NLM_F_REQUEST | flags, 17, 0}, {family}, {0}};
    static char buf[65536];
    struct sockaddr_nl from;
    socklen_t len = sizeof(from);
    int n = 0;

    CHECK(send(s, &q, sizeof(q), 0) == sizeof(q));
    for (;;) {
        int got = recvfrom(s, buf, sizeof(buf), 0, (void *)&from, &len);

        CHECK(got > 0 && len == sizeof(from) && from.nl_pid == 0);
        for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, got); h = NLMSG_NEXT(h, got)) {
            CHECK(h->nlmsg_seq == 17);
            if (h->nlmsg_type == NLMSG_DONE)
                return n;
            if (h->nlmsg_type == NLMSG_ERROR)
                return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
            n++;
        }
        if (got < 0)
            return -1000;
    }
}

static void netlink(void)
{
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl own = {.nl_family = AF_NETLINK};
    socklen_t len = sizeof(own);
    char c;

    CHECK(bind(s, (void *)&own, sizeof(own)) == 0);
    CHECK(getsockname(s, (void *)&own, &len) == 0 && own.nl_pid != 0);
    CHECK(talk(s, RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC) >= 1);
    CHECK(talk(s, RTM_GETADDR, NLM_F_DUMP, AF_INET) >= 1);
    CHECK(talk(s, RTM_GETROUTE, NLM_F_DUMP, AF_INET) >= 1);
    CHECK(talk(s, RTM_GETLINK, 0, AF_UNSPEC) == -EINVAL);
    CHECK_ERR(recv(s, &c, 1, MSG_DONTWAIT), EAGAIN);
    close(s);
    CHECK_ERR(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), ESOCKTNOSUPPORT);
    CHECK_ERR(socket(AF_NETLINK, SOCK_RAW, 77), EPROTONOSUPPORT);
}

/* A listener shows in /proc/net/tcp with its inode. */
static void listed(void)
{
    struct sockaddr_in n = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(n);
    int s = socket(AF_INET, SOCK_STREAM, 0), seen = 0;
    char line[256], want[64], link[64] = "", fd[32];
    unsigned long inode;
    FILE *f;

    CHECK(bind(s, (void *)&n, len) == 0 && listen(s, 1) == 0);
    CHECK(getsockname(s, (void *)&n, &len) == 0);
    snprintf(want, sizeof(want), "0100007F:%04X 00000000:0000 0A", ntohs(n.sin_port));
    snprintf(fd, sizeof(fd), "/proc/self/fd/%d", s);
    CHECK(readlink(fd, link, sizeof(link) - 1) > 0);
    CHECK(sscanf(link, "socket:[%lu]", &inode) == 1);
    f = fopen("/proc/net/tcp", "r");
    while (f && fgets(line, sizeof(line), f)) {
        unsigned long number = 0;
        if (!strstr(line, want))
            continue;
        sscanf(strstr(line, want) + strlen(want), " %*s %*s %*s %*s %*s %lu", &number);
        seen += number == inode;
    }
    CHECK(seen == 1);
    fclose(f);
    close(s);
}

int main(void)
{
    need_ipv6();
    addresses();
    look_ups();
    ioctls();
    netlink();
    listed();
    return check_result();
}
