/* Calls that wait, each in four forms: what it waits for comes; a signal with a handler comes
 * first, set up without and with SA_RESTART; the process is stopped and goes on meanwhile.
 *
 * The call is made by a child.  The parent looks into /proc until the child sleeps, and only then
 * does the next thing, so nothing depends on time; should the child sleep for another reason for a
 * moment, signals and stops are repeated where the call must end by them.  docs/blocking.md is made
 * from the tables (tools/blocking_table.py). */
#ifndef GUEST_BLOCKING_H
#define GUEST_BLOCKING_H

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"
#include "check.h"

enum after {
    GOES_ON, /* the call is restarted, or wasn't interrupted */
    ENDS,    /* EINTR */
    ALWAYS,  /* it goes on even after a handler without SA_RESTART */
};

struct blocking {
    const char *call, *on;        /* what it waits for */
    void (*set_up)(void);         /* in the parent */
    void (*prepare)(void);        /* in the child, or NULL */
    long (*run)(void);            /* the call, in the child */
    void (*release)(pid_t child); /* makes it return */
    long result;                  /* -1: it is a signal that lets it return, with EINTR */
    enum after restart, stop;     /* after a handler with SA_RESTART; after SIGSTOP and SIGCONT */
};

static struct {
    volatile long result;
    volatile int error, caught;
    volatile pid_t other; /* a child of the child's, to be killed at the end */
    volatile unsigned word;
} * shared;

static void blocking_caught(int sig) { shared->caught++; }

/* What a case has open is closed before the next one. */
static inline void blocking_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void blocking_pause(void) { nanosleep(&(struct timespec){0, 500000}, NULL); }

/* Has pid ended?  It stays a zombie. */
static int blocking_ended(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* Until the child sleeps; 0 if it doesn't any more. */
static int blocking_asleep(pid_t pid)
{
    for (int tries = 0; tries < 40000 && !blocking_ended(pid); tries++) {
        if (process_state(pid) == 'S')
            return 1;
        blocking_pause();
    }
    return 0;
}

static pid_t blocking_start(const struct blocking *b, int flags)
{
    struct sigaction act = {.sa_handler = blocking_caught, .sa_flags = flags};
    pid_t pid;

    shared->caught = 0;
    shared->result = -2;
    shared->other = 0;
    if (b->set_up)
        b->set_up();
    pid = fork();
    if (pid)
        return pid;
    check_failures = 0;
    sigaction(SIGUSR1, &act, NULL);
    if (b->prepare)
        b->prepare();
    errno = 0;
    shared->result = b->run();
    shared->error = errno;
    _exit(check_failures != 0);
}

/* The child ends, and the call said what it should; a child that never does is a failure. */
static void blocking_end(const struct blocking *b, pid_t pid, const char *form, long result,
                         int error)
{
    int status;

    for (int tries = 0; tries < 20000 && !blocking_ended(pid); tries++)
        blocking_pause();
    if (!blocking_ended(pid)) {
        fprintf(stderr, "%s (%s), %s: never ends\n", b->call, b->on, form);
        check_failures++;
        kill(pid, SIGKILL);
    }
    CHECK(waitpid(pid, &status, 0) == pid && (status == 0 || status == SIGKILL));
    if (shared->other > 0)
        kill(shared->other, SIGKILL);
    if (shared->result != result || (result < 0 && shared->error != error)) {
        fprintf(stderr, "%s (%s), %s: %ld, errno %d\n", b->call, b->on, form, shared->result,
                shared->error);
        check_failures++;
    }
}

static void blocking_stop(pid_t pid)
{
    int status;

    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    kill(pid, SIGCONT);
}

static void blocking_signal(pid_t pid) { kill(pid, SIGUSR1); }

/* Again and again, until it ends. */
static void blocking_until_end(pid_t pid, void (*interrupt)(pid_t))
{
    for (int tries = 0; tries < 2000 && blocking_asleep(pid); tries++) {
        interrupt(pid);
        blocking_pause();
    }
}

static void blocking_interrupted(const struct blocking *b, int flags)
{
    const char *form = flags ? "SA_RESTART" : "handler";
    pid_t pid = blocking_start(b, flags);

    if (b->restart == ENDS || (!flags && b->restart == GOES_ON)) {
        blocking_until_end(pid, blocking_signal);
        blocking_end(b, pid, form, -1, EINTR);
        return;
    }
    CHECK(blocking_asleep(pid));
    blocking_signal(pid);
    for (int tries = 0; tries < 20000 && !shared->caught && !blocking_ended(pid); tries++)
        blocking_pause();
    CHECK(blocking_asleep(pid) && shared->caught == 1);
    b->release(pid);
    blocking_end(b, pid, form, b->result, EINTR);
}

static void blocking_stopped(const struct blocking *b)
{
    pid_t pid = blocking_start(b, 0);

    CHECK(blocking_asleep(pid));
    if (b->stop == ENDS) {
        blocking_until_end(pid, blocking_stop);
        blocking_end(b, pid, "stop", -1, EINTR);
        return;
    }
    blocking_stop(pid);
    CHECK(blocking_asleep(pid));
    b->release(pid);
    blocking_end(b, pid, "stop", b->result, EINTR);
}

static void blocking_case(const struct blocking *b)
{
    pid_t pid = blocking_start(b, 0);

    CHECK(blocking_asleep(pid));
    b->release(pid);
    blocking_end(b, pid, "wake", b->result, EINTR);
    blocking_interrupted(b, 0);
    blocking_interrupted(b, SA_RESTART);
    blocking_stopped(b);
}

static void blocking_all(const struct blocking *cases, size_t n)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    for (size_t i = 0; i < n; i++)
        blocking_case(&cases[i]);
}

#endif
