/* Names of one in-memory directory: a hash table for finding, a list in order of creation
 * for listing.
 *
 * Every entry gets a cookie larger than all before it and keeps it, so a program that goes
 * on listing while others create and unlink sees each lasting name exactly once.  A listing
 * that comes back with its position finds it through `hint` without walking the list.
 *
 * Locking: the directory's inode lock, held by the caller of every function.
 */
#include "kalloc.h"
#include "lib.h"
#include "names.h"
#include "vfs.h"

#define SMALL 8u /* names searched without a hash table */

void names_init(struct name_table *t)
{
    memset(t, 0, sizeof(*t));
    t->next_cookie = FIRST_COOKIE;
    list_init(&t->order);
}

void names_free(struct name_table *t)
{
    struct name_entry *e, *tmp;
    list_for_each_safe(e, tmp, &t->order, order)
    {
        if (e->inode)
            inode_put(e->inode);
        kfree(e);
    }
    kfree(t->buckets);
    names_init(t);
}

static bool same(const struct name_entry *e, u32 hash, const char *name, size_t len)
{
    return e->hash == hash && e->len == len && memcmp(e->name, name, len) == 0;
}

struct name_entry *names_find(struct name_table *t, const char *name, size_t len)
{
    u32 hash = hash_bytes(name, len);
    struct name_entry *e;
    if (t->buckets) {
        for (e = t->buckets[hash & (t->size - 1)]; e; e = e->next)
            if (same(e, hash, name, len))
                return e;
        return NULL;
    }
    list_for_each(e, &t->order, order) if (same(e, hash, name, len)) return e;
    return NULL;
}

static void hash_in(struct name_table *t, struct name_entry *e)
{
    struct name_entry **bucket = &t->buckets[e->hash & (t->size - 1)];
    e->next = *bucket;
    *bucket = e;
}

/* Without memory for a larger table the old one keeps working, only slower. */
static void grow(struct name_table *t)
{
    u32 size = t->size ? t->size * 2 : 32;
    struct name_entry **buckets = kzalloc(size * sizeof(*buckets)), *e;
    if (!buckets)
        return;
    kfree(t->buckets);
    t->buckets = buckets;
    t->size = size;
    list_for_each(e, &t->order, order) hash_in(t, e);
}

struct name_entry *names_add(struct name_table *t, const char *name, size_t len,
                             struct inode *inode)
{
    struct name_entry *e = kmalloc(sizeof(*e) + len + 1);
    if (!e)
        return NULL;
    if (t->count >= (t->size ? t->size : SMALL))
        grow(t);
    e->cookie = t->next_cookie++;
    e->inode = inode ? inode_get(inode) : NULL;
    e->hash = hash_bytes(name, len);
    e->len = len;
    memcpy(e->name, name, len);
    e->name[len] = 0;
    list_add_tail(&t->order, &e->order);
    if (t->buckets)
        hash_in(t, e);
    t->count++;
    return e;
}

void names_remove(struct name_table *t, struct name_entry *e)
{
    if (t->hint == e)
        t->hint = names_next(t, e);
    if (t->buckets) {
        struct name_entry **p = &t->buckets[e->hash & (t->size - 1)];
        while (*p != e)
            p = &(*p)->next;
        *p = e->next;
    }
    list_del(&e->order);
    t->count--;
    if (e->inode)
        inode_put(e->inode);
    kfree(e);
}

void names_replace(struct name_entry *e, struct inode *inode)
{
    struct inode *old = e->inode;
    e->inode = inode ? inode_get(inode) : NULL;
    if (old)
        inode_put(old);
}

struct name_entry *names_next(struct name_table *t, struct name_entry *e)
{
    return e->order.next == &t->order ? NULL : list_entry(e->order.next, struct name_entry, order);
}

struct name_entry *names_from(struct name_table *t, u64 cookie)
{
    struct name_entry *e = list_first(&t->order, struct name_entry, order);
    if (t->hint && t->hint->cookie <= cookie)
        e = t->hint;
    while (e && e->cookie < cookie)
        e = names_next(t, e);
    if (e)
        t->hint = e;
    return e;
}
