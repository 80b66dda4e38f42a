/* Listings of host directories: fetched whole, kept in memory, searched by hash.
 *
 * In a cached directory the listing is taken once and answers look-ups of names that are
 * not there.  Elsewhere each open directory takes its own at position 0, so that a program
 * sees one consistent state per pass.
 */
#include <linux/errno.h>

#include "hostfs.h"
#include "lib.h"

#define FEW_NAMES 4096u   /* bytes of a directory, as host file systems count them */
#define CHUNK     0x7800u /* bytes asked for at once: what fits in a message */

void listing_free(struct listing *l)
{
    while (l) {
        struct listing *older = l->older;
        kfree(l->records);
        kfree(l->order);
        kfree(l->table);
        kfree(l);
        l = older;
    }
}

const struct host_dirent *listing_at(const struct listing *l, u64 n)
{
    return n < l->count ? (const void *)(l->records + l->order[n]) : NULL;
}

static u32 slot_of(const struct listing *l, const char *name, size_t len)
{
    return hash_bytes(name, len) & l->mask;
}

static const struct host_dirent *find(const struct listing *l, const char *name, size_t len)
{
    for (u32 s = slot_of(l, name, len); l->table[s]; s = (s + 1) & l->mask) {
        const struct host_dirent *e = (const void *)(l->records + l->table[s] - 1);
        if (strlen(e->name) == len && memcmp(e->name, name, len) == 0)
            return e;
    }
    return NULL;
}

bool listing_has(const struct listing *l, const char *name, size_t len)
{
    return find(l, name, len) != NULL;
}

bool listing_attr(const struct listing *l, const char *name, size_t len, struct host_attr *attr,
                  const char **link)
{
    const struct host_dirent *e = find(l, name, len);
    size_t plain = (offsetof(struct host_dirent, name) + len + 8) & ~7UL;

    if (!e || e->reclen < plain + sizeof(*attr))
        return false;
    memcpy(attr, (const char *)e + plain, sizeof(*attr));
    *link = e->reclen > plain + sizeof(*attr) ? (const char *)e + plain + sizeof(*attr) : NULL;
    return true;
}

static long build_table(struct listing *l)
{
    u32 size = 16;
    while (size < l->count * 2)
        size *= 2;
    l->table = kzalloc(size * sizeof(u32));
    l->order = kmalloc((l->count + 1) * sizeof(u32));
    if (!l->table || !l->order)
        return -ENOMEM;
    l->mask = size - 1;
    u32 at = 0;
    for (u32 n = 0; n < l->count; n++) {
        const struct host_dirent *e = (const void *)(l->records + at);
        u32 s = slot_of(l, e->name, strlen(e->name));
        while (l->table[s])
            s = (s + 1) & l->mask;
        l->table[s] = at + 1;
        l->order[n] = at;
        at += e->reclen;
    }
    return 0;
}

/* Counts the records of a chunk, leaving out "." and ".." and what programs don't know;
 * bytes kept. */
static size_t tidy(struct listing *l, char *chunk, size_t len)
{
    size_t kept = 0, reclen;
    for (size_t at = 0; at + offsetof(struct host_dirent, name) < len; at += reclen) {
        struct host_dirent *e = (void *)(chunk + at);
        reclen = e->reclen;
        if (reclen <= offsetof(struct host_dirent, name) || reclen > len - at)
            break;
        if (e->name[0] == '.' && (e->name[1] == 0 || (e->name[1] == '.' && e->name[2] == 0)))
            continue;
        if (e->type == HOST_TTY)
            e->type = HOST_CHAR;
        memmove(chunk + kept, e, reclen);
        kept += reclen;
        l->count++;
    }
    return kept;
}

static long fetch_all(struct listing *l, const char *uri, u64 cookie)
{
    size_t cap = 0;
    for (;;) {
        if (cap - l->len < CHUNK) {
            cap = l->len ? cap * 2 : CHUNK;
            cap = MAX(cap, l->len + CHUNK);
            char *p = krealloc(l->records, cap);
            if (!p)
                return -ENOMEM;
            l->records = p;
        }
        long n = cookie == HOST_LIST_END ? 0 : host_list(uri, &cookie, l->records + l->len, CHUNK);
        if (n <= 0) {
            char *p = n == 0 && l->len ? krealloc(l->records, l->len) : NULL;
            if (p)
                l->records = p;
            return n;
        }
        l->len += tidy(l, l->records + l->len, n);
    }
}

static struct listing *fetch(struct dentry *d, u64 cookie)
{
    char buf[URI_MAX], *uri = hostfs_uri(d, buf);
    if (IS_ERR(uri))
        return (void *)uri;
    struct listing *l = kzalloc(sizeof(*l));
    long rc = l ? fetch_all(l, uri, cookie) : -ENOMEM;
    if (!rc)
        rc = build_table(l);
    if (rc) {
        listing_free(l);
        return ERR_PTR(rc);
    }
    return l;
}

struct listing *listing_fetch(struct dentry *d) { return fetch(d, 0); }

/* The older listing stays for those who are reading it. */
void hostfs_list_attributes(struct dentry *d)
{
    struct hostfs_node *n = hostfs_node(d->inode);
    struct listing *old = __atomic_load_n(&n->listing, __ATOMIC_ACQUIRE);
    struct listing *l = fetch(d, HOST_LIST_ATTRIBUTES);

    if (IS_ERR(l))
        return;
    l->older = old;
    if (!__atomic_compare_exchange_n(&n->listing, &old, l, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        l->older = NULL;
        listing_free(l);
    }
}

struct listing *hostfs_listing(struct dentry *d)
{
    struct hostfs_node *n = hostfs_node(d->inode);
    struct listing *l = __atomic_load_n(&n->listing, __ATOMIC_ACQUIRE), *none = NULL;
    if (l)
        return l;
    l = listing_fetch(d);
    if (IS_ERR(l))
        return l;
    if (!__atomic_compare_exchange_n(&n->listing, &none, l, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        listing_free(l); /* somebody else was faster */
        l = none;
    }
    return l;
}

/* ---- when it is time ---- */

/* Names are asked for one by one until that has cost about as much as asking for all at once:
 * a listing costs by its length, and more of it with the attributes. */
u32 hostfs_worth_listing(const struct inode *dir)
{
    return 2 + (u32)MIN(dir->size, 1ULL << 24) / FEW_NAMES * 2;
}

static u32 worth_attributes(const struct inode *dir)
{
    u64 size = MIN(dir->size, 1ULL << 24);
    return 3 + (size > FEW_NAMES ? (u32)(size - FEW_NAMES) / 1024 : 0);
}

#define SWEEP 16

/* Is it time to ask for all attributes of the directory?  Where most directories so far came to
 * that, some program goes through whole trees: then short ones are listed at their first name. */
bool hostfs_time_for_attributes(struct inode *dir)
{
    struct hostfs *fs = hostfs_of(dir->super);
    u32 asked = ++hostfs_node(dir)->asked, worth = worth_attributes(dir);
    bool sweep = READ_ONCE(fs->swept) >= SWEEP && fs->swept * 2 >= READ_ONCE(fs->begun);

    if (asked == 1 && sweep && dir->size <= FEW_NAMES)
        return true;
    if (asked == 1)
        __atomic_fetch_add(&fs->begun, 1, __ATOMIC_RELAXED);
    if (asked == worth)
        __atomic_fetch_add(&fs->swept, 1, __ATOMIC_RELAXED);
    return asked == worth;
}
