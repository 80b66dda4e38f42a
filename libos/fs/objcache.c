/* Caches of dentries, inodes and files: objcache.h says why they exist. */
#include "objcache.h"

#include "../../abi/host_abi.h"
#include "kalloc.h"
#include "lib.h"
#include "vfs.h"

#define CHUNK (4 * PAGE_SIZE)

static struct objcache *caches; /* that were ever used */

static void **link_of(struct objcache *c, void *obj) { return (void **)((char *)obj + c->link); }

/* An object that nobody has ever seen, zero and so with refs == 0.  A chunk's pages are touched as
 * they are needed: a copy of the sandbox has all that were. */
static void *take_fresh(struct objcache *c)
{
    if (!c->left) {
        c->fresh = kpages_alloc(CHUNK);
        c->left = c->fresh ? CHUNK / c->size : 0;
        if (!c->listed)
            c->next = __atomic_exchange_n(&caches, c, __ATOMIC_ACQ_REL);
        c->listed = true;
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

static void trim(struct objcache *c)
{
    uptr from, to;

    lock(&c->lock);
    from = PAGE_ALIGN((uptr)c->fresh);
    to = PAGE_ALIGN((uptr)c->fresh + (u64)c->left * c->size);
    if (c->left && from < to)
        host_discard(from, to - from, HOST_DISCARD_HOLE);
    unlock(&c->lock);
}

void objcache_trim(void)
{
    for (struct objcache *c = __atomic_load_n(&caches, __ATOMIC_ACQUIRE); c; c = c->next)
        trim(c);
}
