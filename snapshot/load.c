/* Going over all frames of a file, in several threads: to check them, or to hand their
 * pages out.
 *
 * Each thread takes the next frame number from a counter; the first failure stops all.
 * Pages that are in the base are handed out by going over the base in the same way, giving
 * away only what this file refers to. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { THREADS_MAX = 8 };

struct sweep {
    struct snapshot_reader *r;
    bool check_only;
    uint32_t first, last; /* objects */
    snapshot_load_fn *fn;
    void *context;
    const struct snapshot_pieces *pieces; /* what to hand out, or NULL: the ranges of r */
    uint32_t frames;
    /* Which ranges are in which frame: by_frame[start[n]] up to by_frame[start[n + 1]]. */
    uint32_t *start, *by_frame;
    atomic_uint next;
    atomic_bool failed;
    struct turns *turns; /* which frames to take, and when; NULL: any */
    void (*done)(void *context);
    pthread_mutex_t lock; /* of err */
    struct snapshot_error *err;
};

/* Scratch of one thread. */
struct bench {
    ZSTD_DCtx *zctx;
    uint8_t *stored, *plain;
};

/* ---- which ranges a base is asked for ---- */

/* Hands out every part of [offset, offset+len) that this file takes from its base; with
 * `any`, only says whether there is one. */
static int hand_down(const struct sweep *s, uint32_t object, uint64_t offset, const uint8_t *data,
                     uint64_t len, bool *any)
{
    const struct index *index = &s->r->index;
    uint64_t end = offset + len;

    for (uint32_t i = index_find(index, object, offset); i < index->range_count; i++) {
        const struct range *r = &index->ranges[i];
        if (r->object != object || r->offset >= end)
            break;
        if (r->frame != RANGE_BASE)
            continue;
        uint64_t from = r->offset > offset ? r->offset : offset;
        uint64_t to = range_end(r) < end ? range_end(r) : end;
        if (any) {
            *any = true;
            return 0;
        }
        if (s->fn(s->context, object, from, data ? data + (from - offset) : NULL, to - from))
            return -1;
    }
    return 0;
}

static int from_base(void *context, uint32_t object, uint64_t offset, const void *data,
                     uint64_t len)
{
    return hand_down(context, object, offset, data, len, NULL);
}

/* Does anybody want this range?  A file above asks only for what it refers to. */
static bool wanted(const struct sweep *s, const struct range *r)
{
    bool any = false;

    if (r->object < s->first || r->object > s->last)
        return false;
    if (s->fn != from_base)
        return true;
    const struct sweep *above = s->context;
    hand_down(above, r->object, r->offset, NULL, (uint64_t)r->pages * SNAPSHOT_PAGE, &any);
    return any;
}

/* ---- one frame ---- */

static int check_frame(const struct sweep *s, uint32_t n, struct bench *b,
                       struct snapshot_error *err)
{
    const struct snapshot_reader *r = s->r;
    const struct frame *frame = &r->index.frames[n];

    if (read_all_at(r->fd, b->stored, frame->stored, frame->offset) < 0)
        return fail_errno(err, errno, r->path, NULL);
    if (frame_check(frame, b->stored) < 0)
        return fail(err, SNAPSHOT_DAMAGED, "%s: the snapshot was changed since it was written",
                    r->path);
    return 0;
}

static int hand_out_frame(struct sweep *s, uint32_t n, struct bench *b, struct snapshot_error *err)
{
    const struct range *ranges = s->r->index.ranges;
    bool any = false;

    for (uint32_t i = s->start[n]; i < s->start[n + 1] && !any; i++)
        any = wanted(s, &ranges[s->by_frame[i]]);
    if (!any)
        return 0;
    if (reader_frame(s->r, n, b->zctx, b->stored, b->plain, err))
        return -1;
    for (uint32_t i = s->start[n]; i < s->start[n + 1]; i++) {
        const struct range *r = &ranges[s->by_frame[i]];
        if (r->object < s->first || r->object > s->last)
            continue;
        if (s->fn(s->context, r->object, r->offset, b->plain + (size_t)r->first * SNAPSHOT_PAGE,
                  (uint64_t)r->pages * SNAPSHOT_PAGE))
            return fail(err, SNAPSHOT_MISUSE, "%s: loading was stopped", s->r->path);
    }
    return 0;
}

