/* Native asynchronous I/O: contexts and their rings of events.
 *
 * A context's name is the address of its ring, which is shared memory of the program: databases
 * and emulators read events there and move the head themselves, without a call.  The ring is an
 * in-memory file in one piece of the page pool, so that it is written to from whichever process.
 * Requests are carried out by the call that submits them (aio_submit.c), as Linux does with files
 * it need not wait for; what sleeps in here waits for another thread to submit.
 *
 * The head may be anything: it is taken modulo the ring's size.
 *
 * Locking: mm->aio_lock for the list of contexts, then nothing; context->lock for the ring's tail,
 * not held over copies: whoever collects events copies them first and takes them out afterwards,
 * if nobody else did meanwhile.
 */
#include "aio.h"

#include <linux/errno.h>
#include <linux/mman.h>

#include "../../abi/boot.h"
#include "../ipc/pollwait.h"
#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "proc.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define RING_MAGIC 0xa10a10a1
#define NR_LIMIT   (0x10000000U / sizeof(struct io_event))
#define MAX_NR     65536 /* /proc/sys/fs/aio-max-nr */
#define PIECE      8     /* events copied at once */

static u64 total; /* events asked for by all contexts */

u64 aio_nr(void) { return __atomic_load_n(&total, __ATOMIC_RELAXED); }

/* ---- life -------------------------------------------------------------------------- */

void aio_put(struct aio_context *c)
{
    if (!ref_put(&c->refs))
        return;
    file_put(c->memory);
    kfree(c);
}

/* Under mm->aio_lock. */
static struct aio_context *in_list(struct mm *mm, uptr address)
{
    struct aio_context *c;

    list_for_each(c, &mm->aio, link) if (c->address == address) return c;
    return NULL;
}

struct aio_context *aio_find(uptr address)
{
    struct mm *mm = current()->proc->mm;
    struct aio_context *c;
    u32 id;

    if (!address || copy_from_user(&id, address, sizeof(id)))
        return NULL;
    lock(&mm->aio_lock);
    c = in_list(mm, address);
    if (c)
        ref_get(&c->refs);
    unlock(&mm->aio_lock);
    return c;
}

/* Out of the list, whose reference is the caller's then; c may be NULL.  Under mm->aio_lock. */
static struct aio_context *retire(struct aio_context *c)
{
    if (c) {
        list_del(&c->link);
        WRITE_ONCE(c->dead, true);
    }
    return c;
}

/* It is dead and out of the list. */
static void end(struct aio_context *c)
{
    __atomic_fetch_sub(&total, c->asked, __ATOMIC_RELAXED);
    waitq_wake_all(&c->wait, 0);
    aio_put(c);
}

void aio_exit(struct mm *mm)
{
    struct aio_context *c;

    for (;;) {
        lock(&mm->aio_lock);
        c = retire(list_first(&mm->aio, struct aio_context, link));
        unlock(&mm->aio_lock);
        if (!c)
            return;
        end(c);
    }
}

static bool count_in(u32 nr)
{
    u64 now = __atomic_add_fetch(&total, nr, __ATOMIC_RELAXED);

    if (now <= MAX_NR)
        return true;
    __atomic_fetch_sub(&total, nr, __ATOMIC_RELAXED);
    return false;
}

/* Memory for the ring: mapped, and where it is in the pool. */
static long make_ring(struct aio_context *c)
{
    size_t run;
    u64 off;
    long rc;

    c->memory = memfd_file_new("[aio]", c->size, 0);
    if (IS_ERR(c->memory))
        return PTR_ERR(c->memory);
    rc = filemem_extent(inode_filemem(c->memory->inode), 0, c->size, &off, &run);
    if (!rc && run < c->size)
        rc = -ENOMEM;
    if (!rc)
        rc = mm_map(current()->proc->mm, 0, c->size, PROT_READ | PROT_WRITE, MAP_SHARED, c->memory,
                    0, NULL);
    if (rc < 0) {
        file_put(c->memory);
        return rc;
    }
    c->address = (uptr)rc;
    c->ring = pool_ptr(off);
    *c->ring = (struct aio_ring){
        .nr = c->slots, .magic = RING_MAGIC, .compat = 1, .header_length = sizeof(struct aio_ring)};
    return 0;
}

static long context_new(u32 nr, struct aio_context **out)
{
    struct aio_context *c = kzalloc(sizeof(*c));
    u64 slots = (u64)MAX(nr, boot()->ncpu * 4) * 2 + 2;
    long rc;

    if (!c)
        return -ENOMEM;
    c->refs = 1;
    c->asked = nr;
    lock_init(&c->lock);
    waitq_init(&c->wait);
    c->size = PAGE_ALIGN(sizeof(struct aio_ring) + slots * sizeof(struct io_event));
    c->slots = (u32)((c->size - sizeof(struct aio_ring)) / sizeof(struct io_event));
    rc = make_ring(c);
    if (rc) {
        kfree(c);
        return rc;
    }
    *out = c;
    return 0;
}

/* Takes the context out of the list, whose reference is the caller's then; or NULL. */
static struct aio_context *take_out(struct mm *mm, uptr address)
{
    struct aio_context *c;

    lock(&mm->aio_lock);
    c = retire(in_list(mm, address));
    unlock(&mm->aio_lock);
    return c;
}

long sys_io_destroy(u64 ctx)
{
    struct mm *mm = current()->proc->mm;
    struct aio_context *c = take_out(mm, ctx);

    if (!c)
        return -EINVAL;
    mm_unmap(mm, c->address, c->size);
    end(c);
    return 0;
}

