/* The dentry cache.
 *
 * A hash table from (parent, name) to dentries, negative ones included.  Being in the
 * table counts as one reference, so a count of 0 means "unhashed and unused", and putting
 * a reference is one atomic instruction with nothing to decide.  The table grows with the
 * number of entries (a small one at start: each page touched costs a fault).
 *
 * Locks: a stripe lock protects the chains of the buckets it covers and, for hashed
 * dentries, name and parent.  Every change of a chain makes the stripe's `seq` odd and
 * even again; dcache_peek reads without the lock and trusts what it saw only if seq stayed
 * the same.  Growing takes all stripes.  Changes of names and parents also hold
 * `rename_lock`, under which path texts are made.  The list of all hashed dentries (a
 * clock for dcache_trim) has `lru_lock`, taken inside stripes.  Lists of children belong to
 * the parent inode's lock.
 */
#include <linux/errno.h>
#include <linux/inotify.h>

#include "dcache.h"
#include "lib.h"
#include "objcache.h"
#include "thread.h"

#define STRIPES           256
#define FIRST_SIZE        STRIPES /* not fewer: a bucket is under one stripe */
#define LIMIT_MIN         32768u  /* dentries kept in the table: about 700 bytes each with inode, */
#define LIMIT_MAX         400000u /* so a thirty-second of the memory there is */
#define MEMORY_PER_DENTRY 24576

static struct stripe {
    struct lock lock;
    u32 seq;
} stripes[STRIPES];

static struct list first_table[FIRST_SIZE];
static struct table {
    struct list *heads;
    u32 mask; /* 0: not set up yet */
} table;
static u32 hashed_count;
static u32 limit;

static struct lock lru_lock;
static struct list lru = LIST_INIT(lru);

struct lock dentry_rename_lock;
static struct objcache dentry_cache = OBJCACHE_INIT(struct dentry, lru.next);

/* ---- how many ---------------------------------------------------------------- */

static u32 limit_by_memory(void)
{
    const struct boot_info *b = boot();
    u64 memory = b->memory_limit ? b->memory_limit : b->memory_total;

    return (u32)MIN(MAX(memory / MEMORY_PER_DENTRY, (u64)LIMIT_MIN), (u64)LIMIT_MAX);
}

/* ---- stripes and buckets --------------------------------------------------- */

static struct stripe *stripe_of(u32 hash) { return &stripes[hash & (STRIPES - 1)]; }

static void change_begin(struct stripe *s)
{
    __atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void change_end(struct stripe *s)
{
    __atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELEASE);
}

