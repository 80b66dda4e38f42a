/* A pseudo terminal whose keyboard and screen are streams of the host.
 *
 * One thread of the library OS moves bytes both ways: host input to the master, where the
 * line discipline makes of them what a keyboard's would be, and the master's output to the
 * host.  The host's own terminal, if that is what is at the other end, is in raw mode; so
 * job control, echo and signals are the sandbox's alone.
 *
 * Locking: none; the relay belongs to its thread but for `ended`, which is set once.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "../ipc/pollwait.h"
#include "freeze.h"
#include "lib.h"
#include "pty.h"

#define PIECE 1024

struct half {
    u8 data[PIECE];
    u32 at, end; /* not yet moved on */
};

struct flow {
    struct relay *r;
    struct half typed, shown;
    bool in_ended;  /* nothing more comes from the host */
    bool out_ended; /* the host takes nothing more: output is dropped */
};

long relay_open(struct relay *r, struct file *in, struct file *out, u32 rows, u32 cols)
{
    struct pty *p = pty_new();

    *r = (struct relay){.in = in, .out = out, .thread = current()};
    if (IS_ERR(p)) {
        relay_close(r);
        return PTR_ERR(p);
    }
    p->locked = false;
    p->size = (struct winsize){.ws_row = (u16)rows, .ws_col = (u16)cols};
    struct file *master = file_anon("/dev/ptmx", &pty_master_fops, p, O_RDWR | O_NONBLOCK);
    if (IS_ERR(master)) {
        pty_put(p);
        relay_close(r);
        return PTR_ERR(master);
    }
    r->master = master;
    WRITE_ONCE(r->pty, p); /* the master's reference */
    return 0;
}

struct file *relay_slave(struct relay *r) { return pty_open_slave(r->pty, O_RDWR); }

void relay_close(struct relay *r)
{
    if (r->master)
        file_put(r->master);
    if (r->in)
        file_put(r->in);
    if (r->out)
        file_put(r->out);
    *r = (struct relay){0};
}

struct pty *relay_hold(struct relay *r)
{
    pty_get(r->pty);
    return r->pty;
}

void relay_resize(struct pty *p, u32 rows, u32 cols)
{
    const struct winsize w = {.ws_row = (u16)rows, .ws_col = (u16)cols};

    pty_resize(p, &w);
    pty_put(p);
}

void relay_end(struct relay *r)
{
    struct thread *t = r->thread; /* the relay may be gone at once */

    __atomic_store_n(&r->ended, 1, __ATOMIC_SEQ_CST);
    thread_wake(t);
}

/* ---- moving ------------------------------------------------------------------------------- */

static long take(struct file *f, struct half *h)
{
    struct uio u;
    struct iov v;
    long n;

    uio_init(&u, &v, (uptr)h->data, PIECE, true);
    n = f->ops->read(f, &u, &f->pos);
    h->at = 0;
    h->end = n > 0 ? (u32)n : 0;
    return n;
}

static long give(struct file *f, struct half *h)
{
    struct uio u;
    struct iov v;
    long n;

    uio_init(&u, &v, (uptr)h->data + h->at, h->end - h->at, true);
    n = f->ops->write(f, &u, &f->pos);
    if (n > 0)
        h->at += (u32)n;
    return n;
}

static bool waiting(const struct half *h) { return h->at < h->end; }

/* The end of the host's input is typed as what means the end of a file. */
static bool move_typed(struct flow *f)
{
    struct relay *r = f->r;
    bool moved = false;

    if (!waiting(&f->typed) && !f->in_ended) {
        long n = take(r->in, &f->typed);
        if (n == 0 && pty_lflag(r->pty, ICANON)) {
            f->typed.data[0] = r->pty->modes.c_cc[VEOF];
            f->typed.end = 1;
        }
        f->in_ended = n <= 0 && n != -EAGAIN && n != -ERESTARTSYS;
        moved = n > 0 || f->in_ended;
    }
    if (waiting(&f->typed))
        moved |= give(r->master, &f->typed) > 0;
    return moved;
}

static bool move_shown(struct flow *f)
{
    bool moved = false;

    if (!waiting(&f->shown))
        moved = take(f->r->master, &f->shown) > 0;
    if (waiting(&f->shown) && !f->out_ended) {
        long n = give(f->r->out, &f->shown);
        moved |= n > 0;
        f->out_ended = n < 0 && n != -EAGAIN && n != -ERESTARTSYS;
    }
    if (f->out_ended)
        f->shown.at = f->shown.end;
    return moved;
}

/* ---- waiting ------------------------------------------------------------------------------ */

static long scan(void *arg, struct pollwait *pw, bool wait)
{
    const u32 gone = POLLERR | POLLHUP;
    struct flow *f = arg;
    struct relay *r = f->r;
    bool ended = __atomic_load_n(&r->ended, __ATOMIC_SEQ_CST);
    u32 want = (waiting(&f->typed) ? POLLOUT : 0u) | (waiting(&f->shown) ? 0u : POLLIN), ready = 0;

    if (freeze_wanted())
        return 1;
    if (waiting(&f->shown))
        ready |= pollwait_ask(pw, r->out, POLLOUT, wait) & (POLLOUT | gone);
    if (ended)
        return ready || !waiting(&f->shown);
    if (!waiting(&f->typed) && !f->in_ended)
        ready |= pollwait_ask(pw, r->in, POLLIN, wait) & (POLLIN | gone);
    if (want)
        ready |= pollwait_ask(pw, r->master, want, wait) & want;
    return ready != 0;
}

void relay_run(struct relay *r)
{
    struct flow f = {.r = r};

    for (;;) {
        bool ended = __atomic_load_n(&r->ended, __ATOMIC_SEQ_CST);

        if (freeze_wanted())
            freeze_park(current());
        bool moved = move_shown(&f);

        if (!ended)
            moved |= move_typed(&f);
        if (moved)
            continue;
        if (ended && !waiting(&f.shown))
            return;
        pollwait_run(scan, &f, HOST_FOREVER);
    }
}
