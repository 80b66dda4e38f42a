/* Keys, identifiers and permissions of System V objects.
 *
 * An identifier is a slot number and a sequence number, which grows whenever the slots
 * have been gone through: an old identifier doesn't name a new object by chance. */
#include "ipc_table.h"

#include <linux/capability.h>
#include <linux/errno.h>

#include "kalloc.h"
#include "ktime.h"
#include "lib.h"

#define SLOT_BITS 15
#define SLOT_MASK ((1 << SLOT_BITS) - 1)
#define SEQ_MAX   0xffff
#define TURN_MIN  256 /* slots gone through before one is used again */

s64 ipc_seconds(void) { return (s64)(now_real() / NSEC); }

struct ipc_object *ipc_at(struct ipc_table *t, s32 index)
{
    return index >= 0 && (u32)index < t->size ? t->slot[index] : NULL;
}

struct ipc_object *ipc_find(struct ipc_table *t, s32 id)
{
    struct ipc_object *o = id < 0 ? NULL : ipc_at(t, id & SLOT_MASK);

    return o && o->id == id ? o : NULL;
}

s32 ipc_last_index(const struct ipc_table *t)
{
    s32 i = (s32)t->size;

    while (--i > 0) {
        if (t->slot[i])
            return i;
    }
    return 0;
}

void ipc_take_out(struct ipc_table *t, struct ipc_object *o)
{
    t->slot[o->id & SLOT_MASK] = NULL;
    t->used--;
    o->removed = true;
}

static struct ipc_object *find_key(struct ipc_table *t, s32 key)
{
    for (u32 i = 0; i < t->size; i++) {
        if (t->slot[i] && t->slot[i]->key == key)
            return t->slot[i];
    }
    return NULL;
}

static long grow(struct ipc_table *t, u32 size)
{
    struct ipc_object **slot;

    if (size <= t->size)
        return 0;
    slot = krealloc(t->slot, size * sizeof(*slot));
    if (!slot)
        return -ENOMEM;
    memset(slot + t->size, 0, (size - t->size) * sizeof(*slot));
    t->slot = slot;
    t->size = size;
    return 0;
}

/* The next free slot after the last one. */
static s32 free_slot(struct ipc_table *t)
{
    s32 i = t->last;

    for (u32 n = 0; n < t->size; n++) {
        i++;
        if (i >= (s32)t->size)
            i = 0;
        if (!t->slot[i])
            return i;
    }
    return -1;
}

static long enter(struct ipc_table *t, struct ipc_object *o)
{
    u32 turn = MIN(MAX(t->used * 3 / 2 + 1, TURN_MIN), t->limit);
    long rc;
    s32 i;

    if (t->used >= t->limit)
        return -ENOSPC;
    if (!t->size)
        t->last = -1;
    rc = grow(t, turn);
    if (rc)
        return rc;
    i = free_slot(t);
    if (i < 0)
        return -ENOSPC;
    if (i <= t->last)
        t->seq = t->seq == SEQ_MAX ? 0 : t->seq + 1;
    t->last = i;
    t->slot[i] = o;
    t->used++;
    o->seq = t->seq;
    o->id = (s32)((u32)o->seq << SLOT_BITS | (u32)i);
    return o->id;
}

static void fill(struct ipc_object *o, s32 key, int flags)
{
    const struct cred *c = &current()->cred;

    o->key = key;
    o->uid = o->cuid = c->euid;
    o->gid = o->cgid = c->egid;
    o->mode = (u32)flags & IPC_MODES;
}

/* Under the lock: the existing object's identifier, -ENOENT if there is none. */
static long existing(const struct ipc_kind *k, s32 key, int flags, const void *params)
{
    struct ipc_object *o = key == IPC_PRIVATE ? NULL : find_key(k->table, key);
    long rc;

    if (!o)
        return -ENOENT;
    if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
        return -EEXIST;
    rc = k->suits ? k->suits(o, params) : 0;
    if (!rc)
        rc = ipc_permission(o, (u32)flags & IPC_MODES);
    return rc ? rc : o->id;
}

long ipc_get(const struct ipc_kind *k, s32 key, int flags, const void *params)
{
    struct ipc_object *o;
    long rc;

    lock(&k->table->lock);
    rc = existing(k, key, flags, params);
    unlock(&k->table->lock);
    if (rc != -ENOENT || (key != IPC_PRIVATE && !(flags & IPC_CREAT)))
        return rc;
    o = k->make(params);
    if (IS_ERR(o))
        return PTR_ERR(o);
    fill(o, key, flags);
    lock(&k->table->lock);
    rc = existing(k, key, flags, params);
    if (rc == -ENOENT) {
        rc = k->enter ? k->enter(o) : 0;
        if (!rc)
            rc = enter(k->table, o);
        if (rc >= 0)
            o = NULL;
    }
    unlock(&k->table->lock);
    if (o)
        k->discard(o);
    return rc;
}

static bool in_group(u32 gid)
{
    const struct cred *c = &current()->cred;

    if (c->egid == gid)
        return true;
    for (u32 i = 0; i < c->ngroups; i++) {
        if (c->groups[i] == gid)
            return true;
    }
    return false;
}

/* wanted has the bits of owner, group and others alike, or only some: all count. */
long ipc_permission(const struct ipc_object *o, u32 wanted)
{
    u32 euid = current()->cred.euid, granted = o->mode;

    wanted = (wanted >> 6 | wanted >> 3 | wanted) & 7;
    if (euid == o->cuid || euid == o->uid)
        granted >>= 6;
    else if (in_group(o->cgid) || in_group(o->gid))
        granted >>= 3;
    return (wanted & ~granted) && !capable(CAP_IPC_OWNER) ? -EACCES : 0;
}

bool ipc_owner(const struct ipc_object *o)
{
    u32 euid = current()->cred.euid;

    return euid == o->cuid || euid == o->uid || capable(CAP_SYS_ADMIN);
}

void ipc_show(const struct ipc_object *o, struct ipc64_perm *p)
{
    p->key = o->key;
    p->uid = o->uid;
    p->gid = o->gid;
    p->cuid = o->cuid;
    p->cgid = o->cgid;
    p->mode = (__kernel_mode_t)o->mode;
    p->seq = o->seq;
}

void ipc_set(struct ipc_object *o, const struct ipc64_perm *p)
{
    o->uid = p->uid;
    o->gid = p->gid;
    o->mode = (o->mode & ~IPC_MODES) | ((u32)p->mode & IPC_MODES);
}
