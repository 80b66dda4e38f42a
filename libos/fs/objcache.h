/* Caches of objects whose memory never becomes anything else.
 *
 * Dentries, inodes and files are read without locks by path walks and descriptor
 * look-ups, which find out afterwards whether what they read was still current.  That is
 * sound only while a freed dentry's memory stays a dentry: so these objects come from
 * lists of their own that never return memory to kmalloc.  A free object has refs == 0.
 */
#ifndef LIBOS_FS_OBJCACHE_H
#define LIBOS_FS_OBJCACHE_H

#include "lock.h"
#include "types.h"

struct objcache {
    struct lock lock;
    u32 size; /* of one object, multiple of 16 */
    u32 link; /* offset of the pointer that chains free objects; not `refs` */
    void *free;
    char *fresh; /* of the last chunk, what was never handed out and never touched: */
    u32 left;    /* so many objects */
    u64 used;    /* objects handed out */
    struct objcache *next;
    bool listed;
};
#define OBJCACHE_INIT(type, member)                                                                \
    {                                                                                              \
        .size = (sizeof(type) + 15) & ~15u, .link = offsetof(type, member)                         \
    }

/* Not cleared: the caller initialises everything but keeps refs at 0 until the last. */
void *objcache_get(struct objcache *c);
void objcache_put(struct objcache *c, void *obj);

#endif
