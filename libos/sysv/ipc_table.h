/* What the three kinds of System V objects have in common: keys, identifiers, permissions.
 *
 * Each kind has one table with one lock, which protects the objects in it as well: the
 * operations are short.  An object is counted: the table holds one reference, sleepers and
 * mappings hold others, so that a removed object lives on until they have seen it. */
#ifndef LIBOS_SYSV_IPC_TABLE_H
#define LIBOS_SYSV_IPC_TABLE_H

#include <linux/ipc.h>

#include "lock.h"
#include "thread.h"

#define IPC_READ  0444u
#define IPC_WRITE 0222u
#define IPC_EXEC  0111u
#define IPC_MODES 0777u

struct ipc_object {
    u32 refs;
    s32 id, key;
    u32 uid, gid, cuid, cgid, mode;
    u16 seq;
    bool removed; /* out of the table */
};

struct ipc_table {
    struct lock lock;
    u32 limit; /* of objects */
    u32 size, used;
    s32 last; /* slot given out last: slots are used in turn */
    u16 seq;
    struct ipc_object **slot;
};

/* How objects of a kind are made, for ipc_get. */
struct ipc_kind {
    struct ipc_table *table;
    /* A new object with one reference, or ERR_PTR.  No lock is held. */
    struct ipc_object *(*make)(const void *params);
    /* May an existing one be had with these parameters?  Under the lock. */
    long (*suits)(const struct ipc_object *o, const void *params);
    /* The last check before a new one is entered; under the lock. */
    long (*enter)(struct ipc_object *o);
    void (*discard)(struct ipc_object *o);
};

/* xxxget(2): the identifier or -errno. */
long ipc_get(const struct ipc_kind *kind, s32 key, int flags, const void *params);

/* By identifier, under the lock; NULL: none. */
struct ipc_object *ipc_find(struct ipc_table *t, s32 id);
/* By slot number, as the STAT commands of ipcs ask. */
struct ipc_object *ipc_at(struct ipc_table *t, s32 index);
/* Takes it out of the table, whose reference the caller now holds.  Under the lock. */
void ipc_take_out(struct ipc_table *t, struct ipc_object *o);
s32 ipc_last_index(const struct ipc_table *t); /* highest in use; 0 if none */

/* 0 or -EACCES: may the caller do this (IPC_READ | IPC_WRITE ...)? */
long ipc_permission(const struct ipc_object *o, u32 wanted);
bool ipc_owner(const struct ipc_object *o); /* may change or remove it */
void ipc_show(const struct ipc_object *o, struct ipc64_perm *p);
void ipc_set(struct ipc_object *o, const struct ipc64_perm *p);
s64 ipc_seconds(void); /* for the time stamps */

#endif
