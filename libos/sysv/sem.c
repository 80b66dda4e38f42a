/* semget(2), semop(2), semtimedop(2). */
#include "sem.h"

#include <linux/errno.h>

#include "kalloc.h"
#include "ktime.h"
#include "lib.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define FAST_OPS 32

struct ipc_table sem_table = {.limit = SEM_MNI};
static u64 sem_count; /* in all sets; under the lock */

/* ---- sets ---------------------------------------------------------------------------- */

static struct ipc_object *make(const void *params)
{
    u32 n = *(const u32 *)params;
    struct sem_set *set;

    if (!n || n > SEM_MSL)
        return ERR_PTR(-EINVAL);
    set = kzalloc(sizeof(*set) + n * sizeof(set->sem[0]));
    if (!set)
        return ERR_PTR(-ENOMEM);
    set->ipc.refs = 1;
    set->nsems = n;
    list_init(&set->waiting);
    list_init(&set->undos);
    set->ctime = ipc_seconds();
    return &set->ipc;
}

static long suits(const struct ipc_object *o, const void *params)
{
    return *(const u32 *)params > ((const struct sem_set *)o)->nsems ? -EINVAL : 0;
}

static long enter(struct ipc_object *o)
{
    u32 n = ((struct sem_set *)o)->nsems;

    if (sem_table.used >= sem_table.limit || sem_count + n > SEM_MNS)
        return -ENOSPC;
    sem_count += n;
    return 0;
}

static void discard(struct ipc_object *o) { kfree(o); }

static const struct ipc_kind sem_kind = {
    .table = &sem_table,
    .make = make,
    .suits = suits,
    .enter = enter,
    .discard = discard,
};

long sys_semget(int key, int nsems, int flags)
{
    u32 n = (u32)nsems;

    return nsems < 0 || nsems > SEM_MSL ? -EINVAL : ipc_get(&sem_kind, key, flags, &n);
}

/* ---- operations ---------------------------------------------------------------------- */

/* Takes back the first n operations of w. */
static void roll_back(struct sem_wait *w, u32 n)
{
    while (n--) {
        const struct sembuf *op = &w->ops[n];

        w->set->sem[op->sem_num].value -= op->sem_op;
        if (op->sem_flg & SEM_UNDO)
            w->undo->adjust[op->sem_num] += op->sem_op;
    }
}

/* One operation: 0, SEM_WAITING or -errno. */
static long step(struct sem_wait *w, const struct sembuf *op)
{
    struct semaphore *s = &w->set->sem[op->sem_num];
    s32 value = s->value + op->sem_op;

    if ((!op->sem_op && s->value) || value < 0)
        return op->sem_flg & IPC_NOWAIT ? -EAGAIN : SEM_WAITING;
    if (value > SEM_VMX)
        return -ERANGE;
    if (op->sem_flg & SEM_UNDO) {
        s32 adjust = w->undo->adjust[op->sem_num] - op->sem_op;

        if (adjust < -SEM_VMX - 1 || adjust > SEM_VMX)
            return -ERANGE;
        w->undo->adjust[op->sem_num] = (int16_t)adjust;
    }
    s->value = value;
    return 0;
}

/* All of them or none: 0, SEM_WAITING or -errno. */
static long perform(struct sem_wait *w)
{
    u32 i;

    for (i = 0; i < w->nops; i++) {
        long rc = step(w, &w->ops[i]);

        if (rc) {
            w->blocking = &w->ops[i];
            roll_back(w, i);
            return rc;
        }
    }
    for (i = 0; i < w->nops; i++)
        w->set->sem[w->ops[i].sem_num].pid = w->pid;
    w->set->otime = ipc_seconds();
    return 0;
}

/* Once status is written, w may be gone. */
static void finish(struct sem_wait *w, long status, struct wake_batch *batch)
{
    struct thread *t = w->t;

    list_del(&w->link);
    __atomic_store_n(&w->status, status, __ATOMIC_RELEASE);
    wake_batch_add(batch, t);
}

void sem_update(struct sem_set *set, struct wake_batch *batch)
{
    struct sem_wait *w, *next;
    bool again;

    do {
        again = false;
        list_for_each_safe(w, next, &set->waiting, link)
        {
            bool alters = w->alters;
            long rc = perform(w);

            if (rc == SEM_WAITING)
                continue;
            finish(w, rc, batch);
            if (!rc && alters) {
                again = true;
                break;
            }
        }
    } while (again);
}

