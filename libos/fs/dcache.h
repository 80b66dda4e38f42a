/* What the dentry cache shows to the path walk only. */
#ifndef LIBOS_FS_DCACHE_H
#define LIBOS_FS_DCACHE_H

#include "vfs.h"

/* Hash of a name; hash_component also finds its end ('/' or NUL) and its length. */
u32 hash_name(const char *name, size_t len);
u32 hash_component(const char *name, size_t *len);

/* dentry_lookup with the hash of the name known. */
struct dentry *dcache_find(struct dentry *parent, const char *name, size_t len, u32 name_hash);

/* Look-up without locks or references.  The answer held while dcache_unchanged(mark) is
 * true for the mark taken; NULL: not found, or found out nothing. */
struct dcache_mark {
    u32 *seq;
    u32 value;
};
struct dentry *dcache_peek(struct dentry *parent, const char *name, size_t len, u32 name_hash,
                           struct dcache_mark *mark);
static inline bool dcache_unchanged(const struct dcache_mark *m)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(m->seq, __ATOMIC_RELAXED) == m->value;
}

/* Forgets dentries nobody uses when there are too many.  Called with no locks held. */
void dcache_trim(void);

/* Forgets all that nobody uses, in a resumed copy before its threads start. */
void dcache_forget_unused(void);

#endif
