/* Waiting for several files at once.
 *
 * The first scan asks each file with a poll_table that queues the thread on every queue
 * that could change the answer; later scans only ask.  Entries live on the caller's
 * stack for a few files and in chunks for more; they hold the file, so that closing
 * a descriptor meanwhile doesn't pull the queue away (the wait goes on, as in Linux).
 *
 * Locking: none of its own; queue locks inside waitq_add and waitq_remove.
 */
#include <linux/errno.h>

#include "ipc.h"
#include "lib.h"
#include "pollwait.h"

#define CHUNK_ENTRIES 60

static struct poll_entry *entry_new(struct pollwait *pw)
{
    struct poll_chunk *c = pw->more;

    if (pw->used < POLL_INLINE)
        return &pw->entries[pw->used++];
    if (!c || c->used == c->size) {
        c = kmalloc(sizeof(*c) + CHUNK_ENTRIES * sizeof(c->entries[0]));
        if (!c)
            return NULL;
        c->used = 0;
        c->size = CHUNK_ENTRIES;
        c->next = pw->more;
        pw->more = c;
    }
    return &c->entries[c->used++];
}

static void queue(struct poll_table *pt, struct waitq *q)
{
    struct pollwait *pw = container_of(pt, struct pollwait, pt);
    struct poll_entry *e = entry_new(pw);

    if (!e) {
        pw->error = -ENOMEM;
        return;
    }
    waiter_init(&e->w);
    e->w.events = pt->events;
    e->file = file_get(pw->file);
    waitq_add(q, &e->w);
}

void pollwait_init(struct pollwait *pw)
{
    pw->pt.queue = queue;
    pw->pt.events = 0;
    pw->file = NULL;
    pw->more = NULL;
    pw->used = 0;
    pw->error = 0;
}

static void entries_done(struct poll_entry *e, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        waitq_remove(&e[i].w);
        file_put(e[i].file);
    }
}

void pollwait_done(struct pollwait *pw)
{
    entries_done(pw->entries, pw->used);
    while (pw->more) {
        struct poll_chunk *c = pw->more;

        pw->more = c->next;
        entries_done(c->entries, c->used);
        kfree(c);
    }
}

u32 pollwait_ask(struct pollwait *pw, struct file *f, u32 events, bool wait)
{
    pw->file = f;
    pw->pt.events = events | POLLERR | POLLHUP;
    return file_poll(f, wait ? &pw->pt : NULL);
}

long pollwait_run(long (*scan)(void *arg, struct pollwait *pw, bool wait), void *arg, u64 deadline)
{
    bool wait = deadline != POLL_NOW, last = !wait;
    struct pollwait pw;
    long rc = 0, n;

    pollwait_init(&pw);
    for (;;) {
        u32 seq = thread_sleep_begin();

        n = scan(arg, &pw, wait);
        wait = false;
        if (n == 0 && last && !rc && hostpoll_drain())
            n = scan(arg, &pw, false);
        if (n == 0)
            n = pw.error;
        if (n || last)
            break;
        rc = hostpoll_sleep(seq, deadline);
        last = rc != 0; /* out of time or interrupted: readiness still wins */
    }
    pollwait_done(&pw);
    if (n)
        return n;
    return rc == -EINTR || (rc == 0 && signal_pending()) ? -EINTR : 0;
}
