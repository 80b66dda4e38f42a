/* System V shared memory.
 *
 * A segment's memory is an in-memory file.  Every attachment opens it anew: that file
 * object, which only VMAs refer to, tells the segment of each VMA that comes or goes
 * (file_ops->mapped), so splits, fork, exec and exit count as on Linux.  A segment that is
 * removed lives until its last attachment is gone; its identifier and memory go then.
 *
 * Locking: the table's lock; it may be taken under mm->lock.  A segment is counted by the
 * table and by the files of its attachments. */
#include "shm.h"

#include <asm/shmbuf.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "../fs/sysctl.h"
#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "syscalls_gen.h"
#include "sysv.h"
#include "usercopy.h"

static struct ipc_table shm_table = {.limit = SHM_MNI};
static u64 shm_pages; /* of all segments; under the lock */

static inline u64 pages_of(const struct shm_segment *s)
{
    return PAGE_ALIGN(s->size) >> PAGE_SHIFT;
}

static void shm_put(struct shm_segment *s)
{
    if (!s || !ref_put(&s->ipc.refs))
        return;
    file_put(s->memory);
    kfree(s);
}

/* Under the lock, when an attachment or the identifier went: takes a segment nobody can
 * reach out of the table; the caller drops the table's reference after the unlock. */
static struct shm_segment *unreachable(struct shm_segment *s)
{
    if (s->attached || s->ipc.removed ||
        !((s->ipc.mode & SHM_DEST) || sysctl(SYSCTL_SHM_RMID_FORCED)))
        return NULL;
    ipc_take_out(&shm_table, &s->ipc);
    shm_pages -= pages_of(s);
    return s;
}

/* ---- attachments --------------------------------------------------------------------- */

static void shm_mapped(struct file *f, int sign)
{
    struct shm_segment *s = f->private, *dead = NULL;

    lock(&shm_table.lock);
    s->attached += sign;
    s->lpid = current()->proc->pid;
    if (sign > 0) {
        s->atime = ipc_seconds();
    } else {
        s->dtime = ipc_seconds();
        dead = unreachable(s);
    }
    unlock(&shm_table.lock);
    shm_put(dead);
}

static long shm_map(struct file *f, struct mapping_request *r)
{
    r->kind = VMA_POOL;
    r->inode = f->inode;
    r->handle = -1;
    return 0;
}

static void shm_release(struct file *f) { shm_put(f->private); }

static const struct file_ops shm_fops = {
    .mmap = shm_map,
    .mapped = shm_mapped,
    .release = shm_release,
};

static struct file *open_segment(struct shm_segment *s, u32 mode)
{
    char name[32];
    struct file *f;

    s->memory->inode->ino = (u64)s->ipc.id; /* as /proc/PID/maps shows it */
    snprintf(name, sizeof(name), "/SYSV%08x (deleted)", (u32)s->ipc.key);
    f = file_anon_on(s->memory->inode, name, &shm_fops, s, mode);
    if (!IS_ERR(f))
        ref_get(&s->ipc.refs); /* let go of by its release */
    return f;
}

/* Finds the segment, with permission, and keeps it from going away: `attached` is raised. */
static struct shm_segment *hold(int id, u32 wanted)
{
    struct shm_segment *s;
    long rc = -EINVAL;

    lock(&shm_table.lock);
    s = (struct shm_segment *)ipc_find(&shm_table, id);
    if (s)
        rc = ipc_permission(&s->ipc, wanted);
    if (!rc)
        s->attached++;
    unlock(&shm_table.lock);
    return rc ? ERR_PTR(rc) : s;
}

static void let_go(struct shm_segment *s)
{
    struct shm_segment *dead;

    lock(&shm_table.lock);
    s->attached--;
    dead = unreachable(s);
    unlock(&shm_table.lock);
    shm_put(dead);
}

static long check_address(uptr *addr, int flags)
{
    if (!*addr)
        return flags & SHM_REMAP ? -EINVAL : 0;
    if (!(*addr & ~PAGE_MASK))
        return 0;
    if (!(flags & SHM_RND))
        return -EINVAL;
    *addr = ALIGN_DOWN(*addr, PAGE_SIZE);
    return !*addr && (flags & SHM_REMAP) ? -EINVAL : 0;
}

