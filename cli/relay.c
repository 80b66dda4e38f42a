/* Counts what a run writes to standard output and error; see resources.h. */
#define _GNU_SOURCE
#include "complain.h"
#include "resources.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STREAMS = 2 };

static void put(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody reads: what comes is dropped, as at a closed pipe */
        text += n;
        size -= (size_t)n;
    }
}

/* Until the last writer has gone, or there is too much. */
static _Noreturn void pass_on(const int *from, uint64_t left)
{
    static char buffer[65536];
    struct pollfd fds[STREAMS] = {{from[0], POLLIN, 0}, {from[1], POLLIN, 0}};

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, STREAMS, -1) < 0)
            continue;
        for (int i = 0; i < STREAMS; i++) {
            if (!fds[i].revents)
                continue;
            ssize_t n = read(fds[i].fd, buffer, sizeof(buffer));
            if (n <= 0)
                fds[i].fd = -1;
            else if ((uint64_t)n > left) {
                put(i + 1, buffer, (size_t)left);
                complain("--output", "raise the limit, if the program may have it",
                         "the sandbox was ended: it wrote more than --output allows");
                _exit(1);
            } else {
                put(i + 1, buffer, (size_t)n);
                left -= (uint64_t)n;
            }
        }
    }
    _exit(0);
}

int relay_start(struct relay *relay, uint64_t bytes, struct sandbox_config *config)
{
    int out[2], err[2];

    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
        return complain_errno("--output", errno, NULL);
    relay->pid = fork();
    if (relay->pid < 0)
        return complain_errno("--output", errno, NULL);
    if (relay->pid == 0) {
        const int from[STREAMS] = {out[0], err[0]};
        signal(SIGINT, SIG_IGN); /* the terminal sends it to all: the last words still pass */
        signal(SIGQUIT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        close(out[1]);
        close(err[1]);
        pass_on(from, bytes);
    }
    close(out[0]);
    close(err[0]);
    relay->saved[0] = fcntl(1, F_DUPFD_CLOEXEC, 3);
    relay->saved[1] = fcntl(2, F_DUPFD_CLOEXEC, 3);
    dup2(out[1], 1);
    dup2(err[1], 2);
    close(out[1]);
    close(err[1]);
    config->guard_pid = relay->pid;
    return 0;
}

bool relay_end(struct relay *relay)
{
    int status = 0;

    for (int i = 0; relay->pid > 0 && i < STREAMS; i++) {
        dup2(relay->saved[i], i + 1);
        close(relay->saved[i]);
    }
    while (relay->pid > 0 && waitpid(relay->pid, &status, 0) < 0 && errno == EINTR)
        ;
    relay->pid = 0;
    return status != 0;
}