static void lock_two(struct stripe *a, struct stripe *b)
{
    lock(a < b ? &a->lock : &b->lock);
    if (a != b)
        lock(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct stripe *a, struct stripe *b)
{
    unlock(&a->lock);
    if (a != b)
        unlock(&b->lock);
}

static void table_move(struct list *heads, u32 mask)
{
    for (u32 i = 0; i <= mask; i++)
        list_init(&heads[i]);
    for (u32 i = 0; table.mask && i <= table.mask; i++) {
        struct dentry *d, *tmp;
        list_for_each_safe(d, tmp, &table.heads[i], bucket)
        {
            list_del(&d->bucket);
            list_add(&heads[d->hash & mask], &d->bucket);
        }
    }
}

/* Old tables stay allocated: a peek may be reading them.  Together they are smaller than
 * the one in use. */
static void table_grow(void)
{
    u32 mask = table.mask ? table.mask * 8 + 7 : FIRST_SIZE - 1;
    struct list *heads = table.mask ? kpages_alloc((mask + 1UL) * sizeof(*heads)) : first_table;

    if (!limit)
        limit = limit_by_memory();
    if (!heads)
        return;
    for (int i = 0; i < STRIPES; i++) {
        lock(&stripes[i].lock);
        change_begin(&stripes[i]);
    }
    if (!table.mask || table.mask < mask) {
        table_move(heads, mask);
        __atomic_store_n(&table.mask, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&table.heads, heads, __ATOMIC_RELEASE);
        __atomic_store_n(&table.mask, mask, __ATOMIC_RELEASE);
    }
    for (int i = 0; i < STRIPES; i++) {
        change_end(&stripes[i]);
        unlock(&stripes[i].lock);
    }
}

static struct list *bucket_of(u32 hash) { return &table.heads[hash & table.mask]; }

static u32 full_hash(const struct dentry *parent, u32 name_hash)
{
    u64 h = ((uptr)parent >> 4) * 0x9e3779b97f4a7c15ULL;
    return (u32)(h >> 32) ^ name_hash;
}

/* ---- hashing of names ------------------------------------------------------- */

#define ONES            0x0101010101010101ULL
#define HIGHS           0x8080808080808080ULL
#define HASH_STEP(h, w) (((h) ^ (w)) * 0x9fb21c651e98df25ULL)

static u32 hash_finish(u64 h, size_t len)
{
    h ^= len;
    h *= 0x9e3779b97f4a7c15ULL;
    return (u32)(h >> 32) ^ (u32)(h >> 11);
}

static u64 hash_mix(u64 h) { return h ^ (h >> 29); }

u32 hash_name(const char *name, size_t len)
{
    u64 h = 0;
    size_t left = len;

    for (; left >= 8; name += 8, left -= 8) {
        u64 w;
        memcpy(&w, name, 8);
        h = hash_mix(HASH_STEP(h, w));
    }
    u64 w = 0;
    for (size_t i = 0; i < left; i++)
        w |= (u64)(u8)name[i] << (8 * i);
    return hash_finish(hash_mix(HASH_STEP(h, w)), len);
}

/* Bytes of w that are NUL or '/', as 0x80 in the lowest such byte (higher ones may lie). */
static u64 find_end(u64 w)
{
    u64 slash = w ^ (ONES * '/');
    return (((w - ONES) & ~w) | ((slash - ONES) & ~slash)) & HIGHS;
}

typedef u64 __attribute__((aligned(1), may_alias)) unaligned64;

/* Eight bytes at a time; may read past the string, never past its page. */
__attribute__((no_sanitize("address"))) u32 hash_component(const char *name, size_t *len)
{
    const char *p = name;
    u64 h = 0;

    while (((uptr)p & (PAGE_SIZE - 1)) <= PAGE_SIZE - 8) {
        u64 w = *(const unaligned64 *)p;
        u64 end = find_end(w);
        if (end) {
            unsigned bit = __builtin_ctzll(end) & ~7u;
            *len = p - name + bit / 8;
            w &= bit ? ~0ULL >> (64 - bit) : 0;
            return hash_finish(hash_mix(HASH_STEP(h, w)), *len);
        }
        h = hash_mix(HASH_STEP(h, w));
        p += 8;
    }
    while (*p && *p != '/')
        p++;
    *len = p - name;
    return hash_name(name, *len);
}

/* ---- making and freeing ------------------------------------------------------ */

struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t len)
{
    struct dentry *d = objcache_get(&dentry_cache);
    char *text = NULL;

    if (d && len >= sizeof(d->inline_name))
        text = kmalloc(len + 1);
    if (!d || (len >= sizeof(d->inline_name) && !text)) {
        if (d)
            objcache_put(&dentry_cache, d);
        return NULL;
    }
    memset((char *)d + sizeof(d->refs), 0, sizeof(*d) - sizeof(d->refs));
    d->name = text ? text : d->inline_name;
    memcpy(d->name, name, len);
    d->name[len] = 0;
    d->name_len = (u32)len;
    d->parent = parent ? dentry_get(parent) : d;
    d->super = parent ? parent->super : NULL;
    d->hash = full_hash(parent, hash_name(name, len));
    d->flags = DENTRY_UNHASHED;
    list_init(&d->children);
    list_init(&d->sibling);
    list_init(&d->bucket);
    list_init(&d->lru);
    __atomic_store_n(&d->refs, 1, __ATOMIC_RELEASE);
    return d;
}

struct dentry *dentry_make_root(struct super *s, struct inode *root)
{
    struct dentry *d = dentry_alloc(NULL, "", 0);

    if (!d)
        return NULL;
    d->super = s;
    d->inode = root;
    return d;
}

void dentry_instantiate(struct dentry *d, struct inode *i)
{
    __atomic_store_n(&d->inode, i, __ATOMIC_RELEASE);
}

/* Putting the last reference puts the parent's, and so on: a loop, since paths are long
 * and stacks are short. */
void dentry_put(struct dentry *d)
{
    while (d && ref_put(&d->refs)) {
        struct dentry *parent = d->parent == d ? NULL : d->parent;
        if (d->inode && unlikely(d->flags & DENTRY_DELETED) && d->inode->nlink == 0 &&
            !list_empty(&d->inode->watches))
            fsnotify(d->inode, NULL, IN_DELETE_SELF, NULL, 0); /* the last user is gone too */
        if (d->inode)
            inode_put(d->inode);
        d->inode = NULL;
        if (d->name != d->inline_name)
            kfree(d->name);
        d->name = d->inline_name;
        objcache_put(&dentry_cache, d);
        d = parent;
    }
}

/* ---- the table ---------------------------------------------------------------- */

static void chain_add(struct dentry *d)
{
    list_add(bucket_of(d->hash), &d->bucket);
    d->flags &= ~DENTRY_UNHASHED;
}

static void chain_del(struct dentry *d)
{
    list_del(&d->bucket);
    d->flags |= DENTRY_UNHASHED;
}

