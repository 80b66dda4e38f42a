/* UDP-Lite: UDP with ports of its own. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

static int bound(int protocol, struct sockaddr_in *in)
{
    socklen_t len = sizeof(*in);
    int fd = socket(AF_INET, SOCK_DGRAM, protocol);

    CHECK(fd >= 0 && bind(fd, (void *)in, len) == 0 && getsockname(fd, (void *)in, &len) == 0);
    return fd;
}

int main(void)
{
    struct sockaddr_in lite = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                       same;
    int probe = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE), got = 0, a, b, c;
    socklen_t len = sizeof(got);
    char buf[8];

    if (probe < 0)
        return 77; /* not every kernel has it */
    a = bound(IPPROTO_UDPLITE, &lite);
    CHECK(getsockopt(a, SOL_SOCKET, SO_PROTOCOL, &got, &len) == 0 && got == IPPROTO_UDPLITE);
    same = lite;
    b = bound(IPPROTO_UDP, &same); /* the same number, another port */
    CHECK(same.sin_port == lite.sin_port);
    CHECK_ERR(bind(probe, (void *)&lite, sizeof(lite)), EADDRINUSE);
    CHECK(sendto(probe, "lite", 4, 0, (void *)&lite, sizeof(lite)) == 4);
    CHECK(recv(a, buf, 8, 0) == 4 && !memcmp(buf, "lite", 4));
    CHECK_ERR(recv(b, buf, 8, MSG_DONTWAIT), EAGAIN);
    c = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(connect(c, (void *)&same, sizeof(same)) == 0 && send(c, "udp", 3, 0) == 3);
    CHECK(recv(b, buf, 8, 0) == 3);
    CHECK_ERR(recv(a, buf, 8, MSG_DONTWAIT), EAGAIN);
    CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDPLITE), EPROTONOSUPPORT);
    return check_result();
}
