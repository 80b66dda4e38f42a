/* Blocking calls on sockets and what interrupts them: signals with and without SA_RESTART,
 * with and without a timeout; a fork in another thread must not show. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static int fd[2], listening, caught;
static pthread_t main_thread;
static atomic_int done;

static void on_signal(int sig) { caught++; }

static void handle(int flags)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};

    sigaction(SIGUSR1, &sa, NULL);
    caught = 0;
}

static void set_timeout(int s, int name, int ms)
{
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};

    CHECK(setsockopt(s, SOL_SOCKET, name, &tv, sizeof(tv)) == 0);
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void *signal_then_send(void *arg)
{
    do {
        usleep(30000);
        pthread_kill(main_thread, SIGUSR1);
    } while (!arg && !done); /* it may not have got to the call yet */
    usleep(30000);
    if (arg)
        (void)!write(fd[1], "x", 1);
    return NULL;
}

static void *fork_often(void *arg)
{
    for (int i = 0; i < 10; i++) {
        usleep(5000);
        pid_t p = fork();
        if (!p)
            _exit(0);
        waitpid(p, NULL, 0);
    }
    return NULL;
}

static long during(void *(*fn)(void *), void *arg, int *error)
{
    pthread_t t;
    char c;

    done = 0;
    pthread_create(&t, NULL, fn, arg);
    errno = 0;
    long rc = recv(fd[0], &c, 1, 0);
    *error = errno;
    done = 1;
    pthread_join(t, NULL);
    return rc;
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int error;

    main_thread = pthread_self();
    listening = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listening, (void *)&at, len) == 0 && listen(listening, 1) == 0);
    CHECK(getsockname(listening, (void *)&at, &len) == 0);
    fd[0] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd[0], (void *)&at, len) == 0 && (fd[1] = accept(listening, NULL, NULL)) >= 0);

    handle(0);
    CHECK(during(signal_then_send, NULL, &error) == -1 && error == EINTR && caught >= 1);
    handle(SA_RESTART);
    CHECK(during(signal_then_send, fd, &error) == 1 && caught >= 1);
    set_timeout(fd[0], SO_RCVTIMEO, 2000); /* with a timeout a call isn't restarted */
    handle(SA_RESTART);
    CHECK(during(signal_then_send, NULL, &error) == -1 && error == EINTR && caught >= 1);
    /* Forks of another thread neither end the call nor begin its time again. */
    set_timeout(fd[0], SO_RCVTIMEO, 60);
    double begin = now();
    CHECK(during(fork_often, NULL, &error) == -1 && error == EAGAIN);
    CHECK(now() - begin >= 0.055);
    set_timeout(listening, SO_RCVTIMEO, 30);
    CHECK_ERR(accept(listening, NULL, NULL), EAGAIN);
    close(fd[0]);
    close(fd[1]);
    close(listening);
    return check_result();
}