void dentry_hash(struct dentry *d)
{
    struct stripe *s = stripe_of(d->hash);

    if (unlikely(!table.mask || READ_ONCE(hashed_count) > table.mask * 2))
        table_grow();
    dentry_get(d);
    list_add(&d->parent->children, &d->sibling);
    lock(&s->lock);
    change_begin(s);
    chain_add(d);
    change_end(s);
    unlock(&s->lock);
    lock(&lru_lock);
    list_add_tail(&lru, &d->lru);
    hashed_count++;
    unlock(&lru_lock);
}

void dentry_unhash(struct dentry *d)
{
    struct stripe *s = stripe_of(d->hash);

    if (d->flags & DENTRY_UNHASHED)
        return;
    lock(&s->lock);
    change_begin(s);
    chain_del(d);
    change_end(s);
    unlock(&s->lock);
    list_del(&d->sibling);
    lock(&lru_lock);
    list_del(&d->lru);
    hashed_count--;
    unlock(&lru_lock);
    dentry_put(d);
}

static bool same_name(const struct dentry *d, const char *name, size_t len)
{
    return d->name_len == len && memcmp(d->name, name, len) == 0;
}

struct dentry *dcache_find(struct dentry *parent, const char *name, size_t len, u32 name_hash)
{
    u32 hash = full_hash(parent, name_hash);
    struct stripe *s = stripe_of(hash);
    struct dentry *d, *found = NULL;

    if (unlikely(!table.mask))
        return NULL;
    lock(&s->lock);
    list_for_each(d, bucket_of(hash), bucket)
    {
        if (d->hash == hash && d->parent == parent && same_name(d, name, len)) {
            found = dentry_get(d);
            if (!d->referenced)
                d->referenced = true;
            break;
        }
    }
    unlock(&s->lock);
    return found;
}

struct dentry *dentry_lookup(struct dentry *parent, const char *name, size_t len)
{
    return dcache_find(parent, name, len, hash_name(name, len));
}

/* Anything read here may be gone or reused at any moment; it is only ever dentry memory,
 * so reading it is harmless, and the caller's check of the mark decides.  Names kept
 * outside the dentry are left to the locked look-up: their memory has no such promise. */
struct dentry *dcache_peek(struct dentry *parent, const char *name, size_t len, u32 name_hash,
                           struct dcache_mark *mark)
{
    u32 hash = full_hash(parent, name_hash);
    struct stripe *s = stripe_of(hash);

    mark->seq = &s->seq;
    mark->value = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);
    u32 mask = __atomic_load_n(&table.mask, __ATOMIC_ACQUIRE);
    if ((mark->value & 1) || !mask || len >= sizeof(parent->inline_name))
        return NULL;
    struct list *head = &__atomic_load_n(&table.heads, __ATOMIC_ACQUIRE)[hash & mask];
    struct list *p = READ_ONCE(head->next);
    for (int steps = 0; p != head && steps < 64; steps++) {
        struct dentry *d = list_entry(p, struct dentry, bucket);
        if (READ_ONCE(d->hash) == hash && READ_ONCE(d->parent) == parent &&
            READ_ONCE(d->name_len) == len && memcmp(d->inline_name, name, len) == 0) {
            if (!READ_ONCE(d->referenced))
                WRITE_ONCE(d->referenced, true);
            return dcache_unchanged(mark) ? d : NULL;
        }
        p = READ_ONCE(p->next);
    }
    return NULL;
}

/* ---- moving -------------------------------------------------------------------- */

static void take_name(struct dentry *d, struct dentry *from)
{
    char *old = d->name;

    if (from->name == from->inline_name) {
        memcpy(d->inline_name, from->inline_name, sizeof(d->inline_name));
        d->name = d->inline_name;
        if (old != d->inline_name)
            kfree(old);
    } else { /* no memory to be had here: the one that goes gives its name away */
        char copy[sizeof(d->inline_name)];
        memcpy(copy, d->inline_name, sizeof(copy));
        d->name = from->name;
        from->name = old == d->inline_name ? from->inline_name : old;
        if (old == d->inline_name)
            memcpy(from->inline_name, copy, sizeof(copy));
        u32 len = d->name_len;
        d->name_len = from->name_len;
        from->name_len = len;
        return;
    }
    d->name_len = from->name_len;
}

void dentry_move(struct dentry *d, struct dentry *target)
{
    struct dentry *old_parent = d->parent;

    dentry_get(target);
    if (target->inode)
        target->flags |= DENTRY_DELETED;
    dentry_unhash(target);
    lock(&dentry_rename_lock);
    u32 new_hash = target->hash;
    struct stripe *a = stripe_of(d->hash), *b = stripe_of(new_hash);
    lock_two(a, b);
    change_begin(a);
    if (b != a)
        change_begin(b);
    chain_del(d);
    take_name(d, target);
    d->parent = dentry_get(target->parent);
    d->hash = new_hash;
    chain_add(d);
    change_end(a);
    if (b != a)
        change_end(b);
    unlock_two(a, b);
    list_del(&d->sibling);
    list_add(&d->parent->children, &d->sibling);
    unlock(&dentry_rename_lock);
    dentry_put(old_parent);
    dentry_put(target);
}

