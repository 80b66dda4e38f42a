/* semctl(2). */
#include <asm/sembuf.h>
#include <linux/errno.h>

#include "kalloc.h"
#include "lib.h"
#include "sem.h"
#include "syscalls_gen.h"
#include "sysv.h"
#include "usercopy.h"

/* ---- about sets ---------------------------------------------------------------------- */

static long info(int cmd, uptr buf)
{
    struct seminfo i = {
        .semmap = SEM_MNS,
        .semmni = SEM_MNI,
        .semmns = SEM_MNS,
        .semmnu = SEM_MNS,
        .semmsl = SEM_MSL,
        .semopm = SEM_OPM,
        .semume = SEM_OPM,
        .semusz = SEMUSZ,
        .semvmx = SEM_VMX,
        .semaem = SEM_VMX,
    };
    long last;

    lock(&sem_table.lock);
    if (cmd == SEM_INFO) {
        i.semusz = (int)sem_table.used;
        i.semaem = 0;
        for (u32 n = 0; n < sem_table.size; n++) {
            if (sem_table.slot[n])
                i.semaem += (int)((struct sem_set *)sem_table.slot[n])->nsems;
        }
    }
    last = ipc_last_index(&sem_table);
    unlock(&sem_table.lock);
    return copy_to_user(buf, &i, sizeof(i)) ? -EFAULT : last;
}

static long stat_set(int id, int cmd, uptr buf)
{
    struct semid64_ds ds;
    struct sem_set *set;
    long rc = -EINVAL;

    memset(&ds, 0, sizeof(ds));
    lock(&sem_table.lock);
    set = cmd == IPC_STAT ? sem_find(id) : (struct sem_set *)ipc_at(&sem_table, id);
    if (set) {
        rc = cmd == SEM_STAT_ANY ? 0 : ipc_permission(&set->ipc, IPC_READ);
        ipc_show(&set->ipc, &ds.sem_perm);
        ds.sem_otime = set->otime;
        ds.sem_ctime = set->ctime;
        ds.sem_nsems = set->nsems;
        if (!rc && cmd != IPC_STAT)
            rc = set->ipc.id;
    }
    unlock(&sem_table.lock);
    return rc >= 0 && copy_to_user(buf, &ds, sizeof(ds)) ? -EFAULT : rc;
}

static long change_set(int id, int cmd, uptr buf)
{
    struct wake_batch batch = {.n = 0};
    struct sem_set *set;
    struct semid64_ds ds;
    long rc = 0;

    if (cmd == IPC_SET && copy_from_user(&ds, buf, sizeof(ds)))
        return -EFAULT;
    lock(&sem_table.lock);
    set = sem_find(id);
    if (!set) {
        rc = -EINVAL;
    } else if (!ipc_owner(&set->ipc)) {
        rc = -EPERM;
    } else if (cmd == IPC_SET) {
        ipc_set(&set->ipc, &ds.sem_perm);
        set->ctime = ipc_seconds();
        set = NULL;
    } else {
        sem_remove(set, &batch);
    }
    unlock(&sem_table.lock);
    wake_batch_flush(&batch);
    if (!rc)
        kfree(set);
    return rc;
}

/* ---- about values -------------------------------------------------------------------- */

static long count_waiting(const struct sem_set *set, s32 num, bool zero)
{
    struct sem_wait *w;
    long n = 0;

    list_for_each(w, &set->waiting, link) n +=
        w->blocking->sem_num == num && !w->blocking->sem_op == zero;
    return n;
}

static long ask(int id, int num, int cmd)
{
    struct sem_set *set;
    long rc = -EINVAL;

    lock(&sem_table.lock);
    set = sem_find(id);
    if (!set)
        goto out;
    rc = ipc_permission(&set->ipc, IPC_READ);
    if (rc)
        goto out;
    rc = -EINVAL;
    if (num < 0 || (u32)num >= set->nsems)
        goto out;
    switch (cmd) {
    case GETVAL:
        rc = set->sem[num].value;
        break;
    case GETPID:
        rc = set->sem[num].pid;
        break;
    default:
        rc = count_waiting(set, num, cmd == GETZCNT);
        break;
    }
out:
    unlock(&sem_table.lock);
    return rc;
}

