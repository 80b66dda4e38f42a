/* Pieces of memory for data on its way: some are kept for the next sender, because to give
 * memory back to the host and to fault it in again costs more than to copy into it.
 *
 * Locking: kept.lock, a leaf.
 */
#include "piece.h"

#include "kalloc.h"
#include "lock.h"

#define KEPT_MAX 256u

static struct {
    struct lock lock;
    u32 count;
    void **first; /* each begins with a pointer to the next */
} kept;

void *piece_get(void)
{
    void **p;

    lock(&kept.lock);
    p = kept.first;
    if (p) {
        kept.first = *p;
        kept.count--;
    }
    unlock(&kept.lock);
    return p ? p : kpages_alloc(PIECE_SIZE);
}

void piece_put(void *p)
{
    bool keep;

    lock(&kept.lock);
    keep = kept.count < KEPT_MAX;
    if (keep) {
        *(void **)p = kept.first;
        kept.first = p;
        kept.count++;
    }
    unlock(&kept.lock);
    if (!keep)
        kpages_free(p, PIECE_SIZE);
}
