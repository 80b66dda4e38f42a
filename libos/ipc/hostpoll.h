/* Readiness of host streams.  ipc/hostpoll.c */
#ifndef LIBOS_IPC_HOSTPOLL_H
#define LIBOS_IPC_HOSTPOLL_H

#include "lock.h"
#include "types.h"
#include "wait.h"

/* One watched handle; embedded in what owns the handle. */
struct hostpoll {
    struct lock lock;
    int handle;
    u32 generation; /* tells events of a former owner of the number apart */
    u32 armed;      /* POLL* bits the sandbox's host epoll watches for, 0: not in it */
    bool always;    /* the host can't poll it (regular file, /dev/null): always ready */
    struct waitq wait;
    /* Attached: the owner is told of every event, by whoever waits for the host and without locks.
     */
    void (*notify)(struct hostpoll *hp, u32 events);
    void (*put)(struct hostpoll *hp); /* gives back a reference of the owner */
    u32 *refs;                        /* the owner's count: notify runs under a reference */
};

long hostpoll_init(struct hostpoll *hp, int handle); /* 0 or -ENOMEM */
/* Forgets the handle; afterwards no event reaches hp.  Before the handle is closed. */
void hostpoll_destroy(struct hostpoll *hp);

/* After a resume: nothing is watched in the new host's epolls; who waits looks again. */

/* The same for an owner that is told of events itself: watched from now until
 * hostpoll_destroy, which doesn't wait for a notify that is under way.  notify, put and refs
 * are set. */
/* Its events so far are told once more. */
void hostpoll_again(struct hostpoll *hp);
long hostpoll_attach(struct hostpoll *hp, int handle, u32 events);

/* So many are attached. */
extern u32 hostpoll_attached;

struct host_event;
/* Tells whom the events concern; true if the monitor's bell was among them. */
bool hostpoll_hand_out(const struct host_event *ev, long n);
void hostpoll_lead_reset(void); /* hostlead.c: after a resume */

/* Which of `events` (POLL* bits; POLLERR and POLLHUP are implied) hold right now. */
u32 hostpoll_probe(struct hostpoll *hp, u32 events);
/* From now on hp->wait is woken whenever one of `events` comes up; at once if one holds
 * already.  Lasts until an event finds nobody waiting on hp->wait. */
long hostpoll_arm(struct hostpoll *hp, u32 events);

#endif
