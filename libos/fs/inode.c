/* Inodes: life, default attributes, who may do what.
 *
 * Fields other than the counts change under i->lock; single words are read without it.
 * The check of rights follows Linux: the class of the caller (owner, group, others) is
 * decided first, then capabilities may override.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/stat.h>

#include "lib.h"
#include "objcache.h"
#include "thread.h"
#include "vfs.h"

static struct objcache inode_cache = OBJCACHE_INIT(struct inode, private);

struct inode *inode_new(struct super *s, u32 mode)
{
    struct inode *i = objcache_get(&inode_cache);

    if (!i)
        return NULL;
    memset((char *)i + sizeof(i->refs), 0, sizeof(*i) - sizeof(i->refs));
    i->mode = mode;
    i->uid = current()->cred.fsuid;
    i->gid = current()->cred.fsgid;
    i->nlink = 1;
    i->blksize = PAGE_SIZE;
    i->super = s;
    i->ino = s ? __atomic_add_fetch(&s->next_ino, 1, __ATOMIC_RELAXED) : 0;
    i->atime = i->mtime = i->ctime = i->btime = (s64)now_real();
    list_init(&i->locks);
    list_init(&i->watches);
    waitq_init(&i->lock_wait);
    __atomic_store_n(&i->refs, 1, __ATOMIC_RELEASE);
    return i;
}

void inode_put(struct inode *i)
{
    if (!ref_put(&i->refs))
        return;
    if (i->ops && i->ops->evict)
        i->ops->evict(i);
    objcache_put(&inode_cache, i);
}

void inode_init_owner(struct inode *i, struct inode *dir, u32 mode)
{
    i->uid = current()->cred.fsuid;
    i->gid = current()->cred.fsgid;
    i->mode = mode;
    if (dir->mode & S_ISGID) {
        i->gid = dir->gid;
        if (S_ISDIR(mode))
            i->mode |= S_ISGID;
    }
}

void inode_getattr(struct inode *i, struct kstat *st)
{
    *st = (struct kstat){
        .ino = i->ino,
        .dev = i->super ? i->super->dev : 0,
        .rdev = i->rdev,
        .size = i->size,
        .blocks = i->blocks,
        .atime = i->atime,
        .mtime = i->mtime,
        .ctime = i->ctime,
        .btime = i->btime,
        .mode = i->mode,
        .nlink = i->nlink,
        .uid = i->uid,
        .gid = i->gid,
        .blksize = i->blksize,
    };
}

long inode_setattr(struct inode *i, const struct setattr *a)
{
    lock(&i->lock);
    if (a->mask & ATTR_MODE)
        i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
    if (a->mask & ATTR_UID)
        i->uid = a->uid;
    if (a->mask & ATTR_GID)
        i->gid = a->gid;
    if (a->mask & ATTR_SIZE)
        i->size = a->size;
    if (a->mask & ATTR_ATIME)
        i->atime = a->atime;
    if (a->mask & ATTR_MTIME)
        i->mtime = a->mtime;
    i->ctime = (s64)now_real();
    unlock(&i->lock);
    return 0;
}

/* ---- rights ------------------------------------------------------------------ */

static bool in_group(u32 gid)
{
    const struct cred *c = &current()->cred;

    if (c->fsgid == gid)
        return true;
    for (u32 n = 0; n < c->ngroups; n++) {
        if (c->groups[n] == gid)
            return true;
    }
    return false;
}

long inode_permission_default(struct inode *i, u32 mask)
{
    u32 mode = i->mode, bits = mode;

    if (current()->cred.fsuid == i->uid)
        bits >>= 6;
    else if (((mode >> 3) & 7) != (mode & 7) && in_group(i->gid))
        bits >>= 3;
    if (likely((mask & ~bits & 7) == 0))
        return 0;
    if (S_ISDIR(mode)) {
        if (!(mask & MAY_WRITE) && capable(CAP_DAC_READ_SEARCH))
            return 0;
        return capable(CAP_DAC_OVERRIDE) ? 0 : -EACCES;
    }
    if (mask == MAY_READ && capable(CAP_DAC_READ_SEARCH))
        return 0;
    /* Even the superuser executes only what somebody may execute. */
    if ((!(mask & MAY_EXEC) || (mode & 0111)) && capable(CAP_DAC_OVERRIDE))
        return 0;
    return -EACCES;
}

long inode_permission(struct inode *i, u32 mask)
{
    if (unlikely(i->ops && i->ops->permission))
        return i->ops->permission(i, mask);
    return inode_permission_default(i, mask);
}

bool inode_owner_or_capable(struct inode *i)
{
    return current()->cred.fsuid == i->uid || capable(CAP_FOWNER);
}

bool cred_in_group(u32 gid) { return in_group(gid); }

/* ---- writers against execution ------------------------------------------------- */

long inode_deny_write(struct inode *i)
{
    s32 v = __atomic_load_n(&i->write_count, __ATOMIC_RELAXED);

    do {
        if (v > 0)
            return -ETXTBSY;
    } while (!__atomic_compare_exchange_n(&i->write_count, &v, v - 1, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return 0;
}

void inode_allow_write(struct inode *i)
{
    __atomic_fetch_add(&i->write_count, 1, __ATOMIC_ACQ_REL);
}

long inode_get_write(struct inode *i)
{
    s32 v = __atomic_load_n(&i->write_count, __ATOMIC_RELAXED);

    do {
        if (v < 0)
            return -ETXTBSY;
    } while (!__atomic_compare_exchange_n(&i->write_count, &v, v + 1, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return 0;
}

void inode_put_write(struct inode *i) { __atomic_fetch_sub(&i->write_count, 1, __ATOMIC_ACQ_REL); }