static long set_value(int id, int num, int value)
{
    struct wake_batch batch = {.n = 0};
    struct sem_set *set;
    long rc = -EINVAL;

    if (value < 0 || value > SEM_VMX)
        return -ERANGE;
    lock(&sem_table.lock);
    set = sem_find(id);
    if (set && num >= 0 && (u32)num < set->nsems) {
        rc = ipc_permission(&set->ipc, IPC_WRITE);
        if (!rc) {
            sem_undo_clear(set, num);
            set->sem[num].value = value;
            set->sem[num].pid = current()->proc->pid;
            set->ctime = ipc_seconds();
            sem_update(set, &batch);
        }
    }
    unlock(&sem_table.lock);
    wake_batch_flush(&batch);
    return rc;
}

/* The number of semaphores in the set, if the caller may do this with it. */
static long size_of_set(int id, u32 wanted)
{
    struct sem_set *set;
    long rc = -EINVAL;

    lock(&sem_table.lock);
    set = sem_find(id);
    if (set) {
        rc = ipc_permission(&set->ipc, wanted);
        if (!rc)
            rc = set->nsems;
    }
    unlock(&sem_table.lock);
    return rc;
}

static void store_all(struct sem_set *set, const u16 *values, struct wake_batch *batch)
{
    for (u32 i = 0; i < set->nsems; i++) {
        set->sem[i].value = values[i];
        set->sem[i].pid = current()->proc->pid;
    }
    sem_undo_clear(set, -1);
    set->ctime = ipc_seconds();
    sem_update(set, batch);
}

/* An identifier names the same set, of the same size, for as long as it exists. */
static long all_values(int id, int cmd, uptr buf)
{
    long n = size_of_set(id, cmd == SETALL ? IPC_WRITE : IPC_READ), rc = 0;
    struct wake_batch batch = {.n = 0};
    struct sem_set *set;
    u16 *values;

    if (n < 0)
        return n;
    values = kmalloc((size_t)n * sizeof(*values));
    if (!values)
        return -ENOMEM;
    if (cmd == SETALL) {
        rc = copy_from_user(values, buf, (size_t)n * sizeof(*values));
        for (long i = 0; i < n && !rc; i++)
            rc = values[i] > SEM_VMX ? -ERANGE : 0;
    }
    lock(&sem_table.lock);
    set = sem_find(id);
    if (!rc && !set)
        rc = -EIDRM;
    for (long i = 0; i < n && !rc && cmd == GETALL; i++)
        values[i] = (u16)set->sem[i].value;
    if (!rc && cmd == SETALL)
        store_all(set, values, &batch);
    unlock(&sem_table.lock);
    wake_batch_flush(&batch);
    if (!rc && cmd == GETALL)
        rc = copy_to_user(buf, values, (size_t)n * sizeof(*values));
    kfree(values);
    return rc;
}

long sys_semctl(int id, int num, int cmd, uptr arg)
{
    if (id < 0)
        return -EINVAL;
    switch (cmd) {
    case IPC_INFO:
    case SEM_INFO:
        return info(cmd, arg);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return stat_set(id, cmd, arg);
    case IPC_SET:
    case IPC_RMID:
        return change_set(id, cmd, arg);
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
        return ask(id, num, cmd);
    case SETVAL:
        return set_value(id, num, (int)arg);
    case GETALL:
    case SETALL:
        return all_values(id, cmd, arg);
    default:
        return -EINVAL;
    }
}

void sem_show(struct textbuf *b)
{
    lock(&sem_table.lock);
    for (u32 n = 0; n < sem_table.size; n++) {
        struct sem_set *s = (struct sem_set *)sem_table.slot[n];

        if (!s)
            continue;
        text_add(b, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lu %10lu\n", s->ipc.key, s->ipc.id,
                 s->ipc.mode, s->nsems, s->ipc.uid, s->ipc.gid, s->ipc.cuid, s->ipc.cgid,
                 (u64)s->otime, (u64)s->ctime);
    }
    unlock(&sem_table.lock);
}
