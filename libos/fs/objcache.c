/* Caches of dentries, inodes and files: objcache.h says why they exist. */
#include "objcache.h"

#include "kalloc.h"
#include "lib.h"

#define CHUNK (4 * PAGE_SIZE)

static void **link_of(struct objcache *c, void *obj) { return (void **)((char *)obj + c->link); }

/* An object that nobody has ever seen, zero and so with refs == 0.  A chunk's pages are touched as
 * they are needed: a copy of the sandbox has all that were. */
static void *take_fresh(struct objcache *c)
{
    if (!c->left) {
        c->fresh = kpages_alloc(CHUNK);
        c->left = c->fresh ? CHUNK / c->size : 0;
    }
    if (!c->left)
        return NULL;
    void *obj = c->fresh;
    c->fresh += c->size;
    c->left--;
    return memset(obj, 0, c->size);
}

void *objcache_get(struct objcache *c)
{
    void *obj;

    lock(&c->lock);
    obj = c->free;
    if (obj)
        c->free = *link_of(c, obj);
    else
        obj = take_fresh(c);
    c->used += obj != NULL;
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
