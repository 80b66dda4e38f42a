/* The writer's frames: filled by the caller, packed by threads, written in order.
 *
 * A ring of slots, slot = number of the frame modulo their count:
 *
 *   written .. taken      being packed, or done
 *   taken .. submitted    wait for a thread
 *   submitted             is being filled by the caller
 *
 * The caller alone fills and writes.  `lock` guards the counters, the slots' `done` and
 * `stop`; what is in a slot belongs to whoever the counters say.  Threads begin as frames
 * come, so that a small snapshot starts none; without any, the caller packs. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

enum { THREADS_MAX = 8, SLOTS_MAX = 256, SLOTS_DEFAULT = 16 };

struct slot {
    struct pack_frame filling;
    uint8_t *stored;
    struct frame frame;
    bool done;
};

struct pack {
    int fd, error, level;
    bool compress, digest, stop;
    const struct file_key *key;
    unsigned slot_count, threads_wanted, threads;
    struct slot *slots;
    pthread_t thread[THREADS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t work, ready;
    uint32_t submitted, taken, written;
    struct frame *frames; /* [written] */
    size_t frames_room;
    uint64_t offset;
    ZSTD_CCtx *zctx; /* the caller's */
};

unsigned thread_count(unsigned wanted)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (wanted == 0)
        wanted = cpus > 0 ? (unsigned)cpus : 1;
    return wanted > THREADS_MAX ? THREADS_MAX : wanted;
}

int write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static ZSTD_CCtx *context(const struct pack *p)
{
    if (!p->compress)
        return NULL;
    ZSTD_CCtx *zctx = ZSTD_createCCtx();
    if (zctx)
        ZSTD_CCtx_setParameter(zctx, ZSTD_c_compressionLevel, p->level);
    return zctx;
}

static void pack_slot(const struct pack *p, struct slot *slot, ZSTD_CCtx *zctx)
{
    slot->frame = (struct frame){.pages = (uint16_t)slot->filling.pages};
    frame_pack(&slot->frame, slot->filling.number, zctx, p->key, slot->filling.plain,
               (size_t)slot->filling.pages * SNAPSHOT_PAGE, slot->stored, 0, p->digest);
}

static void *packer(void *arg)
{
    struct pack *p = arg;
    ZSTD_CCtx *zctx = context(p);

    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->taken == p->submitted && !p->stop)
            pthread_cond_wait(&p->work, &p->lock);
        if (p->taken == p->submitted)
            break;
        struct slot *slot = &p->slots[p->taken++ % p->slot_count];
        pthread_mutex_unlock(&p->lock);
        pack_slot(p, slot, zctx);
        pthread_mutex_lock(&p->lock);
        slot->done = true;
        pthread_cond_signal(&p->ready);
    }
    pthread_mutex_unlock(&p->lock);
    ZSTD_freeCCtx(zctx);
    return NULL;
}

/* The process's signals are the caller's business. */
static bool start_thread(struct pack *p)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&p->thread[p->threads], NULL, packer, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        p->threads++;
    return rc == 0;
}

static int allocate_slot(struct slot *slot)
{
    if (!slot->filling.plain)
        slot->filling.plain = malloc(FRAME_BYTES);
    if (!slot->stored)
        slot->stored = malloc(STORED_MAX);
    return slot->filling.plain && slot->stored ? 0 : -1;
}

/* Writes the oldest frame, which is done. */
static int write_slot(struct pack *p)
{
    struct slot *slot = &p->slots[p->written % p->slot_count];

    if (p->written == p->frames_room) {
        size_t room = p->frames_room ? p->frames_room * 2 : 64;
        struct frame *frames = reallocarray(p->frames, room, sizeof(*frames));
        if (!frames)
            return -1;
        p->frames = frames;
        p->frames_room = room;
    }
    if (write_all(p->fd, slot->stored, slot->frame.stored) < 0)
        return -1;
    slot->frame.offset = p->offset;
    p->offset += slot->frame.stored;
    p->frames[p->written] = slot->frame;
    slot->done = false;
    p->written++;
    return 0;
}

