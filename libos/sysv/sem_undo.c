/* SEM_UNDO: what a process has to give back when it ends.
 *
 * A process keeps one record for each set it has touched this way, shared by its threads,
 * kept over exec and not inherited over fork.  Under sem_table.lock, all of it. */
#include <linux/errno.h>

#include "kalloc.h"
#include "lib.h"
#include "sem.h"
#include "sysv.h"

static struct list *list_of(struct process *p)
{
    struct list *l = p->sem_undo;

    if (!l) {
        l = kmalloc(sizeof(*l));
        if (l)
            list_init(l);
        p->sem_undo = l;
    }
    return l;
}

struct sem_undo *sem_undo_of(struct sem_set *set)
{
    struct list *l = list_of(current()->proc);
    struct sem_undo *u;

    if (!l)
        return NULL;
    list_for_each(u, l, in_process)
    {
        if (u->set == set)
            return u;
    }
    u = kzalloc(sizeof(*u) + set->nsems * sizeof(u->adjust[0]));
    if (!u)
        return NULL;
    u->set = set;
    list_add(&set->undos, &u->in_set);
    list_add(l, &u->in_process);
    return u;
}

void sem_undo_forget(struct sem_set *set)
{
    struct sem_undo *u, *next;

    list_for_each_safe(u, next, &set->undos, in_set)
    {
        list_del(&u->in_set);
        list_del(&u->in_process);
        kfree(u);
    }
}

void sem_undo_clear(struct sem_set *set, s32 num)
{
    struct sem_undo *u;

    list_for_each(u, &set->undos, in_set)
    {
        if (num >= 0)
            u->adjust[num] = 0;
        else
            memset(u->adjust, 0, set->nsems * sizeof(u->adjust[0]));
    }
}

static void give_back(struct sem_undo *u, s32 pid)
{
    for (u32 i = 0; i < u->set->nsems; i++) {
        struct semaphore *s = &u->set->sem[i];

        if (!u->adjust[i])
            continue;
        s->value = MIN(MAX(s->value + u->adjust[i], 0), SEM_VMX);
        s->pid = pid;
    }
}

void sem_exit(struct process *p)
{
    struct wake_batch batch = {.n = 0};
    struct sem_undo *u, *next;

    if (!p->sem_undo)
        return;
    lock(&sem_table.lock);
    list_for_each_safe(u, next, (struct list *)p->sem_undo, in_process)
    {
        give_back(u, p->pid);
        list_del(&u->in_set);
        list_del(&u->in_process);
        sem_update(u->set, &batch);
        kfree(u);
    }
    kfree(p->sem_undo);
    p->sem_undo = NULL;
    unlock(&sem_table.lock);
    wake_batch_flush(&batch);
}
