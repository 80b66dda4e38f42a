/* The tree of mounts.
 *
 * mount_list holds all of them in the order they were made, under mount_lock.  Path walks
 * ask mount_on without it: mounts are only ever added at the head of a hash chain and taken
 * out by skipping them, and their memory stays, so a chain can be read at any time.
 */
#include <linux/errno.h>

#include "fs.h"
#include "lib.h"

#define CHAINS 64

struct mount *root_mount;
struct list mount_list = LIST_INIT(mount_list);
struct lock mount_lock;

static struct mount *chains[CHAINS];
static s32 last_id = 20;
static u64 last_dev = 0x20;

u64 super_new_dev(void)
{
    u64 n = __atomic_add_fetch(&last_dev, 1, __ATOMIC_RELAXED);

    return (n & 0xff) | ((n & ~0xffULL) << 12); /* major 0 */
}

static struct mount **chain_of(const struct dentry *d)
{
    return &chains[hash_u64((uptr)d) % CHAINS];
}

struct mount *mount_on(struct mount *parent, struct dentry *d)
{
    struct mount *m = __atomic_load_n(chain_of(d), __ATOMIC_ACQUIRE);

    for (; m; m = __atomic_load_n(&m->hash_next, __ATOMIC_ACQUIRE)) {
        if (m->mountpoint == d && m->parent == parent && !READ_ONCE(m->gone))
            return m;
    }
    return NULL;
}

static struct mount *mount_new(struct super *s, struct dentry *root, u32 flags, const char *source)
{
    struct mount *m = kzalloc(sizeof(*m));

    if (!m)
        return NULL;
    m->source = kstrdup(source ? source : "none");
    m->refs = 1;
    m->super = s;
    m->root = dentry_get(root);
    m->flags = flags;
    return m;
}

/* at NULL: the root of everything. */
struct mount *mount_attach_at(struct super *s, struct dentry *root, struct path_s *at, u32 flags,
                              const char *source)
{
    struct mount *m = mount_new(s, root, flags, source);

    if (!m)
        return NULL;
    lock(&mount_lock);
    m->id = ++last_id;
    if (at) {
        struct mount **chain = chain_of(at->dentry);
        m->parent = at->mnt;
        m->mountpoint = dentry_get(at->dentry);
        m->hash_next = *chain;
        __atomic_store_n(chain, m, __ATOMIC_RELEASE);
        __atomic_fetch_add(&at->dentry->mounts, 1, __ATOMIC_ACQ_REL);
    } else {
        root_mount = m;
    }
    list_add_tail(&mount_list, &m->all);
    unlock(&mount_lock);
    return m;
}

struct mount *mount_attach(struct super *s, struct path_s *at, u32 flags, const char *source)
{
    return mount_attach_at(s, s->root, at, flags, source);
}

/* Takes m out of the tree, under mount_lock.  hash_next stays for readers under way. */
static void detach(struct mount *m)
{
    struct mount **p = chain_of(m->mountpoint);

    while (*p != m)
        p = &(*p)->hash_next;
    __atomic_store_n(p, m->hash_next, __ATOMIC_RELEASE);
    WRITE_ONCE(m->gone, true);
    __atomic_fetch_sub(&m->mountpoint->mounts, 1, __ATOMIC_ACQ_REL);
    list_del(&m->all);
}

bool mount_has_children(struct mount *m)
{
    struct mount *c;
    bool found = false;

    lock(&mount_lock);
    list_for_each(c, &mount_list, all) found |= c->parent == m;
    unlock(&mount_lock);
    return found;
}

/* With everything mounted below it. */
void mount_detach(struct mount *m)
{
    struct mount *c;
    bool again;

    lock(&mount_lock);
    do {
        again = false;
        list_for_each(c, &mount_list, all)
        {
            if (c->parent && c->parent->gone) {
                detach(c);
                again = true;
                break;
            }
        }
        if (!m->gone) {
            detach(m);
            again = true;
        }
    } while (again);
    unlock(&mount_lock);
}