/* Writes what is done; waits for that as long as more than `left` are under way. */
static int write_done(struct pack *p, uint32_t left)
{
    while (p->error == 0 && p->written != p->submitted) {
        struct slot *slot = &p->slots[p->written % p->slot_count];
        pthread_mutex_lock(&p->lock);
        while (!slot->done && p->submitted - p->written > left)
            pthread_cond_wait(&p->ready, &p->lock);
        bool done = slot->done;
        pthread_mutex_unlock(&p->lock);
        if (!done)
            break;
        if (write_slot(p) < 0)
            p->error = errno ? errno : EIO;
    }
    return p->error ? -1 : 0;
}

struct pack *pack_start(int fd, const struct file_key *key, const struct snapshot_write_options *o,
                        struct snapshot_error *err)
{
    const unsigned threads = thread_count(o->warm ? 1 : o->threads);
    /* Alone it packs one at a time, in the same memory. */
    const unsigned buffered = threads == 1 ? 1 : o->buffered ? o->buffered : SLOTS_DEFAULT;
    struct pack *p = calloc(1, sizeof(*p));

    if (!p) {
        fail_errno(err, ENOMEM, "memory", NULL);
        return NULL;
    }
    *p = (struct pack){.fd = fd,
                       .key = key,
                       .level = o->level ? o->level : 1,
                       .compress = !o->warm,
                       .digest = !o->unchecked,
                       .threads_wanted = threads,
                       .slot_count = buffered > SLOTS_MAX ? SLOTS_MAX : buffered};
    p->offset = sizeof(struct header);
    p->slots = calloc(p->slot_count, sizeof(*p->slots));
    p->zctx = context(p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->ready, NULL);
    if (p->slots && (p->zctx || o->warm))
        return p;
    pack_free(p);
    fail_errno(err, ENOMEM, "memory", NULL);
    return NULL;
}

struct pack_frame *pack_current(struct pack *p)
{
    struct slot *slot = &p->slots[p->submitted % p->slot_count];

    if (p->submitted == FRAMES_MAX)
        p->error = EFBIG;
    /* Its slot may hold a frame that is not written yet. */
    if (p->submitted - p->written == p->slot_count)
        write_done(p, p->slot_count - 1);
    if (p->error == 0 && allocate_slot(slot) < 0)
        p->error = ENOMEM;
    errno = p->error;
    slot->filling.number = p->submitted;
    slot->filling.pages = 0;
    return p->error ? NULL : &slot->filling;
}

void pack_submit(struct pack *p)
{
    struct slot *slot = &p->slots[p->submitted % p->slot_count];

    /* The first frame alone is not worth a thread: it may be the last. */
    if (p->threads_wanted > 1 && p->threads < p->threads_wanted && p->submitted > 0)
        start_thread(p);
    if (p->threads == 0) {
        pack_slot(p, slot, p->zctx);
        slot->done = true;
        p->taken++;
        p->submitted++;
    } else {
        pthread_mutex_lock(&p->lock);
        p->submitted++;
        pthread_cond_signal(&p->work);
        pthread_mutex_unlock(&p->lock);
    }
    write_done(p, p->slot_count);
}

int pack_drain(struct pack *p, struct frame **frames, uint32_t *count)
{
    if (write_done(p, 0) < 0) {
        errno = p->error;
        return -1;
    }
    *frames = p->frames;
    *count = p->written;
    return 0;
}

void pack_free(struct pack *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    p->submitted = p->taken; /* what nobody has begun is dropped */
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    for (unsigned i = 0; p->slots && i < p->slot_count; i++) {
        free(p->slots[i].filling.plain);
        free(p->slots[i].stored);
    }
    pthread_cond_destroy(&p->ready);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    ZSTD_freeCCtx(p->zctx);
    free(p->slots);
    free(p->frames);
    free(p);
}