void sem_remove(struct sem_set *set, struct wake_batch *batch)
{
    struct sem_wait *w, *next;

    sem_undo_forget(set);
    list_for_each_safe(w, next, &set->waiting, link) finish(w, -EIDRM, batch);
    ipc_take_out(&sem_table, &set->ipc);
    sem_count -= set->nsems;
}

static long wait_for_it(struct sem_wait *w, u64 deadline)
{
    long rc;

    for (;;) {
        u32 seq = thread_sleep_begin();

        if (__atomic_load_n(&w->status, __ATOMIC_ACQUIRE) != SEM_WAITING)
            return w->status;
        rc = thread_sleep(seq, deadline);
        if (rc)
            break;
    }
    lock(&sem_table.lock);
    if (w->status == SEM_WAITING) {
        list_del(&w->link);
        w->status = rc == -ETIMEDOUT ? -EAGAIN : -EINTR;
    }
    unlock(&sem_table.lock);
    return w->status;
}

/* Under the lock: the set, if all of w's operations may be tried on it. */
static long check(struct sem_wait *w, int id)
{
    bool undo = false;
    u32 max = 0;

    w->set = sem_find(id);
    if (!w->set)
        return -EINVAL;
    for (u32 i = 0; i < w->nops; i++) {
        max = MAX(max, w->ops[i].sem_num);
        undo |= !!(w->ops[i].sem_flg & SEM_UNDO);
        w->alters |= w->ops[i].sem_op != 0;
    }
    if (max >= w->set->nsems)
        return -EFBIG;
    if (ipc_permission(&w->set->ipc, w->alters ? IPC_WRITE : IPC_READ))
        return -EACCES;
    if (undo) {
        w->undo = sem_undo_of(w->set);
        if (!w->undo)
            return -ENOMEM;
    }
    return 0;
}

static long operate(int id, const struct sembuf *ops, u32 n, u64 deadline)
{
    struct sem_wait w = {.ops = ops, .nops = n, .t = current(), .pid = current()->proc->pid};
    struct wake_batch batch = {.n = 0};
    long rc;

    lock(&sem_table.lock);
    rc = check(&w, id);
    if (!rc)
        rc = perform(&w);
    if (!rc && w.alters)
        sem_update(w.set, &batch);
    if (rc == SEM_WAITING) {
        w.status = SEM_WAITING;
        list_add_tail(&w.set->waiting, &w.link);
    }
    unlock(&sem_table.lock);
    wake_batch_flush(&batch);
    return rc == SEM_WAITING ? wait_for_it(&w, deadline) : rc;
}

/* A signal ends the call, one that only stops the process too; what else interrupts it (a
 * fork by another thread) lets it go on with the time that is left. */
static long operate_restartable(u32 nr, int id, const struct sembuf *ops, u32 n, u64 deadline)
{
    struct restart *r = &current()->restart;
    long rc;

    if (r->valid && r->nr == nr)
        deadline = r->deadline;
    r->valid = false;
    rc = operate(id, ops, n, deadline);
    if (rc == -EINVAL && call_again(current()))
        return -EIDRM; /* it was there when the sleep began */
    if (rc != -EINTR || signal_pending())
        return rc;
    *r = (struct restart){.valid = true, .nr = nr, .deadline = deadline};
    return -ERESTART_RESTARTBLOCK;
}

static long semop_call(u32 nr, int id, uptr uops, size_t n, u64 deadline)
{
    struct sembuf fast[FAST_OPS], *ops = fast;
    long rc = -EFAULT;

    if (n < 1 || id < 0)
        return -EINVAL;
    if (n > SEM_OPM)
        return -E2BIG;
    if (n > FAST_OPS) {
        ops = kmalloc(n * sizeof(*ops));
        if (!ops)
            return -ENOMEM;
    }
    if (!copy_from_user(ops, uops, n * sizeof(*ops)))
        rc = operate_restartable(nr, id, ops, (u32)n, deadline);
    if (ops != fast)
        kfree(ops);
    return rc;
}

long sys_semop(int id, uptr ops, size_t n)
{
    return semop_call(NR_semop, id, ops, n, HOST_FOREVER);
}

long sys_semtimedop(int id, uptr ops, size_t n, uptr timeout)
{
    u64 deadline = HOST_FOREVER, ns;

    if (timeout) {
        long rc = timespec_from_user(timeout, &ns);
        if (rc)
            return rc;
        deadline = deadline_in(ns);
    }
    return semop_call(NR_semtimedop, id, ops, n, deadline);
}
