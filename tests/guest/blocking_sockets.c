/* Sockets that wait: for a connection, for room in a backlog, for data, for room to send; with a
 * timeout of the socket no handler lets them go on. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#include "blocking.h"

static int in = -1, out = -1, listening = -1, first = -1;
static struct sockaddr_in at;
static struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "listening"};
static char buf[4096];
static struct iovec vec = {buf, 1};
static struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};
static struct mmsghdr many = {.msg_hdr = {.msg_iov = &vec, .msg_iovlen = 1}};

static void clean(void)
{
    blocking_close(&in);
    blocking_close(&out);
    blocking_close(&listening);
    blocking_close(&first);
}

static int bound(int type)
{
    int s = socket(AF_INET, type, 0);
    socklen_t len = sizeof(at);

    at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    CHECK(bind(s, (struct sockaddr *)&at, len) == 0);
    CHECK(getsockname(s, (struct sockaddr *)&at, &len) == 0);
    return s;
}

static int connected(int type)
{
    int s = socket(AF_INET, type, 0);

    CHECK(connect(s, (struct sockaddr *)&at, sizeof(at)) == 0);
    return s;
}

static void udp(void)
{
    clean();
    in = bound(SOCK_DGRAM);
    out = connected(SOCK_DGRAM);
}

static void tcp_listening(void)
{
    clean();
    listening = bound(SOCK_STREAM);
    CHECK(listen(listening, 0) == 0);
}

static void tcp(void)
{
    tcp_listening();
    out = connected(SOCK_STREAM);
    in = accept(listening, NULL, NULL);
    CHECK(in >= 0);
}

static void tcp_full_backlog(void)
{
    tcp_listening();
    first = connected(SOCK_STREAM);
}

static void unix_listening(void)
{
    clean();
    unlink(name.sun_path);
    listening = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(listening, (struct sockaddr *)&name, sizeof(name)) == 0);
    CHECK(listen(listening, 0) == 0);
}

static void unix_full_backlog(void)
{
    unix_listening();
    first = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(first, (struct sockaddr *)&name, sizeof(name)) == 0);
}

static void pair(int type)
{
    int p[2];

    clean();
    CHECK(socketpair(AF_UNIX, type, 0, p) == 0);
    in = p[0];
    out = p[1];
}

static void stream(void) { pair(SOCK_STREAM); }
static void packets(void) { pair(SOCK_SEQPACKET); }
static void datagrams(void) { pair(SOCK_DGRAM); }

static void set_timeouts(void)
{
    struct timeval minute = {60, 0};

    for (int i = 0; i < 2; i++) {
        int s = i ? in : out;

        setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof(minute));
        setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &minute, sizeof(minute));
    }
    if (listening >= 0)
        setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof(minute));
}

static void stream_timed(void)
{
    stream();
    set_timeouts();
}

static void udp_timed(void)
{
    udp();
    set_timeouts();
}

static void tcp_timed(void)
{
    tcp();
    set_timeouts();
}

static void listening_timed(void)
{
    tcp_listening();
    set_timeouts();
}

static void fill(void)
{
    while (send(out, buf, sizeof(buf), MSG_DONTWAIT) > 0)
        ;
    while (send(out, buf, 1, MSG_DONTWAIT) > 0)
        ;
}

static void full_stream(void)
{
    stream();
    fill();
}

static void full_timed(void)
{
    stream_timed();
    fill();
}

static void full_packets(void)
{
    packets();
    fill();
}

static void full_datagrams(void)
{
    datagrams();
    fill();
}

static long accepts(void) { return accept(listening, NULL, NULL) < 0 ? -1 : 0; }
static long accepts4(void) { return accept4(listening, NULL, NULL, SOCK_CLOEXEC) < 0 ? -1 : 0; }
static long connects(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);

    return connect(s, (struct sockaddr *)&at, sizeof(at));
}
static long connects_unix(void)
{
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    return connect(s, (struct sockaddr *)&name, sizeof(name));
}
static long receives(void) { return recv(in, buf, 1, 0); }
static long receives_all(void) { return recv(in, buf, 2, MSG_WAITALL); }
static long peeks(void) { return recv(in, buf, 1, MSG_PEEK); }
static long receives_message(void) { return recvmsg(in, &message, 0); }
static long receives_many(void) { return recvmmsg(in, &many, 1, 0, NULL); }
static long reads(void) { return read(in, buf, 1); }
static long sends(void) { return send(out, buf, 1, 0); }
static long sends_message(void) { return sendmsg(out, &message, 0); }
static long sends_many(void) { return sendmmsg(out, &many, 1, 0); }
static long writes(void) { return write(out, buf, 1); }

static void come(pid_t child) { out = connected(SOCK_STREAM); }
static void come_unix(pid_t child)
{
    out = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(out, (struct sockaddr *)&name, sizeof(name)) == 0);
}
static void take(pid_t child)
{
    in = accept(listening, NULL, NULL);
    CHECK(in >= 0);
}
static void send_one(pid_t child) { CHECK(send(out, "x", 1, 0) == 1); }
static void send_two(pid_t child) { CHECK(send(out, "xy", 2, 0) == 2); }
static void drain(pid_t child)
{
    while (recv(in, buf, sizeof(buf), MSG_DONTWAIT) > 0)
        ;
}

static const struct blocking cases[] = {
    {"accept", "a TCP listener", tcp_listening, NULL, accepts, come, 0, GOES_ON, GOES_ON},
    {"accept", "a Unix listener", unix_listening, NULL, accepts, come_unix, 0, GOES_ON, GOES_ON},
    {"accept", "SO_RCVTIMEO", listening_timed, NULL, accepts, come, 0, ENDS, ENDS},
    {"accept4", "a TCP listener", tcp_listening, NULL, accepts4, come, 0, GOES_ON, GOES_ON},
    {"connect", "a full Unix backlog", unix_full_backlog, NULL, connects_unix, take, 0, GOES_ON,
     GOES_ON},
    {"recvfrom", "a stream", stream, NULL, receives, send_one, 1, GOES_ON, GOES_ON},
    {"recvfrom", "a stream, MSG_WAITALL", stream, NULL, receives_all, send_two, 2, GOES_ON,
     GOES_ON},
    {"recvfrom", "a stream, MSG_PEEK", stream, NULL, peeks, send_one, 1, GOES_ON, GOES_ON},
    {"recvfrom", "packets", packets, NULL, receives, send_one, 1, GOES_ON, GOES_ON},
    {"recvfrom", "datagrams", datagrams, NULL, receives, send_one, 1, GOES_ON, GOES_ON},
    {"recvfrom", "TCP", tcp, NULL, receives, send_one, 1, GOES_ON, GOES_ON},
    {"recvfrom", "TCP, MSG_WAITALL", tcp, NULL, receives_all, send_two, 2, GOES_ON, GOES_ON},
    {"recvfrom", "TCP, MSG_PEEK", tcp, NULL, peeks, send_one, 1, GOES_ON, GOES_ON},
    {"recvfrom", "UDP", udp, NULL, receives, send_one, 1, GOES_ON, GOES_ON},
    {"recvfrom", "a stream, SO_RCVTIMEO", stream_timed, NULL, receives, send_one, 1, ENDS, ENDS},
    {"recvfrom", "TCP, SO_RCVTIMEO", tcp_timed, NULL, receives, send_one, 1, ENDS, ENDS},
    {"recvfrom", "UDP, SO_RCVTIMEO", udp_timed, NULL, receives, send_one, 1, ENDS, ENDS},
    {"recvmsg", "TCP", tcp, NULL, receives_message, send_one, 1, GOES_ON, GOES_ON},
    {"recvmsg", "a stream", stream, NULL, receives_message, send_one, 1, GOES_ON, GOES_ON},
    {"recvmsg", "a stream, SO_RCVTIMEO", stream_timed, NULL, receives_message, send_one, 1, ENDS,
     ENDS},
    {"recvmmsg", "UDP", udp, NULL, receives_many, send_one, 1, GOES_ON, GOES_ON},
    {"recvmmsg", "datagrams", datagrams, NULL, receives_many, send_one, 1, GOES_ON, GOES_ON},
    {"read", "TCP", tcp, NULL, reads, send_one, 1, GOES_ON, GOES_ON},
    {"read", "UDP", udp, NULL, reads, send_one, 1, GOES_ON, GOES_ON},
    {"read", "TCP, SO_RCVTIMEO", tcp_timed, NULL, reads, send_one, 1, ENDS, ENDS},
    {"sendto", "a full stream", full_stream, NULL, sends, drain, 1, GOES_ON, GOES_ON},
    {"sendto", "full packets", full_packets, NULL, sends, drain, 1, GOES_ON, GOES_ON},
    {"sendto", "full datagrams", full_datagrams, NULL, sends, drain, 1, GOES_ON, GOES_ON},
    {"sendto", "a full stream, SO_SNDTIMEO", full_timed, NULL, sends, drain, 1, ENDS, ENDS},
    {"sendmsg", "a full stream", full_stream, NULL, sends_message, drain, 1, GOES_ON, GOES_ON},
    {"sendmmsg", "full datagrams", full_datagrams, NULL, sends_many, drain, 1, GOES_ON, GOES_ON},
    {"write", "a full stream, SO_SNDTIMEO", full_timed, NULL, writes, drain, 1, ENDS, ENDS},
};

/* Linux tries again after seconds, so this one is only interrupted. */
static const struct blocking connecting = {
    "connect", "a full TCP backlog", tcp_full_backlog, NULL, connects, take, 0, GOES_ON, GOES_ON};

int main(void)
{
    blocking_all(cases, sizeof(cases) / sizeof(cases[0]));
    blocking_interrupted(&connecting, 0);
    clean();
    unlink(name.sun_path);
    return check_result();
}
