/* What one write brings to an empty loopback connection, Unix stream or pipe one read takes:
 * nobody sees a part. */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

#define ROUNDS 2000
#define MOST   16000

struct way {
    int in, out;           /* what is written to `in` comes at `out` */
    int back_in, back_out; /* that it came */
};

static size_t length_of(unsigned *seed)
{
    return 1 + (size_t)rand_r(seed) % (rand_r(seed) % 4 ? 3000 : MOST);
}

static void *write_all(void *arg)
{
    const struct way *w = arg;
    static char data[MOST];
    unsigned seed = 1;
    char c;

    for (int i = 0; i < ROUNDS; i++) {
        ssize_t n = (ssize_t)length_of(&seed);
        CHECK(write(w->in, data, (size_t)n) == n);
        CHECK(read(w->back_out, &c, 1) == 1);
    }
    return NULL;
}

static void try(const char *what, struct way w)
{
    static char buf[2 * MOST];
    unsigned seed = 1, parts = 0;
    pthread_t t;

    CHECK(pthread_create(&t, NULL, write_all, &w) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = length_of(&seed), got = 0;
        for (ssize_t part = 1; got < n && part > 0; got += (size_t)part, parts++)
            part = read(w.out, buf, sizeof(buf));
        CHECK(got == n);
        CHECK(write(w.back_in, "", 1) == 1);
    }
    CHECK(pthread_join(t, NULL) == 0);
    printf("%s: %s\n", what, parts == ROUNDS ? "whole" : "in parts");
}

int main(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd[2], back[2];

    int l = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(l, (void *)&a, len) == 0 && listen(l, 1) == 0);
    CHECK(getsockname(l, (void *)&a, &len) == 0 && connect(to, (void *)&a, len) == 0);
    int from = accept(l, NULL, NULL);
    try("a connection", (struct way){to, from, from, to});
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    try("a Unix stream", (struct way){fd[0], fd[1], fd[1], fd[0]});
    CHECK(pipe(fd) == 0 && pipe(back) == 0);
    try("a pipe", (struct way){fd[1], fd[0], back[1], back[0]});
    return check_result();
}
