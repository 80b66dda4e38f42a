/* One byte there and back: pingpong serve|ask tcp|unix PORT|PATH [MILLISECONDS]
 *
 * `serve` listens on every address of IPv4 and answers one connection after another; `ask`
 * prints how many answers it got in a second. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static socklen_t address(int tcp, int serving, const char *where, struct sockaddr_storage *to)
{
    struct sockaddr_in *in = (struct sockaddr_in *)to;
    struct sockaddr_un *un = (struct sockaddr_un *)to;

    memset(to, 0, sizeof(*to));
    if (tcp) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)atoi(where));
        in->sin_addr.s_addr = htonl(serving ? INADDR_ANY : INADDR_LOOPBACK);
        return sizeof(*in);
    }
    un->sun_family = AF_UNIX;
    strncpy(un->sun_path, where, sizeof(un->sun_path) - 1);
    return sizeof(*un);
}

/* In the host's network runsc says EAGAIN where it should wait. */
static bool take(int s, char *byte)
{
    struct pollfd p = {s, POLLIN, 0};
    ssize_t n;

    while ((n = read(s, byte, 1)) < 0 && errno == EAGAIN && poll(&p, 1, -1) == 1)
        ;
    return n == 1;
}

static void answer(int s)
{
    for (;;) {
        int c = accept(s, NULL, NULL);
        char byte;

        if (c < 0)
            err(1, "accept");
        setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        while (take(c, &byte) && write(c, &byte, 1) == 1)
            ;
        close(c);
    }
}

static void ask(int s, double seconds)
{
    double begin = now(), end;
    long rounds = 0;
    char byte = 'x';

    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    do {
        for (int i = 0; i < 50; i++, rounds++)
            if (write(s, &byte, 1) != 1 || !take(s, &byte))
                err(1, "lost the connection");
        end = now();
    } while (end - begin < seconds);
    printf("%.1f\n", (double)rounds / (end - begin));
}

int main(int argc, char **argv)
{
    if (argc < 4)
        errx(2, "serve|ask tcp|unix WHERE [MILLISECONDS]");

    int serving = !strcmp(argv[1], "serve"), tcp = !strcmp(argv[2], "tcp");
    struct sockaddr_storage to;
    socklen_t len = address(tcp, serving, argv[3], &to);
    int s = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);

    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (serving && (bind(s, (void *)&to, len) || listen(s, 16)))
        err(1, "%s", argv[3]);
    if (serving)
        answer(s);
    if (connect(s, (void *)&to, len))
        err(1, "%s", argv[3]);
    ask(s, argc > 4 ? atof(argv[4]) / 1000 : 1);
    return 0;
}