/* Of the file itself, or of one of its bases. */
static int hand_out_pieces(struct sweep *s, uint32_t n, struct bench *b, struct snapshot_error *err)
{
    const struct snapshot_reader *r = s->r;
    uint32_t in_file = n;

    if (s->start[n] == s->start[n + 1])
        return 0;
    for (; in_file >= r->index.frame_count; r = r->base)
        in_file -= r->index.frame_count;
    if (reader_frame(r, in_file, b->zctx, b->stored, b->plain, err) || turns_await(s->turns, n))
        return -1;
    for (uint32_t i = s->start[n]; i < s->start[n + 1]; i++) {
        const struct snapshot_range *p = &s->pieces->list[s->by_frame[i]];
        if (s->fn(s->context, p->object, p->offset, b->plain + (size_t)p->page * SNAPSHOT_PAGE,
                  p->len))
            return fail(err, SNAPSHOT_MISUSE, "%s: loading was stopped", r->path);
    }
    s->done(s->context);
    return 0;
}

static int do_frame(struct sweep *s, uint32_t n, struct bench *b, struct snapshot_error *err)
{
    if (s->check_only)
        return check_frame(s, n, b, err);
    return s->pieces ? hand_out_pieces(s, n, b, err) : hand_out_frame(s, n, b, err);
}

/* ---- the threads ---- */

static void stop(struct sweep *s, const struct snapshot_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (!atomic_exchange(&s->failed, true) && s->err)
        *s->err = *err;
    pthread_mutex_unlock(&s->lock);
    if (s->turns)
        turns_stop(s->turns);
}

static uint32_t take_frame(struct sweep *s)
{
    return s->turns ? turns_take(s->turns) : atomic_fetch_add(&s->next, 1);
}

static void *sweeper(void *arg)
{
    struct sweep *s = arg;
    struct snapshot_error err = {0};
    struct bench b = {.stored = malloc(STORED_MAX)};
    bool ready = b.stored;

    if (!s->check_only) {
        b.zctx = ZSTD_createDCtx();
        b.plain = malloc(FRAME_BYTES);
        ready = ready && b.zctx && b.plain;
    }
    if (!ready) {
        fail_errno(&err, ENOMEM, s->r->path, NULL);
        stop(s, &err);
    }
    while (!atomic_load(&s->failed)) {
        uint32_t n = take_frame(s);
        if (n >= s->frames)
            break;
        if (do_frame(s, n, &b, &err))
            stop(s, &err);
        if (s->turns)
            turns_end(s->turns, n);
    }
    ZSTD_freeDCtx(b.zctx);
    free(b.stored);
    free(b.plain);
    return NULL;
}

