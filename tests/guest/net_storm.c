/* Bad weather: clients that come and go, reset and half-close in mid-transfer, processes
 * killed with connections open, floods of connections nobody accepts.  At the end the
 * port is free, and a quiet connection beside it all has lost nothing. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define CLIENTS  6
#define ATTEMPTS 150

static struct sockaddr_in at = {.sin_family = AF_INET};
static int listening;
static atomic_int stop;

static int dial(int flags)
{
    int s = socket(AF_INET, SOCK_STREAM | flags, 0);

    if (connect(s, (void *)&at, sizeof(at)) && errno != EINPROGRESS) {
        close(s);
        return -1;
    }
    return s;
}

static void hard_close(int s)
{
    struct linger l = {1, 0};

    setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    close(s);
}

/* One of the things clients do. */
static void visit(unsigned *seed)
{
    static char buf[100000];
    int s = dial(0), kind = rand_r(seed) % 6;

    if (s < 0)
        return;
    switch (kind) {
    case 0: /* in and out */
        break;
    case 1: /* half an exchange */
        (void)!write(s, buf, 1000);
        (void)!read(s, buf, 500);
        break;
    case 2: /* all of it */
        (void)!write(s, buf, 30000);
        shutdown(s, SHUT_WR);
        while (read(s, buf, sizeof(buf)) > 0)
            ;
        break;
    case 3: /* sends much, reads nothing, vanishes */
        send(s, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
        hard_close(s);
        return;
    case 4:
        shutdown(s, SHUT_RDWR);
        break;
    case 5:
        (void)!write(s, buf, rand_r(seed) % 5000);
        usleep(rand_r(seed) % 500);
        hard_close(s);
        return;
    }
    close(s);
}

static void *echo(void *arg)
{
    static __thread char buf[20000];
    int s = (int)(long)arg;
    ssize_t n;

    while ((n = read(s, buf, sizeof(buf))) > 0)
        if (send(s, buf, n, MSG_NOSIGNAL) < 0)
            break;
    close(s);
    return NULL;
}

static void *serve(void *arg)
{
    while (!stop) {
        struct pollfd p = {listening, POLLIN, 0};
        pthread_t t;
        int s = poll(&p, 1, 50) == 1 ? accept4(listening, NULL, NULL, 0) : -1;

        if (s < 0)
            continue;
        if (pthread_create(&t, NULL, echo, (void *)(long)s))
            close(s);
        else
            pthread_detach(t);
    }
    return NULL;
}

static void quiet(int s, int i)
{
    char c = (char)i, d = 0;

    CHECK(write(s, &c, 1) == 1 && read(s, &d, 1) == 1 && c == d);
}

static void storm(void)
{
    pid_t child[CLIENTS];
    int calm, status;
    pthread_t t;

    for (int k = 0; k < CLIENTS; k++) {
        child[k] = fork();
        if (child[k])
            continue;
        unsigned seed = (unsigned)k;
        close(listening);
        for (int i = 0; i < ATTEMPTS; i++)
            visit(&seed);
        if (k % 2) { /* these are killed with connections open */
            dial(0);
            dial(0);
            pause();
        }
        _exit(0);
    }
    /* Only now, so that no child holds an end of the connections of others. */
    pthread_create(&t, NULL, serve, NULL);
    calm = dial(0);
    for (int i = 0; i < 100; i++) {
        quiet(calm, i);
        usleep(2000);
    }
    for (int k = 0; k < CLIENTS; k++) {
        if (k % 2) {
            usleep(20000);
            kill(child[k], SIGKILL);
        }
        CHECK(waitpid(child[k], &status, 0) == child[k]);
        CHECK(k % 2 ? WIFSIGNALED(status) : status == 0);
    }
    for (int i = 0; i < 100; i++)
        quiet(calm, i);
    close(calm);
    stop = 1;
    pthread_join(t, NULL);
}

/* Many that nobody accepts; they go, and so does the listener. */
static void flood(void)
{
    int l = socket(AF_INET, SOCK_STREAM, 0), s[200];
    struct sockaddr_in old = at;
    socklen_t len = sizeof(at);

    at.sin_port = 0;
    CHECK(bind(l, (void *)&at, sizeof(at)) == 0 && listen(l, 4) == 0);
    CHECK(getsockname(l, (void *)&at, &len) == 0);
    for (int i = 0; i < 200; i++)
        s[i] = dial(SOCK_NONBLOCK);
    for (int i = 0; i < 100; i++)
        close(s[i]);
    int t = accept(l, NULL, NULL);
    CHECK(t >= 0);
    close(t);
    close(l);
    for (int i = 100; i < 200; i++) {
        CHECK(s[i] >= 0);
        close(s[i]);
    }
    at = old;
}

static int in_use(void)
{
    char line[256], want[32];
    int n = 0;
    FILE *f = fopen("/proc/net/tcp", "r");

    snprintf(want, sizeof(want), ":%04X", ntohs(at.sin_port));
    while (f && fgets(line, sizeof(line), f))
        if (strstr(line, want) && !strstr(line, " 06 ")) /* TIME_WAIT */
            n++;
    if (f)
        fclose(f);
    return n;
}

int main(void)
{
    socklen_t len = sizeof(at);

    signal(SIGPIPE, SIG_IGN);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(listening, (void *)&at, sizeof(at)) == 0 && listen(listening, 128) == 0);
    CHECK(getsockname(listening, (void *)&at, &len) == 0);
    storm();
    close(listening);
    for (int i = 0; i < 100 && in_use(); i++)
        usleep(20000);
    CHECK(in_use() == 0);
    flood();
    return check_result();
}