long sys_io_setup(unsigned int nr, uptr ctxp)
{
    struct mm *mm = current()->proc->mm;
    struct aio_context *c;
    uptr name;
    long rc;

    if (copy_from_user(&name, ctxp, sizeof(name)))
        return -EFAULT;
    if (name || !nr || (u64)nr * 2 > NR_LIMIT)
        return -EINVAL;
    if (!count_in(nr))
        return -EAGAIN;
    rc = context_new(nr, &c);
    if (rc) {
        __atomic_fetch_sub(&total, nr, __ATOMIC_RELAXED);
        return rc;
    }
    name = c->address;
    lock(&mm->aio_lock);
    list_add(&mm->aio, &c->link);
    unlock(&mm->aio_lock);
    if (!copy_to_user(ctxp, &name, sizeof(name)))
        return 0;
    sys_io_destroy(name);
    return -EFAULT;
}

/* ---- the ring ---------------------------------------------------------------------- */

static u32 head_of(const struct aio_context *c) { return READ_ONCE(c->ring->head) % c->slots; }

static u32 filled(const struct aio_context *c)
{
    return (READ_ONCE(c->tail) + c->slots - head_of(c)) % c->slots;
}

bool aio_room(struct aio_context *c) { return filled(c) < c->slots - 1; }

void aio_complete(struct aio_context *c, const struct io_event *e)
{
    lock(&c->lock);
    c->ring->events[c->tail] = *e;
    WRITE_ONCE(c->tail, (c->tail + 1) % c->slots);
    __atomic_store_n(&c->ring->tail, c->tail, __ATOMIC_RELEASE);
    unlock(&c->lock);
    waitq_wake_all(&c->wait, 0);
}

/* Moves up to n events to the program; how many, or -EFAULT for the first. */
static long collect(struct aio_context *c, uptr to, u64 n)
{
    struct io_event piece[PIECE];
    u64 done = 0;

    while (done < n) {
        u32 head = head_of(c), k = (u32)MIN(MIN(filled(c), n - done), (u64)PIECE);

        if (!k)
            break;
        for (u32 i = 0; i < k; i++)
            piece[i] = c->ring->events[(head + i) % c->slots];
        if (copy_to_user(to + done * sizeof(*piece), piece, k * sizeof(*piece)))
            return done ? (long)done : -EFAULT;
        lock(&c->lock);
        if (head_of(c) == head) {
            WRITE_ONCE(c->ring->head, (head + k) % c->slots);
            done += k;
        }
        unlock(&c->lock);
    }
    return (long)done;
}

/* Takes none before there are enough: a wait that is taken up again has lost none. */
static long wait_and_collect(struct aio_context *c, u64 min, u64 n, uptr to, u64 deadline)
{
    long rc = 0, got;
    u64 done = 0;

    do {
        u64 enough = MIN(min - MIN(min, done), (u64)c->slots - 1);

        if (deadline != POLL_NOW && filled(c) < enough)
            rc = wait_event(&c->wait, filled(c) >= enough || READ_ONCE(c->dead), deadline);
        if (READ_ONCE(c->dead) && !filled(c))
            rc = -EINVAL;
        if (rc == -EINTR && !signal_pending())
            return done ? (long)done : rc;
        got = collect(c, to + done * sizeof(struct io_event), n - done);
        done += got > 0 ? (u64)got : 0;
    } while (!rc && got > 0 && done < min);
    if (done)
        return (long)done;
    return got < 0 ? got : rc == -ETIMEDOUT ? 0 : rc;
}

static long do_getevents(uptr ctx, long min, long nr, uptr events, u64 deadline)
{
    struct aio_context *c = aio_find(ctx);
    long rc = -EINVAL;

    if (!c)
        return -EINVAL;
    if (min >= 0 && min <= nr)
        rc = wait_and_collect(c, (u64)min, (u64)nr, events, deadline);
    aio_put(c);
    return rc;
}

/* Relative time as Linux takes it here: not looked at closely. */
static long timeout_from_user(uptr timeout, u64 *deadline)
{
    s64 ts[2];

    *deadline = HOST_FOREVER;
    if (!timeout)
        return 0;
    if (copy_from_user(ts, timeout, sizeof(ts)))
        return -EFAULT;
    if (ts[0] < 0 || ts[1] < 0)
        *deadline = POLL_NOW;
    else if (ts[0] < INT64_MAX / (s64)NSEC / 2)
        *deadline = poll_deadline((u64)ts[0] * NSEC + MIN((u64)ts[1], (u64)INT64_MAX / 2));
    return 0;
}

static long interrupted(long rc, u32 nr, u64 deadline)
{
    return rc != -EINTR || signal_pending() ? rc : restart_later(nr, deadline);
}

long sys_io_getevents(u64 ctx, long min_nr, long nr, uptr events, uptr timeout)
{
    u64 fresh;
    long rc = timeout_from_user(timeout, &fresh);

    if (rc)
        return rc;
    u64 deadline = restart_deadline(NR_io_getevents, fresh);
    return interrupted(do_getevents(ctx, min_nr, nr, events, deadline), NR_io_getevents, deadline);
}

long sys_io_pgetevents(u64 ctx, long min_nr, long nr, uptr events, uptr timeout, uptr sig)
{
    struct {
        uptr mask;
        size_t size;
    } set = {0};
    u64 fresh;
    long rc = timeout_from_user(timeout, &fresh);

    if (!rc && sig && copy_from_user(&set, sig, sizeof(set)))
        rc = -EFAULT;
    if (rc)
        return rc;
    u64 deadline = restart_deadline(NR_io_pgetevents, fresh);
    rc = sigmask_enter(set.mask, set.size);
    if (rc)
        return rc;
    rc = interrupted(do_getevents(ctx, min_nr, nr, events, deadline), NR_io_pgetevents, deadline);
    sigmask_leave(rc);
    return rc;
}
