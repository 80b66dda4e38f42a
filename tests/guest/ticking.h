/* A handled signal every 20 ms, for calls that end only by one. */
#ifndef GUEST_TICKING_H
#define GUEST_TICKING_H

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

static void tick(int sig) {}

static void ticking(int on)
{
    struct sigaction act = {.sa_handler = tick};
    struct itimerval often = {{0, 20000}, {0, 20000}}, never = {0};

    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, on ? &often : &never, NULL);
}

#endif