long sys_shmat(int id, uptr addr, int flags)
{
    u32 prot = PROT_READ, wanted = IPC_READ, map = MAP_SHARED;
    struct shm_segment *s;
    struct file *f;
    long rc = id < 0 ? -EINVAL : check_address(&addr, flags);

    if (rc)
        return rc;
    if (!(flags & SHM_RDONLY)) {
        prot |= PROT_WRITE;
        wanted |= IPC_WRITE;
    }
    if (flags & SHM_EXEC) {
        prot |= PROT_EXEC;
        wanted |= IPC_EXEC;
    }
    if (addr)
        map |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
    s = hold(id, wanted);
    if (IS_ERR(s))
        return PTR_ERR(s);
    f = open_segment(s, flags & SHM_RDONLY ? O_RDONLY : O_RDWR);
    if (IS_ERR(f)) {
        rc = PTR_ERR(f);
    } else {
        rc = mm_map(current()->proc->mm, addr, s->size, prot, map, f, 0, NULL);
        if (rc == -EEXIST)
            rc = -EINVAL;
        file_put(f);
    }
    let_go(s);
    return rc;
}

long sys_shmdt(uptr addr)
{
    if (addr & ~PAGE_MASK)
        return -EINVAL;
    return mm_unmap_attached(current()->proc->mm, addr, &shm_fops);
}

/* ---- segments ------------------------------------------------------------------------ */

static struct ipc_object *make(const void *params)
{
    const struct shm_params *want = params;
    struct shm_segment *s;

    if (want->size < SHM_MIN || want->size > SHM_MAX || want->size > (u64)-1 >> 1)
        return ERR_PTR(-EINVAL);
    if (want->size > POOL_SIZE || (want->flags & SHM_HUGETLB))
        return ERR_PTR(-ENOMEM);
    s = kzalloc(sizeof(*s));
    if (!s)
        return ERR_PTR(-ENOMEM);
    s->ipc.refs = 1;
    s->size = want->size;
    s->cpid = current()->proc->pid;
    s->ctime = ipc_seconds();
    s->memory = memfd_file_new("SYSV", PAGE_ALIGN(s->size), 0);
    if (IS_ERR(s->memory)) {
        long rc = PTR_ERR(s->memory);
        kfree(s);
        return ERR_PTR(rc);
    }
    return &s->ipc;
}

static long suits(const struct ipc_object *o, const void *params)
{
    const struct shm_params *want = params;

    return ((const struct shm_segment *)o)->size < want->size ? -EINVAL : 0;
}

static long enter(struct ipc_object *o)
{
    struct shm_segment *s = (struct shm_segment *)o;

    if (shm_table.used >= shm_table.limit || shm_pages + pages_of(s) > POOL_SIZE >> PAGE_SHIFT)
        return -ENOSPC;
    shm_pages += pages_of(s);
    return 0;
}

static void discard(struct ipc_object *o) { shm_put((struct shm_segment *)o); }

static const struct ipc_kind shm_kind = {
    .table = &shm_table,
    .make = make,
    .suits = suits,
    .enter = enter,
    .discard = discard,
};

long sys_shmget(int key, size_t size, int flags)
{
    struct shm_params want = {.size = size, .flags = flags};

    return ipc_get(&shm_kind, key, flags, &want);
}

/* ---- shmctl ------------------------------------------------------------------------------ */

static long info(uptr buf)
{
    struct shminfo64 i = {.shmmax = SHM_MAX,
                          .shmmin = SHM_MIN,
                          .shmmni = SHM_MNI,
                          .shmseg = SHM_MNI,
                          .shmall = SHM_ALL};
    long last;

    lock(&shm_table.lock);
    last = ipc_last_index(&shm_table);
    unlock(&shm_table.lock);
    return copy_to_user(buf, &i, sizeof(i)) ? -EFAULT : last;
}

static long usage(uptr buf)
{
    struct shm_info_k i = {0};
    long last;

    lock(&shm_table.lock);
    i.used_ids = (s32)shm_table.used;
    i.shm_tot = shm_pages;
    for (u32 n = 0; n < shm_table.size; n++) {
        struct shm_segment *s = (struct shm_segment *)shm_table.slot[n];
        if (s)
            i.shm_rss += inode_filemem(s->memory->inode)->pages;
    }
    last = ipc_last_index(&shm_table);
    unlock(&shm_table.lock);
    return copy_to_user(buf, &i, sizeof(i)) ? -EFAULT : last;
}

