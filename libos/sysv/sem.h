/* Semaphore sets: shared by sem.c (operations), sem_ctl.c, sem_undo.c.
 *
 * One lock, sem_table.lock, protects all sets, the waiting operations and the undo lists.
 * Operations that must wait hang on their set in order of arrival; whoever changes a
 * value carries out those that have become possible, so a woken thread finds its call done.
 */
#ifndef LIBOS_SYSV_SEM_H
#define LIBOS_SYSV_SEM_H

#include <linux/sem.h>

#include "ipc_table.h"

/* As /proc/sys/kernel/sem shows them. */
#define SEM_MSL 32000
#define SEM_MNS 1024000000
#define SEM_OPM 500
#define SEM_MNI 32000
#define SEM_VMX 32767

struct semaphore {
    s32 value, pid;
};

struct sem_set {
    struct ipc_object ipc;
    u32 nsems;
    struct list waiting; /* struct sem_wait */
    struct list undos;   /* struct sem_undo, by ->in_set */
    s64 otime, ctime;
    struct semaphore sem[];
};

/* One semop(2) on its way. */
struct sem_wait {
    struct list link;
    struct sem_set *set;
    struct thread *t;
    const struct sembuf *ops, *blocking; /* blocking: the one that can't be done now */
    u32 nops;
    bool alters;
    struct sem_undo *undo; /* NULL: none asked for */
    s32 pid;
    long status; /* SEM_WAITING, then the result; written last */
};
#define SEM_WAITING 1

/* What one process has to give back to one set. */
struct sem_undo {
    struct list in_set, in_process;
    struct sem_set *set; /* NULL: removed */
    int16_t adjust[];
};

extern struct ipc_table sem_table;

/* All under the lock. */
static inline struct sem_set *sem_find(s32 id)
{
    return (struct sem_set *)ipc_find(&sem_table, id);
}
/* Carries out what has become possible, and tells the threads. */
void sem_update(struct sem_set *set, struct wake_batch *batch);
/* Takes the set out, ends all that wait for it; the caller frees it after the unlock. */
void sem_remove(struct sem_set *set, struct wake_batch *batch);

/* The caller's undo record for the set, made if need be; NULL: no memory.  Under the lock. */
struct sem_undo *sem_undo_of(struct sem_set *set);
void sem_undo_forget(struct sem_set *set);         /* the set goes */
void sem_undo_clear(struct sem_set *set, s32 num); /* its value was set; -1: all */

#endif