static int sweep(struct sweep *s)
{
    pthread_t threads[THREADS_MAX];
    unsigned wanted_threads = thread_count(s->r->threads), started = 0;
    sigset_t all, old;

    if (wanted_threads > s->frames)
        wanted_threads = s->frames;
    pthread_mutex_init(&s->lock, NULL);
    /* The process's signals are the caller's business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (started + 1 < wanted_threads && pthread_create(&threads[started], NULL, sweeper, s) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    sweeper(s);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&s->lock);
    return atomic_load(&s->failed) ? -1 : 0;
}

int reader_check_all(struct snapshot_reader *r, struct snapshot_error *err)
{
    struct sweep s = {.r = r, .check_only = true, .frames = r->index.frame_count, .err = err};
    int rc = sweep(&s);

    r->checked = rc == 0;
    return rc;
}

/* ---- handing out ---- */

/* Where the i'th range is; none from RANGE_BASE on. */
static uint32_t frame_of(const struct sweep *s, size_t i)
{
    if (!s->pieces)
        return s->r->index.ranges[i].frame;
    return s->pieces->list[i].where == SNAPSHOT_IN_FRAME ? s->pieces->list[i].frame : RANGE_ZERO;
}

static int sort_by_frame(struct sweep *s)
{
    size_t count = s->pieces ? s->pieces->count : s->r->index.range_count;

    s->start = calloc((size_t)s->frames + 2, sizeof(*s->start));
    s->by_frame = calloc(count + 1, sizeof(*s->by_frame));
    if (!s->start || !s->by_frame)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (frame_of(s, i) < RANGE_BASE)
            s->start[frame_of(s, i) + 2]++;
    for (size_t n = 1; n < (size_t)s->frames + 2; n++)
        s->start[n] += s->start[n - 1];
    /* start[n + 1] moves from the begin of frame n to its end, where start[n + 1] belongs. */
    for (size_t i = 0; i < count; i++)
        if (frame_of(s, i) < RANGE_BASE)
            s->by_frame[s->start[frame_of(s, i) + 1]++] = (uint32_t)i;
    return 0;
}

static int by_page(const void *a, const void *b, void *list)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const struct snapshot_range *x = (struct snapshot_range *)list + i,
                                *y = (struct snapshot_range *)list + j;

    return x->page != y->page ? (x->page < y->page ? -1 : 1) : i < j ? -1 : i > j;
}

static int hand_out_zeros(const struct sweep *s)
{
    const struct index *index = &s->r->index;

    for (uint32_t i = index_find(index, s->first, 0); i < index->range_count; i++) {
        const struct range *r = &index->ranges[i];
        if (r->object > s->last)
            break;
        if (r->frame == RANGE_ZERO &&
            s->fn(s->context, r->object, r->offset, NULL, (uint64_t)r->pages * SNAPSHOT_PAGE))
            return fail(s->err, SNAPSHOT_MISUSE, "%s: loading was stopped", s->r->path);
    }
    return 0;
}

int snapshot_load(struct snapshot_reader *r, uint32_t first, uint32_t last, snapshot_load_fn *fn,
                  void *context, struct snapshot_error *err)
{
    struct sweep s = {.r = r,
                      .first = first,
                      .last = last,
                      .fn = fn,
                      .context = context,
                      .frames = r->index.frame_count,
                      .err = err};
    int rc = 0;

    if (sort_by_frame(&s) < 0)
        rc = fail_errno(err, ENOMEM, r->path, NULL);
    if (rc == 0)
        rc = hand_out_zeros(&s);
    if (rc == 0)
        rc = sweep(&s);
    if (rc == 0 && r->info.base_pages)
        rc = r->base ? snapshot_load(r->base, first, last, from_base, &s, err)
                     : fail(err, SNAPSHOT_BASE, "%s: needs its base snapshot", r->path);
    free(s.start);
    free(s.by_frame);
    return rc;
}

int snapshot_load_parts(struct snapshot_reader *r, const struct snapshot_pieces *pieces,
                        snapshot_load_fn *fn, const struct snapshot_parts *parts, void *context,
                        struct snapshot_error *err)
{
    struct sweep s = {.r = r,
                      .fn = fn,
                      .context = context,
                      .err = err,
                      .pieces = pieces,
                      .frames = pieces->frames,
                      .turns = turns_make(parts, pieces->frames, context),
                      .done = parts->done};
    int rc = !s.turns || sort_by_frame(&s) < 0 ? fail_errno(err, ENOMEM, r->path, NULL) : 0;

    for (uint32_t n = 0; rc == 0 && n < s.frames; n++)
        qsort_r(s.by_frame + s.start[n], s.start[n + 1] - s.start[n], sizeof(*s.by_frame), by_page,
                pieces->list);
    if (rc == 0)
        rc = sweep(&s);
    turns_free(s.turns);
    free(s.start);
    free(s.by_frame);
    return rc;
}