static long stat_segment(int id, int cmd, uptr buf)
{
    struct shmid64_ds ds = {0};
    struct shm_segment *s;
    long rc = -EINVAL;

    lock(&shm_table.lock);
    s = (struct shm_segment *)(cmd == IPC_STAT ? ipc_find(&shm_table, id) : ipc_at(&shm_table, id));
    if (s) {
        rc = cmd == SHM_STAT_ANY ? 0 : ipc_permission(&s->ipc, IPC_READ);
        ipc_show(&s->ipc, &ds.shm_perm);
        ds.shm_segsz = s->size;
        ds.shm_atime = s->atime;
        ds.shm_dtime = s->dtime;
        ds.shm_ctime = s->ctime;
        ds.shm_cpid = s->cpid;
        ds.shm_lpid = s->lpid;
        ds.shm_nattch = (u64)s->attached;
        if (!rc && cmd != IPC_STAT)
            rc = s->ipc.id;
    }
    unlock(&shm_table.lock);
    if (rc >= 0 && copy_to_user(buf, &ds, sizeof(ds)))
        return -EFAULT;
    return rc;
}

static long may_lock(const struct shm_segment *s, int cmd)
{
    u32 euid = current()->cred.euid;

    if (capable(CAP_IPC_LOCK))
        return 0;
    if (euid != s->ipc.uid && euid != s->ipc.cuid)
        return -EPERM;
    return cmd == SHM_LOCK && !current()->proc->rlimits[RLIMIT_MEMLOCK][0] ? -EPERM : 0;
}

/* Under the lock. */
static long change(struct shm_segment *s, int cmd, const struct shmid64_ds *ds)
{
    long rc = 0;

    if (cmd == SHM_LOCK || cmd == SHM_UNLOCK) {
        rc = may_lock(s, cmd);
        if (!rc)
            s->ipc.mode = (s->ipc.mode & ~SHM_LOCKED) | (cmd == SHM_LOCK ? SHM_LOCKED : 0);
        return rc;
    }
    if (!ipc_owner(&s->ipc))
        return -EPERM;
    if (cmd == IPC_SET) {
        ipc_set(&s->ipc, &ds->shm_perm);
        s->ctime = ipc_seconds();
    } else {
        s->ipc.mode |= SHM_DEST;
        s->ipc.key = IPC_PRIVATE;
    }
    return 0;
}

long sys_shmctl(int id, int cmd, uptr buf)
{
    struct shm_segment *s, *dead = NULL;
    struct shmid64_ds ds;
    long rc = -EINVAL;

    if (id < 0 || cmd < 0)
        return -EINVAL;
    switch (cmd) {
    case IPC_INFO:
        return info(buf);
    case SHM_INFO:
        return usage(buf);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return stat_segment(id, cmd, buf);
    case IPC_SET:
        if (copy_from_user(&ds, buf, sizeof(ds)))
            return -EFAULT;
        break;
    case IPC_RMID:
    case SHM_LOCK:
    case SHM_UNLOCK:
        break;
    default:
        return -EINVAL;
    }
    lock(&shm_table.lock);
    s = (struct shm_segment *)ipc_find(&shm_table, id);
    if (s)
        rc = change(s, cmd, &ds);
    if (!rc && cmd == IPC_RMID)
        dead = unreachable(s);
    unlock(&shm_table.lock);
    shm_put(dead);
    return rc;
}

void shm_show(struct textbuf *b)
{
    lock(&shm_table.lock);
    for (u32 n = 0; n < shm_table.size; n++) {
        struct shm_segment *s = (struct shm_segment *)shm_table.slot[n];

        if (!s)
            continue;
        text_add(
            b, "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu %10lu %21lu %21lu\n",
            s->ipc.key, s->ipc.id, s->ipc.mode, s->size, (u32)s->cpid, (u32)s->lpid,
            (u64)s->attached, s->ipc.uid, s->ipc.gid, s->ipc.cuid, s->ipc.cgid, (u64)s->atime,
            (u64)s->dtime, (u64)s->ctime, inode_filemem(s->memory->inode)->pages << PAGE_SHIFT,
            0UL);
    }
    unlock(&shm_table.lock);
}
