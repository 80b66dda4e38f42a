/* In which order frames are unpacked by several threads, where that matters (snapshot_load_parts).
 *
 * Each part has a frame that is taken next, and one whose pieces are handed out next: what
 * was taken out of a part is handed out in the same order, whoever was faster.  When a part is
 * used up the next one behind it is taken, and after the last one those that were left out.
 *
 * Locking: `lock` guards all of it. */
#include <stdlib.h>

#include "internal.h"

struct part {
    uint32_t taken, handed, end; /* frames up to these */
};

struct turns {
    const struct snapshot_parts *parts;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopped;
    uint32_t current; /* part */
    struct part list[];
};

struct turns *turns_make(const struct snapshot_parts *parts, uint32_t frames, void *context)
{
    struct turns *t = calloc(1, sizeof(*t) + parts->count * sizeof(t->list[0]));

    if (!t)
        return NULL;
    t->parts = parts;
    t->context = context;
    for (uint32_t i = 0; i < parts->count; i++) {
        uint32_t start = parts->start[i], end = i + 1 < parts->count ? parts->start[i + 1] : frames;
        t->list[i] = (struct part){start, start, end};
    }
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    return t;
}

void turns_free(struct turns *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    free(t);
}

static struct part *part_of(struct turns *t, uint32_t frame)
{
    uint32_t low = 0, high = t->parts->count - 1;

    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (t->parts->start[middle] <= frame)
            low = middle;
        else
            high = middle - 1;
    }
    return &t->list[low];
}

uint32_t turns_take(struct turns *t)
{
    uint32_t frame = SNAPSHOT_NO_FRAME;

    pthread_mutex_lock(&t->lock);
    uint32_t wanted = t->parts->wanted(t->context);
    if (wanted != SNAPSHOT_NO_FRAME && part_of(t, wanted)->taken <= wanted)
        t->current = (uint32_t)(part_of(t, wanted) - t->list);
    for (uint32_t i = 0; i < t->parts->count && frame == SNAPSHOT_NO_FRAME; i++) {
        struct part *part = &t->list[t->current];
        if (part->taken < part->end)
            frame = part->taken++;
        else
            t->current = (t->current + 1) % t->parts->count;
    }
    pthread_mutex_unlock(&t->lock);
    return frame;
}

int turns_await(struct turns *t, uint32_t frame)
{
    const struct part *part = part_of(t, frame);

    pthread_mutex_lock(&t->lock);
    while (part->handed != frame && !t->stopped)
        pthread_cond_wait(&t->changed, &t->lock);
    bool stopped = t->stopped;
    pthread_mutex_unlock(&t->lock);
    return stopped ? -1 : 0;
}

void turns_end(struct turns *t, uint32_t frame)
{
    if (turns_await(t, frame))
        return;
    pthread_mutex_lock(&t->lock);
    part_of(t, frame)->handed = frame + 1;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void turns_stop(struct turns *t)
{
    pthread_mutex_lock(&t->lock);
    t->stopped = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}