static void swap_names(struct dentry *a, struct dentry *b)
{
    char inline_a[sizeof(a->inline_name)], *name_a = a->name;
    bool a_inline = a->name == a->inline_name, b_inline = b->name == b->inline_name;
    u32 len = a->name_len, hash = a->hash;

    memcpy(inline_a, a->inline_name, sizeof(inline_a));
    memcpy(a->inline_name, b->inline_name, sizeof(inline_a));
    memcpy(b->inline_name, inline_a, sizeof(inline_a));
    a->name = b_inline ? a->inline_name : b->name;
    b->name = a_inline ? b->inline_name : name_a;
    a->name_len = b->name_len;
    b->name_len = len;
    a->hash = b->hash;
    b->hash = hash;
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
    struct stripe *sa = stripe_of(a->hash), *sb = stripe_of(b->hash);

    lock(&dentry_rename_lock);
    lock_two(sa, sb);
    change_begin(sa);
    if (sb != sa)
        change_begin(sb);
    chain_del(a);
    chain_del(b);
    swap_names(a, b);
    struct dentry *parent = a->parent;
    a->parent = b->parent;
    b->parent = parent;
    chain_add(a);
    chain_add(b);
    change_end(sa);
    if (sb != sa)
        change_end(sb);
    unlock_two(sa, sb);
    list_del(&a->sibling);
    list_del(&b->sibling);
    list_add(&a->parent->children, &a->sibling);
    list_add(&b->parent->children, &b->sibling);
    unlock(&dentry_rename_lock);
}

/* ---- relatives ------------------------------------------------------------------ */

/* The parent of a hashed dentry changes only under its stripe. */
struct dentry *dentry_parent(struct dentry *d)
{
    for (;;) {
        u32 hash = READ_ONCE(d->hash);
        struct stripe *s = stripe_of(hash);
        lock(&s->lock);
        if (likely(d->hash == hash)) {
            struct dentry *p = dentry_get(d->parent);
            unlock(&s->lock);
            return p;
        }
        unlock(&s->lock);
    }
}

/* Children of children go too: they can be reached through nothing once their parent
 * isn't found.  Their own children stay in the table until the sweep takes them. */
void dentry_forget_children(struct dentry *d)
{
    struct dentry *c, *tmp;

    list_for_each_safe(c, tmp, &d->children, sibling)
    {
        if (!c->mounts)
            dentry_unhash(c);
    }
}

/* ---- keeping it small ------------------------------------------------------------- */

/* Unhashes d if nobody but the caller (one reference) and the table know it. */
static void try_forget(struct dentry *d)
{
    struct dentry *parent = dentry_parent(d);
    struct inode *dir = parent->inode;

    if (dir && try_lock(&dir->lock)) {
        struct stripe *s = stripe_of(d->hash);
        bool unused = false;
        if (!(d->flags & DENTRY_UNHASHED) && d->parent == parent) {
            lock(&s->lock);
            unused = d->refs == 2 && !d->mounts;
            if (unused) {
                change_begin(s);
                chain_del(d);
                change_end(s);
            }
            unlock(&s->lock);
        }
        if (unused) {
            list_del(&d->sibling);
            lock(&lru_lock);
            list_del(&d->lru);
            hashed_count--;
            unlock(&lru_lock);
            dentry_put(d);
        }
        unlock(&dir->lock);
    }
    dentry_put(parent);
}

void dcache_trim(void)
{
    if (likely(READ_ONCE(hashed_count) <= limit))
        return;
    for (int i = 0; i < 128 && READ_ONCE(hashed_count) > limit; i++) {
        lock(&lru_lock);
        struct dentry *d = list_first(&lru, struct dentry, lru);
        if (d) {
            list_del(&d->lru);
            list_add_tail(&lru, &d->lru);
            dentry_get(d); /* it is hashed, so it is alive */
        }
        unlock(&lru_lock);
        if (!d)
            return;
        if (d->referenced)
            d->referenced = false;
        else if (READ_ONCE(d->refs) == 2)
            try_forget(d);
        dentry_put(d);
    }
}

/* What goes may have kept its parent, or the lower dentry of an overlay's. */
void dcache_forget_unused(void)
{
    struct dentry *d, *next;
    bool any = true;

    while (any) {
        any = false;
        list_for_each_safe(d, next, &lru, lru)
        {
            if (d->refs != 1 || d->mounts)
                continue;
            dentry_unhash(d);
            any = true;
        }
    }
}
