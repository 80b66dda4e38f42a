/* Caches of dentries, inodes and files: objcache.h says why they exist. */
#include "objcache.h"

#include "kalloc.h"
#include "lib.h"

#define CHUNK (4 * PAGE_SIZE)

static void **link_of(struct objcache *c, void *obj) { return (void **)((char *)obj + c->link); }

/* Fresh pages are zero, hence refs == 0 in every new object. */
static bool refill(struct objcache *c)
{
    char *chunk = kpages_alloc(CHUNK);
    size_t n = CHUNK / c->size;

    if (!chunk)
        return false;
    memset(chunk, 0, CHUNK);
    for (size_t i = n; i-- > 0;) {
        void *obj = chunk + i * c->size;
        *link_of(c, obj) = c->free;
        c->free = obj;
    }
    return true;
}

void *objcache_get(struct objcache *c)
{
    void *obj = NULL;

    lock(&c->lock);
    if (c->free || refill(c)) {
        obj = c->free;
        c->free = *link_of(c, obj);
        c->used++;
    }
    unlock(&c->lock);
    return obj;
}

void objcache_put(struct objcache *c, void *obj)
{
    lock(&c->lock);
    *link_of(c, obj) = c->free;
    c->free = obj;
    c->used--;
    unlock(&c->lock);
}
